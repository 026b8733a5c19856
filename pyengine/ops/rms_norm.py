"""Division by the root mean square over the last axis; `nn.functional.rms_norm` brings any trailing axes there."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size, sum_to


def _check(a: Spec, weight: Spec) -> None:
    require_float("rms_norm", a)
    if not a.shape:
        raise ValueError("rms_norm: a tensor without axes has no rows to normalise")
    if weight.dtype != a.dtype:
        raise TypeError(f"rms_norm: the input is {a.dtype}, the weight {weight.dtype}; cast one with .to(…)")
    if weight.shape != a.shape[-1:]:
        raise ValueError(f"rms_norm: rows of {a.shape[-1]} elements need a weight so, got {weight.shape}")


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, weight = specs
    _check(a, weight)
    return [a, Spec(a.shape[:-1], a.dtype)]


def _rms_norm(k: Kernels, a: Any, weight: Any, *, eps: float = 1e-5) -> Any:
    y, rstd = k.rms_norm(a, weight, eps=eps)
    return (y, rstd), (a, weight, rstd)


def _vjp(k: Kernels, saved: Any, dy: Any, drstd: Any, *, needs: Sequence[bool], eps: float = 1e-5) -> Any:
    a, weight, rstd = saved
    da = dweight = None
    if dy is not None:
        da, dweight = k.rms_norm_backward(dy, a, weight, rstd)
    if drstd is not None and needs[0]:
        # d rstd / da = -rstd³ · a / n
        per_row = k.mul(k.mul(drstd, _cube(k, rstd)), k.scalar(-1.0 / max(a.shape[-1], 1), dtype=a.dtype))
        da = _plus(k, da, k.mul(a, _column(k, per_row)))
    return tuple(g if need else None for g, need in zip((da, dweight), needs, strict=True))


def _cube(k: Kernels, a: Any) -> Any:
    return k.mul(k.square(a), a)


def _column(k: Kernels, a: Any) -> Any:
    return k.reshape(a, shape=(*a.shape, 1))


def _plus(k: Kernels, a: Any, b: Any) -> Any:
    return b if a is None else k.add(a, b)


def _infer_backward(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    grad, a, weight, rstd = specs
    _check(a, weight)
    if grad != a:
        raise ValueError(f"rms_norm_backward: the gradient is {grad}, the input {a}; they must match")
    if rstd != Spec(a.shape[:-1], a.dtype):
        raise ValueError(f"rms_norm_backward: rstd is {rstd}; it must have one {a.dtype} for each row of {a}")
    return [a, weight]


def _backward(k: Kernels, grad: Any, a: Any, weight: Any, rstd: Any) -> Any:
    return k.rms_norm_backward(grad, a, weight, rstd), (grad, a, weight, rstd)


def _backward_vjp(k: Kernels, saved: Any, u: Any, u_weight: Any, *, needs: Sequence[bool]) -> Any:
    """With r = rstd, h = g·w and P v = r·v - r³·a·mean(v·a): da = P h, which is symmetric; dweight = Σ over rows g·a·r.

    For upstream u of da and U of dweight, all of g, a, w and r on their own:

      g   w·P u + U·a·r                       w   Σ over rows of g·P u
      a   -r³·(mean(h·a)·u + mean(u·a)·h) + U·g·r
      r   Σ u·h - 3·r²·mean(h·a)·Σ u·a + Σ U·g·a
    """
    grad, a, weight, rstd = saved
    r = _column(k, rstd)
    dgrad = da = dweight = drstd = None

    def total(v: Any) -> Any:
        return k.sum(v, axis=(-1,), keepdims=True)

    if u is not None:
        n = k.scalar(float(max(a.shape[-1], 1)), dtype=a.dtype)
        one = k.expand(k.scalar(1.0, dtype=a.dtype), shape=weight.shape)
        h, projected = k.mul(grad, weight), k.rms_norm_backward(u, a, one, rstd)[0]
        of_h, of_u = total(k.mul(h, a)), total(k.mul(u, a))
        dgrad = k.mul(projected, weight)
        dweight = sum_to(k, k.mul(grad, projected), weight.shape)
        crossed = k.add(k.mul(k.div(of_h, n), u), k.mul(k.div(of_u, n), h))
        da = k.neg(k.mul(_cube(k, r), crossed))
        thrice = k.mul(k.mul(k.scalar(3.0, dtype=a.dtype), k.square(r)), k.mul(k.div(of_h, n), of_u))
        drstd = k.sub(total(k.mul(u, h)), thrice)
    if u_weight is not None:
        dgrad = _plus(k, dgrad, k.mul(k.mul(a, u_weight), r))
        pulled = k.mul(grad, u_weight)
        da = _plus(k, da, k.mul(pulled, r))
        drstd = _plus(k, drstd, total(k.mul(pulled, a)))
    if drstd is not None:
        drstd = k.reshape(drstd, shape=rstd.shape)
    return tuple(g if need else None for g, need in zip((dgrad, da, dweight, drstd), needs, strict=True))


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 4 * size(specs[0].shape), nbytes(*specs, *_infer(specs, attrs))


def _cost_backward(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 9 * size(specs[0].shape), nbytes(*specs, *_infer_backward(specs, attrs))


RMS_NORM = Op("rms_norm", _infer, _rms_norm, _vjp, _cost, saves=(0, 1, ~1))
RMS_NORM_BACKWARD = Op(
    "rms_norm_backward", _infer_backward, _backward, _backward_vjp, _cost_backward, saves=(0, 1, 2, 3)
)

OPS = (RMS_NORM, RMS_NORM_BACKWARD)
