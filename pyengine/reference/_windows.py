"""Windows that slide along an axis: window o covers positions o · stride - padding + i · dilation, 0 <= i < kernel."""

import numpy as np

from ..windows import Pair, window_count
from ._common import Array


def counts(
    kernel_name: str, a: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[int, int]:
    """How many windows the rows and the columns of images a[n, c, rows, columns] have."""
    if a.ndim != 4:
        raise ValueError(f"{kernel_name}: needs 4 axes, n, c, rows and columns, not shape {a.shape}")
    found = []
    for length, k, s, p, d in zip(a.shape[2:], kernel, stride, padding, dilation, strict=True):
        if min(length, k, s, d) < 1 or p < 0 or 2 * p > k:
            raise ValueError(f"{kernel_name}: no windows of {k} along {length}: stride {s}, padding {p}, dilation {d}")
        found.append(window_count(length, k, s, p, d, ceil_mode))
        if found[-1] < 1:
            raise ValueError(f"{kernel_name}: windows of {k} with dilation {d} do not fit into {length} + 2 * {p}")
    return found[0], found[1]


def positions(count: int, kernel: int, stride: int, padding: int, dilation: int) -> Array:
    """[count, kernel]: where each element of each window lies, which may be outside of the axis."""
    return np.arange(count)[:, None] * stride - padding + np.arange(kernel) * dilation
