"""What a case is: one call of a kernel or an operation, and how closely every backend must agree with the reference.

A `Call` holds shapes and attributes, no data: `fill` makes the data from a seed, so a case is small, prints well, can
be filled with integers (results must then be equal) or with real numbers (results must then be within a bound). Calls
are listed, or drawn through a `Pick`: tests pass one that lets Hypothesis choose, and shrink.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from ..backend import Array

Shape: TypeAlias = tuple[int, ...]
T = TypeVar("T")

# Around every tile length in use (6, 8, 16, 32, 64), primes, 1, and 0. The simplest first: Hypothesis shrinks to it.
LENGTHS = (1, 2, 3, 5, 6, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 63, 64, 65, 0)
MOST_ELEMENTS = 65 * 65  # of a drawn array: two tiles and a remainder in two axes

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
NUMBERS = (*FLOATS, np.dtype(np.int64))


# --- how operands are filled: (generator, shape, exact) -> values, before they are cast to the dtype under test.
# Exact values are small integers (or powers of two to divide by), so that every partial sum is exact.

Values: TypeAlias = Callable[[np.random.Generator, Shape, bool], Array]


def real(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Both signs, zero among the exact ones."""
    return rng.integers(-4, 5, shape) if exact else np.asarray(rng.standard_normal(shape))


def nonzero(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Both signs, at least 0.1 from zero: divisors, and inputs of functions with a kink there."""
    sign = rng.choice([-1.0, 1.0], shape)
    size = rng.choice([1.0, 2.0, 4.0], shape) if exact else 0.1 + np.abs(rng.standard_normal(shape))
    return np.asarray(sign * size)


def wide(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Real numbers of many magnitudes, so that exp underflows for some."""
    return rng.integers(-4, 5, shape) if exact else np.asarray(rng.standard_normal(shape) * 10.0 ** rng.uniform(-2, 2))


def probabilities(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Positive, summing to 1 over the last axis; when exact only small integers."""
    if exact or not shape:
        return rng.integers(0, 4, shape)
    e = np.exp(rng.standard_normal(shape))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def constant(*values: float) -> Values:
    """Always these values: seeds, rates."""

    def fixed(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
        return np.array(values).reshape(shape)

    return fixed


def labels(classes: int) -> Values:
    """Class numbers."""

    def below(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
        return rng.integers(0, classes, shape)

    return below


# --- calls


class Operand(NamedTuple):
    """An array without its data; `dtype` None is the dtype under test."""

    shape: Shape
    values: Values = real
    dtype: np.dtype | None = None

    def fill(self, rng: np.random.Generator, dtype: np.dtype, exact: bool) -> Array:
        """The operand with data."""
        return np.asarray(self.values(rng, self.shape, exact)).astype(self.dtype or dtype)


@dataclass(frozen=True)
class Call:
    """One call: operands in order (None for one left out, a tuple for a list of arrays) and attributes by keyword."""

    operands: tuple[Operand | tuple[Operand, ...] | None, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def fill(self, seed: int, dtype: np.dtype, exact: bool = False) -> list[Any]:
        """The operands as arrays of `dtype`, the same for the same seed."""
        rng = np.random.default_rng(seed)

        def one(operand: Any) -> Any:
            if isinstance(operand, Operand):
                return operand.fill(rng, dtype, exact)
            return None if operand is None else [one(o) for o in operand]

        return [one(operand) for operand in self.operands]

    def __str__(self) -> str:
        shapes = [
            str(o.shape) if isinstance(o, Operand) else "-" if o is None else str([p.shape for p in o])
            for o in self.operands
        ]
        return ", ".join([*shapes, *(f"{key}={value}" for key, value in self.attrs.items())])


# error(outputs, *operands, **attrs) -> for each output how far a backend may be off, in units of u, the unit roundoff
# of the dtype under test. `outputs` and operands come in a wider dtype; each function says why its terms are there.
ErrorBound: TypeAlias = Callable[..., tuple[Any, ...]]


@dataclass(frozen=True)
class Cases:
    """How one kernel or operation is tried.

    name      of the kernel or operation
    draw      draw(pick) -> Call: any legal call
    listed    calls that are always tried: sizes that cross the blocks of threads, corners
    dtypes    the dtypes under test
    error     the bound that real results keep; None: they have the reference's very bits (each result is rounded once)
    exact     whether integers make every partial result exact, so that backends must agree without any error
    in_place  operands that the call overwrites, and which count as its results
    repeats   whether a vjp is tried on operands that repeat a slice by a stride of 0: no where that is a kink
    aliases   operands that `out` may be the very same view as
    oracle    oracle(torch, *tensors, **attrs) -> the result(s) by torch, for operations
    mistake   a call that must be refused, and in words; None for an operation that takes everything
    """

    name: str
    draw: Callable[["Pick"], Call]
    listed: tuple[Call, ...] = ()
    dtypes: tuple[np.dtype, ...] = FLOATS
    error: ErrorBound | None = None
    exact: bool = True
    in_place: tuple[int, ...] = ()
    repeats: bool = True
    aliases: tuple[int, ...] = ()
    oracle: Callable[..., Any] | None = None
    mistake: Call | None = None


def wrong(*operands: tuple[Shape, Any], **attrs: Any) -> Call:
    """A call on operands of these shapes and dtypes, to be refused."""
    return Call(tuple(Operand(shape, dtype=np.dtype(dtype)) for shape, dtype in operands), attrs)


# --- choosing


class Pick(ABC):
    """Makes the choices that lead from a family of calls to one of them."""

    @abstractmethod
    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""

    def flag(self) -> bool:
        """True or False."""
        return self.choice((False, True))

    def length(self, least: int = 0, most: int = LENGTHS[-2]) -> int:
        """The length of an axis."""
        return self.choice([n for n in LENGTHS if least <= n <= most])

    def shape(self, least: int = 0, most: int = 4, least_length: int = 0) -> Shape:
        """A shape of `least` to `most` axes that is not too large."""
        room, shape = MOST_ELEMENTS, []
        for _ in range(self.choice(range(least, most + 1))):
            n = self.length(least_length, min(max(room, 1), LENGTHS[-2]))
            room //= max(n, 1)
            shape.append(n)
        return tuple(shape)

    def narrowed(self, shape: Shape) -> Shape:
        """A shape that broadcasts to `shape`: some lengths made 1, some leading axes dropped."""
        kept = tuple(1 if self.flag() else n for n in shape)
        return kept[self.choice(range(len(shape) + 1)) :] if self.flag() else kept

    def axes(self, ndim: int) -> int | tuple[int, ...] | None:
        """What an `axis=` argument may be, negative numbers included."""
        kind = self.choice(("all", "one", "some"))
        if kind == "all" or not ndim:
            return None
        if kind == "one":
            return self.choice(range(-ndim, ndim))
        return tuple(a - ndim if self.flag() else a for a in range(ndim) if self.flag())


class RandomPick(Pick):
    """Choices by a seeded generator."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options, each as likely."""
        return options[int(self._rng.integers(len(options)))]
