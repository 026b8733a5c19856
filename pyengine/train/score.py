"""How good a classifier is, in one call."""

from collections.abc import Callable, Iterator

from ..nn import Module
from ..nn.functional import cross_entropy
from ..tensor import Tensor
from .metrics import accuracy
from .trainer import Loader, Trainer


class Score(float):
    """An accuracy, from 0 to 1, which is a float and prints as one, and knows its loss.

    It serves both ways in which programs take the result of `evaluate`: as a number, `acc = …`, and unpacked,
    `loss, acc = …`.

    >>> acc = Score(loss=0.25, accuracy=0.875)
    >>> f"{acc:.2%}", acc > 0.8, acc.loss
    ('87.50%', True, 0.25)
    >>> loss, acc = Score(loss=0.25, accuracy=0.875)
    >>> loss, acc
    (0.25, 0.875)
    """

    loss: float

    def __new__(cls, loss: float, accuracy: float) -> "Score":
        """The float, with the loss as an attribute."""
        score = super().__new__(cls, accuracy)
        score.loss = loss
        return score

    def __reduce__(self) -> tuple[type["Score"], tuple[float, float]]:
        return Score, (self.loss, self.accuracy)

    @property
    def accuracy(self) -> float:
        """The number itself."""
        return float(self)

    def __iter__(self) -> Iterator[float]:
        return iter((self.loss, self.accuracy))

    def __repr__(self) -> str:
        return f"Score(loss={self.loss}, accuracy={self.accuracy})"

    __str__ = float.__repr__


def evaluate(model: Module, loader: Loader, loss_fn: Callable[[Tensor, Tensor], Tensor] = cross_entropy) -> Score:
    """The accuracy of a classifier on all batches of a loader, and its mean loss: `acc = …` or `loss, acc = …`.

    model    takes inputs to scores of shape (n, classes)
    loader   gives (inputs, labels), labels of shape (n,), such as a `DataLoader`
    loss_fn  of scores and labels, the mean over a batch
    The model is in evaluation mode meanwhile, and afterwards in the mode that it was in; no gradients are made.
    ValueError for a loader without batches, FloatingPointError for a loss that is infinite or NaN.

    >>> import pyengine as pe
    >>> from pyengine import nn
    >>> batches = [(pe.tensor([[2.0, 0.0], [0.0, 2.0]]), pe.tensor([0, 1]))]
    >>> acc = evaluate(nn.Identity(), batches)
    >>> print(f"accuracy {acc:.2%}")
    accuracy 100.00%
    >>> loss, acc = evaluate(nn.Identity(), batches)
    >>> print(f"loss {loss:.4f}")
    loss 0.1269
    """
    figures = Trainer(model, loss_fn, None, metrics={"accuracy": accuracy}).evaluate(loader)
    return Score(figures["loss"], figures["accuracy"])
