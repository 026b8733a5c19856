"""Division to a whole number, and what is left."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, broadcast_shapes, nbytes, size, sum_to


def _infer(name: str) -> Any:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        a, b = specs
        if a.dtype.name not in ("float32", "float64", "int64"):
            raise TypeError(f"{name}: computes in float32, float64 or int64, not {a.dtype}; cast with .to(pe.float32)")
        if a.dtype != b.dtype:
            raise TypeError(f"{name}: dtypes {a.dtype} and {b.dtype} differ")
        return [Spec(broadcast_shapes(name, a.shape, b.shape), a.dtype)]

    return infer


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    out = Spec(broadcast_shapes("", specs[0].shape, specs[1].shape), specs[0].dtype)
    return size(out.shape), nbytes(*specs, out)


def _floor_divide(k: Kernels, a: Any, b: Any) -> Any:
    return k.floor_divide(a, b), (a.shape, b.shape)


def _floor_divide_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    # constant between its jumps
    zero = k.scalar(0.0, dtype=grad.dtype)
    return tuple(k.expand(zero, shape=s) if needed else None for s, needed in zip(saved, needs, strict=True))


def _remainder(k: Kernels, a: Any, b: Any) -> Any:
    return k.remainder(a, b), (a, b)


def _remainder_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    a, b = saved  # the result is a - b·floor(a / b)
    return (
        sum_to(k, grad, a.shape) if needs[0] else None,
        sum_to(k, k.neg(k.mul(grad, k.floor_divide(a, b))), b.shape) if needs[1] else None,
    )


FLOOR_DIVIDE = Op("floor_divide", _infer("floor_divide"), _floor_divide, _floor_divide_vjp, _cost, promotes=True)
REMAINDER = Op("remainder", _infer("remainder"), _remainder, _remainder_vjp, _cost, saves=(0, 1), promotes=True)

OPS = (FLOOR_DIVIDE, REMAINDER)
