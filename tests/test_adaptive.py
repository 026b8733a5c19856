"""Adam, AdamW and RMSprop against torch and their formulas, and the clipping of gradients."""

import copy

import numpy as np
import pytest

import pyengine as pe
from pyengine import nn, optim

CONFIGURATIONS = [
    ("Adam", {}),
    ("Adam", {"weight_decay": 0.1, "betas": (0.5, 0.9)}),
    ("Adam", {"amsgrad": True, "eps": 1e-3}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.3, "amsgrad": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"centered": True, "alpha": 0.9}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "eps": 1e-3}),
]
every_configuration = pytest.mark.parametrize(("name", "settings"), CONFIGURATIONS, ids=str)


def parameter(values, dtype=pe.float64, device=None):
    return nn.Parameter(pe.tensor(values, dtype=dtype, device=device))


def give_gradient(p, values):
    p.grad = pe.tensor(values, dtype=p.dtype, device=p.device)


def gradients(steps, shape=(3, 4)):
    return np.random.default_rng(1).standard_normal((steps, *shape))


def follow(optimizer, params, steps):
    for values in steps:
        for p in params:
            give_gradient(p, values)
        optimizer.step()


# --- against torch


@pytest.mark.parametrize("device", ["cpu", "numpy"])
@every_configuration
def test_twenty_steps_agree_with_torch(device, name, settings):
    torch = pytest.importorskip("torch")
    start, steps = np.random.default_rng(0).standard_normal((3, 4)), gradients(20)
    ours, theirs = parameter(start, device=device), torch.nn.Parameter(torch.tensor(start))
    mine, other = (
        getattr(optim, name)([ours], lr=0.05, **settings),
        getattr(torch.optim, name)([theirs], 0.05, **settings),
    )
    for g in steps:
        give_gradient(ours, g)
        theirs.grad = torch.tensor(g)
        mine.step()
        other.step()
        # a step moves by at most some 0.05 per element and is computed in some ten roundings
        np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-11, atol=1e-12)


@every_configuration
def test_state_has_the_layout_of_torch(name, settings):
    torch = pytest.importorskip("torch")
    p, q = parameter(np.ones((3, 4))), torch.nn.Parameter(torch.ones(3, 4, dtype=torch.float64))
    mine, other = getattr(optim, name)([p], 0.1, **settings), getattr(torch.optim, name)([q], 0.1, **settings)
    give_gradient(p, np.ones((3, 4)))
    q.grad = torch.ones(3, 4, dtype=torch.float64)
    mine.step()
    other.step()
    ours, theirs = mine.state_dict(), other.state_dict()
    assert ours["state"].keys() == theirs["state"].keys()
    for index, entries in theirs["state"].items():
        assert ours["state"][index].keys() == entries.keys()
        for key, value in entries.items():
            np.testing.assert_allclose(ours["state"][index][key].numpy(), value.numpy(), rtol=1e-12, err_msg=key)
    assert ours["param_groups"][0].items() <= theirs["param_groups"][0].items()


@every_configuration
def test_training_goes_on_from_a_state_of_torch(name, settings):
    torch = pytest.importorskip("torch")
    q = torch.nn.Parameter(torch.ones(3, 4, dtype=torch.float64))
    other = getattr(torch.optim, name)([q], 0.1, **settings)
    for g in gradients(3):
        q.grad = torch.tensor(g)
        other.step()
    p = parameter(q.detach().numpy())
    mine = getattr(optim, name)([p], 0.5)
    state = other.state_dict()
    own = mine.param_groups[0].keys()
    groups = [{k: v for k, v in group.items() if k in own} for group in state["param_groups"]]
    arrays = {i: {k: v.numpy() for k, v in entries.items()} for i, entries in state["state"].items()}
    mine.load_state_dict({"state": arrays, "param_groups": groups})
    for g in gradients(3):
        give_gradient(p, g)
        q.grad = torch.tensor(g)
        mine.step()
        other.step()
    np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-11, atol=1e-12)


# --- what torch is not needed for


