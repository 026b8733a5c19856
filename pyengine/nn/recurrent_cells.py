"""One step of a recurrent layer at a time: RNNCell, LSTMCell and GRUCell, for loops of one's own."""

from typing import Any

from .. import dtypes
from ..backend import Device
from ..tape import located, require_tensors
from ..tensor import Tensor
from .recurrent_base import Recurrent


class Cell(Recurrent):
    """What the cells share. Weights weight_ih, weight_hh, bias_ih, bias_hh: shapes and start as in the layers."""

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        bias: bool,
        nonlinearity: str,
        device: "str | Device | None",
        dtype: Any,
    ) -> None:
        super().__init__(mode, input_size, hidden_size, bias, nonlinearity)
        self._add_weights("", input_size, device, dtype)

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """The state behind one step: h, or (h, c) of an LSTMCell.

        input  (sequences, features), or (features,) of a single one
        hx     the state before, (sequences, hidden_size) or (hidden_size,), of an LSTMCell a pair; None for zeros
        ValueError for an input or a state of another shape, TypeError for what is no tensor, or no pair of them.
        """
        require_tensors(self._name(), input)
        if input.ndim not in (1, 2):
            raise located(ValueError(f"{self._name()}: the input is (sequences, features), not of shape {input.shape}"))
        self._check_features(input.shape)
        states = self._states(hx, (*input.shape[:-1], self.hidden_size), input)
        if input.ndim == 1:
            input, states = input.unsqueeze(0), tuple(state.unsqueeze(0) for state in states)
            _, ends = self._run(input, states, self._weights(""))
            ends = tuple(end.squeeze(0) for end in ends)
        else:
            _, ends = self._run(input, states, self._weights(""))
        return ends if self.mode == "LSTM" else ends[0]


class RNNCell(Cell):
    """One step of an `RNN`.

    >>> import pyengine as pe
    >>> cell, h = RNNCell(3, 8), None
    >>> for x in pe.zeros(5, 2, 3):
    ...     h = cell(x, h)
    >>> h.shape
    (2, 8)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: "str | Device | None" = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__("RNN", input_size, hidden_size, bias, nonlinearity, device, dtype)


class GatedCell(Cell):
    """A cell whose gates settle its nonlinearity: LSTMCell and GRUCell, each by its `mode`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: "str | Device | None" = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__(self.mode, input_size, hidden_size, bias, "tanh", device, dtype)


class LSTMCell(GatedCell):
    """One step of an `LSTM`.

    >>> import pyengine as pe
    >>> h, c = LSTMCell(3, 8)(pe.zeros(2, 3))
    >>> h.shape, c.shape
    ((2, 8), (2, 8))
    """

    mode = "LSTM"


class GRUCell(GatedCell):
    """One step of a `GRU`.

    >>> import pyengine as pe
    >>> GRUCell(3, 8)(pe.zeros(2, 3), pe.zeros(2, 8)).shape
    (2, 8)
    """

    mode = "GRU"
