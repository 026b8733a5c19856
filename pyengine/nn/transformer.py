"""Transformers in layers: attention, then a small network for each token, each added to what was there before."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import Device
from ..tensor import Tensor
from .attention import MultiheadAttention
from .container import ModuleList
from .dropout import Dropout
from .functional import gelu, relu
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

Activation = str | Callable[[Tensor], Tensor]


class TransformerEncoderLayer(Module):
    """Self-attention and a network of two linear layers, each with a residual connection and layer norm around it.

    d_model, nhead   features of a token, and heads of the attention
    dim_feedforward  how wide the network is inside
    dropout          probability, at the attention's weights, inside the network, and after both
    activation       "relu", "gelu", or a function of tensors
    layer_norm_eps   added to variances
    batch_first      (batch, tokens, d_model) instead of (tokens, batch, d_model)
    norm_first       normalise before each part (which trains more easily), not after it (as in the paper)
    bias             whether linear layers and norms have one
    Parameters have the names that PyTorch's have. ValueError for sizes, an activation or a shape that cannot be.

    A. Vaswani and others, "Attention is all you need" (2017); R. Xiong and others, "On layer normalization in the
    transformer architecture" (2020).

    >>> import pyengine as pe
    >>> layer = TransformerEncoderLayer(16, nhead=4, dim_feedforward=32, batch_first=True)
    >>> layer(pe.zeros(2, 5, 16)).shape
    (2, 5, 16)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: "str | Device | None" = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        there = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **there)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **there)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **there)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **there)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **there)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(type(self).__name__, activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """(tokens, batch, d_model) to the same shape; masks as in `MultiheadAttention`."""

        def attend(x: Tensor) -> Tensor:
            found, _ = self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)
            return self.dropout1(found)

        def think(x: Tensor) -> Tensor:
            return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))

        if self.norm_first:
            src = src + attend(self.norm1(src))
            return src + think(self.norm2(src))
        src = self.norm1(src + attend(src))
        return self.norm2(src + think(src))


class TransformerEncoder(Module):
    """A stack of `num_layers` copies of a layer, which begin with the same weights, then `norm`, where it is given.

    ValueError for no layers.

    >>> import pyengine as pe
    >>> encoder = TransformerEncoder(TransformerEncoderLayer(16, nhead=4, dim_feedforward=32), num_layers=2)
    >>> encoder(pe.zeros(5, 2, 16)).shape
    (5, 2, 16)
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(type(self).__name__, encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """(tokens, batch, d_model) to the same shape; masks as in `MultiheadAttention`."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)


class TransformerDecoderLayer(Module):
    """Self-attention, attention to what an encoder made (the memory), and a network of two linear layers.

    Arguments, shapes and errors (ValueError) are those of `TransformerEncoderLayer`; names are PyTorch's.

    >>> import pyengine as pe
    >>> layer = TransformerDecoderLayer(16, nhead=4, dim_feedforward=32, batch_first=True)
    >>> layer(pe.zeros(2, 3, 16), pe.zeros(2, 5, 16), tgt_is_causal=True).shape
    (2, 3, 16)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: "str | Device | None" = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        there = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **there)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **there)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **there)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **there)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **there)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **there)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, **there)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(type(self).__name__, activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """tgt (tokens, batch, d_model) to its shape; masks as in `MultiheadAttention`."""

        def attend(x: Tensor) -> Tensor:
            found, _ = self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)
            return self.dropout1(found)

        def look_up(x: Tensor) -> Tensor:
            found, _ = self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, False, memory_mask, is_causal=memory_is_causal
            )
            return self.dropout2(found)

        def think(x: Tensor) -> Tensor:
            return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))

        if self.norm_first:
            tgt = tgt + attend(self.norm1(tgt))
            tgt = tgt + look_up(self.norm2(tgt))
            return tgt + think(self.norm3(tgt))
        tgt = self.norm1(tgt + attend(tgt))
        tgt = self.norm2(tgt + look_up(tgt))
        return self.norm3(tgt + think(tgt))


class TransformerDecoder(Module):
    """A stack of `num_layers` copies of a decoder layer, which begin with the same weights, then `norm`, where given.

    ValueError for no layers.

    >>> import pyengine as pe
    >>> decoder = TransformerDecoder(TransformerDecoderLayer(16, nhead=4, dim_feedforward=32), num_layers=2)
    >>> decoder(pe.zeros(3, 2, 16), pe.zeros(5, 2, 16)).shape
    (3, 2, 16)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(type(self).__name__, decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """tgt (tokens, batch, d_model) to its shape; masks as in `MultiheadAttention`."""
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, tgt_is_causal, memory_is_causal)
        for layer in self.layers:
            tgt = layer(tgt, memory, *masks)
        return tgt if self.norm is None else self.norm(tgt)


def _activation(name: str, given: Activation) -> Callable[[Tensor], Tensor]:
    if callable(given):
        return given
    known: dict[str, Callable[[Tensor], Tensor]] = {"relu": relu, "gelu": gelu}
    if given not in known:
        raise ValueError(f"{name}: activation is 'relu', 'gelu' or a function of tensors, not {given!r}")
    return known[given]


def _copies(name: str, layer: Module, count: int) -> ModuleList:
    if count < 1:
        raise ValueError(f"{name}: num_layers is {count}; it must be 1 or more")
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])
