"""Choosing elements by position, and putting them back: each is the transpose of the other."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, broadcast_shapes, nbytes
from .reduce import normalize_axes

MOST_INDICES = 8  # as many as arrays have axes


def _require_positions(op: str, specs: Sequence[Spec]) -> None:
    for spec in specs:
        if spec.dtype.name != "int64":
            raise TypeError(f"{op}: positions are int64, not {spec.dtype}; cast with .to(pe.int64)")


def _require_number(op: str, spec: Spec) -> None:
    if spec.dtype.name not in ("float32", "float64", "int64"):
        raise TypeError(f"{op}: adds up float32, float64 or int64, not {spec.dtype}; cast with .to(pe.float32)")


def _require_src(op: str, src: Spec, shape: tuple[int, ...], dtype: Any) -> None:
    if src.dtype != dtype:
        raise TypeError(f"{op}: src is {src.dtype}, the tensor {dtype}; they must be the same")
    if src.shape != shape:
        raise ValueError(f"{op}: src has shape {src.shape}, the positions choose {shape}; they must be the same")


def chosen_shape(op: str, shape: tuple[int, ...], indices: Sequence[Spec], axes: tuple[int, ...]) -> tuple[int, ...]:
    """What `indices` along `axes` choose of a tensor of that shape."""
    _require_positions(op, indices)
    if len(indices) != len(axes) or sorted(set(axes)) != list(axes) or not all(0 <= a < len(shape) for a in axes):
        raise ValueError(f"{op}: axes {axes} must rise, exist in shape {shape}, and have an index each")
    common = indices[0].shape
    for spec in indices[1:]:
        common = broadcast_shapes(op, common, spec.shape)
    first = axes[0] if axes[-1] - axes[0] == len(axes) - 1 else 0
    rest = [n for axis, n in enumerate(shape) if axis not in axes]
    return (*rest[:first], *common, *rest[first:])


def line_axis(op: str, shape: tuple[int, ...], index: Spec, axis: int) -> int:
    """`axis` as a non-negative number; ValueError where positions `index` do not fit lines along it."""
    (found,) = normalize_axes(op, axis, len(shape))
    _require_positions(op, [index])
    fits = len(index.shape) == len(shape)
    if not fits or any(m > n for i, (m, n) in enumerate(zip(index.shape, shape, strict=True)) if i != found):
        hint = ""
        if len(index.shape) == len(shape) - 1:
            hint = f"; give the index an axis more: index.unsqueeze({axis})"
        raise ValueError(
            f"{op}: index {index.shape} needs the {len(shape)} axes of {shape}, none longer but axis {axis}{hint}"
        )
    return found


def _zeros(k: Kernels, grad: Any, shape: tuple[int, ...]) -> Any:
    return k.expand(k.scalar(0.0, dtype=grad.dtype), shape=shape)


# --- index, index_add, index_put: positions along several axes


def _infer_index(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, *indices = specs
    return [Spec(chosen_shape("index", a.shape, indices, attrs["axes"]), a.dtype)]


def _index(k: Kernels, a: Any, *indices: Any, axes: tuple[int, ...], wrap: bool = True) -> Any:
    return k.index(a, list(indices), axes=axes, wrap=wrap), (*indices, a.shape)


def _index_vjp(
    k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axes: tuple[int, ...], wrap: bool = True
) -> Any:
    *indices, shape = saved
    return (k.index_add(grad, indices, axes=axes, shape=shape), *(None for _ in indices))


def _cost_index(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, 2 * nbytes(*_infer_index(specs, attrs)) + nbytes(*specs[1:])


def _infer_index_add(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    src, *indices = specs
    _require_number("index_add", src)
    shape = attrs["shape"]
    _require_src("index_add", src, chosen_shape("index_add", shape, indices, attrs["axes"]), src.dtype)
    return [Spec(shape, src.dtype)]


def _index_add(k: Kernels, src: Any, *indices: Any, axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    return k.index_add(src, list(indices), axes=axes, shape=shape), indices


def _index_add_vjp(
    k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axes: tuple[int, ...], shape: tuple[int, ...]
) -> Any:
    return (k.index(grad, list(saved), axes=axes), *(None for _ in saved))


def _cost_add(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, nbytes(*specs, Spec(attrs["shape"], specs[0].dtype))


def _infer_index_put(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, src, *indices = specs
    _require_src("index_put", src, chosen_shape("index_put", a.shape, indices, attrs["axes"]), a.dtype)
    return [a]


def _index_put(k: Kernels, a: Any, src: Any, *indices: Any, axes: tuple[int, ...]) -> Any:
    return k.index_put(a, src, list(indices), axes=axes), (*indices, src.shape)


def _index_put_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axes: tuple[int, ...]) -> Any:
    *indices, shape = saved  # of two values for one place both get the gradient, though only the last one stays
    return (
        k.index_put(grad, _zeros(k, grad, shape), indices, axes=axes) if needs[0] else None,
        k.index(grad, indices, axes=axes) if needs[1] else None,
        *(None for _ in indices),
    )


def _cost_put(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, nbytes(*specs, specs[0])


# --- gather, scatter, scatter_add: positions along one axis, for each line


def _infer_gather(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, index = specs
    line_axis("gather", a.shape, index, attrs["axis"])
    return [Spec(index.shape, a.dtype)]


def _gather(k: Kernels, a: Any, index: Any, *, axis: int) -> Any:
    return k.gather(a, index, axis=axis), (index, a.shape)


def _gather_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axis: int) -> Any:
    index, shape = saved
    return k.scatter_add(grad, index, axis=axis, shape=shape), None


def _cost_gather(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, 2 * nbytes(*_infer_gather(specs, attrs)) + nbytes(specs[1])


def _infer_scatter_add(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    src, index = specs
    _require_number("scatter_add", src)
    line_axis("scatter_add", attrs["shape"], index, attrs["axis"])
    _require_src("scatter_add", src, index.shape, src.dtype)
    return [Spec(attrs["shape"], src.dtype)]


def _scatter_add(k: Kernels, src: Any, index: Any, *, axis: int, shape: tuple[int, ...]) -> Any:
    return k.scatter_add(src, index, axis=axis, shape=shape), (index,)


def _scatter_add_vjp(
    k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axis: int, shape: tuple[int, ...]
) -> Any:
    return k.gather(grad, saved[0], axis=axis), None


def _infer_scatter(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, src, index = specs
    line_axis("scatter", a.shape, index, attrs["axis"])
    _require_src("scatter", src, index.shape, a.dtype)
    return [a]


def _scatter(k: Kernels, a: Any, src: Any, index: Any, *, axis: int) -> Any:
    return k.scatter(a, src, index, axis=axis), (index,)


def _scatter_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axis: int) -> Any:
    (index,) = saved
    return (
        k.scatter(grad, _zeros(k, grad, index.shape), index, axis=axis) if needs[0] else None,
        k.gather(grad, index, axis=axis) if needs[1] else None,
        None,
    )


# --- embedding: rows of a table, one of which may be left out of learning


def _infer_embedding(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    weight, index = specs
    _require_positions("embedding", [index])
    if len(weight.shape) != 2:
        raise ValueError(f"embedding: the weight is (rows, features), got {weight.shape}")
    return [Spec((*index.shape, weight.shape[1]), weight.dtype)]


def _embedding(k: Kernels, weight: Any, index: Any, *, padding: int | None) -> Any:
    return k.index(weight, [index], axes=(0,), wrap=False), (index, weight.shape)


def _embedding_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], padding: int | None) -> Any:
    index, shape = saved
    sums = k.index_add(grad, [index], axes=(0,), shape=shape)
    if padding is not None:
        sums = k.setitem(sums, _zeros(k, grad, shape[1:]), index=(padding,))
    return sums, None


def _cost_embedding(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, 2 * nbytes(*_infer_embedding(specs, attrs)) + nbytes(specs[1])


_FROM_1 = tuple(range(1, 1 + MOST_INDICES))
_FROM_2 = tuple(range(2, 2 + MOST_INDICES))

INDEX = Op("index", _infer_index, _index, _index_vjp, _cost_index, saves=_FROM_1)
INDEX_ADD = Op("index_add", _infer_index_add, _index_add, _index_add_vjp, _cost_add, saves=_FROM_1)
INDEX_PUT = Op("index_put", _infer_index_put, _index_put, _index_put_vjp, _cost_put, saves=_FROM_2)
GATHER = Op("gather", _infer_gather, _gather, _gather_vjp, _cost_gather, saves=(1,))
SCATTER = Op("scatter", _infer_scatter, _scatter, _scatter_vjp, _cost_put, saves=(2,))
SCATTER_ADD = Op("scatter_add", _infer_scatter_add, _scatter_add, _scatter_add_vjp, _cost_add, saves=(1,))
EMBEDDING = Op("embedding", _infer_embedding, _embedding, _embedding_vjp, _cost_embedding, saves=(1,))

OPS = (INDEX, INDEX_ADD, INDEX_PUT, GATHER, SCATTER, SCATTER_ADD, EMBEDDING)
