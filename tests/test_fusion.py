"""Passes over a recorded step: fused, shared and dropped calls do what the calls before them did, to the last bit."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyengine as pe
from pyengine._core import Plan
from pyengine.backend import cpu_module
from pyengine.capturing.fusion import ELEMENTWISE, REDUCTIONS
from pyengine.cases import KERNELS

NATIVE = importlib.import_module(f"pyengine.{cpu_module()}")
NONE = ()


def replayed(step, *inputs, passes=None):
    """What a replay returns, and the plan that it ran."""
    captured = pe.capture(step) if passes is None else pe.capture(step, passes=passes)
    for _ in range(3):
        result = captured(*inputs)
    return result, captured.plan


def kernels(plan) -> list[str]:
    return [cost.call.kernel for cost in plan.costs()]


def assert_same(step, *inputs) -> list[str]:
    """The step gives the same with and without passes; the kernels of its plan with them."""
    expected, _ = replayed(step, *inputs, passes=NONE)
    got, plan = replayed(step, *inputs)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    return kernels(plan)


# --- which calls are fused


@pytest.mark.parametrize("name", sorted(ELEMENTWISE))
def test_each_elementwise_kernel_is_one_loop(name) -> None:
    arrays, attrs = operands(name)
    result, kept = NATIVE._keepers[name](*arrays, **attrs)
    expected = result.copy()
    out, again = NATIVE._keepers["copy"](result, np.dtype(np.float64))
    fused = NATIVE._fuse([kept, again], [])
    result[...], out[...] = 0, 0
    Plan([fused]).run()
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(out, expected.astype(np.float64))


def operands(name: str) -> tuple[list[np.ndarray], dict[str, object]]:
    """Arrays of float32, or of the dtype that the kernel wants, and attributes for it."""
    attrs: dict[str, object] = {
        "copy": {"dtype": np.dtype(np.float32)},
        "softplus": {"beta": 1.0, "threshold": 20.0},
        "leaky_relu": {"negative_slope": 0.1},
        "elu": {"alpha": 1.0},
        "huber": {"delta": 0.5},
        "clip_size": {"most": 0.5},
        "small_size": {"most": 0.5},
    }.get(name.removesuffix("_backward"), {})
    count = len(KERNELS[name].listed[0].operands)
    arrays = [np.linspace(-1.2, 0.9, 2000, dtype=np.float32) * (k + 1) for k in range(count)]
    if name == "where":
        arrays[0] = arrays[0] > 0
    return arrays, attrs


def test_a_chain_is_one_call() -> None:
    assert assert_same(lambda x: [((x * 2 + 1).tanh() - x).relu()], pe.rand(5000)) == ["fused"]


def test_forward_and_backward_are_one_call() -> None:
    x = pe.rand(3000, requires_grad=True)

    def step():
        x.grad = None
        loss = ((x * x).exp() + x).sum()
        loss.backward()
        return [loss, x.grad]

    assert assert_same(step) == ["fused"]


def test_what_lies_between_runs_before_or_after() -> None:
    def step(x, w):
        y = x * 2
        product = y @ w  # needs y, and nothing fused needs it
        other = w @ w  # needs nothing of the group
        return [(y + 1).exp(), product, other]

    assert assert_same(step, pe.rand(40, 40), pe.rand(40, 40)) == ["matmul", "fused", "matmul"]


def test_a_call_that_a_later_one_needs_splits_the_chain() -> None:
    def step(x):
        y = (x * 2).exp()
        return [(y.softmax(-1) + y).log()]

    assert assert_same(step, pe.rand(30, 20)) == ["fused", "softmax", "fused"]


def test_results_that_are_returned_or_read_elsewhere_are_written() -> None:
    def step(x, w):
        y = x * 2
        z = y.exp()
        return [y, z + y, z @ w]

    assert "fused" in assert_same(step, pe.rand(20, 30), pe.rand(30, 5))


def test_memory_that_is_overwritten_meanwhile() -> None:
    total = pe.zeros(2000)

    def step(x):
        before = total + x
        total.add_(x)
        return [before * 2, total * 2]

    eager = pe.zeros(2000)
    x = pe.rand(2000)
    captured = pe.capture(step)
    for _ in range(6):
        expected = (eager + x) * 2
        eager.add_(x)
        first, second = captured(x)
        np.testing.assert_array_equal(first.numpy(), expected.numpy())
        np.testing.assert_array_equal(second.numpy(), (eager * 2).numpy())


def test_a_part_that_is_read_elsewhere_in_the_same_memory() -> None:
    def step(x):
        y = x * 2
        return [y[1:] - y[:-1], (y + 1).exp(), y.T * y if y.ndim == 2 else y]

    assert_same(step, pe.rand(2000))
    assert_same(step, pe.rand(40, 40))


@pytest.mark.parametrize("name", sorted(REDUCTIONS))
@pytest.mark.parametrize("n", [2, 1000, 1024, 5000, 32768, 100_001])
def test_reductions_of_all_elements_end_a_chain(name, n) -> None:
    x = pe.tensor(np.random.default_rng(n).uniform(0.99, 1.01, n).astype(np.float32))
    assert assert_same(lambda x: [getattr(x * x + 0.5, name)()], x) == ["fused"]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_chain_gives_the_same_bits(data) -> None:
    rows, columns = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 70))
    shapes = [(rows, columns), (columns,), (rows, 1), (1,), ()]
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    inputs = [pe.tensor(rng.uniform(0.5, 2, shape).astype(dtype)) for shape in shapes]
    plan = data.draw(
        st.lists(st.tuples(st.sampled_from(sorted(UNARY)), st.sampled_from("+-*/m<"), st.integers(0, 9)), max_size=12)
    )
    tracked = pe.tensor(rng.uniform(0.5, 2, (rows, columns)).astype(dtype), requires_grad=True)

    def step(*inputs):
        tracked.grad = None
        values = [*inputs, tracked * 1]
        for unary, binary, other in plan:
            a, b = UNARY[unary](values[-1]), values[other % len(values)]
            values.append(BINARY[binary](a, b) if np.prod(b.shape) <= np.prod(a.shape) else a)
        loss = values[-1].sum() + (values[-1] * 0.5).amax()
        loss.backward()
        return [loss, values[-1], tracked.grad]

    assert_same(step, *inputs)


UNARY = {
    "tanh": pe.Tensor.tanh,
    "sigmoid": pe.Tensor.sigmoid,
    "abs": pe.Tensor.abs,
    "neg": pe.Tensor.neg,
    "relu": pe.Tensor.relu,
    "square": lambda x: x**2,
    "turn": lambda x: x.T.contiguous().T if x.ndim == 2 else x,
    "flat": lambda x: x.reshape(-1).reshape(x.shape),
}
BINARY = {
    "+": pe.Tensor.add,
    "-": pe.Tensor.sub,
    "*": pe.Tensor.mul,
    "/": lambda a, b: a / (b.abs() + 1),
    "m": pe.maximum,
    "<": lambda a, b: pe.where(a < b, a, b),
}


def test_results_past_the_caches() -> None:
    x = pe.rand(3_000_000)
    assert assert_same(lambda x: [(x * 2 + 1).exp(), (x * 2 + 1) * 3], x) == ["fused"]


def test_every_number_of_threads_gives_the_same_bits() -> None:
    x = pe.rand(200_000)
    results = []
    before = pe.get_num_threads()
    try:
        for threads in (1, 2, 3):
            pe.set_num_threads(threads)
            (loss, y), _ = replayed(lambda x: [(x * 2).tanh().sum(), (x * 2).tanh() + 1], x)
            results.append((loss.item(), y.numpy().tobytes()))
    finally:
        pe.set_num_threads(before)
    assert len(set(results)) == 1


def test_inner_results_take_no_memory() -> None:
    _, fused = replayed(lambda x: (x * 2 + 1).tanh() * x, pe.rand(50_000))
    assert fused.arena.unshared == 200_000  # what the step returns


def test_a_result_takes_the_place_of_an_operand() -> None:
    def step(x, w):
        y = x @ w
        return (y * 2).softmax(-1)

    _, plan = replayed(step, pe.rand(64, 64), pe.rand(64, 64))
    assert plan.arena.nbytes == 2 * 64 * 64 * 4
    assert plan.arena.unshared == 3 * 64 * 64 * 4


# --- other passes


def test_the_same_work_is_done_once() -> None:
    def step(x):
        return [x.exp().softmax(-1), x.exp().softmax(-1) @ x]

    x = pe.rand(9, 9)
    expected, before = replayed(step, x, passes=NONE)
    got, plan = replayed(step, x, passes=["shared"])
    assert kernels(before) == ["exp", "softmax", "exp", "softmax", "matmul"]
    assert kernels(plan) == ["exp", "softmax", "matmul"]
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_the_same_work_on_memory_that_was_written_meanwhile_is_not_shared() -> None:
    total = pe.zeros(4)

    def step(x):
        first = total.exp()
        total.add_(x)
        return [first, total.exp()]

    captured = pe.capture(step)
    for i in range(5):
        first, second = captured(pe.ones(4))
        np.testing.assert_allclose(first.numpy(), np.exp(np.full(4, float(i))), rtol=1e-6)
        np.testing.assert_allclose(second.numpy(), np.exp(np.full(4, i + 1.0)), rtol=1e-6)


def test_random_numbers_are_not_shared() -> None:
    captured = pe.capture(lambda x: [pe.nn.functional.dropout(x), pe.nn.functional.dropout(x)])
    for _ in range(4):
        a, b = captured(pe.ones(1000))
        assert (a.numpy() != b.numpy()).any()


def test_arrays_are_filled_when_they_are_needed() -> None:
    def step(x):
        ones = pe.ones(16, 16)
        for _ in range(3):
            x = (x @ x).softmax(-1)
        return [ones @ x.sum(0), pe.zeros(3)]

    x = pe.rand(16, 16)
    assert assert_same(step, x)[-3:] == ["full", "matmul", "full"]
    _, early = replayed(step, x, passes=NONE)
    _, late = replayed(step, x, passes=["late"])
    assert late.arena.nbytes < early.arena.nbytes


def test_results_that_nobody_reads_are_not_made() -> None:
    def step(x):
        (x.exp() @ x).softmax(-1)
        return x * 2

    _, plan = replayed(step, pe.rand(9, 9), passes=["dead"])
    assert kernels(plan) == ["mul"]


def test_a_relu_ends_the_product_before_it() -> None:
    x, w = pe.rand(30, 40) - 0.5, pe.rand(40, 20) - 0.5
    assert assert_same(lambda x, w: [(x @ w).relu()], x, w) == ["matmul"]
    _, plan = replayed(lambda x, w: (x @ w).relu(), x, w)
    assert "act='relu'" in str(plan)


def test_a_relu_ends_the_convolution_before_it() -> None:
    x, w = pe.rand(2, 3, 9, 9) - 0.5, pe.rand(4, 3, 3, 3) - 0.5
    assert assert_same(lambda x, w: [pe.nn.functional.conv2d(x, w).relu()], x, w) == ["conv2d"]


def test_a_product_that_is_read_elsewhere_keeps_its_result() -> None:
    x, w = pe.rand(30, 40) - 0.5, pe.rand(40, 20) - 0.5

    def step(x, w):
        y = x @ w
        return [y.relu(), y.exp()]

    assert "matmul" in assert_same(step, x, w)
    assert assert_same(lambda x, w: [y := x @ w, y.relu()], x, w) == ["matmul", "relu"]


def test_training_through_a_relu_that_ends_a_product() -> None:
    x, w = pe.rand(30, 40) - 0.5, pe.tensor(np.random.default_rng(0).standard_normal((40, 20)), requires_grad=True)

    def step(x):
        w.grad = None
        y = (x.to(w.dtype) @ w).relu()
        (y * y).sum().backward()
        return [y, w.grad]

    assert "relu" not in assert_same(step, x)


def test_unknown_passes_are_named() -> None:
    with pytest.raises(ValueError, match="there is no pass 'fast'; there are dead, shared, epilogues, fused, late"):
        pe.capture(lambda x: x, passes=["fast"])


# --- the native half refuses what it cannot do


def refusal(*calls, inner=()) -> str:
    """What `_fuse` says of these calls: (kernel, *arrays). Their results live until then."""
    made = [NATIVE._keepers[name](*arrays) for name, *arrays in calls]
    with pytest.raises(ValueError, match=r"loop|order") as refused:
        NATIVE._fuse([call for _, call in made], list(inner))
    return str(refused.value)


def test_calls_that_are_no_loops_are_refused() -> None:
    a = np.ones((4, 4), np.float32)
    assert "call 1 is no single loop over elements" in refusal(("exp", a), ("matmul", a, a))


def test_loops_over_other_numbers_of_elements_are_refused() -> None:
    a, b = np.ones(4, np.float32), np.ones(5, np.float32)
    assert "equally many elements" in refusal(("exp", a), ("exp", b))


def test_an_inner_result_that_nobody_makes_is_refused() -> None:
    a = np.ones(4, np.float32)
    assert "read in another order" in refusal(("exp", a), ("neg", a), inner=[(a.ctypes.data, a.nbytes)])
