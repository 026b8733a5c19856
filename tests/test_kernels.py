"""Every kernel of every backend against its NumPy definition, from wherever in memory its operands lie."""

import numpy as np
import pytest
from harness import (
    LAYOUTS,
    REFERENCE,
    assert_same_bits,
    check_against_reference,
    empty_in,
    poison_of,
    poisoned_pool,
    run,
    threads,
)
from hypothesis import given
from hypothesis import strategies as st
from strategies import Drawn, draw_call, draw_layouts

from pyengine import reference
from pyengine.cases import KERNELS, RandomPick

every_kernel = pytest.mark.parametrize("name", KERNELS)


def test_every_kernel_has_cases() -> None:
    assert sorted(KERNELS) == sorted(reference.kernels())


def test_backend_has_every_kernel(backend) -> None:
    missing = [name for name in reference.kernels() if not callable(getattr(backend.kernels, name, None))]
    assert not missing


# --- right, for any shape, stride and value


def check(backend, data, cases, exact: bool) -> None:
    call, dtype, seed = draw_call(data, cases)
    operands = draw_layouts(data, call.fill(seed, dtype, exact), cases.in_place)
    with poisoned_pool():
        got = run(backend.kernels, cases, operands, call.attrs)
    check_against_reference(got, cases, operands, call.attrs, exact, f"{cases.name}({call}) {dtype}")


@every_kernel
@given(data=st.data())
def test_real_numbers(backend, name, data) -> None:
    check(backend, data, KERNELS[name], exact=False)


@pytest.mark.parametrize("name", [name for name, cases in KERNELS.items() if cases.exact])
@given(data=st.data())
def test_small_integers_give_exact_results(backend, name, data) -> None:
    check(backend, data, KERNELS[name], exact=True)


SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0)


@pytest.mark.parametrize("name", [name for name, cases in KERNELS.items() if name != "copy" and cases.draw])
@given(data=st.data())
def test_nan_and_infinity_travel(backend, name, data) -> None:
    cases = KERNELS[name]
    call, dtype, seed = draw_call(data, cases)
    operands = call.fill(seed, dtype)
    rng = np.random.default_rng(seed)
    for operand in operands:
        for array in operand if isinstance(operand, list) else [operand]:
            if array is not None and array.dtype.kind == "f" and array.size:
                array.reshape(-1)[rng.integers(array.size, size=2)] = rng.choice(SPECIAL, 2)
    got = run(backend.kernels, cases, operands, call.attrs)
    check_against_reference(got, cases, operands, call.attrs, False, f"{cases.name}({call}) {dtype}")


# --- large calls, several threads


@every_kernel
def test_listed_calls_with_any_number_of_threads(backend, name) -> None:
    cases = KERNELS[name]
    drawn = tuple(cases.draw(RandomPick(seed)) for seed in range(5))
    for call in (*cases.listed, *drawn):
        for dtype in cases.dtypes:
            what = f"{name}({call}) {dtype}"
            operands = call.fill(0, dtype)
            with threads(1), poisoned_pool():
                once = run(backend.kernels, cases, operands, call.attrs)
                again = run(backend.kernels, cases, operands, call.attrs)
            check_against_reference(once, cases, operands, call.attrs, False, what)
            for count in (2, 4):
                with threads(count), poisoned_pool():
                    many = run(backend.kernels, cases, operands, call.attrs)
                for a, b, c in zip(once, again, many, strict=True):
                    assert_same_bits(b, a, f"{what}, run again")
                    assert_same_bits(c, a, f"{what}, {count} threads")
            if cases.exact:
                integers = call.fill(1, dtype, exact=True)
                got = run(backend.kernels, cases, integers, call.attrs)
                check_against_reference(got, cases, integers, call.attrs, True, f"{what} of integers")


# --- out=

WRITERS = [name for name, cases in KERNELS.items() if not cases.in_place]


