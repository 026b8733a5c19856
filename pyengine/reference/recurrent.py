"""Recurrent layers over whole sequences, and their gradients: the definitions of csrc/kernels/recurrent.h."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ._common import Array, float_only, ieee, results, same_dtype

__all__ = ["gru", "gru_backward", "lstm", "lstm_backward", "rnn", "rnn_backward"]


class Walk:
    """The steps of packed sequences in the layer's direction: which rows they take, and from where h' comes."""

    def __init__(self, rows: int, batch: int, batch_sizes: Array | None, reverse: bool) -> None:
        self.starts = [0]
        count = batch
        for t in range(len(batch_sizes) if batch_sizes is not None else rows // batch if batch else 0):
            if batch_sizes is not None:
                count = min(count, max(int(batch_sizes[t]), 0))
            count = min(count, rows - self.starts[-1])
            self.starts.append(self.starts[-1] + count)
        self.order = range(len(self.starts) - 1)[:: -1 if reverse else 1]

    def forth(self) -> Iterator[slice]:
        """The rows of each step."""
        for t in self.order:
            yield slice(self.starts[t], self.starts[t + 1])

    def back(self) -> Iterator[slice]:
        """The same from the last one on."""
        for t in reversed(self.order):
            yield slice(self.starts[t], self.starts[t + 1])

    def before(self, out: Array, first: Array) -> Array:
        """For each row its sequence's row of `out` one step before, which is that of `first` at the first step."""
        found, carried = np.zeros_like(out), first.copy()
        for rows in self.forth():
            count = rows.stop - rows.start
            found[rows] = carried[:count]
            carried[:count] = out[rows]
        return found


def _sigmoid(a: Array) -> Array:
    e = np.exp(-np.abs(a))
    return np.asarray(np.where(a < 0, e, a.dtype.type(1)) / (1 + e))


def _check(
    kernel: str, batch_sizes: Array | None, rows: Array, h0: Array, *shaped: tuple[Any, tuple[int, ...]]
) -> None:
    float_only(kernel, rows)
    if rows.ndim != 2 or h0.ndim != 2:
        raise ValueError(f"{kernel}: needs rows of all steps and a state for each sequence: {rows.shape}, {h0.shape}")
    for array, shape in shaped:
        if array is not None:
            same_dtype(kernel, rows, array)
            if array.shape != shape:
                raise ValueError(f"{kernel}: an array must be of shape {shape}, not {array.shape}")
    if batch_sizes is None and (len(rows) % len(h0) if len(h0) else len(rows)):
        raise ValueError(f"{kernel}: without batch_sizes every step has a row for each sequence")
    if batch_sizes is not None and (batch_sizes.dtype != np.int64 or batch_sizes.ndim != 1):
        raise ValueError(f"{kernel}: batch_sizes is int64, one number a step, not {batch_sizes.dtype}")


def _split(a: Array, parts: int) -> list[Array]:
    width = a.shape[1] // parts
    return [a[:, i * width : (i + 1) * width] for i in range(parts)]


@ieee
def rnn(
    gates: Array,
    h0: Array,
    weight: Array,
    batch_sizes: Array | None = None,
    relu: bool = False,
    reverse: bool = False,
    out: tuple[Array, ...] | None = None,
) -> tuple[Any, ...]:
    n, (batch, hidden) = len(gates), h0.shape
    _check("rnn", batch_sizes, gates, h0, (gates, (n, hidden)), (h0, h0.shape), (weight, (hidden, hidden)))
    y, h = np.zeros_like(gates), h0.copy()
    for rows in Walk(n, batch, batch_sizes, reverse).forth():
        m = rows.stop - rows.start
        a = gates[rows] + h[:m] @ weight.T
        y[rows] = h[:m] = np.where(a <= 0, a.dtype.type(0), a) if relu else np.tanh(a)
    return results((y, h), out)


