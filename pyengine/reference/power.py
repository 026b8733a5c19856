"""out[i] = a[i] to the power b[i], with NumPy's broadcasting."""

import numpy as np

from ._common import Array, ieee, number_only, result, same_dtype

__all__ = ["pow"]


@ieee
def pow(a: Array, b: Array, out: Array | None = None) -> Array:
    same_dtype("pow", a, b)
    number_only("pow", a)
    if a.dtype.kind == "f":
        # in pairs, because to a lone exponent of 0.5 NumPy takes the square root, which of -inf is NaN
        a, b = np.broadcast_arrays(a, b)
        return result(np.power(np.stack((a, a)), np.stack((b, b)))[0], out)
    # 1 / a^-b without its fraction
    inverse = np.where(a == 1, 1, np.where(a == -1, 1 - 2 * (b & 1), 0))
    return result(np.where(b < 0, inverse, np.power(a, np.maximum(b, 0))), out)
