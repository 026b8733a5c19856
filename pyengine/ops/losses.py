"""Losses element by element: Huber's, and binary cross-entropy of logits."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, broadcast_shapes, nbytes, require_float, size, sum_to


def _infer_size(name: str, limit: str) -> Any:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        require_float(name, specs[0])
        if not attrs.get(limit, 1.0) >= 0:
            raise ValueError(f"{name}: {limit} is a size, from 0 on, not {attrs[limit]}")
        return [specs[0]]

    return infer


def _cost_unary(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 3 * size(specs[0].shape), nbytes(*specs, specs[0])


def _huber(k: Kernels, a: Any, *, delta: float = 1.0) -> Any:
    return k.huber(a, delta=delta), (a,)


def _huber_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], delta: float = 1.0) -> Any:
    return (k.mul(grad, k.clip_size(saved[0], most=delta)),)


def _clip(k: Kernels, a: Any, *, most: float) -> Any:
    return k.clip_size(a, most=most), (a,)


def _clip_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], most: float) -> Any:
    return (k.mul(grad, k.small_size(saved[0], most=most)),)


def _small(k: Kernels, a: Any, *, most: float) -> Any:
    return k.small_size(a, most=most), ()


def _small_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], most: float) -> Any:
    return (None,)  # constant wherever it has a derivative


def _infer_bce(name: str) -> Any:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        a, target, pos_weight = specs
        require_float(name, a)
        for what, spec in (("the target", target), ("pos_weight", pos_weight)):
            if spec.dtype != a.dtype:
                raise TypeError(f"{name}: the logits are {a.dtype}, {what} is {spec.dtype}; cast with .to(…)")
        shape = broadcast_shapes(name, broadcast_shapes(name, a.shape, target.shape), pos_weight.shape)
        return [Spec(shape, a.dtype)]

    return infer


def _bce(k: Kernels, a: Any, target: Any, pos_weight: Any) -> Any:
    return k.bce_with_logits(a, target, pos_weight), (a, target, pos_weight)


def _bce_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    # loss = (1 - t)·a + (1 + (p - 1)·t)·s with s = log(1 + exp(-a))
    a, target, pos_weight = saved
    da = dtarget = dweight = None
    if needs[0]:
        da = sum_to(k, k.mul(grad, k.bce_with_logits_slope(a, target, pos_weight)), a.shape)
    if needs[1] or needs[2]:
        one = k.scalar(1.0, dtype=a.dtype)
        softplus = k.bce_with_logits(a, one, one)
        if needs[1]:
            slope = k.sub(k.mul(k.sub(pos_weight, one), softplus), a)
            dtarget = sum_to(k, k.mul(grad, slope), target.shape)
        if needs[2]:
            dweight = sum_to(k, k.mul(grad, k.mul(target, softplus)), pos_weight.shape)
    return da, dtarget, dweight


def _slope(k: Kernels, a: Any, target: Any, pos_weight: Any) -> Any:
    return k.bce_with_logits_slope(a, target, pos_weight), (a, target, pos_weight)


def _slope_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    # slope = (1 - t) - (1 + (p - 1)·t)·c with c = 1 - sigmoid(a), and dc/da = -c·(1 - c)
    a, target, pos_weight = saved
    one = k.scalar(1.0, dtype=a.dtype)
    complement = k.div(one, k.add(one, k.exp(a)))
    more = k.sub(pos_weight, one)
    da = dtarget = dweight = None
    if needs[0]:
        curvature = k.mul(k.mul(complement, k.sub(one, complement)), k.add(one, k.mul(more, target)))
        da = sum_to(k, k.mul(grad, curvature), a.shape)
    if needs[1]:
        dtarget = sum_to(k, k.neg(k.mul(grad, k.add(one, k.mul(more, complement)))), target.shape)
    if needs[2]:
        dweight = sum_to(k, k.neg(k.mul(grad, k.mul(target, complement))), pos_weight.shape)
    return da, dtarget, dweight


def _cost_bce(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    (out,) = _infer_bce("bce_with_logits")(specs, attrs)
    return 10 * size(out.shape), nbytes(*specs, out)


# log(0) counts as -100, and p(1 - p) as at least 1e-12: the loss of a sure and wrong answer, and its slope, stay finite
_LEAST_LOG, _LEAST_VARIANCE = -100.0, 1e-12


def _infer_probabilities(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    p, target = specs
    require_float("binary_cross_entropy", p)
    if target.dtype != p.dtype:
        raise TypeError(f"binary_cross_entropy: the input is {p.dtype}, the target is {target.dtype}; cast with .to(…)")
    return [Spec(broadcast_shapes("binary_cross_entropy", p.shape, target.shape), p.dtype)]


def _logs(k: Kernels, p: Any) -> tuple[Any, Any]:
    """log p and log(1 - p)"""
    least = k.scalar(_LEAST_LOG, dtype=p.dtype)
    return k.maximum(k.log(p), least), k.maximum(k.log1p(k.neg(p)), least)


def _bce_of_probabilities(k: Kernels, p: Any, target: Any) -> Any:
    true, false = _logs(k, p)
    rest = k.sub(target, k.scalar(1.0, dtype=p.dtype))
    return k.sub(k.mul(rest, false), k.mul(target, true)), (p, target)


def _bce_of_probabilities_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    p, target = saved
    dp = dtarget = None
    if needs[0]:
        variance = k.mul(p, k.sub(k.scalar(1.0, dtype=p.dtype), p))
        slope = k.div(k.sub(p, target), k.maximum(variance, k.scalar(_LEAST_VARIANCE, dtype=p.dtype)))
        dp = sum_to(k, k.mul(grad, slope), p.shape)
    if needs[1]:
        true, false = _logs(k, p)
        dtarget = sum_to(k, k.mul(grad, k.sub(false, true)), target.shape)
    return dp, dtarget


def _cost_probabilities(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    (out,) = _infer_probabilities(specs, attrs)
    return 8 * size(out.shape), nbytes(*specs, out)


HUBER = Op("huber", _infer_size("huber", "delta"), _huber, _huber_vjp, _cost_unary, saves=(0,))
CLIP_SIZE = Op("clip_size", _infer_size("clip_size", "most"), _clip, _clip_vjp, _cost_unary, saves=(0,))
SMALL_SIZE = Op("small_size", _infer_size("small_size", "most"), _small, _small_vjp, _cost_unary)
BCE_WITH_LOGITS = Op("bce_with_logits", _infer_bce("bce_with_logits"), _bce, _bce_vjp, _cost_bce, saves=(0, 1, 2))
BCE_WITH_LOGITS_SLOPE = Op(
    "bce_with_logits_slope", _infer_bce("bce_with_logits_slope"), _slope, _slope_vjp, _cost_bce, saves=(0, 1, 2)
)
BINARY_CROSS_ENTROPY = Op(
    "binary_cross_entropy",
    _infer_probabilities,
    _bce_of_probabilities,
    _bce_of_probabilities_vjp,
    _cost_probabilities,
    saves=(0, 1),
)

OPS = (HUBER, CLIP_SIZE, SMALL_SIZE, BCE_WITH_LOGITS, BCE_WITH_LOGITS_SLOPE, BINARY_CROSS_ENTROPY)
