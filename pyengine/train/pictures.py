"""Pictures of images: a gallery with captions, and the filters of a first layer."""

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .metrics import Array

Gallery = tuple[Sequence[Array], Sequence[str]]  # images [c, h, w] with values from 0 to 1, and a caption for each

TEXT = "#111827"
GAP = 0.12  # between images, as a share of their side
LINE = 0.2  # height of a caption's line, likewise
LEAST = 6.5  # inches that a title takes


def draw_gallery(gallery: Gallery, title: str, columns: int = 8) -> bytes:
    """A PNG of images in rows, each with its caption below; grey ones as ink on paper.

    Drawn without a display and without touching matplotlib's global state.
    """
    images, captions = gallery
    lines = max(caption.count("\n") + 1 for caption in captions) if any(captions) else 0
    tall = images[0].shape[1] / images[0].shape[2]
    width, height = 1 + GAP, tall + GAP + LINE * lines
    rows = -(-len(images) // columns)
    figure, axes = _figure(columns * width, rows * height, title)
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = i % columns * width, -(i // columns) * height
        axes.imshow(_shown(image), cmap="gray_r", vmin=0, vmax=1, extent=(left, left + 1, top - tall, top))
        axes.text(left + 0.5, top - tall - GAP / 2, caption, ha="center", va="top", fontsize=8, color=TEXT)
    return _png(figure, axes, columns * width - GAP, rows * height - GAP)


def draw_filters(filters: Array, title: str) -> bytes:
    """A PNG of filters [n, channels, h, w]: of one channel red where the weight is above 0 and blue below, of three
    channels in their colours, with grey for 0. Each is as strong as its own largest weight allows.
    """
    count, channels, height, width = filters.shape
    columns = math.ceil(math.sqrt(count * 1.6))
    rows = -(-count // columns)
    strongest = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    scaled = filters / np.where(strongest > 0, strongest, 1)
    gap = max(1, round(GAP * width))
    sheet = np.full((channels, rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for i, one in enumerate(scaled):
        y, x = i // columns * (height + gap), i % columns * (width + gap)
        sheet[:, y : y + height, x : x + width] = one
    across = columns * (1 + GAP)
    down = across * sheet.shape[1] / sheet.shape[2]
    figure, axes = _figure(across, down, title)
    shown = np.nan_to_num(np.moveaxis(sheet, 0, 2) / 2 + 0.5, nan=1.0) if channels == 3 else sheet[0]
    axes.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1, extent=(0, across, -down, 0))
    return _png(figure, axes, across, down)


def _shown(image: Array) -> Array:
    return image[0] if len(image) == 1 else np.clip(np.moveaxis(image, 0, 2), 0, 1)


def _figure(width: float, height: float, title: str) -> tuple[Any, Any]:
    """A figure whose axes cover it below the title."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    inch = min(1.0, 9 / max(width, 1))
    across, down = max(inch * width, LEAST), 0.96 * inch * height + 0.55
    figure = Figure(figsize=(across, down), dpi=120)
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.02, y=1 - 0.12 / down, ha="left", va="top", fontsize=11, fontweight="bold", color=TEXT)
    axes = figure.add_axes((0.02, 0.02, 0.96, 1 - 0.5 / down))
    axes.set_axis_off()
    return figure, axes


def _png(figure: Any, axes: Any, width: float, height: float) -> bytes:
    axes.set_xlim(0, width)
    axes.set_ylim(-height, 0)
    axes.set_aspect("equal", anchor="NW")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
