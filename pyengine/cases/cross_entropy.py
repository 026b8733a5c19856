"""Cases of softmax-cross-entropy."""

from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import int64
from .case import Call, Cases, Operand, Pick, Values, labels, real, wide, wrong
from .softmax import softmax_error


def _call(rows: int, classes: int, with_grad: bool, values: Values = real) -> Call:
    operands = (Operand((rows, classes), values), Operand((rows,), labels(classes), int64))
    return Call(operands, {"with_grad": with_grad})


def _draw(pick: Pick) -> Call:
    return _call(pick.length(1), pick.length(1), pick.flag(), pick.choice((real, wide)))


def _draw_op(pick: Pick) -> Call:
    return _call(pick.length(1), pick.length(1), pick.flag())


_LISTED = (
    _call(1000, 10, True),  # more than one block of rows
    _call(1000, 10, False),
    _call(5, 20_003, True),
    _call(4097, 3, True),
    _call(300, 1, True),  # one class: the loss is 0
    _call(3, 7, True, wide),
)


def _error(outputs: Any, logits: Array, target: Array, with_grad: bool = False) -> tuple[Any, ...]:
    # A row's loss is log Σ exp(a - max) - (a[label] - max): the two differences are rounded, the sum of c terms and exp
    # give a relative error of √c + 6 that log makes absolute, log and subtraction round once more. Then a mean of n.
    rows, classes = logits.shape
    shifted = logits - logits.max(axis=1, keepdims=True)
    picked = -shifted[np.arange(rows), target]
    spread = np.log(np.exp(shifted).sum(axis=1))
    loss = (np.sqrt(classes) + 6 + 2 * picked + 2 * spread).mean() + (np.sqrt(rows) + 2) * (spread + picked).mean()
    if not with_grad:
        return (loss, None)
    onehot = np.arange(classes) == target[:, None]
    y = np.abs(outputs[1] + onehot / rows)  # softmax / n; subtracting 1 and dividing by n round once each
    return (loss, softmax_error(y, logits) + onehot / rows + 2 * np.abs(outputs[1]))


def _torch_cross_entropy(torch: Any, logits: Any, target: Any, with_grad: bool = False) -> Any:
    loss = torch.nn.functional.cross_entropy(logits, target)
    if not with_grad:
        return loss, None
    onehot = torch.nn.functional.one_hot(target, logits.shape[1])
    return loss, (torch.softmax(logits, -1) - onehot) / logits.shape[0]


CROSS_ENTROPY_KERNEL = Cases("cross_entropy", _draw, _LISTED, error=_error, exact=False)
CROSS_ENTROPY = Cases(
    "cross_entropy",
    _draw_op,
    _LISTED,
    error=_error,
    exact=False,
    oracle=_torch_cross_entropy,
    mistake=wrong(((2, 3), "f4"), ((3,), "i8")),
)

KERNELS = (CROSS_ENTROPY_KERNEL,)
OPS = (CROSS_ENTROPY,)
