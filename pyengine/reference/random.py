"""Random numbers that depend only on a seed and a position: Philox4x32-10.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Word i of
the stream is lane i mod 4 of the block cipher applied to the counter i div 4, with the seed as its key: no state to
hand from one draw to the next, so every backend and any number of threads draw the same bits.
"""

from typing import Any

import numpy as np

from ._common import Array, ieee, result

__all__ = ["uniform"]

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
    seed, offset = int(state[0]), int(state[1])
    count = int(np.prod(shape, dtype=np.int64))
    if np.dtype(dtype) == np.float64:
        pairs = words(seed, offset, 2 * count).reshape(-1, 2).astype(np.float64)
        high_bits, low_bits = np.floor(pairs[:, 0] / 32), np.floor(pairs[:, 1] / 64)
        u = (high_bits * 67108864.0 + low_bits) / 9007199254740992.0
    elif np.dtype(dtype) == np.float32:
        u = np.floor(words(seed, offset, count).astype(np.float64) / 256) / 16777216.0
    else:
        raise TypeError(f"uniform: makes float32 or float64, not {dtype}")
    return result((low + u * (high - low)).reshape(shape).astype(dtype), out)
