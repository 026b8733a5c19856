"""Every kernel of every backend against its NumPy definition, from wherever in memory its operands lie."""

import itertools

import numpy as np
import pytest
from harness import (
    LAYOUTS,
    REFERENCE,
    Expected,
    assert_same,
    assert_same_bits,
    check_against_reference,
    empty_in,
    lay,
    poison_of,
    poisoned_pool,
    run,
    threads,
    twin,
)
from hypothesis import given
from hypothesis import strategies as st
from strategies import Drawn, draw_call, draw_layouts

from pyengine import reference
from pyengine.brain_float import rounded
from pyengine.cases import KERNELS, RandomPick
from pyengine.dtypes import ALL, bfloat16, is_float
from pyengine.kernel_names import KERNEL_NAMES

every_kernel = pytest.mark.parametrize("name", KERNELS)


def test_every_kernel_has_cases() -> None:
    assert sorted(KERNELS) == sorted(reference.kernels())


def test_the_list_of_names_has_every_kernel() -> None:
    assert sorted(reference.kernels()) == KERNEL_NAMES, "pyengine/kernel_names.py: sorted, a kernel a line"


def test_backend_has_every_kernel(backend) -> None:
    missing = [name for name in reference.kernels() if not callable(getattr(backend.kernels, name, None))]
    assert not missing


# --- right, for any shape, stride and value


def check(backends, data, cases, exact: bool) -> None:
    call, dtype, seed = draw_call(data, cases)
    operands = draw_layouts(data, call.fill(seed, dtype, exact), cases.in_place)
    expected = Expected(cases, operands, call.attrs, exact)
    for backend in backends:
        with poisoned_pool():
            got = run(backend.kernels, cases, operands, call.attrs)
        expected.check(got, f"{backend.name}: {cases.name}({call}) {dtype}")


@every_kernel
@given(data=st.data())
def test_real_numbers(backends, name, data) -> None:
    check(backends, data, KERNELS[name], exact=False)


@pytest.mark.parametrize("name", [name for name, cases in KERNELS.items() if cases.exact])
@given(data=st.data())
def test_small_integers_give_exact_results(backends, name, data) -> None:
    check(backends, data, KERNELS[name], exact=True)


SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0)


@pytest.mark.parametrize("name", [name for name, cases in KERNELS.items() if name != "copy" and cases.draw])
@given(data=st.data())
def test_nan_and_infinity_travel(backends, name, data) -> None:
    cases = KERNELS[name]
    call, dtype, seed = draw_call(data, cases)
    operands = call.fill(seed, dtype)
    rng = np.random.default_rng(seed)
    for operand in operands:
        for array in operand if isinstance(operand, list) else [operand]:
            if array is not None and array.dtype.kind == "f" and array.size:
                array.reshape(-1)[rng.integers(array.size, size=2)] = rng.choice(SPECIAL, 2)
    expected = Expected(cases, operands, call.attrs, False)
    for backend in backends:
        got = run(backend.kernels, cases, operands, call.attrs)
        expected.check(got, f"{backend.name}: {cases.name}({call}) {dtype}")


# --- large calls, several threads


def lay_all(operand, layout: str):
    if isinstance(operand, list):
        return [lay_all(o, layout) for o in operand]
    return None if operand is None else lay(operand, layout)


@every_kernel
def test_listed_calls(backends, name) -> None:
    """Right, the same bits when run again and on any number of threads, and right in each memory layout."""
    cases = KERNELS[name]
    drawn = tuple(cases.draw(RandomPick(seed)) for seed in range(5))
    for number, (call, dtype) in enumerate(itertools.product((*cases.listed, *drawn), cases.dtypes)):
        operands = call.fill(0, dtype)
        expected = Expected(cases, operands, call.attrs, False)
        for backend in backends:
            check_every_thread_count(backend, cases, call, dtype, operands, expected)
        if cases.exact and number % 2 == 1:
            operands = call.fill(1, dtype, exact=True)
            expected = Expected(cases, operands, call.attrs, True)
        for layout in ("columns", LAYOUTS[2 + number % (len(LAYOUTS) - 2)]):
            laid = [lay_all(o, layout) for o in operands]
            for backend in backends:
                check_layout(backend, cases, call, dtype, laid, layout, expected)


