"""How many windows slide along an axis, as operations and references both count them."""

from typing import TypeAlias

Pair: TypeAlias = tuple[int, int]  # rows and columns


def window_extent(kernel: int, dilation: int) -> int:
    """How many positions a window covers from its first to its last."""
    return (kernel - 1) * dilation + 1


def window_count(length: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows an axis has; less than 1 where they do not fit.

    With `ceil_mode` a last one may reach over the end, if it starts on the axis or in the padding before it.
    """
    room = length + 2 * padding - window_extent(kernel, dilation)
    count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    return count - 1 if ceil_mode and (count - 1) * stride - padding >= length else count
