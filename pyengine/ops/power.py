"""Powers of tensors and of numbers."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, broadcast_shapes, nbytes, size, sum_to


def _require_number(name: str, spec: Spec) -> None:
    if spec.dtype.name not in ("float32", "float64", "int64"):
        raise TypeError(f"{name}: computes in float32, float64 or int64, not {spec.dtype}; cast with .to(pe.float32)")


def _infer_pow(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, b = specs
    _require_number("pow", a)
    if a.dtype != b.dtype:
        raise TypeError(f"pow: dtypes {a.dtype} and {b.dtype} differ")
    return [Spec(broadcast_shapes("pow", a.shape, b.shape), a.dtype)]


def _pow(k: Kernels, a: Any, b: Any) -> Any:
    y = k.pow(a, b)
    return y, (a, b, y)


def _pow_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    a, b, y = saved
    zero, one = k.scalar(0.0, dtype=grad.dtype), k.scalar(1.0, dtype=grad.dtype)
    no_base = k.eq(a, zero)
    da = db = None
    if needs[0]:  # b·a^(b-1); for 0^0 the second factor, infinite, is put to 1 before b makes it 0
        constant = k.bitwise_and(no_base, k.eq(b, zero))
        less = k.where(constant, zero, k.sub(b, one))
        da = sum_to(k, k.mul(k.mul(grad, b), k.pow(a, less)), a.shape)
    if needs[1]:  # y·log(a); 0^b is 0 or 1 for all b >= 0 nearby, so the logarithm is put to 0 there
        constant = k.bitwise_and(no_base, k.ge(b, zero))
        db = sum_to(k, k.mul(grad, k.mul(y, k.log(k.where(constant, one, a)))), b.shape)
    return da, db


def _cost_pow(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    (out,) = _infer_pow(specs, attrs)
    return size(out.shape), nbytes(*specs, out)


def _infer_scalar(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    _require_number("pow_scalar", specs[0])
    return [specs[0]]


def _pow_scalar(k: Kernels, a: Any, *, exponent: float) -> Any:
    return k.pow(a, k.scalar(exponent, dtype=a.dtype)), (a,)


def _pow_scalar_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], exponent: float) -> Any:
    (a,) = saved
    if exponent == 0:
        return (k.expand(k.scalar(0.0, dtype=grad.dtype), shape=grad.shape),)
    slope = k.pow(a, k.scalar(exponent - 1, dtype=grad.dtype))
    return (k.mul(k.mul(grad, k.scalar(exponent, dtype=grad.dtype)), slope),)


def _cost_scalar(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return size(specs[0].shape), nbytes(*specs, specs[0])


POW = Op("pow", _infer_pow, _pow, _pow_vjp, _cost_pow, saves=(0, 1, ~0), promotes=True)
POW_SCALAR = Op("pow_scalar", _infer_scalar, _pow_scalar, _pow_scalar_vjp, _cost_scalar, saves=(0,))

OPS = (POW, POW_SCALAR)
