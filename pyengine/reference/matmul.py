"""matmul: out[..., m, n] = act(a[..., m, k] · b[..., k, n] + bias[n]). addmm: out = c + a · b."""

import numpy as np

from ._common import Array, float_only, ieee, result, same_dtype

__all__ = ["addmm", "matmul"]


@ieee
def matmul(a: Array, b: Array, bias: Array | None = None, act: str | None = None, out: Array | None = None) -> Array:
    same_dtype("matmul", a, b)
    float_only("matmul", a)
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape}; both need at least two axes")
    y = np.matmul(a, b)
    if bias is not None:
        same_dtype("matmul", a, bias)
        if bias.shape != b.shape[-1:]:
            raise ValueError(f"matmul: bias has shape {bias.shape}, the product has {b.shape[-1]} columns")
        y = y + bias
    if act is not None and act != "relu":
        raise ValueError(f"matmul: unknown activation {act!r}; there is 'relu'")
    return result(np.maximum(y, np.zeros((), y.dtype)) if act else y, out)


@ieee
def addmm(c: Array, a: Array, b: Array, out: Array | None = None) -> Array:
    product = matmul(a, b)
    same_dtype("addmm", c, a)
    if c.shape != product.shape:
        raise ValueError(f"addmm: c has shape {c.shape}, the product {product.shape}")
    return result(c + product, out)
