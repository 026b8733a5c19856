"""The picture of a run: loss and metrics by epoch."""

import io
from collections.abc import Sequence
from typing import Any

TRAINING, VALIDATION, TEXT, GRID = "#9aa1ab", "#1f6feb", "#4b5563", "#e5e7eb"


def draw(history: Sequence[dict[str, Any]], best_epoch: int | None, title: str) -> bytes:
    """A PNG with one panel for the loss and one for each validated metric; the best epoch is marked.

    Drawn without a display and without touching matplotlib's global state.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = [key for key in history[0] if key.startswith("val_") and key != "val_loss"]
    figure = Figure(figsize=(5.4 * (1 + len(metrics)), 3.8), dpi=150)
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained", w_pad=0.15, h_pad=0.1)
    figure.suptitle(title, x=0.015, ha="left", fontsize=12, fontweight="bold", color="#111827")
    panels = figure.subplots(1, 1 + len(metrics), squeeze=False)[0]
    epochs = [row["epoch"] for row in history]

    loss = {"training": [row["train_loss"] for row in history]}
    if "val_loss" in history[0]:
        loss["validation"] = [row["val_loss"] for row in history]
    _panel(panels[0], "loss", epochs, loss, best_epoch)
    for panel, key in zip(panels[1:], metrics, strict=True):
        name = key.removeprefix("val_").replace("_", " ")
        _panel(panel, name, epochs, {"validation": [row[key] for row in history]}, best_epoch)

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _panel(axes: Any, name: str, epochs: list[int], lines: dict[str, list[float]], best: int | None) -> None:
    from matplotlib.ticker import MaxNLocator

    for label, values in lines.items():
        colour = VALIDATION if label == "validation" else TRAINING
        axes.plot(epochs, values, color=colour, linewidth=1.8, label=label, marker="o" if len(values) == 1 else None)
    everything = [value for values in lines.values() for value in values]
    if name == "loss" and min(everything) > 0 and max(everything) > 20 * min(everything):
        _log_scale(axes)  # a loss that falls by orders of magnitude would hug the axis
    if best is not None:
        value = lines["validation"][epochs.index(best)]
        axes.plot([best], [value], "o", color=VALIDATION, markersize=7, markeredgecolor="white", zorder=3)
        axes.set_title(f"best epoch {best}: {value:.4f}", loc="right", fontsize=9, color=VALIDATION)
    axes.set_title(name, loc="left", fontsize=11, color=TEXT)
    axes.set_xlabel("epoch", color=TEXT)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.tick_params(which="both", colors=TEXT, length=0)
    axes.grid(True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    if len(lines) > 1:
        axes.legend(frameon=False, fontsize=9, labelcolor=TEXT)


def _log_scale(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