def test_adam_follows_its_formula():
    start, steps = np.random.default_rng(0).standard_normal((3, 4)), gradients(5)
    p = parameter(start)
    follow(optim.Adam([p], lr=0.1, betas=(0.8, 0.9), eps=1e-3), [p], steps)
    want, m, v = start.copy(), np.zeros((3, 4)), np.zeros((3, 4))
    for t, g in enumerate(steps, 1):
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
        want -= 0.1 * m / (1 - 0.8**t) / (np.sqrt(v / (1 - 0.9**t)) + 1e-3)
    np.testing.assert_allclose(p.data, want, rtol=1e-12, atol=1e-14)


def test_rmsprop_follows_its_formula():
    start, steps = np.random.default_rng(0).standard_normal((3, 4)), gradients(5)
    p = parameter(start)
    follow(optim.RMSprop([p], lr=0.1, alpha=0.8, eps=1e-3, momentum=0.5, centered=True), [p], steps)
    want, square, mean, buffer = start.copy(), 0.0, 0.0, 0.0
    for g in steps:
        square, mean = 0.8 * square + 0.2 * g * g, 0.8 * mean + 0.2 * g
        buffer = 0.5 * buffer + g / (np.sqrt(square - mean**2) + 1e-3)
        want = want - 0.1 * buffer
    np.testing.assert_allclose(p.data, want, rtol=1e-12, atol=1e-14)


def test_the_momentum_of_rmsprop_may_change_between_steps_and_keeps_its_array():
    p = parameter([0.0])
    optimizer = optim.RMSprop([p], lr=1.0, alpha=0.0, eps=0.0, momentum=0.5)
    seen, want, buffer = [], 0.0, 0.0
    for momentum in (0.5, 0.75, 0.25):
        optimizer.param_groups[0]["momentum"] = momentum
        follow(optimizer, [p], [[2.0]])
        buffer = momentum * buffer + 1.0  # with alpha = 0, a gradient divided by its own size
        want -= buffer
        seen.append([scalar.array for (_, name, *_), scalar in optimizer._scalars.items() if name == "momentum"])
    assert p.item() == want
    assert [array.tolist() for array in seen[-1]] == [[0.25]]
    assert all(a is b for found in seen for a, b in zip(found, seen[0], strict=True))


@pytest.mark.parametrize("name", ["Adam", "AdamW", "RMSprop"])
def test_one_kernel_call_for_all_parameters_of_a_dtype(name):
    params = [parameter([1.0]), parameter([[2.0]]), parameter([3.0], pe.float32)]
    optimizer = getattr(optim, name)(params)
    for p in params:
        give_gradient(p, np.ones(p.shape))
    optimizer.step()
    kernel = "rmsprop_step" if name == "RMSprop" else "adam_step"
    assert [call.kernel for call in pe.record(optimizer.step).calls] == [kernel, kernel]


def test_each_parameter_counts_its_own_steps():
    p, q = parameter([0.0]), parameter([0.0])
    optimizer = optim.Adam([p, q], lr=0.5, eps=0.0)
    give_gradient(p, [3.0])
    optimizer.step()
    give_gradient(q, [3.0])
    optimizer.step()
    assert [optimizer.state[t]["step"].item() for t in (p, q)] == [2.0, 1.0]
    # the first step of each is lr long, whatever the gradient; p moved twice along the same gradient
    np.testing.assert_allclose([p.item(), q.item()], [-1.0, -0.5], rtol=1e-12)


def test_groups_have_settings_of_their_own():
    p, q = parameter([0.0]), parameter([0.0])
    optimizer = optim.Adam([{"params": [p]}, {"params": [q], "lr": 2.0, "betas": (0.0, 0.5)}], lr=1.0, eps=0.0)
    follow(optimizer, [p, q], [[4.0]])
    np.testing.assert_allclose([p.item(), q.item()], [-1.0, -2.0], rtol=1e-12)
    optimizer.param_groups[0].update(lr=0.5, betas=(0.0, 0.0))
    follow(optimizer, [p, q], [[-7.0]])
    np.testing.assert_allclose(p.item(), -0.5, rtol=1e-12)


