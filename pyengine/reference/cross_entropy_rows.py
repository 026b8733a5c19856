"""Cross-entropy of every row with label smoothing, ignored labels, and probabilities as targets.

With e = label_smoothing, q[j] = (1 - e) · target[j] + e / classes, target as one-hot where it is class numbers; a row's
loss is Σ q[j] · (logsumexp(logits) - logits[j]).
"""

import numpy as np

from ._common import Array, float_only, ieee, last_axis, result, results, same_dtype
from .softmax import softmax

__all__ = ["cross_entropy_rows", "cross_entropy_rows_backward", "label_weights"]


@ieee
def cross_entropy_rows(
    logits: Array,
    target: Array,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    q, kept = _shares(logits, target, label_smoothing, ignore_index)
    shifted = logits - logits.max(axis=-1, keepdims=True, initial=-np.inf)
    terms = q * (np.log(np.exp(shifted).sum(axis=-1, keepdims=True)) - shifted)
    if target.dtype == np.int64 and label_smoothing == 0:
        terms = np.where(q == 0, logits.dtype.type(0), terms)  # a logit of -inf elsewhere is no matter
    losses = np.where(kept, terms.sum(axis=-1), logits.dtype.type(0))
    return results((losses, q.sum(axis=-1)), out)


@ieee
def cross_entropy_rows_backward(
    grad: Array,
    logits: Array,
    target: Array,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    out: Array | None = None,
) -> Array:
    same_dtype("cross_entropy_rows_backward", grad, logits)
    if grad.shape != logits.shape[:-1]:
        raise ValueError(f"cross_entropy_rows_backward: {logits.shape} needs one gradient a row, got {grad.shape}")
    q, kept = _shares(logits, target, label_smoothing, ignore_index)
    dlogits = grad[..., None] * (q.sum(axis=-1, keepdims=True) * softmax(logits) - q)
    return result(np.where(kept[..., None], dlogits, logits.dtype.type(0)), out)


def label_weights(labels: Array, weight: Array, ignore_index: int | None = None, out: Array | None = None) -> Array:
    float_only("label_weights", weight)
    if labels.dtype != np.int64:
        raise TypeError(f"label_weights: labels are int64, not {labels.dtype}")
    if weight.ndim != 1:
        raise ValueError(f"label_weights: each class has one weight, got {weight.shape}")
    kept = _kept("label_weights", labels, weight.shape[0], ignore_index)
    if not weight.size:
        return result(np.zeros(labels.shape, weight.dtype), out)
    return result(np.where(kept, weight[np.where(kept, labels, 0)], weight.dtype.type(0)), out)


def _kept(kernel: str, labels: Array, classes: int, ignore: int | None) -> Array:
    """Which labels are not ignored; these must be classes."""
    kept = np.ones(labels.shape, np.bool_) if ignore is None else np.asarray(labels != ignore)
    bad = np.flatnonzero(kept & ((labels < 0) | (labels >= classes)))
    if bad.size:
        label = labels.flat[bad[0]]
        raise ValueError(f"{kernel}: labels[{bad[0]}] is {label}, outside the {classes} classes")
    return kept


def _shares(logits: Array, target: Array, smoothing: float, ignore: int | None) -> tuple[Array, Array]:
    """q, and which rows are not ignored."""
    float_only("cross_entropy_rows", logits)
    last_axis("cross_entropy_rows", logits)
    classes = logits.shape[-1]
    numbered = target.dtype == np.int64
    if not numbered:
        same_dtype("cross_entropy_rows", logits, target)
    if target.shape != (logits.shape[:-1] if numbered else logits.shape):
        raise ValueError(f"cross_entropy_rows: logits {logits.shape} do not go with a target {target.shape}")
    kept, shares = np.ones(logits.shape[:-1], np.bool_), target
    if numbered:
        kept = _kept("cross_entropy_rows", target, classes, ignore)
        shares = (target[..., None] == np.arange(classes)).astype(logits.dtype)
    q = logits.dtype.type(1 - smoothing) * shares + logits.dtype.type(smoothing / max(classes, 1))
    return np.where(kept[..., None], q, logits.dtype.type(0)), kept
