"""Cases of recurrent layers over whole sequences, packed or not, and of their gradients."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array
from ..reference.recurrent import Walk
from .case import Call, Cases, Operand, Pick, Shape, constant, real, wrong

_INT64 = np.dtype(np.int64)
_HIDDEN = (1, 2, 3, 5, 7, 8, 9, 16, 17)


class _Sequences(NamedTuple):
    """How many rows, sequences and features; the sequences at each step where these are packed."""

    rows: int
    batch: int
    hidden: int
    counts: tuple[int, ...] = ()

    def of(self, columns: int) -> Operand:
        """A number of arrays for all rows, side by side."""
        return Operand((self.rows, columns * self.hidden))

    def state(self) -> Operand:
        return Operand((self.batch, self.hidden))

    def weight(self, gates: int) -> Operand:
        return Operand((gates * self.hidden, self.hidden), _small)

    def sizes(self) -> tuple[Operand, ...]:
        return (Operand((len(self.counts),), constant(*self.counts), _INT64),) if self.counts else ()


def _small(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Weights under which a state neither dies out nor explodes."""
    return real(rng, shape, exact) if exact else rng.standard_normal(shape) / np.sqrt(max(shape[-1], 1))


def _draw(pick: Pick) -> _Sequences:
    batch, hidden = pick.choice((1, 2, 3, 7)), pick.choice(_HIDDEN)
    if pick.flag():
        return _Sequences(pick.choice((1, 2, 3, 0)) * batch, batch, hidden)
    counts = [pick.choice(range(1, batch + 1))]
    for _ in range(pick.choice((1, 2, 3))):
        counts.append(pick.choice(range(counts[-1] + 1)))
    return _Sequences(sum(counts) + pick.choice((0, 2)), batch, hidden, tuple(counts))


# several blocks of sequences, single ones, columns behind whole vectors, nothing at all
_LISTED = (
    _Sequences(5 * 33, 33, 20),
    _Sequences(6, 1, 70),
    _Sequences(4 * 13, 13, 128),
    _Sequences(29, 13, 9, (13, 12, 3, 1)),
    _Sequences(0, 3, 4),
    _Sequences(0, 0, 4),
    _Sequences(6, 3, 0),
)


def _calls(one: Any, directions: tuple[dict[str, Any], ...]) -> tuple[Call, ...]:
    return tuple(one(s, directions[i % len(directions)]) for i, s in enumerate(_LISTED))


_DIRECTIONS: tuple[dict[str, Any], ...] = ({}, {"reverse": True})
_RNN_DIRECTIONS = tuple({**d, **r} for r in ({}, {"relu": True}) for d in _DIRECTIONS)


def _bounded(error: Any) -> Any:
    """Where an infinity went in, errors are not known, not a number."""

    def bounds(*given: Any, **attrs: Any) -> tuple[Array, ...]:
        return tuple(np.where(np.isnan(e), np.inf, e) for e in error(*given, **attrs))

    return bounds


def _cell(gates: int, states: int, carried: int, biased: bool) -> Any:
    def call(s: _Sequences, attrs: dict[str, Any]) -> Call:
        bias = (Operand((gates * s.hidden,)),) if biased else ()
        return Call((s.of(gates), *(s.state(),) * carried, s.weight(gates), *bias, *s.sizes()), attrs)

    return call


def _backward(gates: int, states: int, carried: int) -> Any:
    def call(s: _Sequences, attrs: dict[str, Any], absent: tuple[int, ...] = ()) -> Call:
        grads = [s.of(1), *[s.state()] * carried, *([s.of(states)] if states else [])]
        kept = [None if i in absent else g for i, g in enumerate(grads)]
        saved = [*([s.of(states)] if states else []), s.of(1), *[s.state()] * carried]
        return Call((*kept, *saved, s.weight(gates), *s.sizes()), attrs)

    return call


def _drawn(one: Any, directions: tuple[dict[str, Any], ...]) -> Any:
    return lambda pick: one(_draw(pick), pick.choice(directions))


def _drawn_backward(one: Any, directions: tuple[dict[str, Any], ...], grads: int) -> Any:
    return lambda pick: one(
        _draw(pick), pick.choice(directions), tuple(i for i in range(grads) if pick.choice((0, 0, 1)))
    )


# --- how far a backend may be off: the recurrences once more, on the errors


