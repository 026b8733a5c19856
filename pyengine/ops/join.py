"""Putting tensors together, padding them, and cutting matrices along a diagonal."""

import itertools
from collections.abc import Sequence
from typing import Any

from ..backend import Kernels, encode_index
from .op import Attrs, Op, Spec, nbytes
from .reduce import normalize_axes


def _infer_concat(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    first = specs[0]
    (axis,) = normalize_axes("concat", attrs["axis"], len(first.shape))
    for i, spec in enumerate(specs):
        if spec.dtype != first.dtype:
            raise TypeError(f"concat: dtypes {first.dtype} and {spec.dtype} differ")
        if len(spec.shape) != len(first.shape) or any(
            m != n for j, (m, n) in enumerate(zip(spec.shape, first.shape, strict=True)) if j != axis
        ):
            raise ValueError(
                f"concat: tensor {i} has shape {spec.shape}, the first {first.shape}; "
                f"they may differ in the length of axis {axis} only"
            )
    shape = list(first.shape)
    shape[axis] = sum(spec.shape[axis] for spec in specs)
    return [Spec(tuple(shape), first.dtype)]


def _concat(k: Kernels, *arrays: Any, axis: int) -> Any:
    return k.concat(list(arrays), axis=axis), tuple(a.shape[axis] for a in arrays)


def _concat_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axis: int) -> Any:
    return tuple(part if needed else None for part, needed in zip(_parts(k, grad, saved, axis), needs, strict=True))


def _parts(k: Kernels, a: Any, lengths: Sequence[int], axis: int) -> list[Any]:
    before, ends = (slice(None),) * (axis % len(a.shape)), list(itertools.accumulate(lengths))
    indices = [encode_index((*before, slice(end - n, end))) for end, n in zip(ends, lengths, strict=True)]
    return [k.getitem(a, index=index) for index in indices]


def _cost_concat(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, 2 * nbytes(*specs)


def _add_up(lengths: tuple[int, ...], n: int) -> bool:
    return sum(lengths) == n and min(lengths, default=0) >= 0


def _infer_split(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    ((shape, dtype),), lengths = specs, attrs["lengths"]
    (axis,) = normalize_axes("split", attrs["axis"], len(shape))
    if not _add_up(lengths, shape[axis]):
        raise ValueError(f"split: lengths {list(lengths)} do not add up to {shape[axis]}, the length of axis {axis}")
    return [Spec((*shape[:axis], n, *shape[axis + 1 :]), dtype) for n in lengths]


def _split(k: Kernels, a: Any, *, lengths: tuple[int, ...], axis: int) -> Any:
    if not _add_up(lengths, a.shape[axis]):  # slices do not mind
        raise ValueError("split: lengths do not add up")
    return tuple(_parts(k, a, lengths, axis)), ()


def _split_vjp(k: Kernels, saved: Any, *grads: Any, needs: Sequence[bool], lengths: tuple[int, ...], axis: int) -> Any:
    known = next(g for g in grads if g is not None)
    axis %= len(known.shape)

    def zeros(n: int) -> Any:
        shape = (*known.shape[:axis], n, *known.shape[axis + 1 :])
        return k.expand(k.scalar(0.0, dtype=known.dtype), shape=shape)

    whole = [zeros(n) if g is None else g for g, n in zip(grads, lengths, strict=True)]
    return (k.concat(whole, axis=axis),)


def _no_cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, 0


def _infer_pad(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    (a,) = specs
    widths = attrs["widths"]
    if len(widths) != len(a.shape) or any(w < 0 for pair in widths for w in pair):
        raise ValueError(f"pad: {widths} must hold two widths from 0 on for each axis of {a.shape}")
    return [Spec(tuple(n + sum(pair) for n, pair in zip(a.shape, widths, strict=True)), a.dtype)]


def _inside(shape: tuple[int, ...], widths: tuple[tuple[int, int], ...]) -> tuple[Any, ...]:
    return encode_index(tuple(slice(w[0], w[0] + n) for n, w in zip(shape, widths, strict=True)))


def _pad(k: Kernels, a: Any, *, widths: tuple[tuple[int, int], ...], value: float) -> Any:
    shape = tuple(n + sum(pair) for n, pair in zip(a.shape, widths, strict=True))
    return k.pad(a, index=_inside(a.shape, widths), shape=shape, value=value), (a.shape,)


def _pad_vjp(
    k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], widths: tuple[tuple[int, int], ...], value: float
) -> Any:
    return (k.getitem(grad, index=_inside(saved[0], widths)),)


def _cost_pad(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, nbytes(*specs, *_infer_pad(specs, attrs))


def _infer_triangle(name: str) -> Any:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        if len(specs[0].shape) < 2:
            raise ValueError(f"{name}: needs at least two axes, got shape {specs[0].shape}")
        return [specs[0]]

    return infer


def _tril(k: Kernels, a: Any, *, diagonal: int) -> Any:
    return k.tril(a, diagonal=diagonal), ()


def _tril_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], diagonal: int) -> Any:
    return (k.tril(grad, diagonal=diagonal),)


def _triu(k: Kernels, a: Any, *, diagonal: int) -> Any:
    return k.triu(a, diagonal=diagonal), ()


def _triu_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], diagonal: int) -> Any:
    return (k.triu(grad, diagonal=diagonal),)


def _cost_triangle(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, 2 * nbytes(*specs)


CONCAT = Op("concat", _infer_concat, _concat, _concat_vjp, _cost_concat, promotes=True)
PAD = Op("pad", _infer_pad, _pad, _pad_vjp, _cost_pad)
SPLIT = Op("split", _infer_split, _split, _split_vjp, _no_cost)
TRIL = Op("tril", _infer_triangle("tril"), _tril, _tril_vjp, _cost_triangle)
TRIU = Op("triu", _infer_triangle("triu"), _triu, _triu_vjp, _cost_triangle)

OPS = (CONCAT, PAD, SPLIT, TRIL, TRIU)
