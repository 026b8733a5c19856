"""What recurrent layers and cells share: their weights by name, and one layer in one direction over all steps."""

import math
from typing import Any, NamedTuple

from ..backend import Device
from ..creation import zeros
from ..ops.matmul import LINEAR
from ..ops.recurrent import GRU, LSTM, RNN
from ..random import uniform
from ..tape import apply, located
from ..tensor import Tensor
from .module import Module
from .parameter import Parameter

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
NONLINEARITIES = ("tanh", "relu")


class Weights(NamedTuple):
    """Of one layer in one direction; the biases are None with bias=False."""

    ih: Tensor  # (gates · hidden, input)
    hh: Tensor  # (gates · hidden, hidden)
    bias_ih: Tensor | None
    bias_hh: Tensor | None


class Recurrent(Module):
    """Parameters of recurrent layers or cells, and the checks of what goes in."""

    mode: str  # "RNN", "LSTM" or "GRU"

    def __init__(self, mode: str, input_size: int, hidden_size: int, bias: bool, nonlinearity: str = "tanh") -> None:
        super().__init__()
        self.mode = mode
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ValueError(f"{self._name()}: {name} is a number of features, an int from 1 on, not {size!r}")
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(f"{self._name()}: nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bool(bias)
        if mode == "RNN":
            self.nonlinearity = nonlinearity

    def _name(self) -> str:
        return type(self).__name__

    def _add_weights(self, suffix: str, inputs: int, device: "str | Device | None", dtype: Any) -> None:
        bound, rows = 1.0 / math.sqrt(self.hidden_size), GATES[self.mode] * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, self.hidden_size)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        for name, shape in shapes.items():
            setattr(self, name + suffix, Parameter(uniform(shape, -bound, bound, device=device, dtype=dtype)))

    def _weights(self, suffix: str) -> Weights:
        found = self.__dict__
        biases = (found["bias_ih" + suffix], found["bias_hh" + suffix]) if self.bias else (None, None)
        return Weights(found["weight_ih" + suffix], found["weight_hh" + suffix], *biases)

    def _states(self, hx: Any, shape: tuple[int, ...], like: Tensor) -> tuple[Tensor, ...]:
        """The states to start from: those given, checked, or zeros."""
        names = ("h_0", "c_0") if self.mode == "LSTM" else ("h_0",)
        if hx is None:
            return (zeros(shape, dtype=like.dtype, device=like.device),) * len(names)
        given = hx if self.mode == "LSTM" else (hx,)
        if not isinstance(given, tuple | list) or len(given) != len(names):
            raise located(TypeError(f"{self._name()}: the state is a pair (h_0, c_0), not {type(hx).__name__}"))
        for name, state in zip(names, given, strict=True):
            if not isinstance(state, Tensor):
                raise located(TypeError(f"{self._name()}: {name} is a {type(state).__name__}, not a tensor"))
            if state.shape != shape:
                raise located(ValueError(f"{self._name()}: {name} must be of shape {shape}, not {state.shape}"))
        return tuple(given)

    def _check_features(self, shape: tuple[int, ...]) -> None:
        if shape[-1] != self.input_size:
            raise located(
                ValueError(f"{self._name()}: the input has {shape[-1]} features, this layer takes {self.input_size}")
            )

    def _run(
        self, rows: Tensor, states: tuple[Tensor, ...], w: Weights, sizes: Tensor | None = None, reverse: bool = False
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All steps of one layer in one direction: the outputs, and the states behind the last step.

        rows  (elements of all sequences, features): step by step, as `sizes` says where sequences differ in length
        """
        packed = () if sizes is None else (sizes,)
        attrs = {"reverse": reverse}
        if self.mode == "RNN":
            attrs["relu"] = self.nonlinearity == "relu"
            out, last = apply(RNN, (_input_product(rows, w), *states, w.hh, *packed), attrs)
            return out, (last,)
        if self.mode == "LSTM":
            out, last, last_c, _ = apply(LSTM, (_input_product(rows, w), *states, w.hh, *packed), attrs)
            return out, (last, last_c)
        # GRU: its candidate takes r ⊙ (W h + bias_hh), so that bias cannot join the input's
        product = apply(LINEAR, (rows, w.ih) if w.bias_ih is None else (rows, w.ih, w.bias_ih))
        bias = zeros(w.hh.shape[0], dtype=rows.dtype, device=rows.device) if w.bias_hh is None else w.bias_hh
        out, last, _ = apply(GRU, (product, *states, w.hh, bias, *packed), attrs)
        return out, (last,)

    # copies and moves as any module does; PyTorch's scripts call this after them
    def flatten_parameters(self) -> None:
        """Nothing: weights are packed anew for each sequence, which costs little."""

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        shown = f"{self.input_size}, {self.hidden_size}"
        for name, usual in self._shown().items():
            value = getattr(self, name, usual)
            if value != usual:
                shown += f", {name}={value!r}"
        return shown

    def _shown(self) -> dict[str, Any]:
        return {"bias": True, "nonlinearity": "tanh"}


def _input_product(rows: Tensor, w: Weights) -> Tensor:
    """input · W_ihᵀ + bias_ih + bias_hh for all steps, a single matrix product."""
    if w.bias_ih is None or w.bias_hh is None:
        out: Tensor = apply(LINEAR, (rows, w.ih))
    else:
        out = apply(LINEAR, (rows, w.ih, w.bias_ih + w.bias_hh))
    return out
