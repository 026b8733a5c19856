"""What an operation is: one record that composes kernels and knows its gradient.

Everything else reads these records: dispatch and autograd (tape.py), the tests, the benchmark, the docs.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from ..backend import Kernels


class Spec(NamedTuple):
    """The shape and dtype of an operand or result, without its data."""

    shape: tuple[int, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


Attrs = dict[str, Any]


class Op:
    """One operation.

    name     also the name of its kernel where it is a single kernel call
    infer    infer(specs, attrs) -> specs of the outputs; words every error that a user can cause. The fast path lets
             the kernel check for itself and comes here only to explain what was wrong
    forward  forward(k, *arrays, **attrs) -> (outputs, saved): outputs is one array, or a tuple of several. `saved` is
             what vjp will need: first the arrays that `saves` lists, then plain values such as shapes
    vjp      vjp(k, saved, *grads, needs, **attrs) -> one gradient for each input, None where needs[i] is False.
             One grad for each output, None for an output that nothing used
    cost     cost(specs, attrs) -> (floating-point operations, bytes moved) at the least
    saves    where the arrays in `saved` come from: i is input i, ~i (so -1, -2, …) is output i. Tells whether a saved
             value was overwritten, and lets create_graph rebuild the saved values as tensors of the graph. Of an
             operation on any number of inputs, those that a call has count
    promotes whether operands of different dtypes are cast to their common one
    """

    # no dataclass: building one costs more of `import pyengine` than all the records
    __slots__ = ("cost", "forward", "infer", "name", "promotes", "saves", "vjp")

    def __init__(
        self,
        name: str,
        infer: Callable[[Sequence[Spec], Attrs], list[Spec]],
        forward: Callable[..., tuple[Any, tuple[Any, ...]]],
        vjp: Callable[..., tuple[Any, ...]],
        cost: Callable[[Sequence[Spec], Attrs], tuple[int, int]],
        saves: tuple[int, ...] = (),
        promotes: bool = False,
    ) -> None:
        self.name: Final = name
        self.infer: Final = infer
        self.forward: Final = forward
        self.vjp: Final = vjp
        self.cost: Final = cost
        self.saves: Final = saves
        self.promotes: Final = promotes

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def saves_of(self, inputs: int) -> tuple[int, ...]:
        """`saves` for a call with that many inputs."""
        return tuple(source for source in self.saves if source < inputs)


def no_gradient(k: Kernels, saved: Any, *grads: Any, needs: Sequence[bool], **attrs: Any) -> tuple[Any, ...]:
    """The vjp of an operation whose results are no real numbers; the tape never asks for it."""
    raise NotImplementedError("this operation gives bools or integers, which have no gradient")


def size(shape: tuple[int, ...]) -> int:
    """The number of elements of an array of that shape."""
    n = 1
    for length in shape:
        n *= length
    return n


def nbytes(*specs: Spec) -> int:
    """The bytes that arrays of these specs take."""
    return sum(size(s.shape) * s.dtype.itemsize for s in specs)


def broadcast_shapes(op: str, a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape of `a` and `b` by NumPy's rule, or a ValueError that says which axes clash.

    >>> broadcast_shapes("add", (3, 1), (4,))
    (3, 4)
    >>> broadcast_shapes("add", (3, 4), (2,))
    Traceback (most recent call last):
        ...
    ValueError: add: shapes (3, 4) and (2,) do not broadcast: the last axis is 4 and 2.
    """
    out = []
    for i in range(1, max(len(a), len(b)) + 1):
        m, n = (a[-i] if i <= len(a) else 1), (b[-i] if i <= len(b) else 1)
        if m != n and m != 1 and n != 1:
            axis = "the last axis" if i == 1 else f"axis {-i}"
            raise ValueError(f"{op}: shapes {a} and {b} do not broadcast: {axis} is {m} and {n}." + _reshape_hint(a, b))
        out.append(n if m == 1 else m)
    return tuple(reversed(out))


def _reshape_hint(a: tuple[int, ...], b: tuple[int, ...]) -> str:
    """The one obvious mend: a per-row value that lacks the trailing axis of length 1."""
    for which, short, long in (("second", b, a), ("first", a, b)):
        if len(short) == len(long) - 1 and short == long[:-1]:
            return f" Give the {which} one a last axis of length 1: reshape it to {(*short, 1)}"
    return ""


def require_float(op: str, spec: Spec) -> None:
    if spec.dtype.name not in ("float32", "float64"):
        raise TypeError(f"{op}: computes in float32 or float64, not {spec.dtype}; cast with .to(pe.float32)")


def sum_to(k: Kernels, grad: Any, shape: tuple[int, ...]) -> Any:
    """`grad` summed over the axes along which an operand of `shape` was broadcast: the transpose of broadcasting."""
    if grad.shape == shape:
        return grad
    lead = len(grad.shape) - len(shape)
    axes = tuple(i for i, n in enumerate(grad.shape) if i < lead or (shape[i - lead] == 1 and n != 1))
    return k.reshape(k.sum(grad, axis=axes, keepdims=True), shape=shape)