def test_one_cycle_cycles_the_first_beta():
    p = parameter([0.0])
    optimizer = optim.Adam([p], lr=1.0)
    schedule = optim.OneCycleLR(optimizer, max_lr=1.0, total_steps=4)
    give_gradient(p, [1.0])
    optimizer.step()
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.999)
    schedule.step()
    optimizer.step()
    assert optimizer.param_groups[0]["betas"][0] < 0.95


@every_configuration
def test_resumed_training_ends_with_the_same_bits(name, settings):
    p, q = parameter(np.ones((3, 4)), pe.float32), parameter(np.ones((3, 4)), pe.float32)
    whole, half = (getattr(optim, name)([t], lr=0.1, **settings) for t in (p, q))
    follow(whole, [p], gradients(6))
    follow(half, [q], gradients(6)[:3])
    r = parameter(q.data, pe.float32)
    resumed = getattr(optim, name)([r], lr=9.0, **settings)
    resumed.load_state_dict(copy.deepcopy(half.state_dict()))
    follow(resumed, [r], gradients(6)[3:])
    np.testing.assert_array_equal(r.data, p.data)


def test_casting_the_model_casts_the_state():
    layer = nn.Linear(2, 1)
    optimizer = optim.Adam(layer.parameters())
    layer(pe.ones(3, 2)).sum().backward()
    optimizer.step()
    layer.double()
    optimizer.zero_grad()
    layer(pe.ones(3, 2, dtype=pe.float64)).sum().backward()
    optimizer.step()
    for entries in optimizer.state.values():
        assert {t.dtype for t in entries.values()} == {pe.float64}
        assert entries["step"].item() == 2.0


def test_a_step_count_that_does_not_fit_is_refused():
    p = parameter([1.0, 2.0])
    optimizer = optim.Adam([p])
    follow(optimizer, [p], [[1.0, 1.0]])
    state = copy.deepcopy(optimizer.state_dict())
    state["state"][0]["step"] = np.ones(2)
    with pytest.raises(ValueError, match="the step of parameter 0 is one number, not of shape"):
        optimizer.load_state_dict(state)
    state["state"][0]["step"] = 4
    optimizer.load_state_dict(state)
    assert optimizer.state[p]["step"].item() == 4.0


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("Adam", {"lr": -1.0}, r"Adam: lr \(the learning rate\) must be ≥ 0, not -1.0"),
        ("Adam", {"betas": (0.9, 1.0)}, r"Adam: betas are two numbers in \[0, 1\), not \(0.9, 1.0\)"),
        ("AdamW", {"betas": (0.9,)}, "AdamW: betas are two numbers"),
        ("Adam", {"eps": -1.0}, "Adam: eps must be ≥ 0, not -1.0"),
        ("AdamW", {"weight_decay": float("nan")}, "AdamW: weight_decay must be ≥ 0, not nan"),
        ("RMSprop", {"alpha": 1.0}, r"RMSprop: alpha must lie in \[0, 1\), not 1.0"),
        ("RMSprop", {"momentum": -0.1}, r"RMSprop: momentum must lie in \[0, 1\), not -0.1"),
        ("RMSprop", {"eps": -1.0}, "RMSprop: eps must be ≥ 0, not -1.0"),
        ("RMSprop", {"weight_decay": -1.0}, "RMSprop: weight_decay must be ≥ 0, not -1.0"),
    ],
)
def test_settings_out_of_range(name, settings, message):
    with pytest.raises(ValueError, match=message):
        getattr(optim, name)([parameter([1.0])], **settings)


def test_a_gradient_of_another_shape_is_named():
    for optimizer_class, kernel in ((optim.Adam, "adam_step"), (optim.RMSprop, "rmsprop_step")):
        for device in ("cpu", "numpy"):
            p = parameter([1.0, 2.0], device=device)
            give_gradient(p, [1.0])
            with pytest.raises(ValueError, match=f"{kernel}: .*param.*0.*shape|{kernel}: params.0. is"):
                optimizer_class([p]).step()


# --- clipping


def with_gradients(*arrays, device=None):
    params = [parameter(np.zeros(np.shape(a)), np.asarray(a).dtype, device) for a in arrays]
    for p, a in zip(params, arrays, strict=True):
        give_gradient(p, a)
    return params