@pytest.mark.parametrize("name", WRITERS)
@given(data=st.data())
def test_out_is_filled_and_nothing_around_it(backend, name, data) -> None:
    cases = KERNELS[name]
    call, dtype, seed = draw_call(data, cases)
    operands = draw_layouts(data, call.fill(seed, dtype))
    want = run(backend.kernels, cases, operands, call.attrs)
    views, bases = [], []
    for w in want:
        view, base = (None, None) if w is None else empty_in(Drawn(data).choice(LAYOUTS), w.shape, w.dtype)
        views.append(view)
        bases.append(base)
    got = run(backend.kernels, cases, operands, call.attrs, out=views[0] if len(views) == 1 else tuple(views))
    what = f"{name}({call}) {dtype} into out"
    for g, w, view, base in zip(got, want, views, bases, strict=True):
        if w is None:
            continue
        assert g is view, f"{what}: returned another array than out"
        # a kernel may go other ways through another layout of out, but its results must be as good
        poison = poison_of(w.dtype)
        written = np.array(view)
        view[...] = poison
        assert_same_bits(base, np.full(base.shape, poison, base.dtype), f"{what}: wrote outside of out")
        view[...] = written
    check_against_reference(got, cases, operands, call.attrs, False, what)


@pytest.mark.parametrize("name", [name for name, cases in KERNELS.items() if cases.aliases])
@given(data=st.data())
def test_out_may_be_an_input(backend, name, data) -> None:
    cases = KERNELS[name]
    call, dtype, seed = draw_call(data, cases)
    operands = draw_layouts(data, call.fill(seed, dtype), in_place=cases.aliases)
    (want,) = run(backend.kernels, cases, operands, call.attrs)
    for i in cases.aliases:
        if operands[i].shape == want.shape:
            given_operands = list(operands)
            given_operands[i] = target = np.array(operands[i])
            (got,) = run(backend.kernels, cases, given_operands, call.attrs, out=target)
            assert got is target
            assert_same_bits(got, want, f"{name}({call}) {dtype} into operand {i}")


@pytest.mark.parametrize("name", WRITERS)
def test_a_wrong_out_is_refused(backend, name) -> None:
    cases = KERNELS[name]
    call = next(c for c in cases.listed if c.operands == () or all(o is None or 0 not in o.shape for o in c.operands))
    dtype = cases.dtypes[0]
    operands = call.fill(0, dtype)
    want = run(backend.kernels, cases, operands, call.attrs)
    first = want[0]
    read_only = np.empty_like(first)
    read_only.flags.writeable = False
    wrong = (
        np.empty((*first.shape, 2), first.dtype),
        np.empty(first.shape, np.float32 if first.dtype == np.float64 else np.float64),
        read_only,
        "out",
        None if len(want) > 1 else [first],
    )
    for bad in wrong:
        out = bad if len(want) == 1 else (bad, *(None if w is None else np.empty_like(w) for w in want[1:]))
        with pytest.raises((ValueError, TypeError)):
            run(backend.kernels, cases, operands, call.attrs, out=out)


# --- known answers: the definition itself is held to published numbers


def test_philox_gives_the_published_words() -> None:
    # Random123 1.09, kat_vectors: philox4x32, 10 rounds
    assert [int(w) for w in reference.random.words(0, 0, 4)] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def test_uniform_numbers_fill_their_interval(backend) -> None:
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        drawn = backend.get(backend.kernels.uniform(np.array([3, 0]), (100_000,), -2.0, 6.0, dtype))
        assert drawn.min() >= -2
        assert drawn.max() < 6
        # the mean of n uniform numbers has a standard deviation of 8 / √(12 n) = 0.0073
        assert abs(drawn.mean() - 2) < 0.03
        assert np.histogram(drawn, 16, (-2, 6))[0].min() > 100_000 / 16 - 5 * np.sqrt(100_000 / 16)


def test_reference_accepts_every_listed_call() -> None:
    for name, cases in KERNELS.items():
        for call in cases.listed:
            results = run(REFERENCE.kernels, cases, call.fill(0, cases.dtypes[0]), call.attrs)
            assert all(r is None or isinstance(r, np.ndarray) for r in results), name
