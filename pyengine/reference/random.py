"""Random numbers that depend only on a seed and a position: Philox4x32-10.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Word i of
the stream is lane i mod 4 of the block cipher applied to the counter i div 4, with the seed as its key: no state to
hand from one draw to the next, so every backend and any number of threads draw the same bits.
"""

from typing import Any

import numpy as np

from ._common import Array, ieee, result

__all__ = ["normal", "randint", "uniform"]

_MASK = np.uint64(0xFFFFFFFF)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_32 = np.uint64(32)


def philox(counter: list[Any], key: tuple[Any, Any]) -> list[Any]:
    """The four words into which the cipher turns a counter of four words (arrays of them) under a key of two."""
    c, (k0, k1) = counter, key
    for _ in range(10):
        p0, p1 = c[0] * _MULTIPLIERS[0], c[2] * _MULTIPLIERS[1]
        c = [(p1 >> _32) ^ c[1] ^ k0, p1 & _MASK, (p0 >> _32) ^ c[3] ^ k1, p0 & _MASK]
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return c


def words(seed: int, start: int, count: int) -> np.ndarray[Any, Any]:
    """Words start … start+count-1 of the stream of `seed`, as uint64 holding 32-bit values."""
    positions = np.arange(start, start + count, dtype=np.uint64)
    blocks, lanes = np.divmod(positions, np.uint64(4))
    key = np.uint64(seed & 0xFFFFFFFFFFFFFFFF)
    zeros = np.zeros_like(blocks)
    c = philox([blocks & _MASK, blocks >> _32, zeros, zeros], (key & _MASK, key >> _32))
    return np.choose(lanes.astype(np.intp), c)


@ieee
def uniform(
    state: Array,
    shape: tuple[int, ...],
    low: float,
    high: float,
    dtype: np.dtype,
    out: Array | None = None,
) -> Array:
    u = _unit("uniform", state, int(np.prod(shape, dtype=np.int64)), np.dtype(dtype))
    return result((low + u * (high - low)).reshape(shape).astype(dtype), out)


def _unit(kernel: str, state: Array, count: int, dtype: np.dtype) -> Array:
    """The first `count` numbers in [0, 1), in float64: multiples of 2^-24 for float32, of 2^-53 for float64."""
    seed, offset = int(state[0]), int(state[1])
    if dtype == np.float64:
        pairs = words(seed, offset, 2 * count).reshape(-1, 2).astype(np.float64)
        high_bits, low_bits = np.floor(pairs[:, 0] / 32), np.floor(pairs[:, 1] / 64)
        return np.asarray((high_bits * 67108864.0 + low_bits) / 9007199254740992.0)
    if dtype == np.float32:
        return np.asarray(np.floor(words(seed, offset, count).astype(np.float64) / 256) / 16777216.0)
    raise TypeError(f"{kernel}: makes float32 or float64, not {dtype}")


@ieee
def normal(
    state: Array,
    shape: tuple[int, ...],
    mean: float,
    std: float,
    dtype: np.dtype,
    out: Array | None = None,
) -> Array:
    # G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates" (1958): two uniform numbers give
    # a radius √(-2 log u) and an angle, whose cosine and sine times the radius are two independent normal numbers. All
    # in the machine's widest floats, then rounded.
    count = int(np.prod(shape, dtype=np.int64))
    u = _unit("normal", state, count + count % 2, np.dtype(dtype)).astype(np.longdouble).reshape(-1, 2)
    radius = np.sqrt(-2 * np.log1p(-u[:, 0]))
    # Whole quarters of the circle are taken off first, which is exact; the cosine of an angle near π/2 is not.
    quarters = np.rint(4 * u[:, 1])
    angle = 8 * np.arctan(np.longdouble(1)) * (u[:, 1] - quarters / 4)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = quarters.astype(np.int64) % 4
    x = np.choose(turn, [cosine, -sine, -cosine, sine])
    y = np.choose(turn, [sine, cosine, -sine, -cosine])
    z = np.stack([radius * x, radius * y], 1).reshape(-1)[:count]
    return result((mean + std * z).reshape(shape).astype(dtype), out)


@ieee
def randint(state: Array, shape: tuple[int, ...], low: int, high: int, out: Array | None = None) -> Array:
    if low >= high:
        raise ValueError(f"randint: draws from [low, high), which {low} and {high} leave empty")
    pairs = words(int(state[0]), int(state[1]), 2 * int(np.prod(shape, dtype=np.int64))).reshape(-1, 2)
    span = high - low
    # the upper 64 bits of 64 random ones times span, from products of 32 bits
    span_low, span_high = np.uint64(span & 0xFFFFFFFF), np.uint64(span >> 32)
    middle = pairs[:, 1] * span_low + (pairs[:, 0] * span_low >> _32)
    other = pairs[:, 0] * span_high + (middle & _MASK)
    drawn = pairs[:, 1] * span_high + (middle >> _32) + (other >> _32)
    return result((drawn + np.uint64(low & 0xFFFFFFFFFFFFFFFF)).astype(np.int64).reshape(shape), out)
