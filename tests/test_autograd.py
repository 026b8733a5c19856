"""Gradients: of every operation, by finite differences and against the reference; and what the tape makes of them."""

import gc
import itertools
import threading
import weakref

import numpy as np
import pytest
from harness import DEVICE_NAMES, LAYOUTS, REFERENCE, assert_same, lay, widened
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import Drawn, draw_call, draw_layouts

import pyengine as pe
from pyengine import cases, tape
from pyengine.autograd import grad, gradcheck
from pyengine.ops import OPS
from pyengine.ops.elementwise import ADD
from pyengine.ops.op import no_gradient

DIFFERENTIABLE = [name for name, op in OPS.items() if op.vjp is not no_gradient]
ONCE = {"gru", "lstm", "rnn"}  # their gradients are kernels over whole sequences, which have no gradient of their own
every_op = pytest.mark.parametrize("name", DIFFERENTIABLE)
every_device = pytest.mark.parametrize("device", DEVICE_NAMES)
FLOAT64 = np.dtype(np.float64)


def is_float(array) -> bool:
    return array is not None and array.dtype.kind == "f"


def outputs_of(name, tensors, attrs):
    """The results; of several only those that have a gradient, not the positions that come with them."""
    results = tape.apply(OPS[name], tensors, dict(attrs))
    return [r for r in results if is_float(r)] if isinstance(results, tuple) else [results]


def away_from_kinks(name, arrays, attrs) -> bool:
    """Whether relu's input inside of the operation is nowhere so close to 0 that a finite difference would cross it."""
    if not attrs.get("act"):
        return True
    before, _ = OPS[name].forward(REFERENCE.kernels, *arrays, **{**attrs, "act": None})
    return bool((np.abs(before) > 1e-4).all())


# --- first derivatives


@every_op
@given(data=st.data())
def test_gradients_agree_with_finite_differences(name, data) -> None:
    call, _, seed = draw_call(data, cases.OPS[name])
    arrays = call.fill(seed, FLOAT64)
    assume(away_from_kinks(name, arrays, call.attrs))
    tensors = [pe.tensor(a, device="numpy", requires_grad=is_float(a)) for a in arrays]
    assume(all(o.dtype == FLOAT64 for o in outputs_of(name, tensors, call.attrs)))
    assert gradcheck(lambda *ts: outputs_of(name, ts, call.attrs), tensors, seed=seed)


def draw_vjp(data, name: str, exact: bool):
    """Operands and upstream gradients of an operation, in any layout; None for an output that nothing used."""
    call, dtype, seed = draw_call(data, cases.OPS[name])
    if dtype.kind != "f":
        dtype = np.dtype(np.float32)
    operands = draw_layouts(data, call.fill(seed, dtype, exact), repeats=cases.OPS[name].repeats)
    with np.errstate(all="ignore"):
        results, _ = OPS[name].forward(REFERENCE.kernels, *operands, **call.attrs)
    outputs = results if isinstance(results, tuple) else (results,)
    assume(any(is_float(o) for o in outputs))
    rng, pick = np.random.default_rng(seed), Drawn(data)
    upstream = []
    for output in outputs:
        if not is_float(output):
            upstream.append(None)
            continue
        values = rng.integers(-4, 5, output.shape) if exact else rng.standard_normal(output.shape)
        upstream.append(lay(np.asarray(values).astype(output.dtype), pick.choice(LAYOUTS)))
    if len(upstream) > 1 and pick.flag():
        upstream[-1] = None
    return call, operands, upstream, seed


def vjp(kernels, name, operands, upstream, attrs, needs=None):
    with np.errstate(all="ignore"):
        _, saved = OPS[name].forward(kernels, *operands, **attrs)
        return OPS[name].vjp(kernels, saved, *upstream, needs=needs or [is_float(o) for o in operands], **attrs)


@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if cases.OPS[name].exact])
@given(data=st.data())
def test_gradients_of_small_integers_are_exact(backends, name, data) -> None:
    call, operands, upstream, _ = draw_vjp(data, name, exact=True)
    want = vjp(REFERENCE.kernels, name, operands, upstream, call.attrs)
    for backend in backends:
        got = vjp(backend.kernels, name, operands, upstream, call.attrs)
        for i, (g, w) in enumerate(zip(got, want, strict=True)):
            assert_same(g, w, f"{backend.name}: gradient {i} of {name}({call})", signed_zero=False)


