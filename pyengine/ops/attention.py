"""Attention, and its gradient as an operation of its own.

The scores of all queries with all keys are never in memory at once, forward or backward. Only the derivative of the
gradient, which nothing but `create_graph=True` asks for, writes them out.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ..backend import Kernels, encode_index
from .op import Attrs, Op, Spec, nbytes, require_float, size, sum_to

NAME = "scaled_dot_product_attention"


def _check(query: Spec, key: Spec, value: Spec, state: Spec, mask: Sequence[Spec], p: float) -> None:
    require_float(NAME, query)
    for what, other in (("key", key), ("value", value), *(("mask", m) for m in mask if m.dtype.name != "bool")):
        if other.dtype != query.dtype:
            raise TypeError(f"{NAME}: the query is {query.dtype}, the {what} {other.dtype}; cast one with .to(…)")
    q, k, v = query.shape, key.shape, value.shape
    shapes = f"query {q}, key {k}, value {v}"
    if not len(q) == len(k) == len(v) == 4:
        raise ValueError(f"{NAME}: {shapes}: each has the axes (batch, heads, positions, features)")
    if q[0] != k[0] or q[3] != k[3]:
        what, i = ("batches", 0) if q[0] != k[0] else ("features", 3)
        raise ValueError(f"{NAME}: {shapes}: the query has {q[i]} {what}, the key {k[i]}")
    if (q[1] % k[1] if k[1] else q[1]) != 0:
        raise ValueError(f"{NAME}: {shapes}: {q[1]} heads of queries cannot share {k[1]} heads of keys evenly")
    if v[:3] != k[:3]:
        raise ValueError(f"{NAME}: {shapes}: each key needs a value: key and value must agree but for the last axis")
    if state.shape != (2,) or state.dtype.name != "int64":
        raise ValueError(f"{NAME}: the state is int64[2], seed and offset, not {state}")
    if not 0 <= p <= 1:
        raise ValueError(f"{NAME}: dropout_p is the probability to be dropped, from 0 to 1, not {p}")
    for m in mask:
        scores = (q[0], q[1], q[2], k[2])
        lengths = zip(reversed(m.shape), reversed(scores), strict=False)
        if len(m.shape) > 4 or any(n not in (1, want) for n, want in lengths):
            raise ValueError(f"{NAME}: the mask has shape {m.shape}, which does not broadcast to {scores}: {shapes}")


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    query, key, value, state, *mask = specs
    _check(query, key, value, state, mask, attrs.get("p", 0.0))
    return [Spec((*query.shape[:3], value.shape[3]), query.dtype), Spec(query.shape[:3], query.dtype)]


def _attention(k: Kernels, *inputs: Any, **attrs: Any) -> Any:
    result, lse = k.attention(*inputs, **attrs)
    return (result, lse), (*inputs[:3], result, lse, *inputs[3:])


def _vjp(k: Kernels, saved: Any, grad: Any, dlse: Any, *, needs: Sequence[bool], **attrs: Any) -> Any:
    query, key, value, result, lse, state, *mask = saved
    if grad is None:
        grad = _filled(k, 0.0, result.shape, result.dtype)
    if dlse is not None:
        # A weight is the slope of lse by a score, so dlse counts as one more feature, in which every value is 0 and
        # the result -1: the kernel subtracts Σ grad · result from the slope of each weight.
        grad, value, result = (
            k.concat([a, b], axis=3)
            for a, b in (
                (grad, k.reshape(dlse, shape=(*dlse.shape, 1))),
                (value, _filled(k, 0.0, (*value.shape[:3], 1), value.dtype)),
                (result, _filled(k, -1.0, (*result.shape[:3], 1), result.dtype)),
            )
        )
    wants_mask = len(needs) > 4 and needs[4]
    dquery, dkey, dvalue, dmask = k.attention_backward(
        grad, query, key, value, result, lse, state, *mask, mask_grad=wants_mask, **attrs
    )
    if dlse is not None and needs[2]:
        dvalue = k.getitem(dvalue, index=encode_index((..., slice(0, -1))))
    found = [g if need else None for g, need in zip((dquery, dkey, dvalue), needs, strict=False)]
    of_mask = [sum_to(k, dmask, tuple(mask[0].shape)) if wants_mask else None for _ in mask]
    return (*found, None, *of_mask)


def _filled(k: Kernels, value: float, shape: tuple[int, ...], dtype: Any) -> Any:
    return k.expand(k.scalar(value, dtype=dtype), shape=shape)


def _infer_backward(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    grad, query, key, value, result, lse, state, *mask = specs
    forward = _infer([query, key, value, state, *mask], {"p": attrs.get("p", 0.0)})
    for what, spec, want in (("gradient", grad, forward[0]), ("result", result, forward[0]), ("lse", lse, forward[1])):
        if spec != want:
            raise ValueError(f"attention_backward: the {what} is {spec}, for such operands it is {want}")
    of_mask = []
    if attrs.get("mask_grad", False):
        if not mask or mask[0].dtype != query.dtype:
            raise ValueError("attention_backward: only a mask of numbers has a gradient")
        of_mask = [Spec((*query.shape[:3], key.shape[2]), query.dtype)]
    return [query, key, value, *of_mask]


def _backward(k: Kernels, *inputs: Any, **attrs: Any) -> Any:
    return k.attention_backward(*inputs, **attrs), inputs


def _backward_vjp(
    k: Kernels,
    saved: Any,
    *upstream: Any,
    needs: Sequence[bool],
    scale: float = 1.0,
    causal: bool = False,
    p: float = 0.0,
    mask_grad: bool = False,
) -> Any:
    """With weights w = exp(s - lse), dropout's factors c, a = grad · valueᵀ ∘ c - Σ grad · result and slopes w ∘ a:
    dquery = scale · slopes · key, dkey = scale · slopesᵀ · query, dvalue = (c ∘ w)ᵀ · grad, dmask = slopes.

    For upstreams u of these, r = scale · (u_query · keyᵀ + query · u_keyᵀ) + u_mask is that of the slopes, so that of
    a is r ∘ w and that of w is r ∘ a + c ∘ (grad · u_valueᵀ); times w it is that of s, and, summed, of -lse.
    """
    grad, query, key, value, result, lse, state, *mask = saved
    factor = k.scalar(scale, dtype=query.dtype)
    u = [
        _filled(k, 0.0, tuple(a.shape), a.dtype) if given is None else given
        for given, a in zip(upstream, (query, key, value), strict=False)
    ]
    heads = query.shape[1]
    keys, values, u_keys, u_values = (_spread(k, a, heads) for a in (key, value, u[1], u[2]))

    def dropped(a: Any) -> Any:
        return a if p == 0 else k.mul(a, k.dropout(_filled(k, 1.0, tuple(a.shape), a.dtype), state, p=p))

    def product(a: Any, b: Any) -> Any:
        return k.matmul(a, b)

    def scaled(a: Any, b: Any) -> Any:
        return k.mul(k.add(a, b), factor)

    w = _weights(k, k.mul(product(query, _turned(k, keys)), factor), lse, mask, causal)
    delta = k.sum(k.mul(grad, result), axis=(-1,), keepdims=True)
    a = k.sub(dropped(product(grad, _turned(k, values))), delta)
    slopes = k.mul(w, a)
    r = scaled(product(u[0], _turned(k, keys)), product(query, _turned(k, u_keys)))
    if mask_grad and upstream[3] is not None:
        r = k.add(r, upstream[3])
    of_a = k.mul(r, w)
    of_delta = k.neg(k.sum(of_a, axis=(-1,), keepdims=True))
    of_s = k.mul(w, k.add(k.mul(r, a), dropped(product(grad, _turned(k, u_values)))))

    def of_group(a: Any, group: Any) -> Any:
        return _gathered(k, a, tuple(group.shape))

    def of_query() -> Any:
        return scaled(product(of_s, keys), product(slopes, u_keys))

    def of_key() -> Any:
        return of_group(scaled(product(_turned(k, of_s), query), product(_turned(k, slopes), u[0])), key)

    def of_grad() -> Any:
        direct = k.add(product(dropped(of_a), values), product(dropped(w), u_values))
        return k.add(direct, k.mul(of_delta, result))

    made: list[Callable[[], Any]] = [
        of_grad,
        of_query,
        of_key,
        lambda: of_group(product(_turned(k, dropped(of_a)), grad), value),
        lambda: k.mul(of_delta, grad),
        lambda: k.neg(k.sum(of_s, axis=(-1,), keepdims=False)),
        lambda: None,
        lambda: sum_to(k, of_s, tuple(mask[0].shape)),
    ]
    return tuple(make() if need else None for make, need in zip(made, needs, strict=False))


def _weights(k: Kernels, s: Any, lse: Any, mask: Sequence[Any], causal: bool) -> Any:
    """exp(s + mask - lse), 0 where a key takes no part; a query with no key has lse -inf."""
    low = k.scalar(float("-inf"), dtype=lse.dtype)
    zero = k.scalar(0.0, dtype=lse.dtype)
    shift = k.where(k.eq(lse, low), zero, lse)
    chosen = [m for m in mask if m.dtype.name == "bool"]
    s = k.sub(s, k.reshape(shift, shape=(*lse.shape, 1)))
    for m in mask:
        s = k.where(m, s, low) if chosen else k.add(s, m)
    w = k.exp(s)
    return k.tril(w, diagonal=0) if causal else w


def _turned(k: Kernels, a: Any) -> Any:
    return k.permute(a, axes=(0, 1, 3, 2))


def _spread(k: Kernels, a: Any, heads: int) -> Any:
    """Keys or values of each head: a group's are those of all its heads."""
    batch, groups, s, d = a.shape
    if groups == heads:
        return a
    each = k.reshape(a, shape=(batch, groups, 1, s, d))
    return k.reshape(k.expand(each, shape=(batch, groups, heads // groups, s, d)), shape=(batch, heads, s, d))


def _gathered(k: Kernels, a: Any, shape: tuple[int, ...]) -> Any:
    """The sums over the heads of each group: the transpose of _spread."""
    batch, groups, s, d = shape
    if a.shape[1] == groups:
        return a
    return k.sum(k.reshape(a, shape=(batch, groups, a.shape[1] // groups, s, d)), axis=(2,), keepdims=False)


def _pairs(query: Spec, key: Spec, attrs: Attrs) -> int:
    """How many scores are computed: of a causal square about half."""
    t, s = query.shape[2], key.shape[2]
    n = min(t, s)
    counted = n * (n + 1) // 2 + (t - n) * s if attrs.get("causal", False) else t * s
    return query.shape[0] * query.shape[1] * counted


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    query, key, value = specs[:3]
    outputs = _infer(specs, attrs)
    flops = 2 * (query.shape[3] + value.shape[3]) * _pairs(query, key, attrs)
    return max(flops, size(outputs[0].shape)), nbytes(*specs, *outputs)


def _cost_backward(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    query, key, value = specs[1:4]
    outputs = _infer_backward(specs, attrs)
    flops = 2 * (3 * query.shape[3] + 2 * value.shape[3]) * _pairs(query, key, attrs)
    return max(flops, size(outputs[0].shape)), nbytes(*specs, *outputs)


ATTENTION = Op("attention", _infer, _attention, _vjp, _cost, saves=(0, 1, 2, ~0, ~1, 3, 4))
ATTENTION_BACKWARD = Op(
    "attention_backward", _infer_backward, _backward, _backward_vjp, _cost_backward, saves=(0, 1, 2, 3, 4, 5, 6, 7)
)

OPS = (ATTENTION, ATTENTION_BACKWARD)
