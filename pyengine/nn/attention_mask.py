"""The masks of attention as scripts give them, made into one: bools that say what is hidden, or numbers to be added."""

from typing import Any

from .. import dtypes
from ..creation import ones, zeros_like
from ..tape import located
from ..tensor import Tensor

HIDDEN = -float("inf")


def joined_mask(
    name: str,
    heads: int,
    scores: tuple[int, int, int],
    dtype: Any,
    attn_mask: Tensor | None,
    key_padding_mask: Tensor | None,
) -> Tensor | None:
    """One mask of both, which broadcasts to scores (batch, heads, T, S): bool, True where hidden, or of floats to add.

    scores            (batch, T, S)
    attn_mask         (T, S) or (batch · heads, T, S)
    key_padding_mask  (batch, S)
    None where there are none. ValueError for other shapes, TypeError for a mask of integers.
    """
    batch, queries, keys = scores
    masks = []
    if attn_mask is not None:
        if attn_mask.shape == (queries, keys):
            masks.append(attn_mask.reshape(1, 1, queries, keys))
        elif attn_mask.shape == (batch * heads, queries, keys):
            masks.append(attn_mask.reshape(batch, heads, queries, keys))
        else:
            raise located(
                ValueError(
                    f"{name}: attn_mask is (T, S) = ({queries}, {keys}) or (batch · heads, T, S) = "
                    f"({batch * heads}, {queries}, {keys}), not {attn_mask.shape}"
                )
            )
    if key_padding_mask is not None:
        if key_padding_mask.shape != (batch, keys):
            raise located(
                ValueError(
                    f"{name}: key_padding_mask is (batch, S) = ({batch}, {keys}), True where a key is filled up, not "
                    f"{key_padding_mask.shape}"
                )
            )
        masks.append(key_padding_mask.reshape(batch, 1, 1, keys))
    for mask in masks:
        if mask.dtype != dtypes.bool_ and not dtypes.is_float(mask.dtype):
            raise located(
                TypeError(f"{name}: a mask is of bools, True where hidden, or of floats to add, not {mask.dtype}")
            )
    return _merged(masks, dtype)


def _merged(masks: list[Tensor], dtype: Any) -> Tensor | None:
    if not masks:
        return None
    if len(masks) == 2 and any(mask.dtype != dtypes.bool_ for mask in masks):
        first, second = (as_floats(mask, dtype) for mask in masks)
        return first + second
    if len(masks) == 2:
        return masks[0] | masks[1]
    return masks[0] if masks[0].dtype == dtypes.bool_ else masks[0].to(dtype)


def as_floats(mask: Tensor, dtype: Any) -> Tensor:
    """A mask as numbers to add: -infinity where a bool one hides."""
    if mask.dtype != dtypes.bool_:
        return mask.to(dtype)
    return zeros_like(mask, dtype=dtype).masked_fill(mask, HIDDEN)


def causal(queries: int, keys: int, device: Any) -> Tensor:
    """Bool (T, S), True where a key comes after its query."""
    return ones(queries, keys, device=device).triu(1) > 0


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """The softmax of scores (…, T, S) over the keys that are not hidden; zeros where all are, not NaN."""
    if mask is None:
        return scores.softmax(-1)
    hidden = mask if mask.dtype == dtypes.bool_ else mask == HIDDEN
    if mask.dtype != dtypes.bool_:
        scores = scores + mask.masked_fill(hidden, 0.0)
    lowest = -1e30 if scores.dtype.itemsize == 4 else -1e300  # hidden, but a row of nothing else stays finite
    return scores.masked_fill(hidden, lowest).softmax(-1).masked_fill(hidden, 0.0)
