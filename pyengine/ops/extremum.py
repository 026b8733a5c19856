"""Elements chosen along the last axis by their place, and the shares that the greatest or least have in a gradient."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size


def _require_one_a_row(op: str, rows: Spec, y: Spec) -> None:
    if not rows.shape or y.shape != rows.shape[:-1]:
        raise ValueError(f"{op}: each row of {rows.shape} along the last axis needs one element, got {y.shape}")


def _require_places(op: str, index: Spec) -> None:
    if index.dtype.name != "int64":
        raise TypeError(f"{op}: places are int64, not {index.dtype}")


def _infer_shares(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, y = specs
    require_float("extremum_shares", a)
    if a.dtype != y.dtype:
        raise TypeError(f"extremum_shares: dtypes {a.dtype} and {y.dtype} differ")
    _require_one_a_row("extremum_shares", a, y)
    return [a]


def _shares(k: Kernels, a: Any, y: Any) -> Any:
    return k.extremum_shares(a, y), ()


def _shares_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    return None, None  # constant wherever it has a derivative


def _infer_take(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, index = specs
    if a.dtype.name not in ("float32", "float64", "int64"):
        raise TypeError(f"take_last: computes in float32, float64 or int64, not {a.dtype}")
    _require_places("take_last", index)
    _require_one_a_row("take_last", a, index)
    return [Spec(index.shape, a.dtype)]


def _take(k: Kernels, a: Any, index: Any) -> Any:
    return k.take_last(a, index), (index, a.shape)


def _take_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    index, shape = saved
    return k.put_last(grad, index, length=shape[-1]), None


def _infer_put(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    grad, index = specs
    if grad.dtype.name not in ("float32", "float64", "int64"):
        raise TypeError(f"put_last: computes in float32, float64 or int64, not {grad.dtype}")
    _require_places("put_last", index)
    if grad.shape != index.shape:
        raise ValueError(f"put_last: {grad.shape} elements need as many places, got {index.shape}")
    return [Spec((*grad.shape, attrs["length"]), grad.dtype)]


def _put(k: Kernels, grad: Any, index: Any, *, length: int) -> Any:
    return k.put_last(grad, index, length=length), (index,)


def _put_vjp(k: Kernels, saved: Any, upstream: Any, *, needs: Sequence[bool], length: int) -> Any:
    return k.take_last(upstream, saved[0]), None


def _cost(infer: Any) -> Any:
    def cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
        out = infer(specs, attrs)
        return size(out[0].shape), nbytes(*specs, *out)

    return cost


EXTREMUM_SHARES = Op("extremum_shares", _infer_shares, _shares, _shares_vjp, _cost(_infer_shares))
TAKE_LAST = Op("take_last", _infer_take, _take, _take_vjp, _cost(_infer_take), saves=(1,))
PUT_LAST = Op("put_last", _infer_put, _put, _put_vjp, _cost(_infer_put), saves=(1,))

OPS = (EXTREMUM_SHARES, TAKE_LAST, PUT_LAST)