def check_every_thread_count(backend, cases, call, dtype, operands, expected) -> None:
    what = f"{backend.name}: {cases.name}({call}) {dtype}"
    with threads(1), poisoned_pool():
        once = run(backend.kernels, cases, operands, call.attrs)
    expected.check(once, what)
    for count in (1, 2, 4):
        with threads(count), poisoned_pool():
            again = run(backend.kernels, cases, operands, call.attrs)
        for a, b in zip(once, again, strict=True):
            assert_same_bits(b, a, f"{what}, again with {count} threads")


def check_layout(backend, cases, call, dtype, laid, layout: str, expected) -> None:
    """With new outputs, and into given ones of that layout."""
    what = f"{backend.name}: {cases.name}({call}) {dtype}, {layout}"
    with poisoned_pool():
        got = run(backend.kernels, cases, laid, call.attrs)
    expected.check(got, what)
    if cases.in_place:
        return
    outs = [None if g is None else empty_in(layout, g.shape, g.dtype)[0] for g in got]
    got = run(backend.kernels, cases, laid, call.attrs, outs[0] if len(outs) == 1 else tuple(outs))
    expected.check(got, f"{what}, into out")


# --- out=

WRITERS = [name for name, cases in KERNELS.items() if not cases.in_place]


@pytest.mark.parametrize("name", WRITERS)
@given(data=st.data())
def test_out_is_filled_and_nothing_around_it(backends, name, data) -> None:
    cases = KERNELS[name]
    call, dtype, seed = draw_call(data, cases)
    operands = draw_layouts(data, call.fill(seed, dtype))
    expected = Expected(cases, operands, call.attrs, False)
    want = run(backends[0].kernels, cases, operands, call.attrs)
    layouts = [Drawn(data).choice(LAYOUTS) for _ in want]
    for backend in backends:
        outs = [
            (None, None) if w is None else empty_in(layout, w.shape, w.dtype)
            for w, layout in zip(want, layouts, strict=True)
        ]
        views = [view for view, _ in outs]
        got = run(backend.kernels, cases, operands, call.attrs, out=views[0] if len(views) == 1 else tuple(views))
        what = f"{backend.name}: {name}({call}) {dtype} into out"
        for g, (view, base) in zip(got, outs, strict=True):
            if view is None:
                continue
            assert g is view, f"{what}: returned another array than out"
            poison = poison_of(view.dtype)
            written = np.array(view)
            view[...] = poison
            assert_same_bits(base, np.full(base.shape, poison, base.dtype), f"{what}: wrote outside of out")
            view[...] = written
        # a kernel may go other ways through another layout of out, but its results must be as good
        expected.check(got, what)


@pytest.mark.parametrize("name", [name for name, cases in KERNELS.items() if cases.aliases])
@given(data=st.data())
def test_out_may_be_an_input(backends, name, data) -> None:
    cases = KERNELS[name]
    call, dtype, seed = draw_call(data, cases)
    operands = draw_layouts(data, call.fill(seed, dtype), in_place=cases.aliases)
    for backend in backends:
        (want,) = run(backend.kernels, cases, operands, call.attrs)
        for i in cases.aliases:
            if operands[i].shape == want.shape:
                given_operands = list(operands)
                given_operands[i] = target = twin(operands[i])
                (got,) = run(backend.kernels, cases, given_operands, call.attrs, out=target)
                assert got is target
                assert_same_bits(got, want, f"{backend.name}: {name}({call}) {dtype} into operand {i}")


def has_empty(operands) -> bool:
    return any(o is not None and (has_empty(o) if type(o) is tuple else 0 in o.shape) for o in operands)


@pytest.mark.parametrize("name", WRITERS)
def test_a_wrong_out_is_refused(backend, name) -> None:
    cases = KERNELS[name]
    call = next(c for c in cases.listed if not has_empty(c.operands))
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


# --- what a drawn shape is too small or a drawn value too tame for


