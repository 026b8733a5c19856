"""Losses: one number that says how wrong a guess is."""

from ..tensor import Tensor
from .functional import cross_entropy
from .module import Module


class CrossEntropyLoss(Module):
    """The loss of a classifier, from logits and class numbers; see `functional.cross_entropy`.

    >>> import pyengine as pe
    >>> logits = pe.tensor([[9.0, 0.0], [0.0, 9.0]])
    >>> round(CrossEntropyLoss()(logits, pe.tensor([0, 1])).item(), 5)
    0.00012
    >>> CrossEntropyLoss()(logits, pe.tensor([0, 2]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: cross_entropy: labels[1] is 2, outside the 2 classes
    in ...
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Logits (rows, classes) and class numbers (rows,) to a single number."""
        return cross_entropy(input, target)