@every_op
@given(data=st.data())
def test_gradients_agree_with_the_reference(backends, name, data) -> None:
    call, operands, upstream, seed = draw_vjp(data, name, exact=False)
    wide_upstream = [widened(u) for u in upstream]
    want = vjp(REFERENCE.kernels, name, [widened(o) for o in operands], wide_upstream, call.attrs)
    rng = np.random.default_rng(seed)
    # A gradient is a chain of at most four kernels, each held to its own bound elsewhere. What is left of the roundings
    # in a random direction is within a few units of the sizes that went in.
    size = 1 + sum(np.linalg.norm(o) for o in operands if is_float(o))
    size *= sum(np.linalg.norm(u) for u in wide_upstream if u is not None)
    directions = [None if w is None else rng.standard_normal(w.shape) for w in want]
    for backend in backends:
        got = vjp(backend.kernels, name, operands, upstream, call.attrs)
        for i, (g, w, direction) in enumerate(zip(got, want, directions, strict=True)):
            what = f"{backend.name}: gradient {i} of {name}({call})"
            if w is None:
                assert g is None, what
                continue
            assert g.shape == w.shape, what
            assert g.dtype == operands[i].dtype, what
            allowed = 16 * np.finfo(g.dtype).eps * np.linalg.norm(direction) * (np.linalg.norm(w) + size)
            off = abs(float(((g.astype(w.dtype) - w) * direction).sum()))
            assert off <= allowed, f"{what}: off by {off:.3g}, allowed {allowed:.3g}"


@every_op
# which gradients are wanted is tried in full for each call; shapes and values matter little here
@settings(max_examples=settings.default.max_examples * 2 // 5)
@given(data=st.data())
def test_only_wanted_gradients_are_computed(name, data) -> None:
    call, operands, upstream, _ = draw_vjp(data, name, exact=True)
    floats = [i for i, o in enumerate(operands) if is_float(o)]
    full = vjp(REFERENCE.kernels, name, operands, upstream, call.attrs)
    for wanted in itertools.chain.from_iterable(itertools.combinations(floats, n) for n in range(1, len(floats) + 1)):
        needs = [i in wanted for i in range(len(operands))]
        got = vjp(REFERENCE.kernels, name, operands, upstream, call.attrs, needs)
        for i, (g, f) in enumerate(zip(got, full, strict=True)):
            if needs[i]:
                assert_same(g, f, f"gradient {i} of {name}({call}) alone")
            elif len(floats) > 1:
                assert g is None, f"{name}({call}): gradient {i} was not asked for"


# --- second derivatives


def gradient_function(name, call, arrays, seed, device):
    """The gradients of an operation as a function of its inputs and of the upstream gradients, and these."""
    tensors = [pe.tensor(a, device=device, requires_grad=is_float(a)) for a in arrays]
    outputs = outputs_of(name, tensors, call.attrs)
    assume(all(o.dtype == FLOAT64 for o in outputs))
    rng = np.random.default_rng(seed)
    ups = [pe.tensor(rng.standard_normal(o.shape), device=device, requires_grad=True) for o in outputs]

    def gradients(*everything):
        inputs, upstream = everything[: len(tensors)], everything[len(tensors) :]
        leaves = [t for t in inputs if t.requires_grad]
        found = grad(outputs_of(name, inputs, call.attrs), leaves, upstream, create_graph=True)
        return [g for g in found if g is not None and g.requires_grad]

    return gradients, [*tensors, *ups]


@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if name not in ONCE])
@given(data=st.data())
def test_second_derivatives_agree_with_finite_differences(name, data) -> None:
    """On the device of the definitions; the others must then have the same second derivatives."""
    call, _, seed = draw_call(data, cases.OPS[name])
    arrays = call.fill(seed, FLOAT64)
    assume(away_from_kinks(name, arrays, call.attrs))
    found = []
    for device in DEVICE_NAMES:
        gradients, inputs = gradient_function(name, call, arrays, seed, device)
        first = gradients(*inputs)
        if not first:
            return
        if device == "numpy":
            assert gradcheck(gradients, inputs, seed=seed, atol=1e-6)
        rng = np.random.default_rng(seed)
        ups = [pe.tensor(rng.standard_normal(g.shape), device=device) for g in first]
        found.append(
            [None if s is None else s.numpy() for s in grad(first, [t for t in inputs if t.requires_grad], ups)]
        )
    sizes = max(1, *(np.abs(a).max(initial=0) for a in arrays if is_float(a)))
    for a, *others in zip(*found, strict=True):
        for b in others:
            # float64 all the way: a chain of kernels, each good to some u of the sizes that went in
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10 * sizes**2, err_msg=f"{name}({call})")


def test_an_operation_without_a_gradient_says_so() -> None:
    with pytest.raises(NotImplementedError, match="gives bools or integers, which have no gradient"):
        OPS["eq"].vjp(REFERENCE.kernels, (), None, needs=(True, True))