class _Errors:
    """Rows with their values and errors, step by step; the state's error is carried from step to step."""

    def __init__(self, rows: int, batch: int, sizes: Array | None, reverse: bool) -> None:
        self.walk = Walk(rows, batch, sizes, reverse)

    def steps(self, back: bool = False) -> Iterator[tuple[slice, slice]]:
        for rows in self.walk.back() if back else self.walk.forth():
            yield rows, slice(0, rows.stop - rows.start)


def _of_product(a: Array, of_a: Array, b: Array) -> Array:
    """The error of a · b: that of a passed on, and a sum's 2√k relative to the sizes of its terms."""
    return of_a @ np.abs(b) + (2 * np.sqrt(b.shape[0]) + 2) * (np.abs(a) @ np.abs(b))


def _passed(error: Array, slope: Array) -> Array:
    """An error behind a function of that slope; at its limits none is left, not even that of an infinity."""
    return np.where(slope == 0, 0, error * slope)


def _of_sigmoid(s: Array, of_a: Array) -> Array:
    return _passed(of_a, s * (1 - s)) + 4 * s


def _of_tanh(t: Array, of_a: Array) -> Array:
    return _passed(of_a, 1 - t**2) + 3 * np.abs(t)


def _split(a: Array, parts: int) -> list[Array]:
    return np.split(a, parts, axis=1)


def _rnn_error(
    outputs: Any, gates: Array, h0: Array, weight: Array, sizes: Any = None, relu: bool = False, reverse: bool = False
) -> tuple[Array, ...]:
    out = outputs[0]
    errors = _Errors(len(out), len(h0), sizes, reverse)
    earlier, error, of_h = errors.walk.before(out, h0), np.zeros_like(out), np.zeros_like(h0)
    for rows, live in errors.steps():
        of_a = _of_product(earlier[rows], of_h[live], weight.T) + 2 * (
            np.abs(gates[rows]) + np.abs(earlier[rows]) @ np.abs(weight.T)
        )
        error[rows] = of_h[live] = of_a if relu else _of_tanh(out[rows], of_a)
    return error, of_h


def _lstm_error(
    outputs: Any, gates: Array, h0: Array, c0: Array, weight: Array, sizes: Any = None, reverse: bool = False
) -> tuple[Array, ...]:
    out, states = outputs[0], outputs[3]
    errors = _Errors(len(out), len(h0), sizes, reverse)
    h, c = errors.walk.before(out, h0), errors.walk.before(_split(states, 5)[4], c0)
    error, of_states, of_h, of_c = np.zeros_like(out), np.zeros_like(states), np.zeros_like(h0), np.zeros_like(c0)
    for rows, live in errors.steps():
        of_a = _of_product(h[rows], of_h[live], weight.T) + 2 * (np.abs(gates[rows]) + np.abs(h[rows] @ weight.T))
        of_a += 2 * np.abs(h[rows]) @ np.abs(weight.T)
        i, f, g, o, cell = _split(states[rows], 5)
        ai, af, ag, ao = _split(of_a, 4)
        of_i, of_f, of_g, of_o = _of_sigmoid(i, ai), _of_sigmoid(f, af), _of_tanh(g, ag), _of_sigmoid(o, ao)
        old, t = np.abs(c[rows]), np.tanh(cell)
        of_c[live] = of_f * old + f * of_c[live] + of_i * np.abs(g) + i * of_g + 2 * (f * old + i * np.abs(g))
        of_h[live] = error[rows] = of_o * np.abs(t) + o * _of_tanh(t, of_c[live]) + np.abs(out[rows])
        of_states[rows] = np.concatenate((of_i, of_f, of_g, of_o, of_c[live]), axis=1)
    return error, of_h, of_c, of_states


