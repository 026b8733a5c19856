"""Telling tokens where they stand."""

import math

import numpy as np

from ..tape import located
from ..tensor import Tensor
from .functional import embedding, rotary_embedding
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


class RotaryPositions(Module):
    """Turns queries and keys by angles that grow with a token's position, so that their products depend on distances.

    features     how many features of a head are turned, an even number; those behind them stay
    max_length   the number of positions; ValueError for a sequence that goes further
    base         pair i of n turns by position · base^(-i / n): the first by a radian a token, the last hardly at all
    interleaved  pairs are neighbours, features 0 and 1, 2 and 3, …, as in the paper; else feature i and feature
                 features / 2 + i, as in GPT-NeoX and Llama. Weights that were trained with one pairing need that one

    Called with (…, tokens, features or more) it returns the same shape. Token t stands at position offset + t, or where
    `positions` says, int64 that broadcasts to (…, tokens): for sequences that do not begin together, (batch, 1, tokens)
    for queries (batch, heads, tokens, features). A turned key never changes when tokens follow, so a cache of keys
    holds turned ones. Values are not turned. Nothing is learned and nothing saved.

    J. Su and others, "RoFormer: Enhanced transformer with rotary position embedding" (2021), arXiv:2104.09864.

    >>> import pyengine as pe
    >>> from pyengine.nn.functional import scaled_dot_product_attention as attention
    >>> place, (q, k, v) = RotaryPositions(8), pe.randn(3, 1, 2, 5, 8)  # 2 heads, 5 tokens, 8 features
    >>> whole = attention(place(q), place(k), v, is_causal=True)
    >>> keys = pe.cat([place(k[:, :, :4]), place(k[:, :, 4:], offset=4)], dim=2)  # four in a cache, and the next one
    >>> step = attention(place(q[:, :, 4:], offset=4), keys, v)
    >>> pe.allclose(step, whole[:, :, 4:], atol=1e-6)
    True
    """

    cos: Tensor
    sin: Tensor

    def __init__(
        self, features: int, max_length: int = 5000, base: float = 10_000.0, interleaved: bool = False
    ) -> None:
        super().__init__()
        if features < 2 or features % 2 or max_length < 1:
            raise ValueError(
                f"RotaryPositions: features are turned in pairs, so their number is even, and max_length from 1 on; "
                f"not {features} and {max_length}"
            )
        if base <= 0:
            raise ValueError(f"RotaryPositions: base is a positive number, not {base}")
        self.features = features
        self.max_length = max_length
        self.base = base
        self.interleaved = interleaved
        angles = np.arange(max_length)[:, None] * base ** (-2 * np.arange(features // 2) / features)
        self.register_buffer("cos", Tensor(np.cos(angles).astype(np.float32)), persistent=False)
        self.register_buffer("sin", Tensor(np.sin(angles).astype(np.float32)), persistent=False)

    def forward(self, input: Tensor, offset: int = 0, positions: Tensor | None = None) -> Tensor:
        """(…, tokens, features or more) to the same shape."""
        if input.ndim < 2 or input.shape[-1] < self.features:
            raise located(
                ValueError(
                    f"RotaryPositions: takes (…, tokens, {self.features} features or more), not shape {input.shape}"
                )
            )
        cos, sin = self._at(offset, input.shape[-2]) if positions is None else self._of(positions, offset)
        if cos.dtype != input.dtype and input.dtype.kind == "f":
            cos, sin = cos.to(input.dtype), sin.to(input.dtype)
        return rotary_embedding(input, cos, sin, self.interleaved)

    def _at(self, offset: int, tokens: int) -> tuple[Tensor, Tensor]:
        if offset < 0 or offset + tokens > self.max_length:
            raise located(
                ValueError(
                    f"RotaryPositions: {tokens} tokens from position {offset} on do not lie within max_length, "
                    f"{self.max_length}; cut them, or make the module with a greater one"
                )
            )
        return self.cos[offset : offset + tokens], self.sin[offset : offset + tokens]

    def _of(self, positions: Tensor, offset: int) -> tuple[Tensor, Tensor]:
        if offset:
            raise located(ValueError("RotaryPositions: takes an offset or positions, not both; add them up"))
        try:
            return embedding(positions, self.cos), embedding(positions, self.sin)
        except IndexError as error:
            raise located(IndexError(str(error).replace("embedding:", "RotaryPositions:"))) from None

    def extra_repr(self) -> str:
        """The sizes, and which features are pairs."""
        pairing = ", interleaved=True" if self.interleaved else ""
        return f"{self.features}, max_length={self.max_length}, base={self.base}{pairing}"
