"""Glasses versus rings: two classes of drawn pictures, as many as one likes, for a first classifier of images."""

import math

import numpy as np

from ..backend import Array
from ..random import Generator, randn, uniform
from .pixels import PixelDataset

CLASSES = ("glasses", "rings")
AT_ONCE = 256  # pictures whose pixels are in memory as floats together
_DRAWN = 24  # random numbers that a picture takes besides its noise


def draw_glasses_rings(n: int, seed: int = 0, size: int = 32, flatten: bool = False) -> PixelDataset:
    """n grey pictures: spectacles (0), with bridge and temples, or one to three rings (1), in even random order.

    seed     the same seed draws the same pictures
    size     their height and width in pixels
    flatten  samples of shape (size²,), for linear layers; otherwise (1, size, size)
    Position, size, turn, stroke, brightness and noise vary from picture to picture. Most pictures of rings show two, as
    glasses have two lenses: to tell them apart one must see what joins the lenses, and counting ink is no help.
    ValueError for a negative n, and for a size below 16, where strokes run together.

    >>> pictures = draw_glasses_rings(100, seed=0)
    >>> pictures.classes, pictures[0][0].shape, len(pictures)
    (('glasses', 'rings'), (1, 32, 32), 100)
    """
    if not isinstance(n, int) or not isinstance(size, int) or n < 0 or size < 16:
        raise ValueError(
            f"draw_glasses_rings: n is a number from 0 on and size from 16 pixels on, not {n!r} and {size!r}"
        )
    generator = Generator(seed)
    images, labels = np.empty((n, 1, size, size), np.uint8), np.empty(n, np.int64)
    for start in range(0, n, AT_ONCE):
        part = slice(start, min(start + AT_ONCE, n))
        images[part, 0], labels[part] = _draw(part.stop - start, size, generator)
    return PixelDataset(images, labels, flatten, classes=CLASSES)


def _draw(n: int, size: int, generator: Generator) -> tuple[Array, Array]:
    """Bytes [n, size, size] and classes [n]."""
    drawn = uniform((_DRAWN, n), generator=generator).data.astype(np.float64)
    noise = randn(n, size, size, generator=generator).data
    labels = (drawn[0] < 0.5).astype(np.int64)
    stroke = size * (0.035 + 0.035 * drawn[1])
    shapes = np.where(labels == 0, _glasses(drawn[2:], size), _rings(drawn[2:], size))
    # the pen covers a pixel by how far the pixel's centre is inside of the stroke's edge: anti-aliasing
    ink = np.clip(stroke[:, None, None] / 2 + 0.5 - shapes.reshape(size, size, n).transpose(2, 0, 1), 0, 1)
    paper, pen, grain = 0.25 * drawn[-1], 0.55 + 0.45 * drawn[-2], 0.02 + 0.08 * drawn[-3]
    values = paper[:, None, None] + (pen - paper)[:, None, None] * ink + grain[:, None, None] * noise
    return np.round(255 * np.clip(values, 0, 1)).astype(np.uint8), labels


def _glasses(drawn: Array, size: int) -> Array:
    """Each pixel's distance to the nearest line: [size², n]. Two lenses, a bridge, a temple at each side."""
    radius = size * (0.11 + 0.05 * drawn[0])
    half = radius * (1.15 + 0.35 * drawn[1])  # from the middle of the bridge to that of a lens
    turn = (drawn[2] - 0.5) * math.pi
    temple, bend = size * (0.06 + 0.10 * drawn[3]), 0.2 + 0.9 * drawn[4]
    reach = half + radius + 0.5 * temple
    x, y = _turned(size, turn, *(_place(size, reach, d) for d in drawn[5:7]))
    lens = np.abs(np.hypot(np.abs(x) - half, y) - radius)
    bridge = _segment(np.abs(x), y, 0 * half, 0 * half, half - radius, 0 * half)
    end = half + radius
    arm = _segment(np.abs(x), y, end, 0 * end, end + temple * np.cos(bend), -temple * np.sin(bend))
    return np.minimum(np.minimum(lens, bridge), arm)


def _rings(drawn: Array, size: int) -> Array:
    """Each pixel's distance to the nearest ring: [size², n]. One, two or three of them."""
    nearest = np.full((size * size, drawn.shape[1]), np.inf)
    for i in range(3):
        radius = size * (0.11 + 0.12 * drawn[3 * i])
        x, y = _turned(size, 0.0, *(_place(size, radius, d) for d in drawn[3 * i + 1 : 3 * i + 3]))
        there = drawn[9] < (1.0, 0.8, 0.25)[i]
        nearest = np.minimum(nearest, np.where(there, np.abs(np.hypot(x, y) - radius), np.inf))
    return nearest


def _place(size: int, reach: Array, drawn: Array) -> Array:
    """A coordinate of a middle from which nothing that reaches so far is cut off, if it can be."""
    room = np.maximum(size / 2 - reach - 1, 0)
    placed: Array = size / 2 + (2 * drawn - 1) * room
    return placed


def _turned(size: int, angle: "Array | float", cx: Array, cy: Array) -> tuple[Array, Array]:
    """The coordinates of all pixels' centres about (cx, cy), turned by an angle: two of shape [size², n]."""
    y, x = np.divmod(np.arange(size * size), size)
    x, y = x[:, None] + 0.5 - cx, y[:, None] + 0.5 - cy
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * x + sin * y, cos * y - sin * x


def _segment(x: Array, y: Array, x0: Array, y0: Array, x1: Array, y1: Array) -> Array:
    """The distance of (x, y) to the line from (x0, y0) to (x1, y1)."""
    dx, dy = x1 - x0, y1 - y0
    along = np.clip(((x - x0) * dx + (y - y0) * dy) / np.maximum(dx * dx + dy * dy, math.ulp(1.0)), 0, 1)
    return np.hypot(x - x0 - along * dx, y - y0 - along * dy)
