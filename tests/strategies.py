"""Hypothesis chooses: calls of the case tables, memory layouts, seeds."""

import functools
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from harness import LAYOUTS, lay, repeat
from hypothesis import strategies as st

from pyengine.cases import Call, Cases, Pick

T = TypeVar("T")


@functools.cache
def _below(count: int) -> st.SearchStrategy[int]:
    """Made once for each count: making and checking a strategy takes longer than drawing from it."""
    return st.integers(0, count - 1)


class Drawn(Pick):
    """Lets Hypothesis make every choice, so that a failing call shrinks to a simple one."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def choice(self, options: Sequence[T]) -> T:
        return options[self._data.draw(_below(len(options)))]


def draw_call(data: st.DataObject, cases: Cases) -> tuple[Call, np.dtype, int]:
    """A call, the dtype under test, and the seed of its data."""
    pick = Drawn(data)
    call, dtype = cases.draw(pick), pick.choice(cases.dtypes)
    return call, dtype, data.draw(st.integers(0, 2**32 - 1))


def draw_layouts(
    data: st.DataObject, operands: list[Any], in_place: tuple[int, ...] = (), repeats: bool = True
) -> list[Any]:
    """The operands in drawn memory layouts; if `repeats`, some that are only read repeat a slice by a stride of 0."""
    pick = Drawn(data)

    def laid(operand: Any, written: bool) -> Any:
        if isinstance(operand, list):
            return [laid(o, written) for o in operand]
        if operand is None:
            return None
        out = lay(operand, pick.choice(LAYOUTS))
        if repeats and out.ndim and out.size and not written and pick.choice((0, 0, 0, 1)):
            out = repeat(out, pick.choice(range(out.ndim)))
        return out

    return [laid(operand, i in in_place) for i, operand in enumerate(operands)]
