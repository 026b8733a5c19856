"""Random numbers: counter-based, so that a seed gives the same numbers on every device."""

import os
from typing import Any

import numpy as np

from . import dtypes, tape
from .backend import Array, Device, cpu
from .backend import device as find_device
from .creation import arange, checked_lengths
from .ops.op import size as product
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
        """Start the stream of `seed`, an int in [0, 2**63), from its beginning; ValueError for anything else."""
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
            raise ValueError(f"manual_seed: a seed is an int from 0 to 2**63 - 1, not {seed!r}")
        self.state = np.array([seed, 0], np.int64)
        if tape.recorder is not None:
            tape.recorder.renewed(self.state, lambda: self.manual_seed(seed))
        return self

    @property
    def seed(self) -> int:
        """The seed that the stream started from."""
        return int(self.state[0])

    def take(self, count: int, place: Device = cpu) -> Array:
        """A snapshot of the state for `count` words, which the stream then steps over; where `place` can read it."""
        snapshot = place.memory.at(self._step_over(count))
        if tape.recorder is not None:

            def renew() -> None:
                snapshot[:] = place.memory.at(self._step_over(count))

            tape.recorder.renewed(snapshot, renew)
        return snapshot

    def _step_over(self, count: int) -> Array:
        snapshot = self.state.copy()
        self.state[1] += count
        return snapshot


default_generator = Generator()


def derived(*numbers: int) -> Generator:
    """A generator whose seed follows from these whole numbers: other ones give a stream that has nothing to do with it.

    Each is stirred in with the finalizer of SplitMix64 (G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom
    number generators", 2014), so that seeds and positions, which are small and close together, land far apart.

    >>> rand(3, generator=derived(7, 0, 1)).tolist() == rand(3, generator=derived(7, 0, 1)).tolist()
    True
    >>> derived(7, 0, 1).seed == derived(7, 1, 0).seed
    False
    """
    state = 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 31
    return Generator(state >> 1)


def manual_seed(seed: int) -> Generator:
    """Restart the default generator, from which parameters are initialised, at `seed`, an int in [0, 2**63).

    >>> _ = manual_seed(7)
    >>> first = rand(3)
    >>> _ = manual_seed(7)
    >>> rand(3).tolist() == first.tolist()
    True
    """
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

    TypeError for a dtype other than float32 and float64, ValueError for a negative length.

    >>> round(uniform((1000,), 2.0, 4.0, generator=Generator(0)).mean().item())
    3
    """
    return _uniform("uniform", (shape,), low, high, dtype, device, generator, requires_grad)


def _uniform(
    name: str,
    size: tuple[Any, ...],
    low: float = 0.0,
    high: float = 1.0,
    dtype: Any = dtypes.float32,
    device: "str | Device | None" = None,
    generator: Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:
    shape, place, kind, state = _prepare(name, size, dtype, device, generator)
    out: Tensor = wrap(kernels_of(place).uniform(state, shape, float(low), float(high), kind), place)
    return out.requires_grad_(requires_grad)


def _prepare(
    name: str,
    shape: tuple[Any, ...],
    dtype: Any,
    device: "str | Device | None",
    generator: Generator | None,
    pairs: bool = False,
) -> tuple[tuple[int, ...], Device, np.dtype, np.ndarray[Any, Any]]:
    """The shape, the device, the dtype, and the state for that many numbers, or pairs of them."""
    place, kind = find_device(device), dtypes.check(dtype)
    if kind not in dtypes.COMPUTED_FLOATS:
        raise TypeError(f"{name}: makes float32 or float64, not {kind}")
    lengths = checked_lengths(name, shape)
    count = product(lengths)
    count += count % 2 if pairs else 0
    return lengths, place, kind, _words(name, place, generator, count * (2 if kind == dtypes.float64 else 1))


def _words(name: str, place: Device, generator: Generator | None, count: int) -> np.ndarray[Any, Any]:
    """The state for that many words, where the kernels of `place` can read it."""
    return _known(name, generator).take(count, place)


def _known(name: str, generator: Generator | None) -> Generator:
    """The generator given, or the default one."""
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(f"{name}: generator is a pe.Generator, not a {type(generator).__name__}; pe.Generator(seed)")
    return generator or default_generator


def normal(
    mean: "float | Tensor",
    std: "float | Tensor" = 1.0,
    size: "tuple[int, ...] | None" = None,
    *,
    dtype: Any = dtypes.float32,
    device: "str | Device | None" = None,
    generator: Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of numbers drawn from the normal distribution of that mean and standard deviation.

    mean, std  numbers, with the shape in `size`; or one of them or both a tensor, which gives shape, dtype and device
    The same on every device up to 8 units of |x - mean| in the last place of float64; float32 nearly always to the bit.
    TypeError for a dtype other than float32 and float64 and for numbers without a size, ValueError for a negative
    length or deviation.

    >>> round(normal(5.0, 0.1, (1000,), generator=Generator(0)).mean().item(), 1)
    5.0
    >>> normal(Tensor([1.0, 2.0]), 0.0)
    tensor([1., 2.])
    """
    given = [each for each in (mean, std) if isinstance(each, Tensor)]
    if given:
        shape = np.broadcast_shapes(*(each.shape for each in given))
        like = given[0]
        if isinstance(std, Tensor) and (std < 0).any():
            raise ValueError("normal: a standard deviation is below 0")
        drawn = gaussian("normal", (shape,), dtype=like.dtype, device=like.device, generator=generator)
        return (drawn * std + mean).detach().requires_grad_(requires_grad)
    if size is None:
        raise TypeError("normal: is called as normal(mean, std, size), size a tuple; or with a tensor of means")
    return gaussian("normal", (size,), mean, std, dtype, device, generator, requires_grad)


