"""Recurrent layers over whole sequences: RNN, LSTM and GRU, in several layers and both directions."""

from typing import Any

from .. import dtypes
from ..backend import Device
from ..joining import cat, stack
from ..tape import located, require_tensors
from ..tensor import Tensor
from .functional import dropout
from .recurrent_base import Recurrent
from .utils.rnn import PackedSequence


class RecurrentLayers(Recurrent):
    """What RNN, LSTM and GRU share; see there.

    input_size, hidden_size  features of an input, and of a state
    num_layers               layers, each of which takes the outputs of the one before
    bias                     whether there are bias_ih and bias_hh
    batch_first              whether inputs and outputs are (sequences, steps, features)
    dropout                  probability with which, in training, an output is dropped on its way to the next layer
    bidirectional            whether a second set of layers goes from the last step to the first
    Weights weight_ih_l0 (gates · hidden, inputs), weight_hh_l0 (gates · hidden, hidden), bias_ih_l0, bias_hh_l0, and so
    on for l1, …, with `_reverse` behind those of the other direction; all evenly drawn from ±1/√hidden.

    ValueError for sizes and probabilities that cannot be; `proj_size` other than 0 is not supported.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: "str | Device | None" = None,
        dtype: Any = dtypes.float32,
        nonlinearity: str = "tanh",
    ) -> None:
        super().__init__(mode, input_size, hidden_size, bias, nonlinearity)
        if not isinstance(num_layers, int) or num_layers < 1:
            raise ValueError(f"{mode}: num_layers is an int from 1 on, not {num_layers!r}")
        if not 0 <= dropout <= 1:
            raise ValueError(f"{mode}: dropout is a probability, from 0 to 1, not {dropout}")
        if proj_size:
            raise ValueError(f"{mode}: proj_size is not supported; put an nn.Linear behind the layer")
        self.num_layers = num_layers
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = 0
        for layer in range(num_layers):
            inputs = hidden_size * self._directions() if layer else input_size
            for suffix in self._suffixes(layer):
                self._add_weights(suffix, inputs, device, dtype)

    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> tuple[str, ...]:
        return (f"_l{layer}", f"_l{layer}_reverse")[: self._directions()]

    def forward(self, input: "Tensor | PackedSequence", hx: Any = None) -> tuple[Any, Any]:
        """The outputs of the last layer for every step, and the states behind each sequence's last one.

        input  (steps, sequences, features); (sequences, steps, features) with batch_first; (steps, features) of one
               sequence; or a PackedSequence. The outputs come in the same form, features those of all directions
        hx     h_0, for an LSTM (h_0, c_0): each (layers · directions, sequences, hidden_size), without the axis of
               sequences where the input has none; None for zeros. The returned states are of that form
        ValueError for an input or a state of another shape, TypeError for what is no tensor, or no pair of them.
        """
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        require_tensors(self._name(), input)
        if input.ndim not in (2, 3):
            raise located(
                ValueError(
                    f"{self._name()}: the input is (steps, sequences, features) or (steps, features), not of shape "
                    f"{input.shape}"
                )
            )
        single = input.ndim == 2
        if single:
            input = input.unsqueeze(1)
        elif self.batch_first:
            input = input.transpose(0, 1)
        self._check_features(input.shape)
        steps, batch, features = input.shape
        if not steps:
            raise located(ValueError(f"{self._name()}: a sequence has one step or more, this input {input.shape}"))
        shape = (self.num_layers * self._directions(), *(() if single else (batch,)), self.hidden_size)
        states = self._states(hx, shape, input)
        if single:
            states = tuple(state.unsqueeze(1) for state in states)
        rows, ends = self._layers(input.reshape(steps * batch, features), states, None)
        out = rows.reshape(steps, batch, rows.shape[1])
        if single:
            return out.squeeze(1), self._pair(tuple(end.squeeze(1) for end in ends))
        return (out.transpose(0, 1) if self.batch_first else out), self._pair(ends)

    def _packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        data, sizes, order, back = input
        if data.ndim != 2:
            raise located(ValueError(f"{self._name()}: packed elements are vectors of features, not {data.shape[1:]}"))
        self._check_features(data.shape)
        batch = int(sizes[0].item())
        shape = (self.num_layers * self._directions(), batch, self.hidden_size)
        states = self._states(hx, shape, data)
        if order is not None and hx is not None:
            states = tuple(state.index_select(1, order) for state in states)
        rows, ends = self._layers(data, states, sizes.to(data.device))
        if back is not None:
            ends = tuple(end.index_select(1, back) for end in ends)
        return PackedSequence(rows, sizes, order, back), self._pair(ends)

    def _layers(
        self, rows: Tensor, states: tuple[Tensor, ...], sizes: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        ends: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            if layer:
                rows = dropout(rows, self.dropout, self.training)
            outs = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                initial = tuple(state[len(ends)] for state in states)
                out, end = self._run(rows, initial, self._weights(suffix), sizes, reverse=direction == 1)
                outs.append(out)
                ends.append(end)
            rows = cat(outs, 1) if len(outs) > 1 else outs[0]
        if len(ends) == 1:
            return rows, tuple(end.unsqueeze(0) for end in ends[0])
        return rows, tuple(stack(list(parts)) for parts in zip(*ends, strict=True))

    def _pair(self, states: tuple[Tensor, ...]) -> Any:
        return states if self.mode == "LSTM" else states[0]

    def _shown(self) -> dict[str, Any]:
        return {
            "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False,
            "nonlinearity": "tanh",
        }  # fmt: skip


class RNN(RecurrentLayers):
    """h = tanh(W_ih x + b_ih + W_hh h' + b_hh) at every step, or relu of it, with h' of the step before.

    Arguments, weights and what goes in and out: `RecurrentLayers` and its `forward`.
    J. L. Elman, "Finding structure in time" (1990).

    >>> import pyengine as pe
    >>> out, last = RNN(3, 8)(pe.zeros(5, 2, 3))
    >>> out.shape, last.shape
    ((5, 2, 8), (1, 2, 8))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: "str | Device | None" = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__(
            "RNN", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype,
            nonlinearity,
        )  # fmt: skip


class LSTM(RecurrentLayers):
    """Long short-term memory: a state c that gates i, f and o write to, keep and read.

    [i, f, g, o] = W_ih x + b_ih + W_hh h' + b_hh; c = σ(f) c' + σ(i) tanh(g); h = σ(o) tanh(c). The state is (h, c).
    Arguments, weights and what goes in and out: `RecurrentLayers` and its `forward`.
    S. Hochreiter, J. Schmidhuber, "Long short-term memory" (1997); F. Gers et al., "Learning to forget" (2000).

    >>> import pyengine as pe
    >>> out, (h, c) = LSTM(3, 8, num_layers=2, bidirectional=True)(pe.zeros(5, 2, 3))
    >>> out.shape, h.shape, c.shape
    ((5, 2, 16), (4, 2, 8), (4, 2, 8))
    >>> LSTM(3, 8)(pe.zeros(5, 2, 4))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: LSTM: the input has 4 features, this layer takes 3
    in ...
    """

    def __init__(self, input_size: int, hidden_size: int, *args: Any, **kw: Any) -> None:
        super().__init__("LSTM", input_size, hidden_size, *args, **kw)


class GRU(RecurrentLayers):
    """Gated recurrent unit: h = (1 - z) n + z h' with a candidate n that sees h' through the gate r.

    r, z = σ(W_ih x + b_ih + W_hh h' + b_hh); n = tanh(W_in x + b_in + r (W_hn h' + b_hn)); weights stand as r, z, n.
    Arguments, weights and what goes in and out: `RecurrentLayers` and its `forward`.
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), arXiv:1406.1078; r behind the
    product as in PyTorch.

    >>> import pyengine as pe
    >>> out, last = GRU(3, 8, batch_first=True)(pe.zeros(2, 5, 3))
    >>> out.shape, last.shape
    ((2, 5, 8), (1, 2, 8))
    """

    def __init__(self, input_size: int, hidden_size: int, *args: Any, **kw: Any) -> None:
        super().__init__("GRU", input_size, hidden_size, *args, **kw)