def test_a_kernel_without_a_second_derivative_is_named() -> None:
    with pytest.raises(NotImplementedError, match="second derivatives: the kernel sgd_step has no gradient of its own"):
        tape.DifferentiableKernels(pe.device("cpu")).sgd_step([], [], [], None)


@pytest.mark.parametrize("name", sorted(ONCE))
def test_operations_without_a_second_derivative_are_known(name) -> None:
    arrays = cases.OPS[name].listed[0].fill(0, FLOAT64)
    tensors = [pe.tensor(a, requires_grad=True) for a in arrays]
    out = tape.apply(OPS[name], tensors, {})[0]
    with pytest.raises(NotImplementedError, match=f"second derivatives: the kernel {name}_backward has no gradient"):
        grad(out.sum(), tensors, create_graph=True)


@every_device
def test_third_derivative_of_a_power(device) -> None:
    x = pe.tensor(2.0, dtype="float64", device=device, requires_grad=True)
    value, found = x * x * x * x, []
    for _ in range(4):
        (value,) = grad(value, x, create_graph=True)
        found.append(value.item())
    assert found == [32.0, 48.0, 48.0, 24.0]


# --- graphs


@every_device
@given(data=st.data())
def test_gradients_of_random_programs(device, data) -> None:
    """Values are used any number of times, in any order; every leaf's gradient must collect all paths."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    steps = data.draw(st.lists(st.tuples(st.sampled_from("+-*@sbtm"), st.integers(0), st.integers(0)), max_size=12))
    leaves = [pe.tensor(rng.standard_normal((3, 3)), device=device, requires_grad=True) for _ in range(3)]

    def program(*inputs):
        values = list(inputs)
        for kind, i, j in steps:
            a, b = values[i % len(values)], values[j % len(values)]
            out = {
                "+": lambda a, b: a + b,
                "-": lambda a, b: a - b,
                "*": lambda a, b: a.softmax() * b,
                "@": lambda a, b: a.softmax() @ b,
                "s": lambda a, b: a.sum(0) + b,
                "b": lambda a, b: a[1:2] * 0.5 + b.reshape(3, 3),
                "t": lambda a, b: a.T - b.mean(1, keepdim=True),
                "m": lambda a, b: -a / (b.softmax(0) + 1.0),
            }[kind](a, b)
            values.append(out)
        return (values[-1] * values[len(values) // 2]).sum()

    assert gradcheck(program, leaves, atol=1e-5)


@every_device
def test_a_value_used_twice_collects_both_gradients_before_it_goes_on(device) -> None:
    x = pe.tensor(3.0, dtype="float64", device=device, requires_grad=True)
    a = x * x
    (a + 2 * a).backward()
    assert x.grad.item() == 18.0


def test_gradients_add_up_over_several_backwards() -> None:
    x = pe.tensor([1.0, 2.0], requires_grad=True)
    for times in (1, 2, 3):
        (x * 3.0).sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), [3.0 * times] * 2)


def test_leaves_do_not_share_the_memory_of_their_gradients() -> None:
    a, b = pe.ones(3, requires_grad=True), pe.ones(3, requires_grad=True)
    upstream = pe.tensor([1.0, 2.0, 3.0])
    (a + b).backward(upstream)
    (a * 1.0).sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), [2.0, 3.0, 4.0])
    np.testing.assert_array_equal(b.grad.numpy(), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(upstream.numpy(), [1.0, 2.0, 3.0])


def test_a_retained_graph_gives_the_same_gradients_again() -> None:
    a, b = pe.tensor([2.0], requires_grad=True), pe.tensor([3.0], requires_grad=True)
    y = (a * b + a).sum()
    y.backward(retain_graph=True)
    first = a.grad.numpy().copy(), b.grad.numpy().copy()
    y.backward()
    np.testing.assert_array_equal(a.grad.numpy(), 2 * first[0])
    np.testing.assert_array_equal(b.grad.numpy(), 2 * first[1])


def test_grad_leaves_the_grad_of_leaves_alone() -> None:
    x, unused = pe.tensor([2.0, 3.0], requires_grad=True), pe.ones(4, requires_grad=True)
    dx, dunused = grad((x * x).sum(), [x, unused])
    np.testing.assert_array_equal(dx.numpy(), [4.0, 6.0])
    assert dunused is None
    assert x.grad is None


def test_grad_of_several_outputs_adds_their_gradients() -> None:
    x = pe.tensor([2.0, 3.0], requires_grad=True)
    (dx,) = grad([x * x, x * 5.0], [x], [pe.tensor([1.0, 1.0]), pe.tensor([10.0, 0.0])])
    np.testing.assert_array_equal(dx.numpy(), [54.0, 6.0])


def test_the_gradient_of_a_leaf_itself_is_the_upstream() -> None:
    x = pe.tensor([1.0, 2.0], requires_grad=True)
    x.backward(pe.tensor([5.0, 6.0]))
    x.backward(pe.tensor([1.0, 1.0]))
    np.testing.assert_array_equal(x.grad.numpy(), [6.0, 7.0])


@every_device
def test_only_leaves_that_ask_get_gradients(device) -> None:
    x = pe.tensor([1.0, 2.0], device=device, requires_grad=True)
    constant = pe.tensor([3.0, 4.0], device=device)
    y = x * constant
    y.sum().backward()
    assert constant.grad is None
    assert y.grad is None
    np.testing.assert_array_equal(x.grad.numpy(), [3.0, 4.0])


def test_no_grad_records_nothing_and_nests() -> None:
    x = pe.ones(2, requires_grad=True)
    assert pe.is_grad_enabled()
    with pe.no_grad():
        assert not pe.is_grad_enabled()
        assert (x * 2).node is None
        with pe.enable_grad():
            assert (x * 2).node is not None
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad

    @pe.no_grad()
    def double(t):
        return t * 2

    assert not double(x).requires_grad
    assert not double(x).requires_grad  # the decorator works more than once


def test_no_grad_ends_when_the_block_raises() -> None:
    with pytest.raises(ZeroDivisionError), pe.no_grad():
        1 / 0  # noqa: B018
    assert pe.is_grad_enabled()


def test_no_grad_concerns_its_own_thread_only() -> None:
    seen = []
    with pe.no_grad():
        thread = threading.Thread(target=lambda: seen.append(pe.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


# --- long graphs, and their end

LONG = 100_000


def chain(x, length: int):
    one = tape.wrap(x.device.kernels.scalar(1.0, x.dtype), x.device)
    for _ in range(length):
        x = tape.apply(ADD, (x, one))
    return x


def test_a_long_chain_goes_backwards() -> None:
    x = pe.tensor(0.0, dtype="float64", requires_grad=True)
    y = chain(x, LONG)
    assert y.item() == LONG
    y.backward()
    assert x.grad.item() == 1.0
    del y


def test_a_long_chain_is_freed_without_a_backward() -> None:
    x = pe.tensor(0.0, requires_grad=True)
    y = chain(x, LONG)
    ends = weakref.ref(x)
    del x, y
    gc.collect()
    assert ends() is None


def test_a_long_retained_chain_is_freed() -> None:
    x = pe.tensor(0.0, requires_grad=True)
    y = chain(x, LONG)
    y.backward(retain_graph=True)
    ends = weakref.ref(x)
    del x, y
    gc.collect()
    assert ends() is None


def test_backward_frees_what_was_saved() -> None:
    x = pe.tensor(np.ones(1000), requires_grad=True)
    y = x * x
    saved = weakref.ref(y)
    z = (y * y).sum()
    node = z.node
    del y
    z.backward()
    assert node.saved is None
    assert node.edges == ()
    gc.collect()
    assert saved() is None


def test_a_graph_is_freed_by_reference_counts_alone() -> None:
    gc.disable()
    try:
        x = pe.tensor(np.ones(10), requires_grad=True)
        y = (x * x).sum()
        ends = weakref.ref(x)
        del x, y
        assert ends() is None
    finally:
        gc.enable()


# --- gradcheck itself must be able to fail


def test_gradcheck_finds_a_wrong_gradient() -> None:
    wrong = tape.Op("wrong", lambda s, a: [s[0]], OPS["mul"].forward, OPS["add"].vjp, OPS["mul"].cost, saves=())

    def function(a, b):
        forward = OPS["mul"].forward
        op = tape.Op(
            wrong.name,
            wrong.infer,
            lambda k, x, y: (forward(k, x, y)[0], (x.shape, y.shape)),
            wrong.vjp,
            wrong.cost,
        )
        return tape.apply(op, (a, b))

    tensors = [pe.tensor([1.5, 2.5], dtype="float64", requires_grad=True) for _ in range(2)]
    with pytest.raises(AssertionError, match="gradcheck: input 0 of shape"):
        gradcheck(function, tensors)


def test_gradcheck_refuses_what_it_cannot_check() -> None:
    with pytest.raises(TypeError, match="float64"):
        gradcheck(lambda x: x, [pe.ones(2, requires_grad=True)])
    with pytest.raises(ValueError, match="requires_grad=True"):
        gradcheck(lambda x: x, [pe.tensor([1.0], dtype="float64")])


def test_gradcheck_puts_its_inputs_back() -> None:
    x = pe.tensor([1.0, -2.0], dtype="float64", requires_grad=True)
    gradcheck(lambda t: t * t, [x])
    np.testing.assert_array_equal(x.detach().numpy(), [1.0, -2.0])
    assert x.grad is None