def rows_with_infinities(length: int) -> np.ndarray:
    """Logits whose infinities and NaN fill whole blocks of a long row, or stand alone at an end of it."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((9, length))
    a[1, : length // 2] = -np.inf
    a[2, length // 2 :] = -np.inf
    a[3] = -np.inf
    a[4, -1] = np.inf
    a[5, 0] = np.nan
    a[6, -1] = np.nan
    a[7, 1:] = -np.inf
    a[8, 0] = 100.0
    return a


@pytest.mark.parametrize("length", [3, 8, 21, 40, 1025, 2048, 3 * 1024 + 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_with_blocks_of_infinities(backend, length, dtype) -> None:
    logits = rows_with_infinities(length).astype(dtype)
    operands = {
        "softmax": ([logits], {}),
        "cross_entropy": ([logits, np.zeros(len(logits), np.int64)], {"with_grad": True}),
    }
    for name, (arrays, attrs) in operands.items():
        got = run(backend.kernels, KERNELS[name], arrays, attrs)
        check_against_reference(got, KERNELS[name], arrays, attrs, False, f"{name} of {length} classes")
    for row in logits:  # the loss of all rows together is NaN; of each alone it need not be
        for label in (0, length - 1):
            arrays = [row[None], np.array([label])]
            got = run(backend.kernels, KERNELS["cross_entropy"], arrays, {})
            check_against_reference(got, KERNELS["cross_entropy"], arrays, {}, False, f"cross_entropy, label {label}")


def cast_inputs(source: np.dtype, target: np.dtype) -> np.ndarray:
    """Every float16 or bfloat16, or the values of another dtype where a cast to `target` rounds, overflows or wraps."""
    if is_float(source) and source.itemsize == 2:
        return np.arange(2**16, dtype=np.uint16).view(source)
    if source.kind in "iu":
        info = np.iinfo(source)
        near = [info.min, info.max, 0, 1, 127, 128, 255, 256, 2**15, 2**24 + 1, 2**31 - 1, 2**31, 65519, 65520]
        values = np.array([v for v in near if info.min <= v <= info.max], source)
        return np.concatenate([values, -values]) if source.kind == "i" else np.arange(256, dtype=np.uint8)
    if source.kind == "b":
        return np.array([False, True])
    # each float16, the middle between it and the next, and what lies just off the middle
    halves = np.arange(2**15, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].astype(source)
    middles = (halves[:-1] + halves[1:]) / 2
    points = [halves, middles, np.nextafter(middles, 0), np.nextafter(middles, source.type(1e9)), SPECIAL]
    points += [[65519.99, 65520, 1e5, 1e-8, 2.0**-25, 1e30, 2.0**31, 2.0**63, 127.9, 255.5, 2.0**24 + 1]]
    values = np.concatenate([np.asarray(p, source) for p in points])
    return np.concatenate([values, -values])


@pytest.mark.parametrize("source", ALL, ids=str)
@pytest.mark.parametrize("target", ALL, ids=str)
def test_casts_of_extreme_values(backend, source, target) -> None:
    values = cast_inputs(source, target)
    if is_float(source) and target.kind in "iu":  # C leaves the others undefined
        limit = 2.0**8 if target == np.uint8 else 2.0 ** (8 * target.itemsize - 1)
        with np.errstate(invalid="ignore"):  # NumPy tells of signalling NaN
            values = values[(np.abs(values.astype(np.float64)) < limit) & ((values >= 0) | (target.kind == "i"))]
    with np.errstate(all="ignore"):
        want = (
            rounded(values) if target == bfloat16 else values.astype(target)
        )  # tests/test_bfloat16.py tests `rounded`
    for stride in (1, 2):
        spread = np.zeros(len(values) * stride, source)
        spread[::stride] = values
        got = backend.kernels.copy(spread[::stride], target)
        assert_same(got, want, f"{source} to {target}")


# --- known answers: the definition itself is held to published numbers


def test_philox_gives_the_published_words() -> None:
    # Random123 1.09, kat_vectors: philox4x32, 10 rounds
    assert [int(w) for w in reference.random.words(0, 0, 4)] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def test_uniform_numbers_fill_their_interval(backend) -> None:
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        drawn = backend.kernels.uniform(np.array([3, 0]), (100_000,), -2.0, 6.0, dtype)
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
