"""Pairs of columns turned by angles: how `nn.RotaryPositions` tells queries and keys where they stand."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size, sum_to

NAME = "rotary_embedding"


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, cos, sin = specs
    require_float(NAME, a)
    if not a.shape:
        raise ValueError(f"{NAME}: a tensor without axes has no columns to turn")
    for table in (cos, sin):
        if table.dtype != a.dtype:
            raise TypeError(f"{NAME}: the input is {a.dtype}, cos or sin {table.dtype}; cast one with .to(…)")
    if cos.shape != sin.shape:
        raise ValueError(f"{NAME}: cos and sin are those of the same angles, not of shapes {cos.shape} and {sin.shape}")
    if not cos.shape or 2 * cos.shape[-1] > a.shape[-1]:
        raise ValueError(
            f"{NAME}: each angle turns two columns: {a.shape[-1]} columns need a last axis of at most "
            f"{a.shape[-1] // 2}, got {cos.shape}"
        )
    if len(cos.shape) > len(a.shape) or any(
        n not in (1, m) for n, m in zip(cos.shape[-2::-1], a.shape[-2::-1], strict=False)
    ):
        raise ValueError(
            f"{NAME}: the axes of cos and sin before the last, {cos.shape[:-1]}, must broadcast to the rows, "
            f"{a.shape[:-1]}; where each sequence has its own, give them an axis of length 1 for the heads"
        )
    return [a]


def _rotary_embedding(
    k: Kernels,
    a: Any,
    cos: Any,
    sin: Any,
    *,
    interleaved: bool = False,
    inverse: bool = False,
    constant: bool = False,
) -> Any:
    """`constant` says that cos and sin need no gradient: the input is then not kept."""
    y = k.rotary_embedding(a, cos, sin, interleaved=interleaved, inverse=inverse)
    return y, (None if constant else a, cos, sin)


def _vjp(
    k: Kernels,
    saved: Any,
    grad: Any,
    *,
    needs: Sequence[bool],
    interleaved: bool = False,
    inverse: bool = False,
    constant: bool = False,
) -> Any:
    """A rotation's transpose is the rotation back: da is `grad` turned the other way."""
    a, cos, sin = saved
    da = dcos = dsin = None
    if needs[0]:
        da = k.rotary_embedding(grad, cos, sin, interleaved=interleaved, inverse=not inverse)
    if needs[1] or needs[2]:
        first, second = _columns(cos.shape[-1], interleaved)
        x, y = k.getitem(a, index=first), k.getitem(a, index=second)
        gx, gy = k.getitem(grad, index=first), k.getitem(grad, index=second)
    if needs[1]:
        dcos = sum_to(k, k.add(k.mul(gx, x), k.mul(gy, y)), cos.shape)
    if needs[2]:
        crossed = (k.mul(gx, y), k.mul(gy, x)) if inverse else (k.mul(gy, x), k.mul(gx, y))
        dsin = sum_to(k, k.sub(*crossed), sin.shape)
    return da, dcos, dsin


def _columns(pairs: int, interleaved: bool) -> tuple[Any, Any]:
    """The first and the second columns of all pairs, as indices."""
    if interleaved:
        return (Ellipsis, ("slice", 0, 2 * pairs, 2)), (Ellipsis, ("slice", 1, 2 * pairs, 2))
    return (Ellipsis, ("slice", 0, pairs, 1)), (Ellipsis, ("slice", pairs, 2 * pairs, 1))


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    a, cos, _ = specs
    return 6 * size(a.shape[:-1]) * cos.shape[-1], nbytes(*specs, a)


ROTARY_EMBEDDING = Op(NAME, _infer, _rotary_embedding, _vjp, _cost, saves=(0, 1, 2))

OPS = (ROTARY_EMBEDDING,)
