"""Layer normalisation over the last axis; `nn.functional.layer_norm` brings any trailing axes there."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size, sum_to


def _check(a: Spec, *columns: Spec) -> None:
    require_float("layer_norm", a)
    if not a.shape:
        raise ValueError("layer_norm: a tensor without axes has no rows to normalise")
    for column in columns:
        if column.dtype != a.dtype:
            raise TypeError(f"layer_norm: the input is {a.dtype}, weight or bias {column.dtype}; cast one with .to(…)")
        if column.shape != a.shape[-1:]:
            raise ValueError(f"layer_norm: rows of {a.shape[-1]} elements need weight and bias so, got {column.shape}")


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, weight, bias = specs
    _check(a, weight, bias)
    return [a, Spec(a.shape[:-1], a.dtype)]


def _layer_norm(k: Kernels, a: Any, weight: Any, bias: Any, *, eps: float = 1e-5) -> Any:
    y, rstd = k.layer_norm(a, weight, bias, eps=eps)
    return (y, rstd), (a, weight, rstd)


def _vjp(k: Kernels, saved: Any, dy: Any, drstd: Any, *, needs: Sequence[bool], eps: float = 1e-5) -> Any:
    a, weight, rstd = saved
    da = dweight = dbias = None
    if dy is not None:
        da, dweight, dbias = k.layer_norm_backward(dy, a, weight, eps=eps)
    if drstd is not None and needs[0]:
        # d rstd / da = -rstd² · x / n, with x the normalised row
        x, _ = _normalised(k, a, eps)
        per_row = k.mul(k.mul(drstd, k.square(rstd)), k.scalar(-1.0 / max(a.shape[-1], 1), dtype=a.dtype))
        of_rstd = k.mul(x, _column(k, per_row))
        da = of_rstd if da is None else k.add(da, of_rstd)
    return tuple(g if need else None for g, need in zip((da, dweight, dbias), needs, strict=True))


def _column(k: Kernels, a: Any) -> Any:
    return k.reshape(a, shape=(*a.shape, 1))


def _constant(k: Kernels, value: float, like: Any) -> Any:
    """A vector for each column of `like`."""
    return k.expand(k.scalar(value, dtype=like.dtype), shape=like.shape[-1:])


def _normalised(k: Kernels, a: Any, eps: float) -> Any:
    """The rows with mean 0 and variance 1, and rstd."""
    return k.layer_norm(a, _constant(k, 1.0, a), _constant(k, 0.0, a), eps=eps)


def _infer_backward(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    grad, a, weight = specs
    _check(a, weight)
    if grad != a:
        raise ValueError(f"layer_norm_backward: the gradient is {grad}, the input {a}; they must match")
    return [a, weight, weight]


def _backward(k: Kernels, grad: Any, a: Any, weight: Any, *, eps: float = 1e-5) -> Any:
    return k.layer_norm_backward(grad, a, weight, eps=eps), (grad, a, weight)


def _backward_vjp(
    k: Kernels, saved: Any, u: Any, u_weight: Any, u_bias: Any, *, needs: Sequence[bool], eps: float = 1e-5
) -> Any:
    """With x the normalised row, r = rstd, h = g·w and P v = r·(v - mean v - x·mean(v·x)): da = P h, dx/da = P.

    P is symmetric. For upstream u of da, U of dweight and V of dbias:

      g        w·P u + U·x + V                                      w   Σ over rows of g·P u
      a        P(U·g - r·(mean(u·x)·h + mean(h·x)·u)) - r·x·mean(u·da)
    """
    grad, a, weight = saved
    x, rstd = _normalised(k, a, eps)
    one = _constant(k, 1.0, a)

    def project(v: Any) -> Any:
        return k.layer_norm_backward(v, a, one, eps=eps)[0]

    def mean(v: Any) -> Any:
        return k.div(k.sum(v, axis=(-1,), keepdims=True), k.scalar(float(max(a.shape[-1], 1)), dtype=a.dtype))

    dgrad = da = dweight = None
    if u is not None:
        r, h, projected = _column(k, rstd), k.mul(grad, weight), project(u)
        dgrad = k.mul(projected, weight)
        dweight = sum_to(k, k.mul(grad, projected), weight.shape)
        bent = k.mul(r, k.add(k.mul(mean(k.mul(u, x)), h), k.mul(mean(k.mul(h, x)), u)))
        shrunk = k.mul(k.mul(r, x), mean(k.mul(h, projected)))  # Σ u·P h = Σ h·P u
        da = k.neg(k.add(project(bent), shrunk))
    if u_weight is not None:
        dgrad = _plus(k, dgrad, k.mul(x, u_weight))
        da = _plus(k, da, project(k.mul(grad, u_weight)))
    if u_bias is not None:
        dgrad = _plus(k, dgrad, k.expand(u_bias, shape=grad.shape))
    return tuple(g if need else None for g, need in zip((dgrad, da, dweight), needs, strict=True))


def _plus(k: Kernels, a: Any, b: Any) -> Any:
    return b if a is None else k.add(a, b)


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 8 * size(specs[0].shape), nbytes(*specs, *_infer(specs, attrs))


def _cost_backward(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 16 * size(specs[0].shape), nbytes(*specs, *_infer_backward(specs, attrs))


LAYER_NORM = Op("layer_norm", _infer, _layer_norm, _vjp, _cost, saves=(0, 1, ~1))
LAYER_NORM_BACKWARD = Op(
    "layer_norm_backward", _infer_backward, _backward, _backward_vjp, _cost_backward, saves=(0, 1, 2)
)

OPS = (LAYER_NORM, LAYER_NORM_BACKWARD)
