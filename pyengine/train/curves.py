"""The picture of a run: loss and metrics by epoch."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]
Line = tuple[str, str, list[int], list[float]]  # label, colour, epochs, values

TRAINING, VALIDATION, TEXT, GRID = "#9aa1ab", "#1f6feb", "#4b5563", "#e5e7eb"
# Okabe and Ito's colours, which are told apart by those who do not see red or green
SEVERAL = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4b5563", "#a3a300")


def draw(history: Sequence[Row], best_epoch: int | None, title: str) -> bytes:
    """A PNG with one panel for the loss and one for each validated metric; the best epoch is marked.

    Drawn without a display and without touching matplotlib's global state.
    """
    metrics = [key for key in history[0] if key.startswith("val_") and key != "val_loss"]
    figure, panels = _figure(1 + len(metrics), title)
    epochs = [row["epoch"] for row in history]
    loss = [("training", TRAINING, epochs, [row["train_loss"] for row in history])]
    if "val_loss" in history[0]:
        loss.append(("validation", VALIDATION, epochs, [row["val_loss"] for row in history]))
    _panel(panels[0], "loss", loss, best_epoch)
    for panel, key in zip(panels[1:], metrics, strict=True):
        line = ("validation", VALIDATION, epochs, [row[key] for row in history])
        _panel(panel, key.removeprefix("val_").replace("_", " "), [line], best_epoch)
    return _png(figure)


def overlay(histories: Mapping[str, Sequence[Row]], title: str) -> bytes:
    """A PNG with the curves of several runs over each other, by their labels: one panel for each validated figure."""
    shown = {label: history for label, history in histories.items() if history}
    keys = list(dict.fromkeys(key for history in shown.values() for key in history[0] if key.startswith("val_")))
    figure, panels = _figure(max(len(keys), 1), title)
    for panel, key in zip(panels, keys, strict=False):
        lines = [
            (label, SEVERAL[i % len(SEVERAL)], [row["epoch"] for row in history], [row[key] for row in history])
            for i, (label, history) in enumerate(shown.items())
            if key in history[0]
        ]
        _panel(panel, key.replace("val_", "validation ").replace("_", " "), lines, None)
    return _png(figure)


def draw_lines(lines: Sequence[Line], title: str, name: str) -> bytes:
    """A PNG with several lines by epoch in one panel, each in a colour of its own."""
    coloured = [(line[0], SEVERAL[i % len(SEVERAL)], line[2], line[3]) for i, line in enumerate(lines)]
    figure, panels = _figure(1, title)
    _panel(panels[0], name, coloured, None)
    return _png(figure)


def _figure(panels: int, title: str) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4 * panels, 3.8), dpi=150)
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained", w_pad=0.15, h_pad=0.1)
    figure.suptitle(title, x=0.015, ha="left", fontsize=12, fontweight="bold", color="#111827")
    return figure, figure.subplots(1, panels, squeeze=False)[0]


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _panel(axes: Any, name: str, lines: Sequence[Line], best: int | None) -> None:
    from matplotlib.ticker import MaxNLocator

    for label, colour, epochs, values in lines:
        axes.plot(epochs, values, color=colour, linewidth=1.8, label=label, marker="o" if len(values) == 1 else None)
    everything = [value for _, _, _, values in lines for value in values]
    if name.endswith("loss") and min(everything) > 0 and max(everything) > 20 * min(everything):
        _log_scale(axes)  # a loss that falls by orders of magnitude would hug the axis
    if best is not None:
        _, colour, epochs, values = lines[-1]
        value = values[epochs.index(best)]
        axes.plot([best], [value], "o", color=colour, markersize=7, markeredgecolor="white", zorder=3)
        axes.set_title(f"best epoch {best}: {value:.4f}", loc="right", fontsize=9, color=colour)
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
