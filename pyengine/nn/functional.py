"""Layers and losses as plain functions of tensors."""

from typing import Any

from ..creation import full
from ..ops.cross_entropy import CROSS_ENTROPY
from ..ops.elementwise import RELU
from ..ops.index import EMBEDDING
from ..ops.matmul import LINEAR
from ..ops.softmax import SOFTMAX
from ..tape import apply, located, state
from ..tensor import Tensor

_WITH_GRAD: dict[str, Any] = {"with_grad": True}


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input · weightᵀ + bias.

    input   (..., in_features)
    weight  (out_features, in_features)
    bias    (out_features,) or None
    Returns (..., out_features). ValueError where the sizes do not fit, TypeError where the dtypes differ.

    >>> import pyengine as pe
    >>> linear(pe.tensor([[1.0, 2.0]]), pe.tensor([[1.0, 1.0], [0.0, 3.0]]), pe.tensor([0.5, 0.0]))
    tensor([[3.5, 6. ]])
    """
    return apply(LINEAR, (input, weight) if bias is None else (input, weight, bias))


def relu(input: Tensor) -> Tensor:
    """max(x, 0) for each element.

    >>> import pyengine as pe
    >>> relu(pe.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return apply(RELU, (input,))


def softmax(input: Tensor, dim: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along the axis `dim`: positive, and summing to 1.

    >>> import pyengine as pe
    >>> softmax(pe.tensor([0.0, 0.0]))
    tensor([0.5, 0.5])
    """
    return apply(SOFTMAX, (input,), {"axis": dim})


def cross_entropy(input: Tensor, target: Tensor) -> Tensor:
    """The mean over rows of -log softmax(input)[target]: how surprised the model is by the right answers, in nats.

    input   (rows, classes) logits, the scores before any softmax, float32 or float64
    target  (rows,) class numbers in [0, classes), int64
    Returns a single number. ValueError where the shapes do not fit, a label is outside the classes, or the input comes
    out of a softmax already.

    Guessing evenly among 10 classes costs log(10):

    >>> import pyengine as pe
    >>> cross_entropy(pe.zeros(4, 10), pe.tensor([0, 3, 9, 3]))
    tensor(2.3025851)
    """
    if input.node is not None and input.node.op is SOFTMAX:
        raise located(
            ValueError(
                "cross_entropy: its input comes out of a softmax, and it takes the softmax itself; "
                "hand it the scores from before the softmax"
            )
        )
    # the gradient comes out of the same pass over the logits, so it is made now wherever backward() could ask for it
    if input.requires_grad and state.grad_enabled:
        return apply(CROSS_ENTROPY, (input, target), _WITH_GRAD)[0]
    return apply(CROSS_ENTROPY, (input, target))[0]


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """The rows of `weight` at the positions `input`.

    input        (...), int64, from 0 on
    weight       (rows, features)
    padding_idx  a row that is not learned: its gradient is 0; -1 is the last
    Returns (..., features). IndexError where there is no such row.

    >>> import pyengine as pe
    >>> embedding(pe.tensor([1, 0, 1]), pe.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    if padding_idx is not None and not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise IndexError(f"embedding: padding_idx {padding_idx} is outside of the {weight.shape[0]} rows")
    return apply(EMBEDDING, (weight, input), {"padding": padding_idx})


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """Class numbers as rows of zeros with a one: (...) int64 to (..., num_classes) int64.

    num_classes  by default one more than the largest number, for which the program waits until the data is there
    IndexError where a number is outside of the classes.

    >>> import pyengine as pe
    >>> one_hot(pe.tensor([2, 0]))
    tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    if num_classes < 0:
        num_classes = 1 + max(input.reshape(-1).detach().numpy().tolist(), default=-1)
    zeros = full((*input.shape, num_classes), 0, input.dtype, input.device)
    return zeros.scatter(-1, input.reshape(*input.shape, 1), 1)