def _gru_error(
    outputs: Any, gates: Array, h0: Array, weight: Array, bias: Array, sizes: Any = None, reverse: bool = False
) -> tuple[Array, ...]:
    out, states = outputs[0], outputs[2]
    errors = _Errors(len(out), len(h0), sizes, reverse)
    h = errors.walk.before(out, h0)
    error, of_states, of_h = np.zeros_like(out), np.zeros_like(states), np.zeros_like(h0)
    for rows, live in errors.steps():
        product = np.abs(h[rows]) @ np.abs(weight.T) + np.abs(bias)
        ar, az, of_q = _split(_of_product(h[rows], of_h[live], weight.T) + 2 * product, 3)
        r, z, n, q = _split(states[rows], 4)
        sizes_r, sizes_z, sizes_n = _split(np.abs(gates[rows]), 3)
        of_r = _of_sigmoid(r, ar + 2 * (sizes_r + _split(product, 3)[0]))
        of_z = _of_sigmoid(z, az + 2 * (sizes_z + _split(product, 3)[1]))
        of_n = _of_tanh(n, of_r * np.abs(q) + r * of_q + 2 * (sizes_n + r * np.abs(q)))
        old = np.abs(h[rows])
        of_h[live] = of_z * (np.abs(n) + old) + (1 - z) * of_n + z * of_h[live] + 4 * (np.abs(n) + z * old)
        error[rows] = of_h[live]
        of_states[rows] = np.concatenate((of_r, of_z, of_n, of_q), axis=1)
    return error, of_h, of_states


def _or_zero(grad: Array | None, like: Array) -> Array:
    return np.zeros_like(like) if grad is None else grad


def _slope(x: Array) -> Array:
    """The size of x (1 - x), and of 1 - x²: no more than this, for what need be no result of a sigmoid or tanh."""
    return (1 + np.abs(x)) ** 2


def _rnn_backward_error(
    outputs: Any,
    dout: Any,
    dlast: Any,
    out: Array,
    h0: Array,
    weight: Array,
    sizes: Any = None,
    relu: bool = False,
    reverse: bool = False,
) -> tuple[Array, ...]:
    errors, dout = _Errors(len(out), len(h0), sizes, reverse), _or_zero(dout, out)
    dh, of_dh, error = _or_zero(dlast, h0).copy(), np.zeros_like(h0), np.zeros_like(out)
    for rows, live in errors.steps(back=True):
        size = np.abs(dh[live]) + np.abs(dout[rows])
        error[rows] = (of_dh[live] + 5 * size) * (1 if relu else _slope(out[rows]))
        of_dh[live] = _of_product(outputs[0][rows], error[rows], weight)
        dh[live] = outputs[0][rows] @ weight
    return error, of_dh, np.zeros_like(out)


def _lstm_backward_error(
    outputs: Any,
    dout: Any,
    dlast: Any,
    dlast_c: Any,
    dstates: Any,
    states: Array,
    out: Array,
    h0: Array,
    c0: Array,
    weight: Array,
    sizes: Any = None,
    reverse: bool = False,
) -> tuple[Array, ...]:
    errors, dgates = _Errors(len(out), len(h0), sizes, reverse), outputs[0]
    dout, dstates = _or_zero(dout, out), np.abs(_or_zero(dstates, states))
    dh, dc = _or_zero(dlast, h0).copy(), _or_zero(dlast_c, c0).copy()  # dc: a bound of its size
    dc, of_dh, of_dc, error = np.abs(dc), np.zeros_like(h0), np.zeros_like(h0), np.zeros_like(dgates)
    old = np.abs(errors.walk.before(_split(states, 5)[4], c0))
    for rows, live in errors.steps(back=True):
        i, f, g, o, c = (np.abs(s) for s in _split(states[rows], 5))
        ei, ef, eg, eo, ec = _split(dstates[rows], 5)
        grad, of_grad = np.abs(dh[live]) + np.abs(dout[rows]), of_dh[live] + np.abs(dh[live]) + np.abs(dout[rows])
        slope = 1 - np.tanh(c) ** 2
        cell = dc[live] + grad * o * slope + ec
        # 1 - tanh² is off by tanh's 3 roundings twice, and its own
        of_cell = of_dc[live] + of_grad * o * slope + 9 * grad * o + 4 * cell
        of_i, of_f = of_cell * g + 3 * (cell * g + ei), of_cell * old[rows] + 3 * (cell * old[rows] + ef)
        of_g, of_o = of_cell * i + 3 * (cell * i + eg), of_grad * np.tanh(c) + 5 * (grad * np.tanh(c) + eo)
        sized = (
            *((of_i, cell * g + ei, i), (of_f, cell * old[rows] + ef, f)),
            *((of_g, cell * i + eg, g), (of_o, grad * np.tanh(c) + eo, o)),
        )
        error[rows] = np.concatenate([(e + 4 * size) * _slope(s) for e, size, s in sized], axis=1)
        of_dc[live], dc[live] = of_cell * f + cell * f, cell * f
        of_dh[live] = _of_product(dgates[rows], error[rows], weight)
        dh[live] = dgates[rows] @ weight
    return error, of_dh, of_dc, np.zeros_like(out)


