"""Cases of attention and its gradient."""

from typing import Any

import numpy as np

from ..backend import Array
from ..reference.attention import gathered, kept, product, scores, spread, weights, zero_or
from ..reference.random import words
from .case import Call, Cases, Operand, Pick, Shape, real, wrong
from .random import OFFSETS, SEEDS, state

_HEADS = ((1, 1), (2, 1), (3, 3), (4, 2))


def _some(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Which keys take part, for some queries none."""
    rows = rng.random((*shape[:-1], 1) if shape else ()) < 0.9
    return np.asarray((rng.random(shape) < 0.7) & rows)


def _first(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Which keys take part, the first always: a query with none has no finite lse to differentiate."""
    chosen = np.asarray(rng.random(shape) < 0.6)
    chosen.reshape(-1, shape[-1] if shape else 1)[:, :1] = True
    return chosen


def _added(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return np.where(rng.random(shape) < 0.1, -np.inf, rng.standard_normal(shape))


def _log_sums(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """What lse may be, -inf of a query with no key among it; far enough from 0 that weights are moderate."""
    return np.where(rng.random(shape) < 0.05, -np.inf, 2 + rng.standard_normal(shape))


def _call(
    shape: tuple[int, int, int, int, int, int, int],
    mask: Operand | None,
    causal: bool,
    p: float,
    backward: bool,
    drawn: Operand,
    optional: bool,
) -> Call:
    """`optional`: of a kernel, which takes None for a mask."""
    batch, heads, groups, t, s, d, e = shape
    operands: list[Any] = [
        Operand((batch, heads, t, d)),
        Operand((batch, groups, s, d)),
        Operand((batch, groups, s, e)),
    ]
    attrs: dict[str, Any] = {"scale": 0.375, "causal": causal, "p": p}
    if backward:
        result = Operand((batch, heads, t, e))
        lse = Operand((batch, heads, t), _log_sums if optional else _finite_log_sums)
        operands = [result, *operands, result, lse]
        if mask is not None and mask.dtype is None:
            attrs["mask_grad"] = True
    return Call((*operands, drawn, *((mask,) if mask is not None or optional else ())), attrs)


def _finite_log_sums(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return np.asarray(2 + rng.standard_normal(shape))


def _mask(kind: str, shape: Shape, kernel: bool) -> Operand | None:
    if kind == "chosen":
        return Operand(shape, _some if kernel else _first, np.dtype(np.bool_))
    return Operand(shape, _added if kernel else real) if kind == "added" else None


def _draw(backward: bool, kernel: bool) -> Any:
    def draw(pick: Pick) -> Call:
        batch, (heads, groups) = pick.choice((1, 2)), pick.choice(_HEADS)
        t, s = pick.length(), pick.length(least=0 if kernel else 1)
        d, e = pick.length(most=17), pick.length(most=17)
        mask = _mask(pick.choice(("none", "chosen", "added")), pick.narrowed((batch, heads, t, s)), kernel)
        p = pick.choice((0.0, 0.0, 0.5, 0.1, *((1.0,) if kernel else ())))
        drawn = state(pick.choice(SEEDS), pick.choice(OFFSETS))
        return _call((batch, heads, groups, t, s, d, e), mask, pick.flag(), p, backward, drawn, kernel)

    return draw


def _listed(backward: bool, kernel: bool) -> tuple[Call, ...]:
    calls = (
        ((2, 4, 2, 70, 150, 33, 20), "chosen", (2, 1, 70, 150), False, 0.0),
        ((1, 2, 2, 200, 200, 64, 64), "none", (), True, 0.0),
        ((1, 2, 1, 100, 130, 8, 8), "added", (100, 130), True, 0.25),
        ((3, 2, 1, 1, 300, 32, 32), "chosen", (3, 1, 1, 300), False, 0.0),
        ((1, 3, 3, 67, 40, 17, 9), "none", (), False, 0.5),
        ((1, 1, 1, 300, 50, 4, 5), "added", (1, 50), False, 0.0),
    )
    return tuple(
        _call(shape, _mask(kind, mask, kernel), causal, p, backward, state(7, 3), kernel)
        for shape, kind, mask, causal, p in calls
    )


# --- how far results may be off, in units of u


def _of_scores(query: Array, key: Array, mask: Array | None, scale: float, s: Array) -> Array:
    """What a weight errs by relative to itself: the score's error and that of the exponential's argument.

    A score is a sum of d products, 2√d of Σ |query · key|, three roundings by the scale and one by the mask; taking lse
    away rounds once more, and exp itself errs by two units.
    """
    d = query.shape[-1]
    sizes = abs(scale) * (np.abs(query) @ np.abs(spread(key, query)).swapaxes(-1, -2))
    of_mask = 0 if mask is None or mask.dtype == np.bool_ else np.abs(mask)
    error = (2 * np.sqrt(d) + 4) * sizes + 2 * of_mask + np.abs(s) + 4
    return np.where(np.isneginf(s), 0, error)


def _error(
    outputs: Any,
    query: Array,
    key: Array,
    value: Array,
    drawn: Array,
    mask: Array | None = None,
    scale: float = 1.0,
    causal: bool = False,
    p: float = 0.0,
) -> tuple[Array, Array]:
    _, lse = outputs
    s = scores(query, key, mask, scale, causal)
    w = weights(s, np.where(np.isneginf(lse), 0, lse))
    relative = _of_scores(query, key, mask, scale, s)
    # lse: the mean error of its terms, that of a sum of as many, and of the logarithm and the maximum added to it
    n = s.shape[-1]
    of_sum = zero_or(relative, w).sum(axis=-1) + 2 * np.sqrt(n) + 4
    of_lse = of_sum + np.where(np.isneginf(lse), 0, 2 * np.abs(lse)) + 4
    top = s.max(axis=-1, initial=-np.inf)
    of_lse = of_lse + np.where(np.isneginf(top), 0, 2 * np.abs(top))
    c = kept(s.shape, drawn, p, s.dtype) if p > 0 else np.ones_like(s)
    # each weight errs by itself and by the sum that it is divided by; rescaling by new maxima rounds a few times more
    one = relative + (of_sum + 2 * np.sqrt(n) + 12)[..., None]
    return product(zero_or(zero_or(one, w), c), np.abs(spread(value, query))), of_lse


def _backward_error(
    outputs: Any,
    grad: Array,
    query: Array,
    key: Array,
    value: Array,
    result: Array,
    lse: Array,
    drawn: Array,
    mask: Array | None = None,
    scale: float = 1.0,
    causal: bool = False,
    p: float = 0.0,
    mask_grad: bool = False,
) -> tuple[Any, ...]:
    s = scores(query, key, mask, scale, causal)
    shift = np.where(np.isneginf(lse), 0, lse)
    w = weights(s, shift)
    relative = _of_scores(query, key, mask, scale, s) + 2 * np.abs(shift)[..., None]
    c = kept(s.shape, drawn, p, s.dtype) if p > 0 else np.ones_like(s)
    t, n, e = s.shape[-2], s.shape[-1], value.shape[-1]
    heads_of_group = query.shape[1] // max(key.shape[1], 1)
    of_weights = zero_or(np.abs(grad) @ np.abs(spread(value, query)).swapaxes(-1, -2), c)
    delta = np.abs(grad * result).sum(axis=-1, keepdims=True)
    # slope = w · (c · grad · valueᵀ - delta): both terms are sums over e, and the weight errs as above
    sizes = zero_or(of_weights + delta, w)
    off = zero_or(relative + 2 * np.sqrt(e) + 8, sizes)
    down = 2 * np.sqrt(t * heads_of_group) + 6
    turned = (off + down * sizes).swapaxes(-1, -2)
    kept_weights = zero_or(zero_or(relative + down, w), c)
    found = (
        abs(scale) * product(off + (2 * np.sqrt(n) + 6) * sizes, np.abs(spread(key, query))),
        abs(scale) * gathered(product(turned, np.abs(query)), key),
        gathered(product(kept_weights.swapaxes(-1, -2), np.abs(grad)), value),
    )
    return (*found, off + 2 * sizes if mask_grad else None)


# --- the same by torch


def _torch_kept(torch: Any, s: Any, drawn: Any, p: float) -> Any:
    seed, offset = drawn.tolist()
    chosen = words(seed, offset, s.numel()).astype(np.float64) >= p * 2.0**32
    return torch.from_numpy(chosen.reshape(tuple(s.shape))).to(s.dtype) / (1 - p)


def _torch_scores(torch: Any, query: Any, key: Any, mask: Any, scale: float, causal: bool) -> Any:
    s = scale * query @ key.repeat_interleave(query.shape[1] // key.shape[1], 1).transpose(-1, -2)
    if mask is not None:
        s = s.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else s + mask
    return s.masked_fill(~torch.ones(s.shape[-2:], dtype=torch.bool).tril(), -torch.inf) if causal else s


def _torch_forward(
    torch: Any,
    query: Any,
    key: Any,
    value: Any,
    drawn: Any,
    mask: Any = None,
    scale: float = 1.0,
    causal: bool = False,
    p: float = 0.0,
) -> Any:
    s = _torch_scores(torch, query, key, mask, scale, causal)
    w = s.softmax(-1)
    if p > 0:
        w = w * _torch_kept(torch, s, drawn, p)
    return w @ value.repeat_interleave(query.shape[1] // key.shape[1], 1), s.logsumexp(-1)


def _torch_backward(
    torch: Any,
    grad: Any,
    query: Any,
    key: Any,
    value: Any,
    result: Any,
    lse: Any,
    drawn: Any,
    mask: Any = None,
    scale: float = 1.0,
    causal: bool = False,
    p: float = 0.0,
    mask_grad: bool = False,
) -> Any:
    each = query.shape[1] // key.shape[1]
    w = (_torch_scores(torch, query, key, mask, scale, causal) - lse[..., None]).exp()
    c = _torch_kept(torch, w, drawn, p) if p > 0 else torch.ones_like(w)
    of_weights = grad @ value.repeat_interleave(each, 1).transpose(-1, -2)
    slope = w * (c * of_weights - (grad * result).sum(-1, keepdim=True))

    def of_group(a: Any, of: Any) -> Any:
        return a.reshape(of.shape[0], of.shape[1], each, *of.shape[2:]).sum(2)

    dquery = scale * slope @ key.repeat_interleave(each, 1)
    dkey = of_group(scale * slope.transpose(-1, -2) @ query, key)
    dvalue = of_group((c * w).transpose(-1, -2) @ grad, value)
    return dquery, dkey, dvalue, slope if mask_grad else None


_STATE = ((2,), "i8")
_WRONG = wrong(((1, 3, 4, 8), "f4"), ((1, 2, 5, 8), "f4"), ((1, 2, 5, 8), "f4"), _STATE)
_WRONG_GRADIENT = wrong(
    ((1, 2, 4, 7), "f4"),
    *[((1, 2, 4, 8), "f4")] * 3,
    ((1, 2, 4, 7), "f4"),
    ((1, 2, 4), "f4"),
    _STATE,
)

ATTENTION_KERNEL = Cases("attention", _draw(False, True), _listed(False, True), error=_error, exact=False)
ATTENTION_BACKWARD_KERNEL = Cases(
    "attention_backward", _draw(True, True), _listed(True, True), error=_backward_error, exact=False
)
ATTENTION = Cases(
    "attention",
    _draw(False, False),
    _listed(False, False),
    error=_error,
    exact=False,
    oracle=_torch_forward,
    mistake=_WRONG,
)
ATTENTION_BACKWARD = Cases(
    "attention_backward",
    _draw(True, False),
    _listed(True, False),
    error=_backward_error,
    exact=False,
    oracle=_torch_backward,
    mistake=_WRONG_GRADIENT,
)

KERNELS = (ATTENTION_KERNEL, ATTENTION_BACKWARD_KERNEL)
OPS = (ATTENTION, ATTENTION_BACKWARD)
