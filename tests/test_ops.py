"""Every operation on every backend against the reference, and what its record promises."""

import itertools

import numpy as np
import pytest
from harness import REFERENCE, Expected, poisoned_pool, run_op
from hypothesis import given
from hypothesis import strategies as st
from strategies import draw_call, draw_layouts

from pyengine import cases, tape
from pyengine.cases import RandomPick
from pyengine.ops import OPS, Spec

every_op = pytest.mark.parametrize("name", OPS)


def test_every_op_has_cases() -> None:
    assert sorted(cases.OPS) == sorted(OPS)


def test_every_op_has_an_oracle() -> None:
    assert [name for name in OPS if cases.OPS[name].oracle is None] == []


@every_op
@given(data=st.data())
def test_real_numbers(backends, name, data) -> None:
    call, dtype, seed = draw_call(data, cases.OPS[name])
    operands = draw_layouts(data, call.fill(seed, dtype))
    expected = Expected(cases.OPS[name], operands, call.attrs, False, run_op)
    for backend in backends:
        with poisoned_pool():
            got = run_op(backend.kernels, cases.OPS[name], operands, call.attrs)
        expected.check(got, f"{backend.name}: {name}({call}) {dtype}")


@pytest.mark.parametrize("name", [name for name in OPS if cases.OPS[name].exact])
@given(data=st.data())
def test_small_integers_give_exact_results(backends, name, data) -> None:
    call, dtype, seed = draw_call(data, cases.OPS[name])
    operands = draw_layouts(data, call.fill(seed, dtype, exact=True))
    expected = Expected(cases.OPS[name], operands, call.attrs, True, run_op)
    for backend in backends:
        got = run_op(backend.kernels, cases.OPS[name], operands, call.attrs)
        expected.check(got, f"{backend.name}: {name}({call}) {dtype}")


@every_op
def test_listed_calls(backends, name) -> None:
    table = cases.OPS[name]
    for call in table.listed:
        for dtype in table.dtypes:
            operands = call.fill(0, dtype)
            expected = Expected(table, operands, call.attrs, False, run_op)
            for backend in backends:
                got = run_op(backend.kernels, table, operands, call.attrs)
                expected.check(got, f"{backend.name}: {name}({call}) {dtype}")


def calls_only(name: str):
    """The listed calls, and a few drawn ones."""
    table = cases.OPS[name]
    return [*table.listed, *(table.draw(RandomPick(seed)) for seed in range(12))]


def calls_of(name: str):
    """The same with their operands, in each dtype."""
    for call in calls_only(name):
        for dtype in cases.OPS[name].dtypes:
            yield call, call.fill(0, dtype)


def specs_of(arrays) -> list[Spec]:
    return [Spec(a.shape, a.dtype) for a in arrays if a is not None]


@every_op
def test_infer_foretells_the_results(backends, name) -> None:
    for call, operands in calls_of(name):
        foretold = OPS[name].infer(specs_of(operands), call.attrs)
        for kernels in (*(backend.kernels for backend in backends), REFERENCE.kernels):
            assert specs_of(run_op(kernels, cases.OPS[name], operands, call.attrs)) == foretold, f"{name}({call})"


@every_op
def test_cost_counts_at_least_what_goes_in_and_out(name) -> None:
    moves_nothing = {"reshape", "permute", "expand", "getitem", "split"}
    moves_what_it_chooses = {"index", "gather", "embedding"}
    computes_nothing = {*moves_nothing, *moves_what_it_chooses, "copy", "getitem_backward", "setitem"}
    computes_nothing |= {"index_add", "index_put", "scatter", "scatter_add", "concat", "pad", "tril", "triu"}
    for call, operands in calls_of(name):
        if any(a is not None and a.size == 0 for a in operands):
            continue
        flops, moved = OPS[name].cost(specs_of(operands), call.attrs)
        results = run_op(REFERENCE.kernels, cases.OPS[name], operands, call.attrs)
        assert isinstance(flops, int)
        assert isinstance(moved, int)
        operands = [*results, *operands[1:]] if name in moves_what_it_chooses else operands
        assert moved >= (0 if name in moves_nothing else sum(a.nbytes for a in operands if a is not None)), str(call)
        assert flops >= (0 if name in computes_nothing else results[0].size * (results[0].ndim > 0)), str(call)


@every_op
def test_saved_arrays_come_from_where_the_record_says(backends, name) -> None:
    op = OPS[name]
    for (call, operands), backend in itertools.product(calls_of(name), backends):
        if any(o is None for o in operands):
            continue
        with np.errstate(all="ignore"):
            results, saved = op.forward(backend.kernels, *operands, **call.attrs)
        outputs = results if isinstance(results, tuple) else (results,)
        for value, source in zip(saved, op.saves_of(len(operands)), strict=False):
            origin = operands[source] if source >= 0 else outputs[~source]
            assert value is None or value is origin, f"{name}({call}): saves {source}"
        rest = saved[len(op.saves_of(len(operands))) :]
        assert not any(isinstance(value, np.ndarray) for value in rest), f"{name}({call}): an array that saves omits"


@every_op
def test_attributes_are_hashable(name) -> None:
    for call in calls_only(name):
        hash(tuple(call.attrs.items()))


# --- through the one dispatch point


@every_op
def test_apply_gives_what_forward_gives(backends, name) -> None:
    for (call, operands), backend in itertools.product(calls_of(name), backends):
        tensors = [tape.wrap(a, backend.device) for a in operands]
        with np.errstate(all="ignore"):
            applied = tape.apply(OPS[name], tensors, dict(call.attrs))
        results = applied if isinstance(applied, tuple) else (applied,)
        want = run_op(backend.kernels, cases.OPS[name], operands, call.attrs)
        for result, array in zip(results, want, strict=True):
            if array is None:
                assert result is None
                continue
            np.testing.assert_array_equal(result.data, array)
            assert result.device is backend.device
            assert not result.requires_grad


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if op.promotes])
def test_mixed_dtypes_are_promoted(backend, name) -> None:
    attrs = {"axis": 0} if name == "concat" else {}
    a, b = np.array([1.5, 2.0], np.float32), np.array([4, 5], np.int64)
    for left, right, common in ((a, b, np.float32), (b, a, np.float32), (a, b.astype(np.float64), np.float64)):
        out = tape.apply(OPS[name], [tape.wrap(left, backend.device), tape.wrap(right, backend.device)], attrs)
        (want,) = run_op(REFERENCE.kernels, cases.OPS[name], [left.astype(common), right.astype(common)], attrs)
        assert out.dtype == want.dtype
        np.testing.assert_array_equal(out.data, want)
