"""Pairs of features turned by angles, as a plain function of tensors."""

from ..ops.rotary_embedding import NAME, ROTARY_EMBEDDING
from ..tape import apply, require_tensors
from ..tensor import Tensor


def rotary_embedding(input: Tensor, cos: Tensor, sin: Tensor, interleaved: bool = False) -> Tensor:
    """Turns pairs of features (x, y) into (x · cos - y · sin, y · cos + x · sin).

    input        (…, tokens, features), float32 or float64
    cos, sin     (tokens, pairs), or with leading axes that broadcast to the input's, of the same dtype. The first
                 2 · pairs features are turned, those behind them stay
    interleaved  pairs are neighbours, features 0 and 1, 2 and 3, …; else feature i belongs to feature pairs + i
    Returns the input's shape. ValueError where shapes do not fit, TypeError where dtypes differ.

    J. Su and others, "RoFormer: Enhanced transformer with rotary position embedding" (2021), arXiv:2104.09864.

    >>> import pyengine as pe
    >>> cos, sin = pe.tensor([0.0, 1.0]), pe.tensor([1.0, 0.0])  # a quarter turn, and none
    >>> rotary_embedding(pe.tensor([1.0, 2.0, 3.0, 4.0]), cos, sin)
    tensor([-3.,  2.,  1.,  4.])
    >>> rotary_embedding(pe.tensor([1.0, 2.0, 3.0, 4.0]), cos, sin, interleaved=True)
    tensor([-2.,  1.,  3.,  4.])
    """
    require_tensors(NAME, input, cos, sin)
    constant = not (cos.requires_grad or sin.requires_grad)
    result: Tensor = apply(
        ROTARY_EMBEDDING, (input, cos, sin), {"interleaved": bool(interleaved), "constant": constant}
    )
    return result