@ieee
def rnn_backward(
    dout: Array | None,
    dlast: Array | None,
    y: Array,
    h0: Array,
    weight: Array,
    batch_sizes: Array | None = None,
    relu: bool = False,
    reverse: bool = False,
    out: tuple[Array, ...] | None = None,
) -> tuple[Any, ...]:
    n, (batch, hidden) = len(y), h0.shape
    flat, ends = (n, hidden), (batch, hidden)
    _check("rnn_backward", batch_sizes, y, h0, (y, flat), (weight, (hidden, hidden)), (dout, flat), (dlast, ends))
    walk = Walk(n, batch, batch_sizes, reverse)
    dgates, dh = np.zeros_like(y), np.zeros_like(h0) if dlast is None else dlast.copy()
    for rows in walk.back():
        m = rows.stop - rows.start
        grad = dh[:m] if dout is None else dh[:m] + dout[rows]
        dgates[rows] = np.where(y[rows] <= 0, y.dtype.type(0), grad) if relu else grad * (1 - y[rows] ** 2)
        dh[:m] = dgates[rows] @ weight
    return results((dgates, dh, walk.before(y, h0)), out)


@ieee
def lstm(
    gates: Array,
    h0: Array,
    c0: Array,
    weight: Array,
    batch_sizes: Array | None = None,
    reverse: bool = False,
    out: tuple[Array, ...] | None = None,
) -> tuple[Any, ...]:
    n, (batch, hidden) = len(gates), h0.shape
    _check("lstm", batch_sizes, gates, h0, (gates, (n, 4 * hidden)), (h0, h0.shape), (c0, h0.shape))
    _check("lstm", batch_sizes, gates, h0, (weight, (4 * hidden, hidden)))
    y, h, c = np.zeros((n, hidden), gates.dtype), h0.copy(), c0.copy()
    states = np.zeros((n, 5 * hidden), gates.dtype)
    for rows in Walk(n, batch, batch_sizes, reverse).forth():
        m = rows.stop - rows.start
        i, f, g, o = _split(gates[rows] + h[:m] @ weight.T, 4)
        i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
        c[:m] = f * c[:m] + i * g
        y[rows] = h[:m] = o * np.tanh(c[:m])
        states[rows] = np.concatenate((i, f, g, o, c[:m]), axis=1)
    return results((y, h, c, states), out)


@ieee
def lstm_backward(
    dout: Array | None,
    dlast: Array | None,
    dlast_c: Array | None,
    dstates: Array | None,
    states: Array,
    y: Array,
    h0: Array,
    c0: Array,
    weight: Array,
    batch_sizes: Array | None = None,
    reverse: bool = False,
    out: tuple[Array, ...] | None = None,
) -> tuple[Any, ...]:
    n, (batch, hidden) = len(y), h0.shape
    flat, ends = (n, hidden), (batch, hidden)
    _check("lstm_backward", batch_sizes, states, h0, (states, (n, 5 * hidden)), (y, flat), (c0, ends))
    _check("lstm_backward", batch_sizes, states, h0, (weight, (4 * hidden, hidden)), (dstates, (n, 5 * hidden)))
    _check("lstm_backward", batch_sizes, states, h0, (dout, flat), (dlast, ends), (dlast_c, ends))
    walk = Walk(n, batch, batch_sizes, reverse)
    dgates = np.zeros((n, 4 * hidden), y.dtype)
    dh, dc = (np.zeros_like(h0) if d is None else d.copy() for d in (dlast, dlast_c))
    earlier = walk.before(states[:, 4 * hidden :], c0)
    for rows in walk.back():
        m = rows.stop - rows.start
        i, f, g, o, c = _split(states[rows], 5)
        extra = [y.dtype.type(0)] * 5 if dstates is None else _split(dstates[rows], 5)
        t, grad = np.tanh(c), dh[:m] if dout is None else dh[:m] + dout[rows]
        cell = dc[:m] + grad * o * (1 - t**2) + extra[4]
        of_i, of_f = cell * g + extra[0], cell * earlier[rows] + extra[1]
        of_g, of_o = cell * i + extra[2], grad * t + extra[3]
        dgates[rows] = np.concatenate(
            (of_i * i * (1 - i), of_f * f * (1 - f), of_g * (1 - g**2), of_o * o * (1 - o)), axis=1
        )
        dc[:m] = cell * f
        dh[:m] = dgates[rows] @ weight
    return results((dgates, dh, dc, walk.before(y, h0)), out)


