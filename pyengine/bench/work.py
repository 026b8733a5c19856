"""User code as rows: written once, for any library with PyTorch's names, and run with pyengine and with torch."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

import pyengine

from ..backend import Array
from ..dtypes import float32
from .peers import Peer
from .task import Spec, Task

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 0.01, "momentum": 0.9},
    "Adam": {"lr": 1e-3},
    "AdamW": {"lr": 1e-3},
    "RMSprop": {"lr": 1e-3},
}
CHECKED_STEPS = 3

# Code for any library -> a function to time, and one that gives the numbers to compare.
Contender = tuple[Callable[[], object], Callable[[], Sequence[Array]]]


class Work:
    """User code for one row: `contender(library, array)` makes it for a library; `array` takes it from NumPy."""

    def __init__(
        self,
        contender: Callable[..., Contender],
        flops: int,
        nbytes: int,
        tolerance: float,
    ) -> None:
        self.contender = contender
        self.flops = flops
        self.bytes = nbytes
        self.tolerance = tolerance


def spec(group: str, name: str, work: Work, kernel: str = "", modes: tuple[str, ...] = ()) -> Spec:
    """The row of `work`, against torch plain and in those modes; the kernel is else the first word of the name."""

    def make(peers: dict[str, Peer]) -> Task:
        once, result = work.contender(pyengine, pyengine.tensor)

        def want() -> Sequence[Array]:  # the same code on the definitions of the kernels
            return work.contender(pyengine, lambda a: pyengine.tensor(a, device="numpy"))[1]()

        task = Task(group, name, once, result, want, work.flops, work.bytes, float32, work.tolerance)
        torch = peers.get("torch")
        if torch is not None:
            forget_compiled(torch, modes)
            for mode in ("", *modes):
                made = work.contender(torch.library, torch.convert, **({"mode": mode} if mode else {}))
                task.peers[f"torch {mode}".strip()] = made
        return task

    return Spec(group, name, kernel or name.split()[0], make)


def forget_compiled(torch: Peer, modes: Iterable[str]) -> None:
    """Before a row that compiles: all rows are of the same code, and after a few torch compiles it no more."""
    if {"compiled", "whole"} & set(modes):
        torch.library.compiler.reset()


class Step(NamedTuple):
    """What trains: each `run(*batch)` is a step, and gives its loss.

    leaves  what gets gradients
    left    gives what else than losses the last step made
    """

    run: Callable[..., Any]
    batch: tuple[Any, ...]
    leaves: Sequence[Any] = ()
    left: Callable[[], list[Array]] = list

    def losses(self, steps: int) -> Array:
        """Of the next steps."""
        return np.array([self.run(*self.batch).item() for _ in range(steps)])


def checked_by_losses(fresh: Callable[[], Step]) -> Contender:
    """The step that `fresh()` makes, at its first call, as compiling takes a while; its result, losses of another."""
    made: list[Step] = []

    def once() -> Any:
        if not made:
            made.append(fresh())
        return made[0].run(*made[0].batch)

    return once, lambda: [fresh().losses(CHECKED_STEPS)]


def leaves_of(optimizer: Any) -> list[Any]:
    """All parameters of an optimizer of any library."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
