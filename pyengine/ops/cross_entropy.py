"""Softmax and cross-entropy in one: the loss of a classifier, and its gradient made while the row is in cache."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels, is_one
from .op import Attrs, Op, Spec, nbytes, require_float, size


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    logits, labels = specs
    require_float("cross_entropy", logits)
    if len(logits.shape) != 2:
        raise ValueError(f"cross_entropy: logits must be (rows, classes), got {logits.shape}")
    if labels.dtype.name != "int64":
        raise TypeError(f"cross_entropy: labels are class numbers, int64, got {labels.dtype}; cast with .to(pe.int64)")
    if labels.shape != logits.shape[:1]:
        hint = ""
        if labels.shape == (logits.shape[0], 1):
            hint = f"; drop the last axis: labels.reshape({logits.shape[0]})"
        elif labels.shape == logits.shape:
            hint = "; for one-hot labels take their argmax"
        raise ValueError(
            f"cross_entropy: logits {logits.shape} need labels of shape ({logits.shape[0]},), got {labels.shape}{hint}"
        )
    loss = Spec((), logits.dtype)
    return [loss, logits] if attrs.get("with_grad") else [loss]


def _cross_entropy(k: Kernels, logits: Any, labels: Any, *, with_grad: bool = False) -> Any:
    loss, grad = k.cross_entropy(logits, labels, with_grad=with_grad)
    return (loss, grad), (grad, logits, labels)


def _vjp(k: Kernels, saved: Any, dloss: Any, dgrad: Any, *, needs: Sequence[bool], with_grad: bool = False) -> Any:
    grad, logits, labels = saved
    if grad is None:
        grad = k.cross_entropy(logits, labels, with_grad=True)[1]
    # where the loss is what backward() started from, its gradient is there already
    dlogits = None if dloss is None else grad if is_one(dloss) else k.mul(grad, dloss)
    if dgrad is not None:
        # the second output is itself (softmax(logits) - onehot) / n: its derivative is softmax's, over n
        y = k.softmax(logits)
        second = k.div(k.softmax_backward(dgrad, y), k.scalar(float(logits.shape[0]), dtype=dgrad.dtype))
        dlogits = second if dlogits is None else k.add(dlogits, second)
    return dlogits, None


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    passes = 2 if attrs.get("with_grad") else 1
    return 5 * size(specs[0].shape), passes * nbytes(specs[0]) + nbytes(specs[1])


CROSS_ENTROPY = Op("cross_entropy", _infer, _cross_entropy, _vjp, _cost, saves=(~1, 0, 1))

OPS = (CROSS_ENTROPY,)
