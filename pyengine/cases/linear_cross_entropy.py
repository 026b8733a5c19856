"""Cases of the cross-entropy of a linear layer's scores."""

from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import int64
from .case import Call, Cases, Operand, Pick, labels, wrong
from .cross_entropy_rows import backward_error, ignoring, rows_error, torch_rows


def _call(
    rows: int, features: int, classes: int, bias: bool, smoothing: float = 0.0, some: bool = False, grad: bool = True
) -> Call:
    target = Operand((rows,), ignoring(classes) if some else labels(classes), int64)
    operands = (Operand((rows, features)), Operand((classes, features)), target, Operand((classes,)))
    attrs: dict[str, Any] = {"label_smoothing": smoothing, "with_grad": grad}
    if some:
        attrs["ignore_index"] = -100
    return Call(operands if bias else operands[:3], attrs)


def _draw(pick: Pick) -> Call:
    rows, features, classes = pick.length(most=9), pick.length(), pick.length(1)
    return _call(rows, features, classes, pick.flag(), pick.choice((0.0, 0.25)), pick.flag(), pick.flag())


_LISTED = (
    _call(300, 5, 20_003, False),  # several blocks of rows, the last one smaller
    _call(290, 8, 17_001, True, 0.1, True),
    _call(129, 3, 40_000, True, grad=False),
    _call(64, 33, 10, True),
    _call(1, 1, 1, False),
)


def _error(
    outputs: Any,
    x: Array,
    weight: Array,
    target: Array,
    bias: Array | None = None,
    with_grad: bool = False,
    **attrs: Any,
) -> tuple[Array | None, ...]:
    # A score is a product and a sum. The loss moves by at most twice the largest move of its row's scores, softmax by
    # twice that of itself. To this come the errors of the kernels behind, and those of the sums over rows and classes.
    x, weight = np.abs(x), np.abs(weight)
    scores = x @ weight.T if bias is None else x @ weight.T + np.abs(bias)
    moved = (2 * np.sqrt(x.shape[1]) + 1) * scores.max(axis=1, initial=0)
    losses, masses = rows_error(None, scores, target, **attrs)
    rows = len(target)
    total = (losses + 2 * moved).sum() + 2 * np.sqrt(rows) * (2 * scores.max(axis=1, initial=0) + 12).sum()
    mass = masses.sum() + 2 * np.sqrt(rows) * rows
    if not with_grad:
        return (total, mass, None, None, None)[: 4 + (bias is not None)]
    (slopes,) = backward_error(None, np.ones(rows), scores, target, **attrs)
    slopes = slopes + 2 * moved[:, None] + 2 * np.sqrt(max(rows, len(weight)))
    found = total, mass, slopes @ weight, slopes.T @ x
    return found if bias is None else (*found, slopes.sum(axis=0))


def _oracle(
    torch: Any, x: Any, weight: Any, target: Any, bias: Any = None, with_grad: bool = False, **attrs: Any
) -> Any:
    scores = torch.nn.functional.linear(x, weight, bias)
    losses, mass = torch_rows(torch, scores, target, **attrs)
    if not with_grad:
        return (losses.sum(), mass.sum(), None, None, None)[: 4 + (bias is not None)]
    leaves = (x, weight) if bias is None else (x, weight, bias)
    return losses.sum(), mass.sum(), *torch.autograd.grad(losses.sum(), leaves, create_graph=True)


LINEAR_CROSS_ENTROPY = Cases(
    "linear_cross_entropy",
    _draw,
    _LISTED,
    error=_error,
    exact=False,
    oracle=_oracle,
    mistake=wrong(((2, 3), "f4"), ((5, 3), "f4"), ((3,), "i8")),
)

KERNELS = ()
OPS = (LINEAR_CROSS_ENTROPY,)
