"""Drawn and listed geometry of windows over images, for the cases of what pools."""

from typing import Any, NamedTuple

from ..windows import Pair, window_count, window_extent
from .case import Pick, Shape


class Geometry(NamedTuple):
    """The shape of the images and how windows lie on them."""

    shape: Shape
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    @property
    def pooled(self) -> Shape:
        """The shape of what has one element for each window."""
        lengths = (
            window_count(*along, self.ceil_mode)
            for along in zip(self.shape[2:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        )
        return (*self.shape[:2], *lengths)

    def attrs(self, *names: str) -> dict[str, Any]:
        """The attributes of these names."""
        return {name: getattr(self, name) for name in names}


def draw_geometry(pick: Pick, dilated: bool) -> Geometry:
    """Any: halves of even and odd images as often as all else; every window reaches the image."""
    images = (pick.choice((1, 2, 3, 0)), pick.choice((1, 2, 5)))
    if pick.flag():
        shape = (*images, pick.length(2, 9), pick.length(2, 65))
        return Geometry(shape, (2, 2), (2, 2), (0, 0), (1, 1), pick.flag())
    rows, columns = (_draw_axis(pick, most, dilated) for most in (17, 33))
    shape = (*images, rows[0], columns[0])
    kernel, stride, padding, dilation = ((rows[i], columns[i]) for i in range(1, 5))
    return Geometry(shape, kernel, stride, padding, dilation, pick.flag())


def _draw_axis(pick: Pick, most: int, dilated: bool) -> tuple[int, int, int, int, int]:
    """Length, kernel, stride, padding and dilation."""
    kernel, stride = pick.choice((2, 3, 1, 5)), pick.choice((1, 2, 3))
    dilation = pick.choice((1, 2)) if dilated else 1
    padding = pick.choice(range(kernel // 2 + 1))
    least = max(window_extent(kernel, dilation) - 2 * padding, dilation)
    return pick.length(least, most), kernel, stride, padding, dilation


# Rows of many vectors and of few lanes, windows that overlap and that leave gaps, one pixel, none.
LISTED = (
    Geometry((4, 3, 28, 28), (2, 2), (2, 2), (0, 0)),
    Geometry((40, 9, 14, 15), (2, 2), (2, 2), (0, 0)),
    Geometry((1, 2, 7, 130), (2, 2), (2, 2), (0, 0), (1, 1), True),
    Geometry((3, 2, 65, 63), (3, 3), (2, 2), (1, 1)),
    Geometry((2, 2, 12, 200), (1, 5), (4, 7), (0, 2)),
    Geometry((2, 3, 17, 17), (17, 17), (17, 17), (0, 0)),
    Geometry((1, 1, 1, 1), (1, 1), (1, 1), (0, 0)),
    Geometry((1, 1, 1, 1), (3, 3), (2, 2), (1, 1)),
    Geometry((0, 3, 4, 4), (2, 2), (1, 1), (0, 0)),
)
