"""Attention as a plain function of tensors."""

import math

import numpy as np

from ..ops.attention import ATTENTION, NAME
from ..ops.op import broadcast_shapes
from ..random import Generator, default_generator
from ..tape import apply, located, require_tensors, wrap
from ..tensor import Tensor

_no_draw: dict[str, Tensor] = {}


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """softmax(scale · query · keyᵀ + attn_mask) · value: for each query the mean of the values, each weighted by how
    well its key fits.

    query       (..., heads, targets, features)
    key         (..., heads, sources, features); value (..., heads, sources, value features)
    attn_mask   broadcasts to (..., heads, targets, sources): bools, True where a key takes part, or numbers that are
                added to the scores
    dropout_p   the probability that a weight counts 0 instead of 1 / (1 - dropout_p) times; the choice is made by the
                default generator unless given another. Pass 0 outside of training
    is_causal   query i sees keys 0 … i, and no mask may be given beside it
    scale       1 / √features where None
    enable_gqa  groups of neighbouring heads of queries may share a head of keys and values
    Returns     (..., heads, targets, value features)

    Leading axes may be missing or broadcast; a tensor may have any strides, so that x.transpose(1, 2) costs nothing. A
    query none of whose keys take part gets 0. The targets × sources weights are never in memory, except for the
    gradient of a mask of numbers that requires one, and for second derivatives. ValueError where shapes do not fit,
    TypeError where dtypes differ.
    A. Vaswani et al., "Attention is all you need" (2017), arXiv:1706.03762; T. Dao et al.,
    "FlashAttention" (2022), arXiv:2205.14135.

    >>> import pyengine as pe
    >>> keys = pe.tensor([[8.0, 0.0], [0.0, 8.0]])
    >>> values = pe.tensor([[1.0], [2.0]])
    >>> scaled_dot_product_attention(pe.tensor([[0.0, 9.0], [1.0, 1.0]]), keys, values)
    tensor([[2. ],
           [1.5]])
    >>> scaled_dot_product_attention(keys, keys, values, is_causal=True)[0]
    tensor([1.])
    """
    require_tensors(NAME, query, key, value, *(() if attn_mask is None else (attn_mask,)))
    shapes = f"query {query.shape}, key {key.shape}, value {value.shape}"
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise located(ValueError(f"{NAME}: {shapes}: each has at least the axes (positions, features)"))
    if is_causal and attn_mask is not None:
        raise located(
            ValueError(f"{NAME}: is_causal=True makes a mask of its own; leave attn_mask out, or merge both into one")
        )
    try:
        lead = _common_lead(query, key, value, enable_gqa)
        if attn_mask is not None and attn_mask.ndim > 3 and len(lead) > 2:
            attn_mask = _four_axes(attn_mask.expand(*lead, *attn_mask.shape[-2:]))
    except ValueError as error:
        raise located(ValueError(f"{error}. {shapes}")) from None
    operands = [_four_axes(_led(query, lead))]
    for tensor in (key, value):
        heads = tensor.shape[-3:-2] if enable_gqa else lead[-1:]
        operands.append(_four_axes(_led(tensor, (*lead[:-1], *heads))))
    q, k, v = operands
    out = attend(q, k, v, attn_mask, dropout_p, is_causal, scale, generator)
    return out if len(lead) == 2 else out.reshape(*lead, *out.shape[-2:])


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    p: float = 0.0,
    causal: bool = False,
    scale: float | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Attention of (batch, heads, positions, features), whose heads may be groups; the mask may be causal, too.

    >>> import pyengine as pe
    >>> x = pe.ones(1, 1, 2, 3)
    >>> attend(x, x, x, pe.tensor([True, False]), causal=True).shape
    (1, 1, 2, 3)
    """
    attrs = {
        "scale": 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else float(scale),
        "causal": bool(causal),
        "p": float(p),
    }
    operands = [query, key, value, _state(query, key.shape[-2], p, generator)]
    if mask is not None:
        operands.append(mask)
    out: Tensor = apply(ATTENTION, operands, attrs)[0]
    return out


def _common_lead(query: Tensor, key: Tensor, value: Tensor, grouped: bool) -> tuple[int, ...]:
    """The axes before the last two, of all three together; the heads among them are the query's where grouped."""
    last = -3 if grouped else -2
    lead = query.shape[:last]
    for tensor in (key, value):
        if tensor.shape[:last] == lead:
            continue
        try:
            lead = broadcast_shapes(NAME, lead, tensor.shape[:last])
        except ValueError as error:
            if query.ndim >= 3 and key.ndim >= 3 and key.shape[-3] and query.shape[-3] % key.shape[-3] == 0:
                raise ValueError(f"{error} To let heads share keys and values, pass enable_gqa=True") from None
            raise
    return (*lead, *query.shape[-3:-2]) if grouped else lead


def _led(tensor: Tensor, lead: tuple[int, ...]) -> Tensor:
    return tensor if tensor.shape[:-2] == lead else tensor.expand(*lead, *tensor.shape[-2:])


def _four_axes(tensor: Tensor) -> Tensor:
    """(batch, heads, positions, features), by a view wherever there is one."""
    if tensor.ndim == 4:
        return tensor
    lead = tensor.shape[:-2]
    if len(lead) > 2:
        return tensor.reshape(math.prod(lead[:-1]), *tensor.shape[-3:])
    return tensor.reshape(*(1,) * (2 - len(lead)), *tensor.shape)


def _state(query: Tensor, sources: int, p: float, generator: Generator | None) -> Tensor:
    """Where in the stream of random numbers the weights' begin."""
    place = query.device
    if p > 0:
        words = (generator or default_generator).take(math.prod(query.shape[:3]) * sources, place)
        return wrap(words, place)
    if place.name not in _no_draw:
        _no_draw[place.name] = wrap(place.memory.at(np.zeros(2, np.int64)), place)
    return _no_draw[place.name]
