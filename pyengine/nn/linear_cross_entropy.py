"""The cross-entropy of a linear layer's scores as one function of tensors."""

from ..ops.linear_cross_entropy import LINEAR_CROSS_ENTROPY
from ..tape import apply, located, state
from ..tensor import Tensor
from .loss_functions import renamed


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """`cross_entropy(linear(input, linear_weight, linear_bias), target)`, with the scores never all in memory.

    For the last layer of a language model: 4,096 tokens and 50,257 words make 824 MB of scores, and their gradient as
    much again. Here a block of tokens is finished before the next begins.

    input          (…, features), float32 or float64
    linear_weight  (classes, features), and linear_bias (classes,), of the input's dtype
    target         (…) class numbers in [0, classes), int64; those that are ignore_index count for nothing
    reduction      "mean" over the labels that count, or "sum"
    Returns a single number. ValueError where shapes do not fit or a label is outside the classes; TypeError for labels
    or parameters of another dtype. Second derivatives hold all scores in memory.

    >>> import pyengine as pe
    >>> linear_cross_entropy(pe.ones(2, 3), pe.zeros(10, 3), pe.tensor([4, 9]))
    tensor(2.3025851)
    """
    name = "linear_cross_entropy"
    if reduction not in ("mean", "sum"):
        hint = "; for the losses one by one take cross_entropy(linear(…), …)" if reduction == "none" else ""
        raise located(ValueError(f'{name}: reduction is "mean" or "sum", not {reduction!r}{hint}'))
    if not 0 <= label_smoothing <= 1:
        raise located(ValueError(f"{name}: label_smoothing is from 0 to 1, not {label_smoothing}"))
    if target.shape != input.shape[:-1]:
        raise located(ValueError(f"{name}: input {input.shape} needs labels {input.shape[:-1]}, got {target.shape}"))
    operands = [input, linear_weight, target] if linear_bias is None else [input, linear_weight, target, linear_bias]
    learned = any(t.requires_grad for t in operands) and state.grad_enabled
    if input.ndim != 2:
        operands[0], operands[2] = input.reshape(-1, input.shape[-1]), target.reshape(-1)
    attrs = {"label_smoothing": float(label_smoothing), "ignore_index": int(ignore_index), "with_grad": learned}
    try:
        total, mass, *_ = apply(LINEAR_CROSS_ENTROPY, operands, attrs)
    except ValueError as error:
        raise renamed(name, error) from None
    if reduction == "sum":
        return total
    # Each label that counts has mass 1. Of no labels the mean is 0 / 0, but nothing is to be learned from it: NaN as a
    # value, and no gradient.
    count = mass.detach()
    return total / count.clamp(min=0.5) + 0 * count / count
