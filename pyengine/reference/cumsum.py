"""out[i] = a[0] + … + a[i] along the last axis."""

from ._common import Array, ieee, last_axis, number_only, result

__all__ = ["cumsum"]


@ieee
def cumsum(a: Array, out: Array | None = None) -> Array:
    number_only("cumsum", a)
    last_axis("cumsum", a)
    return result(a.cumsum(axis=-1, dtype=a.dtype), out)
