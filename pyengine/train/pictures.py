"""Pictures of images: a gallery with captions, and the filters of a first layer."""

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .metrics import Array

Gallery = tuple[Sequence[Array], Sequence[str]]  # images [c, h, w] with values from 0 to 1, and a caption for each

TEXT = "#111827"
RED, BLUE = (178, 24, 43), (33, 102, 172)
DPI = 100
# in pixels
MARGIN, TITLE, LINE, GAP = 16, 44, 15, 12
IMAGE, FILTER = 116, 84  # what an image and a filter are enlarged to, as nearly as whole factors can
LEAST = 720  # the width that a title takes


def draw_gallery(gallery: Gallery, title: str, columns: int = 8) -> bytes:
    """A PNG of images of one size in rows, each with its caption below; grey ones as ink on paper."""
    images, captions = gallery
    lines = max(caption.count("\n") + 1 if caption else 0 for caption in captions)
    return _draw([_shown(image) for image in images], captions, title, columns, IMAGE, lines * LINE)


def draw_filters(filters: Array, title: str) -> bytes:
    """A PNG of filters [n, channels, h, w]: of one channel red where the weight is above 0 and blue below, of three
    channels in their colours, with grey for 0. Each is as strong as its own largest weight allows.
    """
    strongest = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    tiles = [_weights(one) for one in filters / np.where(strongest > 0, strongest, 1)]
    return _draw(tiles, [""] * len(tiles), title, math.ceil(math.sqrt(len(tiles) * 1.6)), FILTER, 0)


def _shown(image: Array) -> Array:
    """A picture [c, h, w] from 0 to 1 as bytes [h, w, 3]; a grey one with its ink dark."""
    colours = np.repeat(1 - image, 3, axis=0) if len(image) == 1 else image
    return np.round(255 * np.clip(np.moveaxis(colours, 0, 2), 0, 1)).astype(np.uint8)


def _weights(weights: Array) -> Array:
    """Weights [c, h, w] from -1 to 1 as bytes: one channel from blue over white to red, three as colours about grey."""
    if len(weights) == 3:
        return _shown(weights / 2 + 0.5)
    weight = weights[0, :, :, None]
    colours = np.where(weight > 0, RED, BLUE)
    return np.round(255 + (colours - 255) * np.abs(weight)).astype(np.uint8)


def _draw(tiles: Sequence[Array], captions: Sequence[str], title: str, columns: int, side: int, below: int) -> bytes:
    """A PNG of tiles [h, w, 3], enlarged so that they are about `side` pixels wide, with room for text below each.

    Drawn without a display and without touching matplotlib's global state, which writes the text alone: the tiles are
    put in pixel by pixel, as its scaling of images takes 70 MB.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    factor = max(1, round(side / tiles[0].shape[1]))
    h, w = (factor * length for length in tiles[0].shape[:2])
    rows = -(-len(tiles) // columns)
    height = TITLE + rows * (h + GAP + below) + MARGIN
    width = max(2 * MARGIN + columns * (w + GAP), LEAST)
    places = [
        (TITLE + i // columns * (h + GAP + below), MARGIN + i % columns * (w + GAP)) for i in range(len(tiles))
    ]  # fmt: skip
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    canvas: Any = FigureCanvasAgg(figure)
    figure.text(MARGIN / width, 1 - 14 / height, title, va="top", fontsize=11, fontweight="bold", color=TEXT)
    for caption, (y, x) in zip(captions, places, strict=True):
        where = ((x + w / 2) / width, 1 - (y + h + 4) / height)
        figure.text(*where, caption, ha="center", va="top", fontsize=8, color=TEXT, linespacing=1.1)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
    for tile, (y, x) in zip(tiles, places, strict=True):
        picture[y : y + h, x : x + w] = tile.repeat(factor, axis=0).repeat(factor, axis=1)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png")
    return buffer.getvalue()
