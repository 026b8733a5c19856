"""Cases of cross-entropy of every row."""

from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import int64
from .case import Call, Cases, Operand, Pick, Shape, Values, labels, probabilities, real, wrong
from .log_softmax import log_sum_error
from .softmax import softmax_error


def ignoring(classes: int) -> Values:
    """Class numbers and, one in four, -100, which is to be ignored."""

    def values(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
        return np.where(rng.random(shape) < 0.25, -100, rng.integers(0, classes, shape))

    return values


def _call(shape: Shape, kind: str, smoothing: float, with_grad: bool) -> Call:
    attrs: dict[str, Any] = {"label_smoothing": smoothing}
    if kind == "ignoring":
        attrs["ignore_index"] = -100
    if kind == "shares":
        target = Operand(shape, probabilities)
    else:
        values = labels(shape[-1]) if kind == "labels" else ignoring(shape[-1])
        target = Operand(shape[:-1], values, int64)
    rows = (Operand(shape[:-1]),) if with_grad else ()
    return Call((*rows, Operand(shape, real), target), attrs)


def _draw(with_grad: bool) -> Any:
    def draw(pick: Pick) -> Call:
        shape = pick.shape(least=1, least_length=1)
        kind, smoothing = pick.choice(("labels", "ignoring", "shares")), pick.choice((0.0, 0.25))
        return _call(shape, kind, smoothing, with_grad)

    return draw


def _listed(with_grad: bool) -> tuple[Call, ...]:
    shapes = ((1000, 10), (5, 20_003), (4097, 3), (300, 1), (2, 30, 40))
    kinds = ("labels", "ignoring", "shares")
    return tuple(
        _call(shape, kinds[(i + j) % 3], smoothing, with_grad)
        for i, shape in enumerate(shapes)
        for j, smoothing in enumerate((0.0, 0.1))
    )


def _shares(logits: Array, target: Array, e: float, ignore: int | None) -> Array:
    classes = logits.shape[-1]
    if target.dtype != np.int64:
        return (1 - e) * target + e / classes
    onehot = target[..., None] == np.arange(classes)
    return np.where((target != ignore)[..., None], (1 - e) * onehot + e / classes, 0)


def rows_error(
    outputs: Any, logits: Array, target: Array, label_smoothing: float = 0.0, ignore_index: int | None = None
) -> tuple[Array, Array]:
    """How far the losses and masses may be off."""
    # each term q·(log Σ exp - (a - max)) as in log_softmax; q is rounded three times, and n terms are summed
    classes = logits.shape[-1]
    q = _shares(logits, target, label_smoothing, ignore_index)
    distance = np.abs(logits - logits.max(axis=-1, keepdims=True))
    spread = np.log(np.exp(-distance).sum(axis=-1, keepdims=True))
    one = log_sum_error(spread, classes) + (2 * np.sqrt(classes) + 8) * (distance + spread)
    if target.dtype == np.int64:  # classes that are not the label's and rows that are ignored are not looked at
        one = np.where(q == 0, 0, one)
    return (q * one).sum(axis=-1), (2 * np.sqrt(classes) + 4) * q.sum(axis=-1)


def backward_error(
    outputs: Any,
    grad: Array,
    logits: Array,
    target: Array,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
) -> tuple[Array]:
    """How far the gradient may be off."""
    # softmax times its mass, minus q, times the gradient: each rounds
    q = _shares(logits, target, label_smoothing, ignore_index)
    y = np.exp(logits - logits.max(axis=-1, keepdims=True))
    y = y / y.sum(axis=-1, keepdims=True)
    mass = q.sum(axis=-1, keepdims=True)
    of_y = mass * (softmax_error(y, logits) + (2 * np.sqrt(q.shape[-1]) + 6) * y)
    return (np.where(mass == 0, 0, np.abs(grad)[..., None] * (of_y + 6 * q)),)


def _torch_shares(torch: Any, logits: Any, target: Any, e: float, ignore: int | None) -> Any:
    classes = logits.shape[-1]
    if target.dtype.is_floating_point:
        return (1 - e) * target + e / classes
    kept = torch.ones_like(target, dtype=torch.bool) if ignore is None else target != ignore
    onehot = torch.nn.functional.one_hot(torch.where(kept, target, 0), classes).to(logits.dtype)
    return ((1 - e) * onehot + e / classes) * kept.unsqueeze(-1)


def torch_rows(
    torch: Any, logits: Any, target: Any, label_smoothing: float = 0.0, ignore_index: int | None = None
) -> Any:
    """The losses and masses by torch."""
    q = _torch_shares(torch, logits, target, label_smoothing, ignore_index)
    mass = q.sum(-1)
    return -(q * torch.log_softmax(logits, -1)).sum(-1), mass if mass.requires_grad else mass + 0 * logits.sum(-1)


def _torch_backward(
    torch: Any, grad: Any, logits: Any, target: Any, label_smoothing: float = 0.0, ignore_index: int | None = None
) -> Any:
    q = _torch_shares(torch, logits, target, label_smoothing, ignore_index)
    return grad.unsqueeze(-1) * (q.sum(-1, keepdim=True) * torch.softmax(logits, -1) - q)


def _labelled(values: Values, shape: Shape) -> Call:
    attrs = {"ignore_index": -100}
    return Call((Operand(shape, values, int64), Operand((7,))), attrs)


CROSS_ENTROPY_ROWS = Cases(
    "cross_entropy_rows",
    _draw(False),
    _listed(False),
    error=rows_error,
    exact=False,
    oracle=torch_rows,
    mistake=wrong(((2, 3), "f4"), ((3,), "i8")),
)
CROSS_ENTROPY_ROWS_BACKWARD = Cases(
    "cross_entropy_rows_backward",
    _draw(True),
    _listed(True),
    error=backward_error,
    exact=False,
    oracle=_torch_backward,
    mistake=wrong(((3,), "f4"), ((2, 3), "f4"), ((2,), "i8")),
)
LABEL_WEIGHTS = Cases(
    "label_weights",
    lambda pick: _labelled(ignoring(7), pick.shape()),
    (_labelled(ignoring(7), (70_001,)), _labelled(labels(7), (3, 5))),
)

KERNELS = (CROSS_ENTROPY_ROWS, CROSS_ENTROPY_ROWS_BACKWARD, LABEL_WEIGHTS)
OPS = (CROSS_ENTROPY_ROWS, CROSS_ENTROPY_ROWS_BACKWARD)
