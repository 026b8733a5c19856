"""Finding where a NaN began."""

import contextlib
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import tape
from ..brain_float import FLOAT_KINDS
from ..tape import Node, Value


@contextlib.contextmanager
def detect_anomaly() -> Iterator[None]:
    """A block in which the first NaN raises, forward or backward, naming the operation and the line that called it.

    Slow: every result is looked through. For finding where a bad number began, not for training.

    >>> import pyengine as pe
    >>> x = pe.tensor([0.0], requires_grad=True)
    >>> with detect_anomaly():
    ...     y = x / x  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    RuntimeError: div: the result holds a NaN; called in <doctest ..., line 2
    """
    lines: weakref.WeakKeyDictionary[Node, str] = weakref.WeakKeyDictionary()

    def trace(node: Node, out: Any) -> None:
        lines[node] = tape.user_line()
        results = out if isinstance(out, tuple) else (out,)
        if any(_has_nan(r) for r in results):
            raise RuntimeError(f"{node.op.name}: the result holds a NaN; called in {lines[node]}")

    def check(node: Node, gradients: Sequence[Any]) -> None:
        for i, gradient in enumerate(gradients):
            data = gradient.data if isinstance(gradient, Value) else gradient
            if data is not None and _has_nan(data):
                where = lines.get(node, "a line before detect_anomaly()")
                raise RuntimeError(
                    f"{node.op.name}: the gradient of input {i} holds a NaN; the operation was called in {where}"
                )

    before = tape.tracer, tape.gradient_check
    tape.tracer, tape.gradient_check = trace, check
    try:
        yield
    finally:
        tape.tracer, tape.gradient_check = before


def _has_nan(data: Any) -> bool:
    return data is not None and data.dtype.kind in FLOAT_KINDS and bool(np.isnan(data).any())
