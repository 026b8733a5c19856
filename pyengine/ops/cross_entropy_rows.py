"""Cross-entropy of every row, with ignored labels, label smoothing, or probabilities as targets.

The classes are the last axis here; `nn.functional.cross_entropy` brings them there, weighs and reduces the losses.
"""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size


def _check(logits: Spec, target: Spec) -> None:
    require_float("cross_entropy_rows", logits)
    if not logits.shape:
        raise ValueError("cross_entropy_rows: logits need an axis of classes")
    rows = logits.shape[:-1]
    if target.dtype.name == "int64":
        if target.shape != rows:
            raise ValueError(f"cross_entropy_rows: logits of {rows} rows need labels of that shape, got {target.shape}")
    elif target.dtype != logits.dtype:
        raise TypeError(
            f"cross_entropy_rows: targets are class numbers, int64, or probabilities, of the logits' {logits.dtype}, "
            f"got {target.dtype}; cast with .to(…)"
        )
    elif target.shape != logits.shape:
        raise ValueError(f"cross_entropy_rows: logits {logits.shape} and probabilities {target.shape} differ in shape")


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    logits, target = specs
    _check(logits, target)
    return [Spec(logits.shape[:-1], logits.dtype)] * 2


def _rows(k: Kernels, logits: Any, target: Any, **attrs: Any) -> Any:
    return k.cross_entropy_rows(logits, target, **attrs), (logits, target)


def _vjp(k: Kernels, saved: Any, dlosses: Any, dmass: Any, *, needs: Sequence[bool], **attrs: Any) -> Any:
    logits, target = saved
    dlogits = dshares = None
    if dlosses is not None and needs[0]:
        dlogits = k.cross_entropy_rows_backward(dlosses, logits, target, **attrs)
    if dlosses is not None and needs[1]:  # the loss is linear in the probabilities
        dshares = k.neg(k.mul(k.log_softmax(logits), _column(k, dlosses)))
    if dmass is not None and needs[1]:
        of_mass = k.expand(_column(k, dmass), shape=logits.shape)
        dshares = of_mass if dshares is None else k.add(dshares, of_mass)
    return dlogits, None if dshares is None else _through_smoothing(k, dshares, attrs)


def _column(k: Kernels, a: Any) -> Any:
    return k.reshape(a, shape=(*a.shape, 1))


def _through_smoothing(k: Kernels, dq: Any, attrs: Attrs) -> Any:
    """The gradient of probabilities from that of q = (1 - e) · target + e / classes."""
    return k.mul(dq, k.scalar(1.0 - attrs.get("label_smoothing", 0.0), dtype=dq.dtype))


def _infer_backward(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    grad, logits, target = specs
    _check(logits, target)
    if grad != Spec(logits.shape[:-1], logits.dtype):
        raise ValueError(f"cross_entropy_rows_backward: logits {logits} need one gradient a row, got {grad}")
    return [logits]


def _backward(k: Kernels, grad: Any, logits: Any, target: Any, **attrs: Any) -> Any:
    return k.cross_entropy_rows_backward(grad, logits, target, **attrs), (grad, logits, target)


def _backward_vjp(k: Kernels, saved: Any, upstream: Any, *, needs: Sequence[bool], **attrs: Any) -> Any:
    # f = g·(m·p - q) with p = softmax(logits), m = Σ q: for upstream u,
    #   df/dg·u = Σ u·(m·p - q);  df/dlogits·u = g·m·p·(u - Σ u·p);  df/dq·u = g·(Σ u·p - u)
    grad, logits, target = saved
    dgrad = dlogits = dtarget = None
    if needs[0]:
        ones = k.expand(k.scalar(1.0, dtype=grad.dtype), shape=grad.shape)
        slope = k.cross_entropy_rows_backward(ones, logits, target, **attrs)
        dgrad = k.sum(k.mul(upstream, slope), axis=(-1,), keepdims=False)
    if needs[1]:
        _, mass = k.cross_entropy_rows(logits, target, **attrs)
        scale = _column(k, k.mul(grad, mass))
        dlogits = k.mul(k.softmax_backward(upstream, k.softmax(logits)), scale)
    if needs[2]:
        mean = k.sum(k.mul(upstream, k.softmax(logits)), axis=(-1,), keepdims=True)
        dtarget = _through_smoothing(k, k.mul(k.sub(mean, upstream), _column(k, grad)), attrs)
    return dgrad, dlogits, dtarget


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 5 * size(specs[0].shape), nbytes(*specs, *_infer(specs, attrs))


def _cost_backward(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 6 * size(specs[1].shape), nbytes(*specs, specs[1])


CROSS_ENTROPY_ROWS = Op("cross_entropy_rows", _infer, _rows, _vjp, _cost, saves=(0, 1))
CROSS_ENTROPY_ROWS_BACKWARD = Op(
    "cross_entropy_rows_backward", _infer_backward, _backward, _backward_vjp, _cost_backward, saves=(0, 1, 2)
)

OPS = (CROSS_ENTROPY_ROWS, CROSS_ENTROPY_ROWS_BACKWARD)
