"""Optimizers: their formulas, settings, state and errors."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyengine as pe
from pyengine import nn, optim

SETTINGS = [
    {},
    {"momentum": 0.9},
    {"weight_decay": 0.1},
    {"momentum": 0.5, "weight_decay": 0.01},
    {"momentum": 0.9, "nesterov": True},
    {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
]


def parameter(values, dtype=pe.float64, device=None):
    return nn.Parameter(pe.tensor(values, dtype=dtype, device=device))


def give_gradient(p, values):
    p.grad = pe.tensor(values, dtype=p.dtype, device=p.device)


def plain_sgd(p, gradients, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    """The formula of the docstring, one parameter, in float64."""
    p, b = np.array(p, np.float64), 0.0
    for g in gradients:
        g = g + weight_decay * p
        b = momentum * b + g
        p = p - lr * (g + momentum * b if nesterov else b)
    return p


@pytest.mark.parametrize("device", ["cpu", "numpy"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_sgd_follows_its_formula(settings, device):
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal((3, 4)), rng.standard_normal((5, 3, 4))
    p = parameter(start, device=device)
    optimizer = optim.SGD([p], lr=0.1, **settings)
    for g in gradients:
        give_gradient(p, g)
        optimizer.step()
    # five steps of a few roundings each, on values of size 1
    np.testing.assert_allclose(p.detach().numpy(), plain_sgd(start, gradients, 0.1, **settings), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_sgd_agrees_with_torch_over_a_training(settings):
    torch = pytest.importorskip("torch")
    ours = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    theirs = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3)).double()
    theirs.load_state_dict({name: torch.from_numpy(value.numpy().copy()) for name, value in ours.state_dict().items()})
    rng = np.random.default_rng(1)
    mine = optim.SGD(ours.parameters(), lr=0.1, **settings)
    other = torch.optim.SGD(theirs.parameters(), lr=0.1, **settings)
    for _ in range(10):
        x, labels = rng.standard_normal((16, 8)), rng.integers(0, 3, 16)
        mine.zero_grad()
        other.zero_grad()
        nn.CrossEntropyLoss()(ours(pe.tensor(x)), pe.tensor(labels)).backward()
        torch.nn.CrossEntropyLoss()(theirs(torch.from_numpy(x)), torch.from_numpy(labels)).backward()
        mine.step()
        other.step()
    for (name, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12, err_msg=name)


@given(
    st.integers(0, 3),
    st.floats(0, 1),
    st.sampled_from([0.0, 0.9]),
    st.floats(0, 0.5),
    st.lists(st.sampled_from([(), (1,), (3, 5), (0, 2)]), min_size=1, max_size=3),
)
def test_sgd_on_shapes_and_settings(steps, lr, momentum, weight_decay, shapes):
    rng = np.random.default_rng(0)
    starts = [rng.standard_normal(shape) for shape in shapes]
    params = [parameter(start) for start in starts]
    gradients = [rng.standard_normal((steps, *shape)) for shape in shapes]
    optimizer = optim.SGD(params, lr, momentum, weight_decay=weight_decay)
    for i in range(steps):
        for p, g in zip(params, gradients, strict=True):
            give_gradient(p, g[i])
        optimizer.step()
    for p, start, g in zip(params, starts, gradients, strict=True):
        expected = plain_sgd(start, g, lr, momentum, weight_decay)
        np.testing.assert_allclose(p.data, expected, rtol=1e-11, atol=1e-13)


def test_one_kernel_call_for_all_parameters_of_a_dtype():
    params = [parameter([1.0]), parameter([[2.0]]), parameter([3.0], pe.float32)]
    optimizer = optim.SGD(params, lr=0.1)
    for p in params:
        give_gradient(p, np.ones(p.shape))
    assert [call.kernel for call in pe.record(optimizer.step).calls] == ["sgd_step", "sgd_step"]
    assert [p.data.reshape(-1).tolist() for p in params] == [[0.9], [1.9], [np.float32(2.9)]]


def test_parameters_keep_their_addresses():
    p = parameter([1.0, 2.0])
    address = p.data.ctypes.data
    optimizer = optim.SGD([p], lr=0.1, momentum=0.9)
    for _ in range(3):
        give_gradient(p, [1.0, 1.0])
        optimizer.step()
    assert p.data.ctypes.data == address


def test_a_parameter_without_gradient_is_passed_over():
    p, q = parameter([1.0]), parameter([1.0])
    give_gradient(p, [1.0])
    optimizer = optim.SGD([p, q], lr=0.5, weight_decay=1.0, momentum=0.9)
    optimizer.step()
    assert (p.item(), q.item()) == (0.0, 1.0)
    assert q not in optimizer.state
    p.grad = None
    optimizer.step()
    assert (p.item(), q.item()) == (0.0, 1.0)


def test_the_learning_rate_may_change_between_steps():
    p = parameter([0.0])
    optimizer = optim.SGD([p], lr=1.0)
    for lr in (1.0, 0.5, 0.25):
        optimizer.param_groups[0]["lr"] = lr
        give_gradient(p, [1.0])
        optimizer.step()
    assert p.item() == -1.75


def test_momentum_may_change_between_steps_and_keeps_its_array():
    p = parameter([0.0])
    optimizer = optim.SGD([p], lr=1.0, momentum=0.5)
    seen, want, buffer = [], 0.0, 0.0
    for momentum in (0.5, 0.75, 0.25):
        optimizer.param_groups[0]["momentum"] = momentum
        give_gradient(p, [1.0])
        optimizer.step()
        buffer = momentum * buffer + 1.0
        want -= buffer
        seen.append([scalar.array for (_, name, *_), scalar in optimizer._scalars.items() if name == "momentum"])
    assert p.item() == want
    assert [array.tolist() for array in seen[-1]] == [[0.25]]
    assert all(a is b for found in seen for a, b in zip(found, seen[0], strict=True))


def test_groups_have_settings_of_their_own():
    p, q, r = parameter([0.0]), parameter([0.0]), parameter([0.0])
    optimizer = optim.SGD([{"params": [p]}, {"params": q, "lr": 2.0}], lr=1.0)
    optimizer.add_param_group({"params": [r], "lr": 4.0})
    for t in (p, q, r):
        give_gradient(t, [1.0])
    optimizer.step()
    assert [t.item() for t in (p, q, r)] == [-1.0, -2.0, -4.0]


def test_an_optimizer_without_a_step_says_which_method_to_write():
    class Lazy(optim.Optimizer):
        pass

    w = pe.ones(2, requires_grad=True)
    w.sum().backward()
    with pytest.raises(NotImplementedError, match=r"Lazy does not define update\(\)"):
        Lazy([w], {"lr": 0.1}).step()


def test_step_returns_what_the_closure_returned_after_calling_it_first():
    p = parameter([2.0])
    optimizer = optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 4.0
    assert p.item() == 0.0


def test_a_graph_from_before_the_step_is_found_out():
    p = parameter([2.0])
    loss = (p * p).sum()
    give_gradient(p, [1.0])
    optim.SGD([p], lr=0.5).step()
    with pytest.raises(RuntimeError, match="mul: input 0 was changed in place"):
        loss.backward()


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad(set_to_none):
    p, q = parameter([2.0]), parameter([2.0])
    give_gradient(p, [1.0])
    held = p.grad
    optim.SGD([p, q], lr=0.5).zero_grad(set_to_none=set_to_none)
    assert q.grad is None
    if set_to_none:
        assert p.grad is None
    else:
        assert p.grad is held
        assert held.item() == 0.0


def test_training_a_line():
    """Least squares has one answer, which gradient descent must reach."""
    pe.manual_seed(0)
    x = pe.uniform((64, 3), -1.0, dtype=pe.float64)
    y = x @ pe.tensor([[1.0], [-2.0], [3.0]], dtype=pe.float64) + 0.5
    model = nn.Linear(3, 1).double()
    optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    for _ in range(400):
        error = model(x) - y
        loss = (error * error).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # with momentum 0.9 the distance shrinks by √0.9 a step, so by 0.9^200 < 1e-9 in all
    np.testing.assert_allclose(model.weight.detach().numpy(), [[1.0, -2.0, 3.0]], atol=1e-6)
    np.testing.assert_allclose(model.bias.detach().numpy(), [0.5], atol=1e-6)


# --- state


def trained(steps, seed=0):
    pe.manual_seed(seed)
    model = nn.Linear(4, 2)
    return model, optim.SGD(model.parameters(), lr=0.1, momentum=0.9), run(model, steps)


def run(model, steps):
    def go(optimizer):
        for _ in range(steps):
            optimizer.zero_grad()
            model(pe.ones(3, 4)).sum().backward()
            optimizer.step()

    return go


def test_resumed_training_ends_with_the_same_bits():
    model, optimizer, go = trained(6)
    go(optimizer)
    half, half_optimizer, go = trained(3)
    go(half_optimizer)
    resumed, resumed_optimizer, go = trained(3, seed=5)
    resumed.load_state_dict(half.state_dict())
    resumed_optimizer.param_groups[0]["lr"] = 9.0
    resumed_optimizer.load_state_dict(half_optimizer.state_dict())
    go(resumed_optimizer)
    for a, b in zip(model.parameters(), resumed.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_loaded_state_is_a_copy():
    p, q = parameter([1.0]), parameter([1.0])
    a, b = optim.SGD([p], lr=0.1, momentum=0.9), optim.SGD([q], lr=0.1, momentum=0.9)
    give_gradient(p, [1.0])
    a.step()
    b.load_state_dict(a.state_dict())
    a.step()
    assert b.state[q]["momentum_buffer"].item() == 1.0


def test_state_has_the_layout_of_torch():
    torch = pytest.importorskip("torch")
    _, optimizer, go = trained(1)
    go(optimizer)
    layer = torch.nn.Linear(4, 2)
    theirs = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    layer(torch.ones(3, 4)).sum().backward()
    theirs.step()
    ours, expected = optimizer.state_dict(), theirs.state_dict()
    assert ours.keys() == expected.keys()
    assert {i: list(entries) for i, entries in ours["state"].items()} == {
        i: list(entries) for i, entries in expected["state"].items()
    }
    assert ours["param_groups"][0].items() <= expected["param_groups"][0].items()


def test_state_that_does_not_fit_is_refused():
    _, optimizer, go = trained(1)
    go(optimizer)
    state = optimizer.state_dict()
    with pytest.raises(ValueError, match=r"the groups hold \[2\] parameters, here \[1\]"):
        optim.SGD([parameter([1.0])], lr=0.1).load_state_dict(state)
    other = optim.SGD(nn.Linear(3, 2).parameters(), lr=0.1, momentum=0.9)
    with pytest.raises(ValueError, match=r"momentum_buffer of parameter 0 has shape \(2, 4\), the parameter \(2, 3\)"):
        other.load_state_dict(state)
    assert not other.state
    wrong = {**state, "state": {7: state["state"][0]}}
    with pytest.raises(ValueError, match="state of parameter 7, but there are 2"):
        optimizer.load_state_dict(wrong)


def test_casting_the_model_casts_the_state():
    model, optimizer, go = trained(1)
    go(optimizer)
    model.double()
    run(model, 0)
    optimizer.zero_grad()
    model(pe.ones(3, 4, dtype=pe.float64)).sum().backward()
    optimizer.step()
    assert {t["momentum_buffer"].dtype for t in optimizer.state.values()} == {pe.float64}


def test_a_copied_optimizer_with_its_model_is_its_own():
    model, optimizer, go = trained(2)
    go(optimizer)
    model2, optimizer2 = copy.deepcopy((model, optimizer))
    go(optimizer)
    run(model2, 2)(optimizer2)
    np.testing.assert_array_equal(model.weight.data, model2.weight.data)
    assert model.weight.data is not model2.weight.data


# --- errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": -0.1}, r"SGD: lr \(the learning rate\) must be ≥ 0, not -0.1"),
        ({"lr": float("nan")}, "must be ≥ 0, not nan"),
        ({"lr": 0.1, "momentum": -0.1}, r"SGD: momentum must lie in \[0, 1\), not -0.1"),
        ({"lr": 0.1, "momentum": 1.0}, r"SGD: momentum must lie in \[0, 1\), not 1.0"),
        ({"lr": 0.1, "weight_decay": -1.0}, "SGD: weight_decay must be ≥ 0, not -1.0"),
        ({"lr": 0.1, "nesterov": True}, "needs momentum > 0"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        optim.SGD([parameter([1.0])], **settings)
    with pytest.raises(ValueError, match=message):
        optim.SGD([parameter([1.0])], lr=0.1).add_param_group({"params": [parameter([1.0])], **settings})


def test_no_parameters():
    with pytest.raises(ValueError, match="SGD: there are no parameters to optimize"):
        optim.SGD(nn.ReLU().parameters(), lr=0.1)
    walked_once = nn.Linear(1, 1).parameters()
    list(walked_once)
    with pytest.raises(ValueError, match=r"Was model\.parameters\(\), which can be walked only once, used up before\?"):
        optim.SGD(walked_once, lr=0.1)
    with pytest.raises(ValueError, match="the parameter group has no parameters"):
        optim.SGD([{"params": []}], lr=0.1)


def test_what_cannot_be_learned():
    p = parameter([1.0])
    with pytest.raises(ValueError, match=r"parameter 1, of shape \(1,\), is there twice"):
        optim.SGD([p, p], lr=0.1)
    with pytest.raises(ValueError, match="is there twice"):
        optim.SGD([p], lr=0.1).add_param_group({"params": p})
    with pytest.raises(ValueError, match=r"parameter 0, of shape \(1,\), was computed; only leaves are learned"):
        optim.SGD([p * 2], lr=0.1)
    with pytest.raises(TypeError, match="parameter 0 must be a tensor, not a ndarray"):
        optim.SGD([np.ones(1)], lr=0.1)
    with pytest.raises(ValueError, match=r"unknown setting 'momentun'; there are lr, momentum, weight_decay, nesterov"):
        optim.SGD([{"params": [p], "momentun": 0.9}], lr=0.1)
    with pytest.raises(TypeError, match=r"SGD: takes parameters, not a Linear; pass model\.parameters\(\)"):
        optim.SGD(nn.Linear(1, 1), lr=0.1)
    with pytest.raises(TypeError, match=r"SGD: lr is a number, not '0\.1'"):
        optim.SGD([p], lr="0.1")
    with pytest.raises(ValueError, match="it has the setting 'betas', which this optimizer has not"):
        optim.SGD([p], lr=0.1).load_state_dict(optim.Adam([p]).state_dict())
    with pytest.raises(TypeError, match="a parameter group is a dict with the key 'params'"):
        optim.SGD([{"param": [p]}], lr=0.1)


def test_a_gradient_of_another_shape_is_named():
    p = parameter([1.0, 2.0])
    give_gradient(p, [1.0])
    with pytest.raises(ValueError, match="sgd_step"):
        optim.SGD([p], lr=0.1).step()


def test_repr_shows_the_settings():
    assert repr(optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)) == (
        "SGD(lr=0.1, momentum=0.0, weight_decay=0.0, nesterov=False)  # 3 parameters"
    )
