"""The fully connected layer."""

import math
from typing import Any

from .. import dtypes
from ..backend import Device
from ..ops.matmul import LINEAR
from ..random import uniform
from ..tape import apply
from ..tensor import Tensor
from .module import Module
from .parameter import Parameter


class Linear(Module):
    """y = x · weightᵀ + bias, for x of shape (..., in_features) and y of shape (..., out_features).

    weight  (out_features, in_features)
    bias    (out_features,), or None with bias=False

    Both start evenly drawn from ±1/√in_features by the default generator (`pe.manual_seed`): then the outputs of
    inputs of size 1 are of size 1 at most, however wide the layer (PyTorch starts its layers the same way).

    >>> import pyengine as pe
    >>> layer = Linear(64, 10)
    >>> layer(pe.zeros(32, 64)).shape
    (32, 10)
    >>> layer(pe.zeros(32, 8, 8))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: linear: input (32, 8, 8) and weight (10, 64): the input's last axis must be the weight's second \
(out_features, in_features). Flatten the input first: x.reshape(32, 64)
    in ...
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: "str | Device | None" = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__()
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ValueError(f"Linear: {name} is a number of features, an int from 1 on, not {size!r}")
        self.in_features = in_features
        self.out_features = out_features
        bound = 1.0 / math.sqrt(in_features)

        def drawn(*shape: int) -> Parameter:
            return Parameter(uniform(shape, -bound, bound, device=device, dtype=dtype))

        self.weight = drawn(out_features, in_features)
        self.bias = drawn(out_features) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        bias = self.bias
        return apply(LINEAR, (input, self.weight) if bias is None else (input, self.weight, bias))

    def extra_repr(self) -> str:
        """The sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
