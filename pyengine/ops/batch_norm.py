"""Batch normalisation over the channels, axis 1: by the batch's own mean and variance, or by given ones."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size


def _check(op: str, a: Spec, *vectors: Spec) -> None:
    require_float(op, a)
    if len(a.shape) < 2:
        raise ValueError(f"{op}: the input is (n, c) or (n, c, …), samples and their channels, not of shape {a.shape}")
    for vector in vectors:
        if vector.dtype != a.dtype:
            raise TypeError(f"{op}: the input is {a.dtype}, a value for each channel {vector.dtype}; cast with .to(…)")
        if vector.shape != a.shape[1:2]:
            raise ValueError(
                f"{op}: an input of shape {a.shape} has {a.shape[1]} channels, got {vector.shape} for them"
            )


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, weight, bias = specs
    _check("batch_norm", a, weight, bias)
    if a.shape[1] and size(a.shape) == a.shape[1]:
        raise ValueError(
            f"batch_norm: an input of shape {a.shape} has one value for each channel, whose variance is 0: the output "
            f"would be the bias, whatever the input is. Train on more samples at a time (DataLoader(drop_last=True) "
            f"leaves out a last batch of one), or call .eval() first"
        )
    return [a, weight, weight]


def _batch_norm(k: Kernels, a: Any, weight: Any, bias: Any, *, eps: float = 1e-5) -> Any:
    y, mean, variance = k.batch_norm(a, weight, bias, eps=eps)
    return (y, mean, variance), (a, weight, mean, variance)


def _vjp(
    k: Kernels, saved: Any, dy: Any, dmean: Any, dvariance: Any, *, needs: Sequence[bool], eps: float = 1e-5
) -> Any:
    a, weight, mean, variance = saved
    da = dweight = dbias = None
    if dy is not None:
        da, dweight, dbias = k.batch_norm_backward(dy, a, weight, mean, variance, eps=eps)
    if dmean is not None and needs[0]:
        da = _plus(k, da, k.expand(_share(k, dmean, a), shape=a.shape))
    if dvariance is not None and needs[0]:  # d variance / da = 2 (a - mean) / count
        share = _share(k, k.add(dvariance, dvariance), a)
        da = _plus(k, da, k.mul(k.sub(a, _channels(k, mean, a)), share))
    return tuple(g if need else None for g, need in zip((da, dweight, dbias), needs, strict=True))


def _plus(k: Kernels, a: Any, b: Any) -> Any:
    return b if a is None else k.add(a, b)


def _channels(k: Kernels, v: Any, a: Any) -> Any:
    """A value for each channel of `a`, so that it broadcasts."""
    return k.reshape(v, shape=(a.shape[1], *(1,) * (len(a.shape) - 2)))


def _share(k: Kernels, v: Any, a: Any) -> Any:
    count = max(size(a.shape) // max(a.shape[1], 1), 1)
    return _channels(k, k.mul(v, k.scalar(1.0 / count, dtype=a.dtype)), a)


def _rstd(k: Kernels, variance: Any, eps: float) -> Any:
    return k.rsqrt(k.add(variance, k.scalar(eps, dtype=variance.dtype)))


def _infer_eval(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    _check("batch_norm_eval", *specs)
    return [specs[0]]


def _eval(k: Kernels, a: Any, weight: Any, bias: Any, mean: Any, variance: Any, *, eps: float = 1e-5) -> Any:
    return k.batch_norm_eval(a, weight, bias, mean, variance, eps=eps), (a, weight, mean, variance)


def _eval_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], eps: float = 1e-5) -> Any:
    """With r = 1 / √(variance + eps): dy/da = w·r, dy/dmean = -w·r, dy/dvariance = -(a - mean)·w·r³ / 2."""
    a, weight, mean, variance = saved
    rstd = _rstd(k, variance, eps)
    scale = k.mul(weight, rstd)
    da = k.mul(grad, _channels(k, scale, a)) if needs[0] else None
    if not any(needs[1:]):
        return da, None, None, None, None
    _, dweight, dbias = k.batch_norm_backward(grad, a, weight, mean, variance, eps=eps)
    dmean = k.neg(k.mul(scale, dbias)) if needs[3] else None
    half = k.scalar(-0.5, dtype=variance.dtype)
    dvariance = k.mul(k.mul(k.mul(scale, rstd), dweight), half) if needs[4] else None
    return da, dweight if needs[1] else None, dbias if needs[2] else None, dmean, dvariance


def _infer_backward(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    grad, a, weight, mean, variance = specs
    _check("batch_norm_backward", a, weight, mean, variance)
    if grad != a:
        raise ValueError(f"batch_norm_backward: the gradient is {grad}, the input {a}; they must match")
    return [a, weight, weight]


def _backward(k: Kernels, grad: Any, a: Any, weight: Any, mean: Any, variance: Any, *, eps: float = 1e-5) -> Any:
    return k.batch_norm_backward(grad, a, weight, mean, variance, eps=eps), (grad, a, weight, mean, variance)


def _backward_vjp(
    k: Kernels, saved: Any, u: Any, u_weight: Any, u_bias: Any, *, needs: Sequence[bool], eps: float = 1e-5
) -> Any:
    """Upstream u of da, U of dweight, V of dbias. With d = a - mean and sums over a channel of m elements, let

    S = Σg, Y = r·Σg·d (the two that are given back), and B = Σu, X = r·Σu·d, A = Σu·g. Then

      Σ u·da = w·r·Q with Q = A - (B·S + X·Y) / m          Q depends on r by X·Y, which is r²·Σu·d·Σg·d

      grad      w·r·(u - B/m - r·d·X/m) + U·r·d + V        the first is da for u in the place of g
      a         U·r·g - w·r²·(Y·u + X·g) / m
      weight    r·Q
      mean      -Σ of a's
      variance  -r³/2 · (w·(Q - 2·X·Y/m) + U·Y/r)
    """
    grad, a, weight, mean, variance = saved
    m = k.scalar(float(max(size(a.shape) // max(a.shape[1], 1), 1)), dtype=a.dtype)
    rstd = _rstd(k, variance, eps)
    axes = (0, *range(2, len(a.shape)))
    dgrad = da = dweight = dmean = dvariance = None
    _, y, s = k.batch_norm_backward(grad, a, weight, mean, variance, eps=eps)
    if u is not None:
        dgrad, x, b = k.batch_norm_backward(u, a, weight, mean, variance, eps=eps)
        bent = k.neg(k.div(k.mul(weight, k.square(rstd)), m))
        da = k.mul(k.add(k.mul(u, _channels(k, y, a)), k.mul(grad, _channels(k, x, a))), _channels(k, bent, a))
        dmean = k.neg(k.mul(bent, k.add(k.mul(y, b), k.mul(x, s))))
        cross = k.div(k.mul(x, y), m)
        q = k.sub(k.sub(k.sum(k.mul(u, grad), axis=axes), k.div(k.mul(b, s), m)), cross)
        dweight = k.mul(rstd, q)
        dvariance = k.mul(weight, k.sub(q, k.add(cross, cross)))
    if u_weight is not None:
        slope = k.mul(u_weight, rstd)
        spread = k.mul(k.sub(a, _channels(k, mean, a)), _channels(k, slope, a))
        dgrad = _plus(k, dgrad, spread)
        da = _plus(k, da, k.mul(grad, _channels(k, slope, a)))
        dmean = _plus(k, dmean, k.neg(k.mul(slope, s)))
        dvariance = _plus(k, dvariance, k.div(k.mul(u_weight, y), rstd))
    if u_bias is not None:
        dgrad = _plus(k, dgrad, k.expand(_channels(k, u_bias, a), shape=a.shape))
    if dvariance is not None:
        cube = k.mul(k.mul(rstd, k.square(rstd)), k.scalar(-0.5, dtype=a.dtype))
        dvariance = k.mul(cube, dvariance)
    return tuple(g if need else None for g, need in zip((dgrad, da, dweight, dmean, dvariance), needs, strict=True))


def _cost(flops: int, infer: Any) -> Any:
    def cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
        return flops * size(specs[0].shape), nbytes(*specs, *infer(specs, attrs))

    return cost


BATCH_NORM = Op("batch_norm", _infer, _batch_norm, _vjp, _cost(8, _infer), saves=(0, 1, ~1, ~2))
BATCH_NORM_EVAL = Op("batch_norm_eval", _infer_eval, _eval, _eval_vjp, _cost(3, _infer_eval), saves=(0, 1, 3, 4))
BATCH_NORM_BACKWARD = Op(
    "batch_norm_backward", _infer_backward, _backward, _backward_vjp, _cost(12, _infer_backward), saves=(0, 1, 2, 3, 4)
)

OPS = (BATCH_NORM, BATCH_NORM_EVAL, BATCH_NORM_BACKWARD)
