"""Telling tokens where they stand."""

import math

import numpy as np

from ..tape import located
from ..tensor import Tensor
from .module import Module


class SinusoidalPositions(Module):
    """Adds to each token where it stands: sines and cosines of its place, of wavelengths from 2π to 20,000π.

    features    of a token; even and odd ones are sines and cosines of one wavelength each
    max_length  the longest sequence; ValueError for one that is longer
    (…, tokens, features) to the same shape. Nothing is learned and nothing saved.

    A. Vaswani and others, "Attention is all you need" (2017), section 3.5.

    >>> import pyengine as pe
    >>> SinusoidalPositions(4)(pe.zeros(2, 4))
    tensor([[0.        , 1.        , 0.        , 1.        ],
            [0.84147096, 0.5403023 , 0.00999983, 0.99995   ]])
    """

    table: Tensor

    def __init__(self, features: int, max_length: int = 5000) -> None:
        super().__init__()
        if features < 1 or max_length < 1:
            raise ValueError(f"SinusoidalPositions: sizes are from 1 on, not {features} and {max_length}")
        self.features = features
        self.max_length = max_length
        rates = np.exp(-math.log(10_000.0) * 2 * np.arange((features + 1) // 2) / features)
        angles = np.arange(max_length)[:, None] * rates
        table = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(max_length, -1)[:, :features]
        self.register_buffer("table", Tensor(table.astype(np.float32)), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """(…, tokens, features) to the same shape."""
        if input.ndim < 2 or input.shape[-1] != self.features:
            raise located(
                ValueError(f"SinusoidalPositions: takes (…, tokens, {self.features}), not of shape {input.shape}")
            )
        tokens = input.shape[-2]
        if tokens > self.max_length:
            raise located(
                ValueError(
                    f"SinusoidalPositions: a sequence of {tokens} tokens is longer than max_length, {self.max_length}; "
                    f"cut it, or make the module with a greater one"
                )
            )
        return input + self.table[:tokens]

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.features}, max_length={self.max_length}"
