"""Copying and casting."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    return [Spec(specs[0].shape, attrs["dtype"])]


def _copy(k: Kernels, a: Any, *, dtype: np.dtype) -> Any:
    return k.copy(a, dtype=dtype), (a.dtype,)


def _copy_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], dtype: np.dtype) -> Any:
    (source,) = saved
    return (grad if source == dtype else k.copy(grad, dtype=source),)


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, nbytes(specs[0], Spec(specs[0].shape, attrs["dtype"]))


COPY = Op("copy", _infer, _copy, _copy_vjp, _cost)

OPS = (COPY,)
