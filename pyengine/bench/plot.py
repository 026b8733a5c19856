"""The roofline: what a kernel reaches against how many operations it has for each byte."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Record = dict[str, Any]

COLOURS = {
    "matmul": "#1b6ca8",
    "conv": "#d4a017",
    "attention": "#8c564b",
    "elementwise": "#c1440e",
    "rows": "#4f772d",
    "loss": "#8f2d56",
    "optimizer": "#6c584c",
}


def roofline(result: Record, path: str) -> None:
    """Draw the roofs, each kernel as a point, and hollow beside it the best peer.

    After S. Williams, A. Waterman and D. Patterson, "Roofline", Communications of the ACM 52 (2009).
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    settings, rows = result["settings"], [r for r in result["rows"] if r["group"] in COLOURS and r["flops"]]
    figure, axes = plt.subplots(figsize=(9, 6), layout="constrained")
    intensity = np.geomspace(1 / 64, 1024, 200)
    for size, pace in _paces(settings["roof_paces"]):
        axes.plot(intensity, np.minimum(settings["roof_gflops"], intensity * pace), color="0.6", linewidth=1)
        axes.annotate(
            f"{pace:.0f} GB/s ({_bytes(size)})",
            (intensity[2], intensity[2] * pace),
            color="0.4",
            fontsize=8,
            rotation=32,
        )
    axes.annotate(
        f"{settings['roof_gflops']:.0f} GFLOP/s", (300, settings["roof_gflops"] * 1.05), color="0.4", fontsize=8
    )
    for group, colour in COLOURS.items():
        points = [(r["flops"] / r["bytes"], r["gflops"], _best_peer(r)) for r in rows if r["group"] == group]
        if not points:
            continue
        x, ours, theirs = (np.array(column, float) for column in zip(*points, strict=True))
        axes.plot(x, ours, "o", color=colour, markersize=6, label=group)
        axes.plot(x, theirs, "o", color=colour, markersize=6, fillstyle="none", alpha=0.7)
    axes.set(
        xscale="log", yscale="log", xlabel="FLOP per byte", ylabel="GFLOP/s",
        title=f"{settings['cpu']}, {settings['isa']}, {settings['threads']} threads; hollow: the best peer",
    )  # fmt: skip
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _paces(paces: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    """From memory and from the nearest cache: those between would only crowd the picture."""
    return [paces[0], paces[-1]] if len(paces) > 1 else list(paces)


def _bytes(size: float) -> str:
    return f"{size / 2**20:.0f} MiB" if size >= 1 << 20 else f"{size / 1024:.0f} KiB"


def _best_peer(row: Record) -> float:
    """GFLOP/s of the fastest peer; NaN, which is not drawn, without one."""
    times = [seconds for name, seconds in row["seconds"].items() if name != "pyengine"]
    return row["flops"] / min(times) / 1e9 if times else float("nan")
