"""loss = mean over rows of logsumexp(logits[n]) - logits[n, labels[n]], and its gradient (softmax - onehot) / n."""

import numpy as np

from ._common import Array, float_only, ieee
from .softmax import softmax

__all__ = ["cross_entropy"]


@ieee
def cross_entropy(
    logits: Array,
    labels: Array,
    with_grad: bool = False,
    out: tuple[Array, Array | None] | None = None,
) -> tuple[Array, Array | None]:
    float_only("cross_entropy", logits)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or labels.dtype != np.int64:
        raise ValueError(f"cross_entropy: logits {logits.shape} need int64 labels ({logits.shape[0]},)")
    rows, classes = logits.shape
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if bad.size:
        row = bad[0]
        raise ValueError(f"cross_entropy: labels[{row}] is {labels[row]}, outside the {classes} classes")
    shifted = logits - logits.max(axis=1, keepdims=True) if rows and classes else logits
    picked = shifted[np.arange(rows), labels]
    losses = np.log(np.exp(shifted).sum(axis=1)) - picked
    loss = np.asarray(losses.sum() / np.asarray(rows, losses.dtype), logits.dtype)
    grad = None
    if with_grad:
        grad = softmax(logits)
        grad[np.arange(rows), labels] -= 1
        grad /= max(rows, 1)
    if out is None:
        return loss, grad
    out[0][...] = loss
    if out[1] is not None and grad is not None:
        out[1][...] = grad
    return out
