"""One of several elements: by a condition, or by which is greater. The gradient goes to the chosen one."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, broadcast_shapes, nbytes, size, sum_to


def _require_number(name: str, spec: Spec) -> None:
    if spec.dtype.name not in ("float32", "float64", "int64"):
        raise TypeError(f"{name}: computes in float32, float64 or int64, not {spec.dtype}; cast with .to(pe.float32)")


def _require_same(name: str, *specs: Spec) -> None:
    for spec in specs[1:]:
        if spec.dtype != specs[0].dtype:
            raise TypeError(f"{name}: dtypes {specs[0].dtype} and {spec.dtype} differ")


def _zero(k: Kernels, like: Any) -> Any:
    return k.scalar(0.0, dtype=like.dtype)


def _infer_where(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    condition, a, b = specs
    if condition.dtype.name != "bool":
        raise TypeError(f"where: the condition is bool, not {condition.dtype}; compare with something, as in x > 0")
    _require_same("where", a, b)
    shape = broadcast_shapes("where", condition.shape, broadcast_shapes("where", a.shape, b.shape))
    return [Spec(shape, a.dtype)]


def _where(k: Kernels, condition: Any, a: Any, b: Any) -> Any:
    return k.where(condition, a, b), (condition, a.shape, b.shape)


def _where_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    condition, a, b = saved
    return (
        None,
        sum_to(k, k.where(condition, grad, _zero(k, grad)), a) if needs[1] else None,
        sum_to(k, k.where(condition, _zero(k, grad), grad), b) if needs[2] else None,
    )


def _cost_where(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    (out,) = _infer_where(specs, attrs)
    return size(out.shape), nbytes(*specs, out)


def _extreme(name: str, loses: str) -> Op:
    """maximum or minimum; a loses to b where the kernel `loses`, lt or gt, says so."""

    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        a, b = specs
        _require_number(name, a)
        _require_same(name, a, b)
        return [Spec(broadcast_shapes(name, a.shape, b.shape), a.dtype)]

    def forward(k: Kernels, a: Any, b: Any) -> Any:
        return getattr(k, name)(a, b), (a, b)

    def share(k: Kernels, grad: Any, own: Any, other: Any) -> Any:
        """All of the gradient where `own` was chosen, half of it where both are equal."""
        half = k.where(k.eq(own, other), k.mul(grad, k.scalar(0.5, dtype=grad.dtype)), grad)
        return sum_to(k, k.where(getattr(k, loses)(own, other), _zero(k, grad), half), own.shape)

    def vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
        a, b = saved
        return share(k, grad, a, b) if needs[0] else None, share(k, grad, b, a) if needs[1] else None

    def cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
        (out,) = infer(specs, attrs)
        return size(out.shape), nbytes(*specs, out)

    return Op(name, infer, forward, vjp, cost, saves=(0, 1), promotes=True)


def _infer_clamp(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, low, high = specs
    _require_number("clamp", a)
    _require_same("clamp", a, low, high)
    shape = broadcast_shapes("clamp", a.shape, broadcast_shapes("clamp", low.shape, high.shape))
    return [Spec(shape, a.dtype)]


def _clamp(k: Kernels, a: Any, low: Any, high: Any) -> Any:
    return k.clamp(a, low, high), (a, low, high)


def _clamp_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    a, low, high = saved
    zero = _zero(k, grad)
    da = dlow = dhigh = None
    if needs[0]:  # a limit itself is still inside, as PyTorch has it
        inside = k.bitwise_and(k.ge(a, low), k.le(a, high))
        da = sum_to(k, k.where(inside, grad, zero), a.shape)
    if needs[1]:
        below = k.bitwise_and(k.lt(a, low), k.lt(low, high))
        dlow = sum_to(k, k.where(below, grad, zero), low.shape)
    if needs[2]:
        above = k.bitwise_or(k.gt(a, high), k.gt(low, high))
        dhigh = sum_to(k, k.where(above, grad, zero), high.shape)
    return da, dlow, dhigh


def _cost_clamp(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    (out,) = _infer_clamp(specs, attrs)
    return 2 * size(out.shape), nbytes(*specs, out)


WHERE = Op("where", _infer_where, _where, _where_vjp, _cost_where, saves=(0,))
MAXIMUM = _extreme("maximum", "lt")
MINIMUM = _extreme("minimum", "gt")
CLAMP = Op("clamp", _infer_clamp, _clamp, _clamp_vjp, _cost_clamp, saves=(0, 1, 2))

OPS = (WHERE, MAXIMUM, MINIMUM, CLAMP)
