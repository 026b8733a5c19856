"""Attention: softmax(scale · query · keyᵀ + mask) · value.

A key that takes no part has the score -inf, the score -inf has weight 0, and what has weight 0 adds nothing, not even
where it is multiplied by an infinity or a NaN.
"""

import numpy as np

from ._common import Array, float_only, ieee, results, same_dtype
from .random import words

__all__ = ["attention", "attention_backward"]


@ieee
def attention(
    query: Array,
    key: Array,
    value: Array,
    state: Array,
    mask: Array | None = None,
    scale: float = 1.0,
    causal: bool = False,
    p: float = 0.0,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    _check(query, key, value, state, p)
    s = scores(query, key, mask, scale, causal)
    top = s.max(axis=-1, initial=-np.inf)
    shift = np.where(np.isneginf(top), query.dtype.type(0), top)
    e = weights(s, shift)
    total = e.sum(axis=-1)
    if p > 0:
        e = zero_or(e, kept(s.shape, state, p, query.dtype))
    sums = product(e, spread(value, query))
    mean = np.where(total[..., None] == 0, query.dtype.type(0), sums / total[..., None])
    return results((mean, shift + np.log(total)), out)


@ieee
def attention_backward(
    grad: Array,
    query: Array,
    key: Array,
    value: Array,
    result: Array,
    lse: Array,
    state: Array,
    mask: Array | None = None,
    scale: float = 1.0,
    causal: bool = False,
    p: float = 0.0,
    mask_grad: bool = False,
    out: tuple[Array | None, ...] | None = None,
) -> tuple[Array | None, ...]:
    _check(query, key, value, state, p)
    shape = (*query.shape[:3], value.shape[3])
    for name, given, want in (("grad", grad, shape), ("result", result, shape), ("lse", lse, query.shape[:3])):
        same_dtype("attention_backward", given, query)
        if given.shape != want:
            raise ValueError(f"attention_backward: {name} has shape {given.shape}, not {want}")
    if mask_grad and (mask is None or mask.dtype.kind != "f"):
        raise ValueError("attention_backward: only a mask of numbers has a gradient")
    s = scores(query, key, mask, scale, causal)
    w = weights(s, np.where(np.isneginf(lse), query.dtype.type(0), lse))
    of_weights = grad @ spread(value, query).swapaxes(-1, -2)
    dropped = w
    if p > 0:
        factor = kept(s.shape, state, p, query.dtype)
        dropped, of_weights = zero_or(w, factor), zero_or(of_weights, factor)
    delta = (grad * result).sum(axis=-1, keepdims=True)
    slope = zero_or(of_weights - delta, w)
    factor = query.dtype.type(scale)
    found = (
        factor * product(slope, spread(key, query)),
        factor * gathered(product(slope.swapaxes(-1, -2), query), key),
        gathered(product(dropped.swapaxes(-1, -2), grad), value),
    )
    if not mask_grad:
        return (*results(found, None if out is None else out[:3]), None)
    return results((*found, slope), out)


def scores(query: Array, key: Array, mask: Array | None, scale: float, causal: bool) -> Array:
    """[batch, heads, t, s], -inf where a key takes no part."""
    s = query.dtype.type(scale) * (query @ spread(key, query).swapaxes(-1, -2))
    if mask is not None:
        try:
            np.broadcast_to(mask, s.shape)
        except ValueError:
            raise ValueError(f"attention: a mask {mask.shape} does not broadcast to {s.shape}") from None
        if mask.dtype == np.bool_:
            s = np.where(mask, s, query.dtype.type(-np.inf))
        else:
            same_dtype("attention", query, mask)
            s = s + mask
    if causal:
        s = np.where(np.tri(*s.shape[-2:], dtype=np.bool_), s, query.dtype.type(-np.inf))
    return np.asarray(s)


def weights(s: Array, shift: Array) -> Array:
    """exp(s - shift) of each row, 0 where s is -inf whatever the shift."""
    return np.where(np.isneginf(s), s.dtype.type(0), np.exp(s - shift[..., None]))


def kept(shape: tuple[int, ...], state: Array, p: float, dtype: np.dtype) -> Array:
    """What dropout multiplies each weight by: 0 or 1 / (1 - p)."""
    drawn = words(int(state[0]), int(state[1]), int(np.prod(shape))).reshape(shape).astype(np.float64)
    return np.where(drawn >= np.rint(p * 2**32), dtype.type(1 / (1 - p) if p < 1 else 0), dtype.type(0))


def zero_or(a: Array, factor: Array) -> Array:
    """a · factor, 0 where the factor is, whatever a is."""
    return np.where(factor == 0, a.dtype.type(0), a * factor)


def product(w: Array, values: Array) -> Array:
    """w · values, where a weight of 0 adds nothing."""
    if np.isfinite(values).all():
        return np.asarray(w @ values)
    terms = zero_or(np.broadcast_to(values[..., None, :, :], (*w.shape, values.shape[-1])), w[..., None])
    return np.asarray(terms.sum(axis=-2))


def spread(a: Array, query: Array) -> Array:
    """Keys or values of each head: a group's are those of all its heads."""
    return np.repeat(a, query.shape[1] // max(a.shape[1], 1), axis=1)


def gathered(a: Array, of: Array) -> Array:
    """The sums over the heads of each group."""
    batch, groups, s, d = of.shape
    return a.reshape(batch, groups, a.shape[1] // max(groups, 1), s, d).sum(axis=2)


def _check(query: Array, key: Array, value: Array, state: Array, p: float) -> None:
    float_only("attention", query)
    same_dtype("attention", query, key)
    same_dtype("attention", query, value)
    if not query.ndim == key.ndim == value.ndim == 4:
        raise ValueError(f"attention: {query.shape}, {key.shape} and {value.shape} must have four axes")
    (b, h, _, d), (bk, g, s, dk) = query.shape, key.shape
    if (b, d) != (bk, dk) or (h % g if g else h):
        raise ValueError(f"attention: query {query.shape} and key {key.shape} do not go together")
    if value.shape[:3] != (b, g, s):
        raise ValueError(f"attention: key {key.shape} and value {value.shape} do not go together")
    if state.shape != (2,) or not 0 <= p <= 1:
        raise ValueError(f"attention: a state is int64[2] and p from 0 to 1, not {state.shape} and {p}")
