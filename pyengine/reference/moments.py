"""Mean and variance along the last axis."""

import numpy as np

from ._common import Array, float_only, ieee, last_axis, results

__all__ = ["var"]


@ieee
def var(
    a: Array, correction: float = 1.0, root: bool = False, out: tuple[Array, Array] | None = None
) -> tuple[Array, Array]:
    float_only("var", a)
    last_axis("var", a)
    n = a.shape[-1]
    mean = a.sum(axis=-1) / a.dtype.type(n)
    variance = ((a - mean[..., None]) ** 2).sum(axis=-1) / a.dtype.type(max(n - correction, 0.0))
    return results((np.sqrt(variance) if root else variance, mean), out)