def _gru_backward_error(
    outputs: Any,
    dout: Any,
    dlast: Any,
    dstates: Any,
    states: Array,
    out: Array,
    h0: Array,
    weight: Array,
    sizes: Any = None,
    reverse: bool = False,
) -> tuple[Array, ...]:
    errors, dhidden = _Errors(len(out), len(h0), sizes, reverse), outputs[1]
    dout, dstates = _or_zero(dout, out), np.abs(_or_zero(dstates, states))
    dh, of_dh = np.abs(_or_zero(dlast, h0)), np.zeros_like(h0)  # dh: a bound of its size
    error, of_hidden = np.zeros_like(dhidden), np.zeros_like(dhidden)
    old = np.abs(errors.walk.before(out, h0))
    for rows, live in errors.steps(back=True):
        r, z, n, q = (np.abs(s) for s in _split(states[rows], 4))
        er, ez, en, eq = _split(dstates[rows], 4)
        grad = dh[live] + np.abs(dout[rows])
        of_grad = of_dh[live] + grad
        size_n = (grad * (1 + z) + en) * _slope(n)
        of_n = of_grad * (1 + z) * _slope(n) + 7 * size_n
        size_r, size_z = size_n * q + er, grad * (old[rows] + n) + ez
        of_r = (of_n * q + 5 * size_r) * _slope(r)
        of_z = (of_grad * (old[rows] + n) + 6 * size_z) * _slope(z)
        error[rows] = np.concatenate((of_r, of_z, of_n), axis=1)
        of_hidden[rows] = np.concatenate((of_r, of_z, of_n * r + 2 * (size_n * r + eq)), axis=1)
        back = np.abs(dhidden[rows]) @ np.abs(weight)
        of_dh[live] = _of_product(dhidden[rows], of_hidden[rows], weight) + of_grad * z + 2 * (grad * z + back)
        dh[live] = grad * z + back
    return error, of_hidden, of_dh, np.zeros_like(out)


# --- torch: the formulas step by step, differentiated by torch


