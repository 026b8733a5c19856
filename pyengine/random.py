"""Random numbers: counter-based, so that a seed gives the same numbers on every device."""

import os
from typing import Any

import numpy as np

from . import dtypes
from .backend import Device
from .backend import device as find_device
from .ops.op import size
from .tape import kernels_of, wrap
from .tensor import Tensor


class Generator:
    """A stream of random numbers: a seed and how far it has been read, in 32-bit words.

    >>> a, b = Generator(7), Generator(7)
    >>> rand(3, generator=a).numpy().tolist() == rand(3, generator=b).numpy().tolist()
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        self.manual_seed(int.from_bytes(os.urandom(4), "little") if seed is None else seed)

    def manual_seed(self, seed: int) -> "Generator":
        """Start the stream of `seed`, an int in [0, 2**63), from its beginning."""
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
            raise ValueError(f"manual_seed: a seed is an int from 0 to 2**63 - 1, not {seed!r}")
        self.state = np.array([seed, 0], np.int64)
        return self

    @property
    def seed(self) -> int:
        """The seed that the stream started from."""
        return int(self.state[0])

    def take(self, count: int) -> np.ndarray[Any, Any]:
        """A snapshot of the state for `count` words, which the stream then steps over."""
        snapshot = self.state.copy()
        self.state[1] += count
        return snapshot


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Restart the default generator, from which parameters are initialised, at `seed`."""
    return default_generator.manual_seed(seed)


def uniform(
    shape: tuple[int, ...],
    low: float = 0.0,
    high: float = 1.0,
    *,
    dtype: Any = dtypes.float32,
    device: "str | Device | None" = None,
    generator: Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of numbers drawn evenly from [low, high).

    >>> round(uniform((1000,), 2.0, 4.0, generator=Generator(0)).mean().item())
    3
    """
    place, kind = find_device(device), dtypes.check(dtype)
    if kind not in dtypes.COMPUTED_FLOATS:
        raise TypeError(f"uniform: makes float32 or float64, not {kind}")
    if any(n < 0 for n in shape):
        raise ValueError(f"uniform: shape {shape} has a negative length")
    words = size(shape) * (2 if kind == dtypes.float64 else 1)
    state = (generator or default_generator).take(words)
    out: Tensor = wrap(kernels_of(place).uniform(state, shape, float(low), float(high), kind), place)
    return out.requires_grad_(requires_grad)


def rand(*shape: int, **options: Any) -> Tensor:
    """A tensor of numbers drawn evenly from [0, 1); options as in `uniform`.

    >>> rand(2, 3).shape
    (2, 3)
    """
    return uniform(shape, **options)