@pytest.mark.parametrize("device", ["cpu", "numpy"])
def test_clipping_by_the_norm(device):
    params = with_gradients(np.array([[3.0, 0.0]]), np.array([0.0, 4.0]), device=device)
    norm = nn.utils.clip_grad_norm_([*params, parameter([1.0])], 1.0)
    assert norm.item() == 5.0
    assert norm.shape == ()
    np.testing.assert_allclose(params[0].grad.data, [[0.6, 0.0]], rtol=1e-6)  # the 1e-6 beside the norm
    np.testing.assert_allclose(params[1].grad.data, [0.0, 0.8], rtol=1e-6)


def test_a_short_gradient_stays():
    (p,) = with_gradients(np.array([0.3, 0.1]))
    nn.utils.clip_grad_norm_(p, 1.0)
    assert p.grad.data.tolist() == [0.3, 0.1]


def test_clipping_agrees_with_torch():
    torch = pytest.importorskip("torch")
    arrays = [np.random.default_rng(i).standard_normal(shape) for i, shape in enumerate([(30, 7), (5,), ()])]
    ours, theirs = (
        with_gradients(*arrays),
        [torch.nn.Parameter(torch.zeros(a.shape, dtype=torch.float64)) for a in arrays],
    )
    for t, a in zip(theirs, arrays, strict=True):
        t.grad = torch.tensor(a)
    norm, expected = nn.utils.clip_grad_norm_(ours, 2.0), torch.nn.utils.clip_grad_norm_(theirs, 2.0)
    np.testing.assert_allclose(norm.item(), expected.item(), rtol=1e-14)
    nn.utils.clip_grad_value_(ours, 0.1)
    torch.nn.utils.clip_grad_value_(theirs, 0.1)
    for p, t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad.data, t.grad.numpy(), rtol=1e-13)


def test_gradients_of_two_dtypes_have_one_norm():
    params = with_gradients(np.array([3.0]), np.array([4.0], np.float32))
    assert nn.utils.clip_grad_norm_(params, 10.0).item() == 5.0
    assert nn.utils.clip_grad_norm_(params, 2.5).item() == 5.0
    np.testing.assert_allclose([p.grad.item() for p in params], [1.5, 2.0], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_norm_that_is_not_finite(bad):
    (p,) = with_gradients(np.array([1.0, bad]))
    with pytest.raises(RuntimeError, match=f"clip_grad_norm_: the norm of the gradients is {bad}"):
        nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)
    assert p.grad.data[0] == 1.0
    assert str(nn.utils.clip_grad_norm_(p, 1.0).item()) == str(bad)
    assert np.isnan(p.grad.data[1])


def test_clipping_nothing():
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0.0
    assert nn.utils.clip_grad_norm_(parameter([1.0]), 1.0).item() == 0.0
    nn.utils.clip_grad_value_([], 1.0)


def test_mistakes_in_clipping():
    (p,) = with_gradients(np.array([1.0]))
    with pytest.raises(ValueError, match="clip_grad_norm_: max_norm must be ≥ 0, not -1"):
        nn.utils.clip_grad_norm_(p, -1.0)
    with pytest.raises(ValueError, match="knows the 2-norm, not norm_type=1"):
        nn.utils.clip_grad_norm_(p, 1.0, norm_type=1)
    with pytest.raises(ValueError, match="clip_grad_value_: clip_value must be ≥ 0, not -1"):
        nn.utils.clip_grad_value_(p, -1.0)
    with pytest.raises(TypeError, match="clip_grad_norm_: parameter 0 must be a tensor, not a float"):
        nn.utils.clip_grad_norm_([1.0], 1.0)


def test_clipping_keeps_the_gradients_addresses():
    (p,) = with_gradients(np.array([3.0, 4.0]))
    grad, address = p.grad, p.grad.data.ctypes.data
    nn.utils.clip_grad_norm_(p, 1.0)
    nn.utils.clip_grad_value_(p, 0.5)
    assert p.grad is grad
    assert grad.data.ctypes.data == address
