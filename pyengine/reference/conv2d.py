"""Sums over windows of images, and their gradients. Zeros stand around an image, and around a gradient."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from ._common import Array, float_only, ieee, result, same_dtype

__all__ = ["conv2d", "conv2d_backward_input", "conv2d_backward_weight"]

Pair: TypeAlias = int | Sequence[int]


@ieee
def conv2d(
    a: Array,
    weight: Array,
    bias: Array | None = None,
    act: str | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    out: Array | None = None,
) -> Array:
    _check("conv2d", a, weight, groups)
    if a.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError(f"conv2d: channels of {a.shape} and {weight.shape} do not fit in {groups} groups")
    size = _result_size("conv2d", a.shape[2:], weight.shape[2:], stride, padding, dilation)
    y = np.zeros((len(a), groups, weight.shape[0] // groups, size[0] * size[1]), a.dtype)
    grouped = _in_groups(weight, 0, groups)
    for i, j, window in _windows(a, weight.shape[2:], size, stride, padding, dilation, groups):
        y += grouped[..., i, j] @ _flat(window)
    y = _with_bias("conv2d", y.reshape(len(a), weight.shape[0], *size), bias)
    if act is not None and act != "relu":
        raise ValueError(f"conv2d: unknown activation {act!r}; there is 'relu'")
    return result(np.maximum(y, np.zeros((), y.dtype)) if act else y, out)


@ieee
def conv2d_backward_input(
    grad: Array,
    weight: Array,
    bias: Array | None = None,
    size: Pair = 1,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    out: Array | None = None,
) -> Array:
    _check("conv2d_backward_input", grad, weight, groups)
    if grad.shape[1] != weight.shape[0] or weight.shape[0] % groups:
        raise ValueError(f"conv2d_backward_input: channels of {grad.shape} and {weight.shape} do not fit")
    _check_gradient("conv2d_backward_input", grad, _pair(size), weight.shape[2:], stride, padding, dilation)
    grouped = _in_groups(weight, 0, groups)
    g = _in_groups(grad, 1, groups)
    da = np.zeros((len(grad), groups, weight.shape[1], *_pair(size)), grad.dtype)
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            # the pixels that tap i, j of some window may see, and those windows, outside of which the gradient is 0
            rows, from_rows = _seen(i, 0, da.shape[3], stride, padding, dilation)
            columns, from_columns = _seen(j, 1, da.shape[4], stride, padding, dilation)
            there = _at(_at(g, 3, from_rows), 4, from_columns)
            seen = grouped[..., i, j].swapaxes(1, 2) @ _flat(there)
            da[:, :, :, rows[:, None], columns] += seen.reshape(*seen.shape[:3], len(rows), len(columns))
    return result(
        _with_bias("conv2d_backward_input", da.reshape(len(grad), weight.shape[1] * groups, *_pair(size)), bias), out
    )


@ieee
def conv2d_backward_weight(
    grad: Array,
    a: Array,
    size: Pair = 1,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    out: Array | None = None,
) -> Array:
    _check("conv2d_backward_weight", grad, a, groups)
    if len(grad) != len(a) or a.shape[1] % groups or grad.shape[1] % groups:
        raise ValueError(f"conv2d_backward_weight: {grad.shape} and {a.shape} do not fit in {groups} groups")
    _check_gradient("conv2d_backward_weight", grad, a.shape[2:], _pair(size), stride, padding, dilation)
    g = _in_groups(grad, 1, groups)
    dw = np.zeros((groups, g.shape[2], a.shape[1] // groups, *_pair(size)), a.dtype)
    for i, j, window in _windows(a, _pair(size), grad.shape[2:], stride, padding, dilation, groups):
        dw[..., i, j] = (_flat(g) @ _flat(window).swapaxes(2, 3)).sum(axis=0)
    return result(dw.reshape(grad.shape[1], a.shape[1] // groups, *_pair(size)), out)


def _pair(value: Pair) -> tuple[int, int]:
    both = (value, value) if isinstance(value, int) else tuple(value) * (2 if len(value) == 1 else 1)
    if len(both) != 2:
        raise ValueError(f"conv2d: one int or two, for height and width, not {value!r}")
    return both


def _check(kernel: str, a: Array, b: Array, groups: int) -> None:
    float_only(kernel, a)
    same_dtype(kernel, a, b)
    if a.ndim != 4 or b.ndim != 4 or groups < 1:
        raise ValueError(f"{kernel}: shapes {a.shape} and {b.shape} in {groups} groups; both need four axes")


def _result_size(
    kernel: str, size: Sequence[int], window: Sequence[int], stride: Pair, padding: Pair, dilation: Pair
) -> tuple[int, int]:
    s, p, d = _pair(stride), _pair(padding), _pair(dilation)
    if min(*window, *s, *d) < 1 or min(p) < 0:
        raise ValueError(f"{kernel}: kernel {window}, stride {s} and dilation {d} are from 1 on, padding {p} from 0 on")
    h, w = ((size[i] + 2 * p[i] - d[i] * (window[i] - 1) - 1) // s[i] + 1 for i in range(2))
    if min(h, w) < 1:
        raise ValueError(f"{kernel}: a kernel of {window} does not fit into {size} with a padding of {p}")
    return h, w


def _check_gradient(
    kernel: str, grad: Array, size: Sequence[int], window: Sequence[int], stride: Pair, padding: Pair, dilation: Pair
) -> None:
    want = _result_size(kernel, size, window, stride, padding, dilation)
    if grad.shape[2:] != want:
        raise ValueError(f"{kernel}: the gradient has shape {grad.shape}, the result {want} pixels")


def _windows(
    a: Array, window: Sequence[int], size: Sequence[int], stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Iterator[tuple[int, int, Array]]:
    """For each tap i, j the pixels [image, group, channel, y, x] that it meets."""
    (sh, sw), (ph, pw), (dh, dw) = _pair(stride), _pair(padding), _pair(dilation)
    padded = _in_groups(np.pad(a, ((0, 0), (0, 0), (ph, ph), (pw, pw))), 1, groups)
    for i in range(window[0]):
        for j in range(window[1]):
            rows = slice(i * dh, i * dh + (size[0] - 1) * sh + 1, sh)
            yield i, j, padded[..., rows, slice(j * dw, j * dw + (size[1] - 1) * sw + 1, sw)]


def _in_groups(a: Array, axis: int, groups: int) -> Array:
    """The channels along an axis as two axes: the groups, and the channels of each."""
    return a.reshape(*a.shape[:axis], groups, a.shape[axis] // groups, *a.shape[axis + 1 :])


def _flat(images: Array) -> Array:
    """The pixels of each channel in a row: [image, group, channel, pixel]."""
    return images.reshape(*images.shape[:3], images.shape[3] * images.shape[4])


def _seen(tap: int, axis: int, length: int, stride: Pair, padding: Pair, dilation: Pair) -> tuple[Array, Array]:
    """The places of an axis whose distance to `tap` is a whole number of strides, and that number."""
    places = np.arange(length)
    distance = places + _pair(padding)[axis] - tap * _pair(dilation)[axis]
    hit = distance % _pair(stride)[axis] == 0
    return places[hit], distance[hit] // _pair(stride)[axis]


def _at(a: Array, axis: int, index: Array) -> Array:
    """The elements at `index` along an axis, 0 where that is outside."""
    inside = (index >= 0) & (index < a.shape[axis])
    taken = np.take(a, np.where(inside, index, 0), axis)
    shape = [1] * a.ndim
    shape[axis] = len(index)
    return np.where(inside.reshape(shape), taken, a.dtype.type(0))


def _with_bias(kernel: str, y: Array, bias: Array | None) -> Array:
    if bias is None:
        return y
    same_dtype(kernel, y, bias)
    if bias.shape != y.shape[1:2]:
        raise ValueError(f"{kernel}: bias has shape {bias.shape}, the result {y.shape[1]} channels")
    return y + bias[:, None, None]