@ieee
def gru(
    gates: Array,
    h0: Array,
    weight: Array,
    bias: Array,
    batch_sizes: Array | None = None,
    reverse: bool = False,
    out: tuple[Array, ...] | None = None,
) -> tuple[Any, ...]:
    n, (batch, hidden) = len(gates), h0.shape
    _check("gru", batch_sizes, gates, h0, (gates, (n, 3 * hidden)), (h0, h0.shape))
    _check("gru", batch_sizes, gates, h0, (weight, (3 * hidden, hidden)), (bias, (3 * hidden,)))
    y, h, states = np.zeros((n, hidden), gates.dtype), h0.copy(), np.zeros((n, 4 * hidden), gates.dtype)
    for rows in Walk(n, batch, batch_sizes, reverse).forth():
        m = rows.stop - rows.start
        of_r, of_z, of_n = _split(gates[rows], 3)
        hidden_r, hidden_z, q = _split(h[:m] @ weight.T + bias, 3)
        r, z = _sigmoid(of_r + hidden_r), _sigmoid(of_z + hidden_z)
        candidate = np.tanh(of_n + r * q)
        y[rows] = h[:m] = (1 - z) * candidate + z * h[:m]
        states[rows] = np.concatenate((r, z, candidate, q), axis=1)
    return results((y, h, states), out)


@ieee
def gru_backward(
    dout: Array | None,
    dlast: Array | None,
    dstates: Array | None,
    states: Array,
    y: Array,
    h0: Array,
    weight: Array,
    batch_sizes: Array | None = None,
    reverse: bool = False,
    out: tuple[Array, ...] | None = None,
) -> tuple[Any, ...]:
    n, (batch, hidden) = len(y), h0.shape
    flat, ends = (n, hidden), (batch, hidden)
    _check("gru_backward", batch_sizes, states, h0, (states, (n, 4 * hidden)), (y, flat), (dout, flat))
    _check("gru_backward", batch_sizes, states, h0, (weight, (3 * hidden, hidden)), (dstates, (n, 4 * hidden)))
    _check("gru_backward", batch_sizes, states, h0, (dlast, ends))
    walk = Walk(n, batch, batch_sizes, reverse)
    dgates, dhidden = np.zeros((n, 3 * hidden), y.dtype), np.zeros((n, 3 * hidden), y.dtype)
    dh, previous = np.zeros_like(h0) if dlast is None else dlast.copy(), walk.before(y, h0)
    for rows in walk.back():
        m = rows.stop - rows.start
        r, z, candidate, q = _split(states[rows], 4)
        extra = [y.dtype.type(0)] * 4 if dstates is None else _split(dstates[rows], 4)
        grad = dh[:m] if dout is None else dh[:m] + dout[rows]
        of_n = (grad * (1 - z) + extra[2]) * (1 - candidate**2)
        of_r = (of_n * q + extra[0]) * r * (1 - r)
        of_z = (grad * (previous[rows] - candidate) + extra[1]) * z * (1 - z)
        dgates[rows] = np.concatenate((of_r, of_z, of_n), axis=1)
        dhidden[rows] = np.concatenate((of_r, of_z, of_n * r + extra[3]), axis=1)
        dh[:m] = grad * z + dhidden[rows] @ weight
    return results((dgates, dhidden, dh, previous), out)
