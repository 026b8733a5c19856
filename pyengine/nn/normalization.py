"""Normalisation: activations brought to one scale, so that deep stacks of layers train."""

from collections.abc import Sequence
from typing import Any

from .. import dtypes
from ..backend import Device
from ..creation import ones, zeros
from ..tensor import Tensor
from .functional import layer_norm, rms_norm
from .module import Module
from .parameter import Parameter


class LayerNorm(Module):
    """Each sample's features brought to mean 0 and variance 1, then scaled by weight and shifted by bias.

    normalized_shape    the lengths of the trailing axes that are normalised together; an int for the last one alone
    eps                 added to the variance, so that features that are all equal do no harm
    elementwise_affine  whether there are weight and bias, which start as 1 and 0
    bias                False leaves out the bias alone

    >>> import pyengine as pe
    >>> LayerNorm(4)(pe.tensor([[1.0, 2.0, 3.0, 4.0]]))
    tensor([[-1.3416355 , -0.44721183,  0.44721183,  1.3416355 ]], made by layer_norm)
    >>> LayerNorm((8, 8))(pe.zeros(32, 64))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: layer_norm: an input of shape (32, 64) does not end in (8, 8)
    in ...
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: "str | Device | None" = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__()
        shape = _lengths("LayerNorm", normalized_shape)
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = Parameter(ones(shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.bias = Parameter(zeros(shape, device=device, dtype=dtype)) if elementwise_affine and bias else None

    def forward(self, input: Tensor) -> Tensor:
        """(…, *normalized_shape) to the same shape."""
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The shape and what differs from the defaults."""
        affine = "" if self.elementwise_affine else ", elementwise_affine=False"
        return f"{self.normalized_shape}, eps={self.eps}{affine}"


class RMSNorm(Module):
    """Each sample's features divided by the root of their mean square, then scaled by weight.

    normalized_shape    the lengths of the trailing axes that are normalised together; an int for the last one alone
    eps                 added to the mean square; None for the distance from 1 to the next number of the input's dtype
    elementwise_affine  whether there is a weight, which starts as 1
    ValueError for lengths below 1.

    >>> import pyengine as pe
    >>> RMSNorm(4, eps=0.0)(pe.tensor([[1.0, -1.0, 1.0, -1.0], [2.0, 0.0, 0.0, 0.0]]))
    tensor([[ 1., -1.,  1., -1.],
            [ 2.,  0.,  0.,  0.]], made by rms_norm)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: "str | Device | None" = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__()
        shape = _lengths("RMSNorm", normalized_shape)
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = Parameter(ones(shape, device=device, dtype=dtype)) if elementwise_affine else None

    def forward(self, input: Tensor) -> Tensor:
        """(…, *normalized_shape) to the same shape."""
        return rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The shape and what differs from the defaults."""
        affine = "" if self.elementwise_affine else ", elementwise_affine=False"
        return f"{self.normalized_shape}, eps={self.eps}{affine}"


def _lengths(module: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or any(not isinstance(n, int) or n < 1 for n in shape):
        raise ValueError(f"{module}: normalized_shape is lengths of axes, each from 1 on, not {normalized_shape!r}")
    return shape
