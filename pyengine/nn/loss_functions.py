"""Losses as functions of tensors; `functional` shows them beside the layers.

All take `reduction`: "mean" (the default), "sum", or "none" for the losses one by one.
"""

from typing import Any

from ..backend import Kernels
from ..ops import Op
from ..ops.cross_entropy import CROSS_ENTROPY
from ..ops.cross_entropy_rows import CROSS_ENTROPY_ROWS
from ..ops.extremum import TAKE_LAST
from ..ops.log_softmax import LOG_SOFTMAX
from ..ops.losses import BCE_WITH_LOGITS, BINARY_CROSS_ENTROPY, HUBER
from ..ops.op import size
from ..ops.softmax import SOFTMAX
from ..ops.unary import SIGMOID
from ..tape import apply, kernels_of, located, state, wrap
from ..tensor import Tensor

_WITH_GRAD: dict[str, Any] = {"with_grad": True}


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The mean over rows of -log softmax(input)[target]: how surprised the model is by the right answers, in nats.

    input            (rows, classes) logits, the scores before any softmax, float32 or float64; or (classes,), or
                     (rows, classes, d1, …) with one row for each position
    target           class numbers in [0, classes), int64, of the input's shape without the classes; or probabilities,
                     of the input's shape and dtype
    weight           (classes,) how much each class counts. A mean divides by the weights of the targets
    ignore_index     labels of this number count for nothing
    label_smoothing  e: the part of each target, from 0 to 1, that is spread evenly over all classes (C. Szegedy and
                     others, 2015, arXiv:1512.00567)
    Returns a single number, or with reduction="none" one for each row. ValueError where the shapes do not fit, a label
    is outside the classes, or the input comes out of a softmax already; TypeError for labels of another dtype.

    Guessing evenly among 10 classes costs log(10):

    >>> import pyengine as pe
    >>> cross_entropy(pe.zeros(4, 10), pe.tensor([0, 3, 9, 3]))
    tensor(2.3025851)
    >>> cross_entropy(pe.tensor([[2.0, 0.0], [0.0, 0.0]]), pe.tensor([0, -100]), reduction="none")
    tensor([0.12692805, 0.        ])
    """
    _refuse_after("cross_entropy", input, SOFTMAX, "it takes the softmax itself; hand it the scores from before")
    if not isinstance(target, Tensor):
        raise located(
            TypeError(f"cross_entropy: the target is a {type(target).__name__}; make it a tensor: pe.tensor(…)")
        )
    plain = weight is None and not label_smoothing and reduction == "mean" and ignore_index < 0
    if plain and input.data.ndim == 2 and (target.data.ndim == 1 or not _are_probabilities(input, target)):
        try:
            # the gradient comes out of the same pass over the logits, so it is made now wherever backward() could ask
            if input.requires_grad and state.grad_enabled:
                return apply(CROSS_ENTROPY, (input, target), _WITH_GRAD)[0]
            return apply(CROSS_ENTROPY, (input, target))[0]
        except ValueError:
            if target.shape != input.shape[:1]:
                raise
        # a label outside the classes: to be ignored, perhaps
    return _full_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """The mean over rows of -input[target], for an input of log-probabilities, such as log_softmax makes.

    input   (rows, classes), (classes,) or (rows, classes, d1, …), float32 or float64
    target  class numbers in [0, classes), int64, of the input's shape without the classes
    weight, ignore_index, reduction and errors (ValueError, TypeError) are those of `cross_entropy`.

    >>> import pyengine as pe
    >>> logits = pe.tensor([[1.0, 2.0, 0.5]])
    >>> nll_loss(log_softmax(logits, 1), pe.tensor([1])).item() == cross_entropy(logits, pe.tensor([1])).item()
    True
    """
    _refuse_after("nll_loss", input, SOFTMAX, "it takes log-probabilities; use log_softmax instead, or cross_entropy")
    rows = _classes_last("nll_loss", input, target, weight)
    k = kernels_of(input.device)
    counts = _label_weights("nll_loss", k, rows, target, weight, ignore_index)
    kept = counts if weight is None else _label_weights("nll_loss", k, rows, target, None, ignore_index)
    safe = k.mul(target.data, k.copy(kept, target.dtype))  # 0 in place of what is ignored
    per_row = wrap(counts, input.device)
    losses = -(apply(TAKE_LAST, (rows, wrap(safe, input.device))) * per_row)
    return reduced("nll_loss", losses, reduction, per_row)


def log_softmax(input: Tensor, dim: int = -1) -> Tensor:
    """log(softmax(input)) along the axis `dim`, right also where the softmax itself would be 0.

    >>> import pyengine as pe
    >>> log_softmax(pe.tensor([0.0, 200.0]))
    tensor([-200.,    0.])
    """
    return apply(LOG_SOFTMAX, (input,), {"axis": dim})


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """The mean of (input - target)², for two tensors of one shape.

    ValueError for other shapes or an unknown reduction, TypeError for other dtypes.

    >>> import pyengine as pe
    >>> mse_loss(pe.tensor([1.0, 2.0]), pe.tensor([1.0, 5.0]))
    tensor(4.5)
    >>> mse_loss(pe.zeros(8, 1), pe.zeros(8))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: mse_loss: input (8, 1) and target (8,) differ in shape; reshape the target to (8, 1)
    in ...
    """
    return reduced("mse_loss", _difference("mse_loss", input, target).square(), reduction)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """The mean of |input - target|, for two tensors of one shape. Where they are equal its gradient is 0.

    ValueError for other shapes or an unknown reduction, TypeError for other dtypes.

    >>> import pyengine as pe
    >>> l1_loss(pe.tensor([1.0, 2.0]), pe.tensor([1.0, 5.0]))
    tensor(1.5)
    """
    difference = _difference("l1_loss", input, target)
    return reduced("l1_loss", difference.relu() + (-difference).relu(), reduction)


def huber_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """The mean of d²/2 for distances d = |input - target| up to `delta`, delta · (d - delta/2) beyond.

    Quadratic near the target and linear far off, so that outliers pull with a force of at most delta (P. Huber, "Robust
    Estimation of a Location Parameter", 1964). Two tensors of one shape,
    ValueError for others and for a delta that is not above 0, TypeError for integers.

    >>> import pyengine as pe
    >>> huber_loss(pe.tensor([0.5, 3.0]), pe.zeros(2), reduction="none")
    tensor([0.125, 2.5  ])
    """
    if not delta > 0:
        raise located(ValueError(f"huber_loss: delta is a distance greater than 0, not {delta}"))
    losses = apply(HUBER, (_difference("huber_loss", input, target),), {"delta": float(delta)})
    return reduced("huber_loss", losses, reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """The Huber loss divided by its delta, here `beta`: the l1 loss with its kink rounded off within ±beta.

    Two tensors of one shape, ValueError for others and for a negative beta, TypeError for integers.

    >>> import pyengine as pe
    >>> smooth_l1_loss(pe.tensor([0.5, 3.0]), pe.zeros(2), reduction="none", beta=2.0)
    tensor([0.0625, 2.    ])
    """
    if not beta >= 0:
        raise located(ValueError(f"smooth_l1_loss: beta is a distance, from 0 on, not {beta}"))
    difference = _difference("smooth_l1_loss", input, target)
    if beta == 0:
        return reduced("smooth_l1_loss", difference.relu() + (-difference).relu(), reduction)
    return reduced("smooth_l1_loss", apply(HUBER, (difference,), {"delta": float(beta)}) / beta, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The mean of -log of the probability sigmoid(input) or 1 - sigmoid(input) that the model gives to what is true.

    input       logits of any shape, float32 or float64
    target      of the same shape and dtype: 1 for true, 0 for false, or a probability
    weight      how much each element counts; broadcast to the input
    pos_weight  how much a true one counts, against 1 for a false one; broadcast to the input, such as (classes,)
    ValueError where the shapes do not fit, TypeError where the dtypes differ.

    >>> import pyengine as pe
    >>> binary_cross_entropy_with_logits(pe.tensor([0.0, -9.0]), pe.tensor([1.0, 1.0]), reduction="none")
    tensor([0.6931472, 9.000123 ])
    """
    name = "binary_cross_entropy_with_logits"
    _refuse_after(name, input, SIGMOID, "it takes the sigmoid itself; hand it the scores from before")
    _check_shapes(name, input, target)
    if pos_weight is None:
        pos_weight = wrap(kernels_of(input.device).scalar(1.0, input.dtype), input.device)
    losses: Tensor = apply(BCE_WITH_LOGITS, (input, target, pos_weight))
    if losses.shape != input.shape:
        error = f"{name}: pos_weight {pos_weight.shape} does not broadcast to the input, {input.shape}"
        raise located(ValueError(error))
    return reduced(name, losses if weight is None else losses * weight, reduction)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """The mean of -log of the probability, `input` or 1 - input, that the model gives to what is true.

    input   probabilities of any shape, such as a sigmoid's, float32 or float64
    target  of the same shape and dtype: 1 for true, 0 for false, or a probability
    weight  how much each element counts; broadcast to the input
    A logarithm counts as -100 at least. ValueError where the shapes do not fit or the input is outside [0, 1],
    TypeError where the dtypes differ. `binary_cross_entropy_with_logits` is more exact, and quicker than a sigmoid
    before this.

    >>> import pyengine as pe
    >>> binary_cross_entropy(pe.tensor([0.5, 0.0]), pe.tensor([1.0, 1.0]), reduction="none")
    tensor([  0.6931472, 100.       ])
    """
    name = "binary_cross_entropy"
    _check_shapes(name, input, target)
    if ((input < 0) | (input > 1)).any():
        raise located(ValueError(f"{name}: an input is outside [0, 1]; for logits use {name}_with_logits"))
    losses: Tensor = apply(BINARY_CROSS_ENTROPY, (input, target))
    return reduced(name, losses if weight is None else losses * weight, reduction)


def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """The mean of target · (log target - input): how far the distribution `target` is from exp(input).

    input       log-probabilities, such as log_softmax makes, float32 or float64
    target      probabilities of the same shape and dtype, or with log_target their logarithms; 0 · log 0 is 0
    reduction   besides the usual ones "batchmean": the sum divided by the length of the first axis, which is the
                divergence itself where the last axis holds the classes
    ValueError where the shapes differ, TypeError where the dtypes do.
    S. Kullback and R. A. Leibler, "On information and sufficiency" (1951).

    >>> import pyengine as pe
    >>> kl_div(pe.tensor([[0.5, 0.5]]).log(), pe.tensor([[1.0, 0.0]]), reduction="batchmean")
    tensor(0.6931472)
    """
    _check_shapes("kl_div", input, target)
    if log_target:
        losses = target.exp() * (target - input)
    else:
        none = target == 0
        losses = target * (target.masked_fill(none, 1.0).log() - input)
        losses = losses.masked_fill(none, 0.0)
    if reduction == "batchmean":
        return losses.sum() / (input.shape[0] if input.ndim else 1)
    return reduced("kl_div", losses, reduction)


# --- what they share


def _are_probabilities(input: Tensor, target: Tensor) -> bool:
    return target.dtype.kind == "f" and target.shape == input.shape


def _refuse_after(name: str, input: Tensor, op: Op, why: str) -> None:
    """ValueError where `op` was applied before a loss that must not come after it. Only a tracked tensor tells."""
    if input.node is not None and input.node.op is op:
        raise located(ValueError(f"{name}: its input comes out of a {op.name}, and {why}"))


def _classes_last(name: str, input: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """The input as rows of classes, the last axis; refuses a target or weight that does not fit."""
    shape = input.shape
    if not shape:
        raise located(ValueError(f"{name}: logits are (rows, classes), got {shape}"))
    axis = 1 if len(shape) > 1 else 0
    rows = shape[:axis] + shape[axis + 1 :]
    if not _are_probabilities(input, target):
        if target.dtype.name != "int64":
            raise located(
                TypeError(
                    f"{name}: labels are class numbers, int64, got {target.dtype}; cast with .to(pe.int64). "
                    f"Probabilities have the input's shape, {shape}"
                )
            )
        if target.shape != rows:
            kind = (
                "(classes,)" if len(shape) == 1 else "(rows, classes)" if len(shape) == 2 else "(rows, classes, d1, …)"
            )
            hint = "; several rows are (rows, classes)" if len(shape) == 1 else ""
            raise located(
                ValueError(f"{name}: an input {kind} of shape {shape} needs labels {rows}, got {target.shape}{hint}")
            )
    if weight is not None and (weight.shape != (shape[axis],) or weight.dtype != input.dtype):
        found = f"{weight.dtype}{weight.shape}"
        raise located(
            ValueError(f"{name}: {shape[axis]} classes need a weight {input.dtype}({shape[axis]},), got {found}")
        )
    order = (*(i for i in range(len(shape)) if i != axis), axis)
    return input if axis == len(shape) - 1 else input.permute(order)


def _label_weights(name: str, k: Kernels, rows: Tensor, target: Tensor, weight: Tensor | None, ignore: int) -> Any:
    """The weight of each label as an array, 0 where ignored."""
    weights = k.full((rows.shape[-1],), 1.0, rows.dtype) if weight is None else weight.data
    try:
        return k.label_weights(target.data, weights, ignore_index=ignore)
    except ValueError as error:
        raise renamed(name, error) from None


def renamed(name: str, error: ValueError) -> Exception:
    """A kernel's complaint about a label, in the name of the loss."""
    return located(ValueError(f"{name}:{str(error).partition(':')[2]}"))


def _full_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore: int, reduction: str, smoothing: float
) -> Tensor:
    if not 0 <= smoothing <= 1:
        raise located(ValueError(f"cross_entropy: label_smoothing is from 0 to 1, not {smoothing}"))
    rows = _classes_last("cross_entropy", input, target, weight)
    if _are_probabilities(input, target):
        return _of_probabilities(
            rows, _classes_last("cross_entropy", target, target, None), weight, reduction, smoothing
        )
    smooth = 0.0 if weight is not None else float(smoothing)
    try:
        losses, kept = apply(
            CROSS_ENTROPY_ROWS, (rows, target), {"label_smoothing": smooth, "ignore_index": int(ignore)}
        )
    except ValueError as error:
        raise renamed("cross_entropy", error) from None
    counts: Tensor = kept.detach()
    if weight is not None:
        k = kernels_of(input.device)
        counts = wrap(_label_weights("cross_entropy", k, rows, target, weight, ignore), input.device)
        losses = losses * counts
        if smoothing:
            even = -(log_softmax(rows) * weight).sum(-1) * kept.detach()
            losses = losses * (1.0 - smoothing) + even * (smoothing / rows.shape[-1])
    return reduced("cross_entropy", losses, reduction, counts)


def _of_probabilities(rows: Tensor, shares: Tensor, weight: Tensor | None, reduction: str, smoothing: float) -> Tensor:
    if smoothing:
        shares = shares * (1.0 - smoothing) + smoothing / rows.shape[-1]
    if weight is not None:
        shares = shares * weight
    return reduced("cross_entropy", apply(CROSS_ENTROPY_ROWS, (rows, shares))[0], reduction)


def reduced(name: str, losses: Tensor, reduction: str, counts: Tensor | None = None) -> Tensor:
    """The mean (over `counts`, where elements count differently) or sum of the losses, or as they are."""
    if reduction == "mean":
        return losses.sum() / (size(losses.shape) or float("nan")) if counts is None else losses.sum() / counts.sum()
    if reduction == "sum":
        return losses.sum()
    if reduction != "none":
        raise located(ValueError(f'{name}: reduction is "mean", "sum" or "none", not {reduction!r}'))
    return losses


def _check_shapes(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape == target.shape:
        return
    hint = f"; reshape the target to {input.shape}" if size(input.shape) == size(target.shape) else ""
    raise located(ValueError(f"{name}: input {input.shape} and target {target.shape} differ in shape{hint}"))


def _difference(name: str, input: Tensor, target: Tensor) -> Tensor:
    _check_shapes(name, input, target)
    if input.dtype.kind != "f" or input.dtype.itemsize < 4:
        raise located(
            TypeError(f"{name}: computes in float32 or float64, not {input.dtype}; cast with .to(pe.float32)")
        )
    return input - target
