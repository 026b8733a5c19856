"""Pictures of shapes with captions: for models in which pictures and sentences are to meet."""

import itertools

import numpy as np

from ..backend import Array
from ..random import Generator, randint, randn, uniform

SHAPES = ("circle", "square", "triangle", "cross", "ring", "diamond")
COLOURS = {
    "red": (230, 60, 50), "green": (60, 190, 80), "blue": (70, 110, 240), "yellow": (240, 210, 60),
    "purple": (170, 80, 210), "white": (235, 235, 235),
}  # fmt: skip
SIZES = {"small": 0.10, "large": 0.18}  # half a width, in sides of the picture
PLACES = {
    "on the left": (-0.24, 0.0), "on the right": (0.24, 0.0), "at the top": (0.0, -0.24), "at the bottom": (0.0, 0.24),
    "in the middle": (0.0, 0.0),
}  # fmt: skip
CAPTIONS = tuple(
    f"a {size} {colour} {shape} {place}"
    for size, colour, shape, place in itertools.product(SIZES, COLOURS, SHAPES, PLACES)
)


def draw_shapes(n: int, seed: int = 0, side: int = 24, each: bool = False) -> tuple[Array, Array]:
    """n pictures in colour, each of one shape, and which of `CAPTIONS` says what is seen: by chance, or one of each.

    seed  the same seed draws the same pictures
    side  their height and width in pixels
    each  picture i has caption i, going round; otherwise captions are drawn
    Returns bytes (n, 3, side, side) and whole numbers (n,). Place, size and colour vary a little, and there is noise.
    ValueError for a negative n and for a side below 16.

    >>> images, numbers = draw_shapes(3, seed=0, each=True)
    >>> images.shape, CAPTIONS[numbers[0]], len(CAPTIONS)
    ((3, 3, 24, 24), 'a small red circle on the left', 360)
    """
    if n < 0 or side < 16:
        raise ValueError(f"draw_shapes: n is a number from 0 on and side from 16 pixels on, not {n} and {side}")
    generator = Generator(seed)
    drawn = uniform((4, n), generator=generator).data.astype(np.float64)
    noise = 6.0 * randn(n, 3, side, side, generator=generator).data
    chosen = randint(len(CAPTIONS), (n,), generator=generator).data
    numbers = np.arange(n) % len(CAPTIONS) if each else chosen
    size, colour, shape, place = np.unravel_index(numbers, (len(SIZES), len(COLOURS), len(SHAPES), len(PLACES)))
    radius = side * np.array(list(SIZES.values()))[size] * (0.9 + 0.2 * drawn[0])
    middle = side * (0.5 + np.array(list(PLACES.values()))[place] + 0.06 * (drawn[1:3].T - 0.5))
    y, x = np.mgrid[:side, :side] + 0.5
    distance = _distance(
        x - middle[:, :1, None], y - middle[:, 1:, None], radius[:, None, None], shape[:, None, None]
    )  # [n, side, side], below 0 inside
    ink = np.clip(0.5 - distance, 0, 1)[:, None]
    pen = np.array(list(COLOURS.values()), np.float64)[colour] * (0.85 + 0.15 * drawn[3])[:, None]
    values = 24 + (pen[:, :, None, None] - 24) * ink + noise
    return np.clip(np.round(values), 0, 255).astype(np.uint8), numbers


def _distance(x: Array, y: Array, r: Array, shape: Array) -> Array:
    """How far each pixel's centre is from the shape's edge, negative inside."""
    far, across, down = np.hypot(x, y), np.abs(x), np.abs(y)
    bars = np.minimum(np.maximum(across - r, down - 0.35 * r), np.maximum(down - r, across - 0.35 * r))
    kinds = [
        far - r,  # circle
        np.maximum(across, down) - 0.85 * r,  # square
        np.maximum(0.87 * across + 0.5 * y, -y) - 0.55 * r,  # triangle, its tip at the bottom
        bars,  # cross
        np.abs(far - 0.75 * r) - 0.22 * r,  # ring
        (across + down - 1.15 * r) / np.sqrt(2),  # diamond
    ]
    chosen: Array = np.choose(shape, [np.broadcast_to(kind, far.shape) for kind in kinds])
    return chosen
