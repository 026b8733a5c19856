"""A recurrent network that reads a series of numbers and says the next one."""

from .. import nn
from ..autograd import no_grad
from ..joining import cat
from ..tape import located, require_tensors
from ..tensor import Tensor


class Forecaster(nn.Module):
    """Windows of a series [n, steps] to its next value [n, 1]: an LSTM, and a linear layer on its last state.

    hidden      numbers in the state
    num_layers  LSTM layers
    ValueError for an input that is not [n, steps], and for sizes that cannot be. A window may be of any length.

    >>> import pyengine as pe
    >>> Forecaster(hidden=16)(pe.zeros(4, 40)).shape
    (4, 1)
    """

    def __init__(self, hidden: int = 32, num_layers: int = 1) -> None:
        super().__init__()
        if not isinstance(hidden, int) or hidden < 1:
            raise ValueError(f"Forecaster: hidden is a number from 1 on, not {hidden!r}")
        self.lstm = nn.LSTM(1, hidden, num_layers, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, series: Tensor) -> Tensor:
        """[n, steps] to [n, 1]."""
        _check(series)
        _, (h, _) = self.lstm(series.unsqueeze(-1))
        out: Tensor = self.head(h[-1])
        return out

    def forecast(self, series: Tensor, count: int) -> Tensor:
        """The next `count` values [n, count]: each is taken for true when the one after it is asked for.

        ValueError for an input that is not [n, steps], and a count below 1.

        >>> import pyengine as pe
        >>> Forecaster(hidden=16).forecast(pe.zeros(4, 40), 5).shape
        (4, 5)
        """
        _check(series)
        if count < 1:
            raise located(ValueError(f"forecast: count is a number of values from 1 on, not {count}"))
        values: list[Tensor] = []
        with no_grad():
            _, state = self.lstm(series.unsqueeze(-1))
            while True:
                values.append(self.head(state[0][-1]))
                if len(values) == count:
                    return cat(values, 1)
                _, state = self.lstm(values[-1].unsqueeze(-1), state)


def _check(series: Tensor) -> None:
    require_tensors("Forecaster", series)
    if series.ndim != 2:
        raise located(
            ValueError(
                f"Forecaster: takes windows of a series, [n, steps], not shape {series.shape}; a series alone is "
                f"series.unsqueeze(0)"
            )
        )