def _in_torch(torch: Any, rows: Any, states: tuple[Any, ...], sizes: Any, reverse: bool, cell: Any) -> tuple[Any, ...]:
    """cell(rows of a step, states) -> (what is kept of the step, states), over all steps."""
    batch = len(states[0])
    counts = [batch] * (len(rows) // batch if batch else 0) if sizes is None else [int(n) for n in sizes]
    starts = np.cumsum([0, *counts])
    kept, live = {}, [list(s.unbind(0)) for s in states]
    for t in range(len(counts))[:: -1 if reverse else 1]:
        if counts[t]:
            before = tuple(torch.stack(s[: counts[t]]) for s in live)
            kept[t], after = cell(rows[starts[t] : starts[t + 1]], *before)
            for s, new in zip(live, after, strict=True):
                s[: counts[t]] = list(new.unbind(0))
    rest = len(rows) - int(starts[-1])
    every = [torch.cat(parts) for parts in zip(*(kept[t] for t in sorted(kept)), strict=True)]
    padded = [torch.cat((a, a.new_zeros(rest, a.shape[1]))) for a in every]
    ends = [torch.stack(s) if s else whole * 1 for s, whole in zip(live, states, strict=True)]
    return tuple(padded), tuple(ends)


def _torch_rnn(
    torch: Any, gates: Any, h0: Any, weight: Any, sizes: Any = None, relu: bool = False, reverse: bool = False
) -> Any:
    def cell(x: Any, h: Any) -> Any:
        new = (torch.relu if relu else torch.tanh)(x + h @ weight.T)
        return (new,), (new,)

    kept, ends = _in_torch(torch, gates, (h0,), sizes, reverse, cell)
    return (*(kept or (gates * 1,)), *ends)


def _torch_lstm(torch: Any, gates: Any, h0: Any, c0: Any, weight: Any, sizes: Any = None, reverse: bool = False) -> Any:
    def cell(x: Any, h: Any, c: Any) -> Any:
        i, f, g, o = (x + h @ weight.T).chunk(4, 1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        new_c = f * c + i * g
        new = o * new_c.tanh()
        return (new, torch.cat((i, f, g, o, new_c), 1)), (new, new_c)

    kept, ends = _in_torch(torch, gates, (h0, c0), sizes, reverse, cell)
    hidden = h0.shape[1]
    out, states = kept or (gates[:, :hidden] * 1, gates.repeat(1, 2)[:, : 5 * hidden] * 1)
    return out, *ends, states


def _torch_gru(
    torch: Any, gates: Any, h0: Any, weight: Any, bias: Any, sizes: Any = None, reverse: bool = False
) -> Any:
    def cell(x: Any, h: Any) -> Any:
        (xr, xz, xn), (hr, hz, q) = x.chunk(3, 1), (h @ weight.T + bias).chunk(3, 1)
        r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
        n = (xn + r * q).tanh()
        new = (1 - z) * n + z * h
        return (new, torch.cat((r, z, n, q), 1)), (new,)

    kept, ends = _in_torch(torch, gates, (h0,), sizes, reverse, cell)
    hidden = h0.shape[1]
    out, states = kept or (gates[:, :hidden] * 1, gates.repeat(1, 2)[:, : 4 * hidden] * 1)
    return out, *ends, states


_RNN_CALL, _LSTM_CALL, _GRU_CALL = _cell(1, 0, 1, False), _cell(4, 5, 2, False), _cell(3, 4, 1, True)
_RNN_BACK, _LSTM_BACK, _GRU_BACK = _backward(1, 0, 1), _backward(4, 5, 2), _backward(3, 4, 1)

RNN = Cases(
    "rnn",
    _drawn(_RNN_CALL, _RNN_DIRECTIONS),
    _calls(_RNN_CALL, _RNN_DIRECTIONS),
    error=_bounded(_rnn_error),
    exact=False,
    oracle=_torch_rnn,
    mistake=wrong(((6, 4), "f4"), ((4, 4), "f4"), ((4, 4), "f4")),
)
LSTM = Cases(
    "lstm",
    _drawn(_LSTM_CALL, _DIRECTIONS),
    _calls(_LSTM_CALL, _DIRECTIONS),
    error=_bounded(_lstm_error),
    exact=False,
    oracle=_torch_lstm,
    mistake=wrong(((6, 16), "f4"), ((3, 4), "f4"), ((2, 4), "f4"), ((16, 4), "f4")),
)
GRU = Cases(
    "gru",
    _drawn(_GRU_CALL, _DIRECTIONS),
    _calls(_GRU_CALL, _DIRECTIONS),
    error=_bounded(_gru_error),
    exact=False,
    oracle=_torch_gru,
    mistake=wrong(((6, 12), "f4"), ((3, 4), "f4"), ((16, 4), "f4"), ((12,), "f4")),
)
RNN_BACKWARD = Cases(
    "rnn_backward",
    _drawn_backward(_RNN_BACK, _RNN_DIRECTIONS, 2),
    _calls(_RNN_BACK, _RNN_DIRECTIONS),
    error=_bounded(_rnn_backward_error),
    exact=False,
    mistake=wrong(((6, 4), "f4"), ((2, 4), "f4"), ((6, 4), "f4"), ((3, 4), "f4"), ((4, 4), "f4")),
)
LSTM_BACKWARD = Cases(
    "lstm_backward",
    _drawn_backward(_LSTM_BACK, _DIRECTIONS, 4),
    _calls(_LSTM_BACK, _DIRECTIONS),
    error=_bounded(_lstm_backward_error),
    exact=False,
    mistake=wrong(
        *(((6, 4), "f4"), ((3, 4), "f4"), ((3, 4), "f4"), ((6, 20), "f4")),
        *(((6, 16), "f4"), ((6, 4), "f4"), ((3, 4), "f4"), ((3, 4), "f4"), ((16, 4), "f4")),
    ),
)
GRU_BACKWARD = Cases(
    "gru_backward",
    _drawn_backward(_GRU_BACK, _DIRECTIONS, 3),
    _calls(_GRU_BACK, _DIRECTIONS),
    error=_bounded(_gru_backward_error),
    exact=False,
    mistake=wrong(
        *(((6, 4), "f4"), ((3, 4), "f4"), ((6, 16), "f4")),
        *(((6, 16), "f4"), ((6, 4), "f4"), ((3, 4), "f4"), ((16, 4), "f4")),
    ),
)

KERNELS = (RNN, LSTM, GRU, RNN_BACKWARD, LSTM_BACKWARD, GRU_BACKWARD)
OPS = (RNN, LSTM, GRU)
