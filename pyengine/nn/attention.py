"""Attention with several heads: each token looks at others, and takes a mean of what it finds there."""

import math
from typing import Any

from .. import dtypes
from ..backend import Device
from ..creation import empty, zeros
from ..tape import located, require_tensors
from ..tensor import Tensor
from .attention_function import attend
from .attention_mask import causal, joined_mask, masked_softmax
from .functional import dropout, linear
from .init import xavier_uniform_
from .linear import Linear
from .module import Module
from .parameter import Parameter


class MultiheadAttention(Module):
    """softmax(q·kᵀ / √d)·v in `num_heads` parts of the features at once, between linear layers; names are PyTorch's.

    embed_dim    features of the queries and of the output, a multiple of num_heads; d = embed_dim / num_heads
    dropout      the probability that a weight is left out, in training
    bias         whether the four linear layers have one
    kdim, vdim   features of keys and values, where they differ
    batch_first  (batch, tokens, features) instead of (tokens, batch, features)

    Called with query (T, N, E), key (S, N, kdim) and value (S, N, vdim), or without the axis N, it returns the output
    (T, N, E) and the weights (N, T, S), the mean over heads. need_weights=False returns None for these and is quicker;
    average_attn_weights=False gives (N, heads, T, S).

    key_padding_mask  (N, S): bools, True for keys that only fill up, or floats that are added to the scores
    attn_mask         (T, S) or (N · heads, T, S), likewise: True where a query must not look
    is_causal         no query looks at later keys, with attn_mask or without
    A query that may look at nothing gets zeros for a mean, not NaN. ValueError where shapes do not fit.

    A. Vaswani and others, "Attention is all you need" (2017).

    >>> import pyengine as pe
    >>> attention = MultiheadAttention(16, num_heads=4, batch_first=True)
    >>> x = pe.zeros(2, 5, 16)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape
    ((2, 5, 16), (2, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: "str | Device | None" = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__()
        if embed_dim < 1 or num_heads < 1 or embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: embed_dim is divided among the heads, so it must be a multiple of num_heads; "
                f"{embed_dim} is none of {num_heads}"
            )
        if not 0 <= dropout <= 1:
            raise ValueError(f"MultiheadAttention: dropout is a probability, from 0 to 1, not {dropout}")
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim

        def drawn(*shape: int) -> Parameter:
            return Parameter(xavier_uniform_(empty(*shape, device=device, dtype=dtype)))

        same = self.kdim == self.vdim == embed_dim
        self.in_proj_weight = drawn(3 * embed_dim, embed_dim) if same else None
        self.q_proj_weight = None if same else drawn(embed_dim, embed_dim)
        self.k_proj_weight = None if same else drawn(embed_dim, self.kdim)
        self.v_proj_weight = None if same else drawn(embed_dim, self.vdim)
        self.in_proj_bias = Parameter(zeros(3 * embed_dim, device=device, dtype=dtype)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, device, dtype)
        if self.out_proj.bias is not None:
            self.out_proj.bias = Parameter(zeros(embed_dim, device=device, dtype=dtype))

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Queries, keys and values to the output, and the weights or None."""
        self._check(query, key, value)
        single = query.ndim == 2
        if single:
            key_padding_mask = (
                None if key_padding_mask is None else key_padding_mask.reshape(1, *key_padding_mask.shape)
            )
        q, k, v = (self._heads(x, single) for x in self._projected(query, key, value))
        batch, _, queries, _ = q.shape
        keys = k.shape[2]
        name = "MultiheadAttention"
        if not need_weights:
            mask = joined_mask(name, self.num_heads, (batch, queries, keys), q.dtype, attn_mask, key_padding_mask)
            if mask is not None and mask.dtype == dtypes.bool_:
                mask = ~mask  # there True means that a key takes part
            out = attend(q, k, v, mask, self.dropout if self.training else 0.0, is_causal and attn_mask is None)
            return linear(self._merged(out, single), self.out_proj.weight, self.out_proj.bias), None
        if is_causal and attn_mask is None:
            attn_mask = causal(queries, keys, query.device)
        mask = joined_mask(name, self.num_heads, (batch, queries, keys), q.dtype, attn_mask, key_padding_mask)
        weights = masked_softmax((q * (1.0 / math.sqrt(q.shape[-1]))) @ k.mT, mask)
        out = self._merged(dropout(weights, self.dropout, self.training) @ v, single)
        out = linear(out, self.out_proj.weight, self.out_proj.bias)
        seen = weights.mean(1) if average_attn_weights else weights
        return out, seen[0] if single else seen

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        require_tensors("MultiheadAttention", query, key, value)
        wanted = {"query": self.embed_dim, "key": self.kdim, "value": self.vdim}
        for (name, features), tensor in zip(wanted.items(), (query, key, value), strict=True):
            if tensor.ndim not in (2, 3) or tensor.ndim != query.ndim or tensor.shape[-1] != features:
                shape = "(batch, tokens, features)" if self.batch_first else "(tokens, batch, features)"
                raise located(
                    ValueError(
                        f"MultiheadAttention: the {name} is {shape} with {features} features, or without the batch as "
                        f"the query is, not {tensor.shape}"
                    )
                )
        along = 1 - int(self.batch_first)
        if key.shape[:-1] != value.shape[:-1] or (query.ndim == 3 and query.shape[along] != key.shape[along]):
            raise located(
                ValueError(
                    f"MultiheadAttention: query {query.shape}, key {key.shape} and value {value.shape}: keys and "
                    f"values come in pairs, and all are of one batch"
                )
            )

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Queries, keys and values, each (…, embed_dim); in one product where they are made of the same."""
        bias = self.in_proj_bias
        n = self.embed_dim
        if self.in_proj_weight is not None and query is key and key is value:
            whole = linear(query, self.in_proj_weight, bias)
            return [whole[..., i * n : (i + 1) * n] for i in range(3)]
        if self.in_proj_weight is not None:
            weights = [self.in_proj_weight[i * n : (i + 1) * n] for i in range(3)]
        else:
            weights = [w for w in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight) if w is not None]
        biases = [None if bias is None else bias[i * n : (i + 1) * n] for i in range(3)]
        return [linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]

    def _heads(self, x: Tensor, single: bool) -> Tensor:
        """(tokens, batch, embed_dim), in the module's order of axes, to (batch, heads, tokens, d)."""
        if single:
            x = x.reshape(1, *x.shape)
        split = x.reshape(*x.shape[:2], self.num_heads, self.embed_dim // self.num_heads)
        return split.permute(0, 2, 1, 3) if self.batch_first or single else split.permute(1, 2, 0, 3)

    def _merged(self, x: Tensor, single: bool) -> Tensor:
        """The way back: (batch, heads, tokens, d) to (tokens, batch, embed_dim) in the module's order."""
        split = x.permute(0, 2, 1, 3) if self.batch_first or single else x.permute(2, 0, 1, 3)
        whole = split.reshape(*split.shape[:2], self.embed_dim)
        return whole[0] if single else whole

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.embed_dim}, num_heads={self.num_heads}, dropout={self.dropout}, batch_first={self.batch_first}"
