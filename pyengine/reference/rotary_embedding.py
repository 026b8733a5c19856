"""Pairs of columns turned by an angle that depends on the row."""

from ._common import Array, float_only, ieee, last_axis, result, same_dtype

__all__ = ["rotary_embedding"]


@ieee
def rotary_embedding(
    a: Array, cos: Array, sin: Array, interleaved: bool = False, inverse: bool = False, out: Array | None = None
) -> Array:
    _check(a, cos, sin)
    pairs = cos.shape[-1]
    x, y = (slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)) if interleaved else (slice(pairs), slice(pairs, 2 * pairs))
    s = -sin if inverse else sin
    turned = a.copy()
    turned[..., x] = a[..., x] * cos - a[..., y] * s
    turned[..., y] = a[..., y] * cos + a[..., x] * s
    return result(turned, out)


def _check(a: Array, cos: Array, sin: Array) -> None:
    float_only("rotary_embedding", a)
    last_axis("rotary_embedding", a)
    same_dtype("rotary_embedding", a, cos)
    same_dtype("rotary_embedding", a, sin)
    shapes = f"{a.shape}, {cos.shape} and {sin.shape}"
    if cos.shape != sin.shape or not 1 <= cos.ndim <= a.ndim or 2 * cos.shape[-1] > a.shape[-1]:
        raise ValueError(f"rotary_embedding: two columns for each cos and sin, got {shapes}")
    if any(n not in (1, m) for n, m in zip(cos.shape[-2::-1], a.shape[-2::-1], strict=False)):
        raise ValueError(f"rotary_embedding: cos and sin must broadcast to the rows, got {shapes}")
