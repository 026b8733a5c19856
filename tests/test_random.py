"""The random stream: known answers, positions, and how its words become numbers."""

import math
from fractions import Fraction

import numpy as np
import pytest
from harness import REFERENCE, assert_same_bits, threads
from hypothesis import given
from hypothesis import strategies as st

import pyengine as pe
from pyengine.reference.random import philox, words

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
seeds = st.integers(0, 2**63 - 1)
offsets = st.one_of(st.integers(0, 100), st.integers(2**34 - 20, 2**34 + 20), st.integers(0, 2**62))

# Random123, kat_vectors: counter, key, result. The last counter and key are digits of pi.
KNOWN = (
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
)


def state(seed, offset):
    return np.array([seed, offset], np.int64)


def parsed(text):
    return [np.uint64(int(word, 16)) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_cipher_gives_the_published_answers(counter, key, result):
    assert philox(parsed(counter), tuple(parsed(key))) == parsed(result)


def test_stream_starts_with_the_published_answer():
    assert [f"{word:08x}" for word in words(0, 0, 4)] == KNOWN[0][2].split()


@given(seed=seeds, start=offsets, skip=st.integers(0, 9), count=st.integers(0, 20))
def test_word_depends_on_seed_and_position_only(seed, start, skip, count):
    assert words(seed, start, skip + count)[skip:].tolist() == words(seed, start + skip, count).tolist()


def test_each_half_of_the_seed_and_of_the_position_matters():
    streams = [words(seed, start, 8).tolist() for seed in (0, 1, 2**32) for start in (0, 4, 2**34)]
    assert len({tuple(stream) for stream in streams}) == len(streams)


# --- from words to numbers


def test_known_numbers(backend):
    first = parsed(KNOWN[0][2])
    singles = backend.kernels.uniform(state(0, 0), (4,), 0.0, 1.0, FLOATS[0])
    assert singles.tolist() == [int(word) // 2**8 / 2**24 for word in first]
    doubles = backend.kernels.uniform(state(0, 0), (2,), 0.0, 1.0, FLOATS[1])
    assert doubles.tolist() == [
        ((int(a) >> 5) * 2**26 + (int(b) >> 6)) / 2**53 for a, b in zip(first[::2], first[1::2], strict=True)
    ]


@pytest.mark.parametrize("dtype", FLOATS)
@given(seed=seeds, offset=offsets, count=st.one_of(st.integers(0, 70), st.integers(500, 1100)), end=st.floats(-9, 9))
def test_native_bits_are_the_reference_bits(backend, dtype, seed, offset, count, end):
    call = (state(seed, offset), (count,), 0.7, end, dtype)
    assert_same_bits(backend.kernels.uniform(*call), REFERENCE.kernels.uniform(*call), f"uniform{call}")


@pytest.mark.parametrize("dtype", FLOATS)
def test_same_bits_for_any_number_of_threads(backend, dtype):
    call = (state(3, 5), (200_003,), -1.0, 1.0, dtype)
    want = REFERENCE.kernels.uniform(*call)
    for count in (1, 2, 4):
        with threads(count):
            assert_same_bits(backend.kernels.uniform(*call), want, f"uniform, {count} threads")


def test_product_is_rounded_before_the_sum(backend):
    low, high, count = 0.1, 0.8, 1000
    span = high - low
    got = backend.kernels.uniform(state(1, 0), (count,), low, high, FLOATS[1])
    u = backend.kernels.uniform(state(1, 0), (count,), 0.0, 1.0, FLOATS[1])
    assert got.tolist() == (low + u * span).tolist()
    fused = [float(Fraction(low) + Fraction(x) * Fraction(span)) for x in u.tolist()]
    assert got.tolist() != fused  # the two can be told apart here


@pytest.mark.parametrize("dtype", FLOATS)
def test_numbers_are_spread_evenly(backend, dtype):
    bins, each = 256, 1000
    drawn = backend.kernels.uniform(state(11, 0), (bins * each,), 2.0, 6.0, dtype)
    assert drawn.min() >= 2.0
    assert drawn.max() <= 6.0
    counts = np.bincount(((drawn.astype(np.float64) - 2.0) * (bins / 4)).astype(int).clip(0, bins - 1), minlength=bins)
    # chi-squared of 255 degrees of freedom is 255 ± 22.6 for an even spread; the seed is fixed
    assert abs(((counts - each) ** 2 / each).sum() - 255) < 4 * 22.6
    pairs = (drawn[::2].astype(np.float64) - 4.0) * (drawn[1::2] - 4.0)  # neighbours: mean 0, deviation 16 / 12
    assert abs(pairs.mean()) < 4 * (16 / 12) / math.sqrt(pairs.size)


# --- the generator


@pytest.mark.parametrize("dtype", [pe.float32, pe.float64])
def test_draws_continue_the_stream(dtype):
    pieces, whole = pe.Generator(5), pe.Generator(5)
    got = [pe.uniform((n,), dtype=dtype, generator=pieces).numpy() for n in (1, 6, 0, 9)]
    assert_same_bits(np.concatenate(got), pe.uniform((16,), dtype=dtype, generator=whole).numpy(), "pieces")
    assert pieces.state.tolist() == whole.state.tolist()


def test_devices_draw_the_same_numbers():
    drawn = [pe.uniform((3, 50), -1.0, 2.0, device=d, generator=pe.Generator(9)).numpy() for d in ("cpu", "numpy")]
    assert_same_bits(*drawn, "uniform on cpu and numpy")
