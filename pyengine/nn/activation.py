"""Activations: the bends between linear layers, without which a stack of them would be one linear layer."""

from ..ops.elementwise import RELU
from ..tape import apply
from ..tensor import Tensor
from .module import Module


class ReLU(Module):
    """max(x, 0) for each element; any shape.

    >>> import pyengine as pe
    >>> ReLU()(pe.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return apply(RELU, (input,))