def gaussian(
    name: str,
    size: tuple[Any, ...],
    mean: Any = 0.0,
    std: Any = 1.0,
    dtype: Any = dtypes.float32,
    device: "str | Device | None" = None,
    generator: Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """What `normal` does for numbers, in the name of `name`."""
    if not std >= 0:
        raise ValueError(f"{name}: the standard deviation is a number from 0 on, not {std}")
    shape, place, kind, state = _prepare(name, size, dtype, device, generator, pairs=True)
    out: Tensor = wrap(kernels_of(place).normal(state, shape, float(mean), float(std), kind), place)
    return out.requires_grad_(requires_grad)


def rand(*shape: Any, **options: Any) -> Tensor:
    """A tensor of numbers drawn evenly from [0, 1); options and errors (TypeError, ValueError) as in `uniform`.

    >>> rand(2, 3).shape
    (2, 3)
    """
    return _uniform("rand", shape, **options)


def randn(*shape: Any, **options: Any) -> Tensor:
    """A tensor of numbers drawn from the normal distribution of mean 0 and deviation 1.

    Options and errors (TypeError, ValueError) as in `normal`.

    >>> randn(2, 3).shape
    (2, 3)
    """
    return gaussian("randn", shape, **options)


def rand_like(like: Tensor, **options: Any) -> Tensor:
    """`rand` with the shape, dtype and device of `like`, unless given; TypeError where that is no float dtype.

    >>> rand_like(rand(2, 3)).shape
    (2, 3)
    """
    return _uniform("rand_like", (like.shape,), **{"dtype": like.dtype, "device": like.device, **options})


def randn_like(like: Tensor, **options: Any) -> Tensor:
    """`randn` with the shape, dtype and device of `like`, unless given; TypeError where that is no float dtype.

    >>> randn_like(rand(2, 3)).shape
    (2, 3)
    """
    return gaussian("randn_like", (like.shape,), **{"dtype": like.dtype, "device": like.device, **options})


def randint(
    low: int,
    high: "int | tuple[int, ...] | None" = None,
    size: tuple[int, ...] | None = None,
    *,
    dtype: Any = dtypes.int64,
    device: "str | Device | None" = None,
    generator: Generator | None = None,
) -> Tensor:
    """A tensor of whole numbers drawn evenly from low to high - 1; `randint(high, size)` starts from 0.

    ValueError where low ≥ high or a length is negative, TypeError where the size is missing.

    >>> drawn = randint(1, 7, (1000,), generator=Generator(0))
    >>> sorted(set(drawn.tolist()))
    [1, 2, 3, 4, 5, 6]
    """
    if size is None:
        if not isinstance(high, tuple | list):
            raise TypeError("randint: is called as randint(high, size) or randint(low, high, size), size a tuple")
        low, high, size = 0, low, tuple(high)  # type: ignore[arg-type]
    if not isinstance(high, int) or low >= high:
        raise ValueError(f"randint: draws from low = {low} to below high = {high}, which holds no number")
    shape, place = checked_lengths("randint", (size,)), find_device(device)
    state = _words("randint", place, generator, 2 * product(shape))
    out: Tensor = wrap(kernels_of(place).randint(state, shape, low, high), place)
    return out.to(dtype)


def randperm(
    n: int, *, dtype: Any = dtypes.int64, device: "str | Device | None" = None, generator: Generator | None = None
) -> Tensor:
    """The numbers 0 … n-1 in an even random order.

    Each number gets a random key from the generator's Philox stream and the numbers are sorted by key. So the order
    depends on the seed alone, not on the machine or the number of threads. ValueError for a negative n,
    TypeError for one that is not whole.

    >>> sorted(randperm(5).tolist())
    [0, 1, 2, 3, 4]
    """
    if n < 0:
        raise ValueError(f"randperm: n is a number of elements, from 0 on, not {n}")
    keys = _uniform("randperm", (n,), dtype=dtypes.float64, device=device, generator=generator)
    return keys.argsort().to(dtype)


def bernoulli(input: Tensor, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element of `input` is, else 0; float32 or float64, TypeError for others.

    ValueError for what is no probability, from 0 to 1. Any shape.

    >>> bernoulli(uniform((2,), 1.0, 1.0))
    tensor([1., 1.])
    """
    if input.dtype not in dtypes.COMPUTED_FLOATS:
        raise TypeError(f"bernoulli: the probabilities are float32 or float64, not {input.dtype}")
    if not ((input >= 0) & (input <= 1)).all():
        raise ValueError("bernoulli: probabilities are from 0 to 1, and an element of the input is not")
    state = _words("bernoulli", input.device, generator, input.numel())
    out: Tensor = wrap(kernels_of(input.device).bernoulli(input.data, state), input.device)
    return out


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Class numbers drawn with chances in the proportion of `input`, which need not add up to 1.

    input        (classes,) or (rows, classes), numbers from 0 on, float32 or float64, of each row one above 0
    num_samples  how many are drawn of each row; without replacement at most as many as have a chance
    replacement  whether a class may be drawn again
    Returns int64 (num_samples,) or (rows, num_samples). ValueError for shapes, weights and numbers of draws that make
    no sense, TypeError for another dtype.

    Without replacement each class waits an exponentially distributed time at the rate of its weight, and the first
    ones are taken (P. Efraimidis and P. Spirakis, "Weighted random sampling with a reservoir", 2006).

    >>> multinomial(uniform((3,), 1.0, 1.0), 3).sort().values
    tensor([0, 1, 2])
    """
    if input.dtype not in dtypes.COMPUTED_FLOATS:
        raise TypeError(f"multinomial: the weights are float32 or float64, not {input.dtype}")
    if input.ndim not in (1, 2):
        raise ValueError(f"multinomial: the weights are (classes,) or (rows, classes), not {input.shape}")
    if num_samples < 1:
        raise ValueError(f"multinomial: num_samples is a number of draws, from 1 on, not {num_samples}")
    weights = input.detach().to(dtypes.float64)
    if not ((weights >= 0) & weights.isfinite()).all():
        raise ValueError(
            "multinomial: weights are numbers from 0 on, and one of the input is negative, infinite or NaN"
        )
    least = 1 if replacement else num_samples
    if not ((weights > 0).sum(-1) >= least).all():
        hint = "" if replacement or num_samples == 1 else "; draw fewer, or with replacement=True"
        raise ValueError(f"multinomial: a row has fewer than {least} weights above 0{hint}")
    if replacement:
        return drawn_again(input, num_samples, generator)
    chances = _uniform("multinomial", input.shape, dtype=dtypes.float64, device=input.device, generator=generator)
    waits = ((-chances).log1p().neg() / weights).masked_fill(weights == 0, float("inf"))
    return waits.topk(num_samples, largest=False).indices


def drawn_again(weights: Tensor, count: int, generator: Generator | None = None) -> Tensor:
    """`multinomial` with replacement, for weights that are known to be right: nothing looks at their data.

    >>> drawn_again(uniform((3, 1), 1.0, 1.0), 2).tolist()
    [[0, 0], [0, 0], [0, 0]]
    """
    weights = weights.detach().to(dtypes.float64)
    ends = weights.cumsum(-1)
    shape = (*weights.shape[:-1], count)
    drawn = _uniform("multinomial", shape, dtype=dtypes.float64, device=weights.device, generator=generator)
    drawn = drawn * ends[..., -1:]
    # by rounding a draw may come to lie behind the last class that has a chance
    behind = (weights > 0).to(dtypes.int64) * arange(1, weights.shape[-1] + 1, device=weights.device)
    place = (ends.unsqueeze(-2) <= drawn.unsqueeze(-1)).sum(-1)
    return place.minimum(behind.amax(-1, keepdim=True) - 1)
