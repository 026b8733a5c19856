"""Windows over images, as the operations that have some explain them."""

from ..windows import Pair, window_count, window_extent
from .op import Spec, require_float

AXES = ("rows", "columns")


def pooled_spec(
    op: str, a: Spec, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair = (1, 1), ceil_mode: bool = False
) -> Spec:
    """What an image has one element for each window of, or the error that says why it has none."""
    require_float(op, a)
    if len(a.shape) != 4:
        raise ValueError(f"{op}: the input is (n, c, rows, columns), not of shape {a.shape}")
    counts = []
    for i, axis in enumerate(AXES):
        length, k, s, p, d = a.shape[2 + i], kernel[i], stride[i], padding[i], dilation[i]
        if length < 1:
            raise ValueError(f"{op}: the input of shape {a.shape} has no {axis}, so there are no windows")
        if min(k, s, d) < 1:
            raise ValueError(f"{op}: kernel {k}, stride {s} and dilation {d} must be at least 1")
        extent = window_extent(k, d)
        if p < 0 or 2 * p > k:
            raise ValueError(
                f"{op}: padding {p} must be from 0 to half of the kernel, {k} // 2 = {k // 2}, "
                f"or windows would hold mostly padding"
            )
        count = window_count(length, k, s, p, d, ceil_mode)
        if count < 1:
            raise ValueError(
                f"{op}: windows that cover {covered(k, d)} {axis} do not fit into the input's {length} + 2·{p} of "
                f"padding: ({length} + 2·{p} - {extent}) // {s} + 1 = {count} output {axis}; "
                f"use a smaller kernel or a larger image"
            )
        counts.append(count)
    return Spec((*a.shape[:2], *counts), a.dtype)


def covered(kernel: int, dilation: int) -> str:
    """How many positions a window covers, and why."""
    extent = window_extent(kernel, dilation)
    return str(extent) if dilation == 1 else f"({kernel} - 1)·{dilation} + 1 = {extent}"
