"""The mean of each window of an image a[n, c, rows, columns], and the gradient of that."""

from typing import TypeAlias

import numpy as np

from ..windows import Pair
from ._common import Array, float_only, ieee, result
from ._windows import counts

__all__ = ["adaptive_avg_pool2d", "adaptive_avg_pool2d_backward", "avg_pool2d", "avg_pool2d_backward"]

# For each window of an axis the positions from the first up to the last, and by how much its sum is divided
Spans: TypeAlias = list[tuple[int, int, int]]


@ieee
def avg_pool2d(
    a: Array,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: float = 0.0,
    out: Array | None = None,
) -> Array:
    float_only("avg_pool2d", a)
    spans = _sliding("avg_pool2d", a, kernel, stride, padding, ceil_mode, count_include_pad)
    return result(_means(a, *spans, divisor), out)


@ieee
def avg_pool2d_backward(
    grad: Array,
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: float = 0.0,
    out: Array | None = None,
) -> Array:
    float_only("avg_pool2d_backward", grad)
    images = np.broadcast_to(grad.dtype.type(0), (*grad.shape[:2], *size))
    rows, columns = _sliding("avg_pool2d_backward", images, kernel, stride, padding, ceil_mode, count_include_pad)
    count = (len(rows), len(columns))
    if grad.shape[2:] != count:
        raise ValueError(f"avg_pool2d_backward: {count} windows need as many gradients, not {grad.shape}")
    return result(_spread(grad, size, rows, columns, divisor), out)


@ieee
def adaptive_avg_pool2d(a: Array, size: Pair, out: Array | None = None) -> Array:
    float_only("adaptive_avg_pool2d", a)
    return result(_means(a, *_parts("adaptive_avg_pool2d", a, (a.shape[2], a.shape[3]), size)), out)


@ieee
def adaptive_avg_pool2d_backward(grad: Array, size: Pair, out: Array | None = None) -> Array:
    float_only("adaptive_avg_pool2d_backward", grad)
    parts = _parts("adaptive_avg_pool2d_backward", grad, size, (grad.shape[2], grad.shape[3]))
    return result(_spread(grad, size, *parts), out)


def _sliding(
    kernel_name: str, a: Array, kernel: Pair, stride: Pair, padding: Pair, ceil_mode: bool, count_include_pad: bool
) -> tuple[Spans, Spans]:
    count = counts(kernel_name, a, kernel, stride, padding, (1, 1), ceil_mode)

    def along(axis: int) -> Spans:
        length, spans = a.shape[2 + axis], []
        for o in range(count[axis]):
            start = o * stride[axis] - padding[axis]
            begin, end = max(start, 0), min(start + kernel[axis], length)
            padded = min(start + kernel[axis], length + padding[axis]) - start
            spans.append((begin, end, padded if count_include_pad else end - begin))
        return spans

    return along(0), along(1)


def _parts(kernel_name: str, a: Array, lengths: Pair, parts: Pair) -> tuple[Spans, Spans]:
    if a.ndim != 4 or min(*lengths, *parts) < 1:
        raise ValueError(f"{kernel_name}: {lengths} cannot be cut into {parts} parts")

    def along(length: int, count: int) -> Spans:
        spans = ((o * length // count, -(-(o + 1) * length // count)) for o in range(count))
        return [(begin, end, end - begin) for begin, end in spans]

    return along(lengths[0], parts[0]), along(lengths[1], parts[1])


def _means(a: Array, rows: Spans, columns: Spans, divisor: float = 0.0) -> Array:
    out = np.empty((*a.shape[:2], len(rows), len(columns)), a.dtype)
    for y, (top, bottom, height) in enumerate(rows):
        for x, (left, right, width) in enumerate(columns):
            total = a[:, :, top:bottom, left:right].sum(axis=(2, 3))
            out[:, :, y, x] = total / a.dtype.type(divisor or height * width)
    return out


def _spread(grad: Array, size: Pair, rows: Spans, columns: Spans, divisor: float = 0.0) -> Array:
    da = np.zeros((*grad.shape[:2], *size), grad.dtype)
    for y, (top, bottom, height) in enumerate(rows):
        for x, (left, right, width) in enumerate(columns):
            share = grad[:, :, y, x] / grad.dtype.type(divisor or height * width)
            da[:, :, top:bottom, left:right] += share[..., None, None]
    return da
