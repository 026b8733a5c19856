"""Modules: what they register, save, print and refuse."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyengine as pe
from pyengine import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.second = nn.Linear(3, 2, bias=False)
        self.scale = nn.Parameter(pe.ones(2))
        self.register_buffer("steps", pe.zeros(1))
        self.register_buffer("scratch", pe.zeros(1), persistent=False)

    def forward(self, x):
        return self.second(self.first(x).relu()) * self.scale


def names(pairs):
    return [name for name, _ in pairs]


def values(module):
    return {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}


# --- what a module registers


def test_parameters_are_listed_parents_first_in_the_order_of_assignment():
    assert names(Net().named_parameters()) == ["scale", "first.weight", "first.bias", "second.weight"]
    assert names(Net().named_parameters(recurse=False)) == ["scale"]
    assert names(Net().named_parameters("net")) == [
        "net.scale", "net.first.weight", "net.first.bias", "net.second.weight"
    ]  # fmt: skip


def test_buffers_and_modules_are_listed():
    net = Net()
    assert names(net.named_buffers()) == ["steps", "scratch"]
    assert names(net.named_modules()) == ["", "first", "second"]
    assert list(net.children()) == [net.first, net.second]
    assert next(net.modules()) is net


def test_a_shared_module_or_parameter_counts_once_but_is_saved_under_both_names():
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert len(list(model.parameters())) == 2
    assert len(list(model.modules())) == 3
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    assert names(tied.named_parameters()) == ["0.weight", "0.bias", "1.bias"]
    assert names(tied.named_parameters(remove_duplicate=False)) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_a_parameter_requires_a_gradient_and_shares_the_tensor_it_is_made_of():
    tensor = pe.ones(3)
    parameter = nn.Parameter(tensor)
    assert parameter.requires_grad
    assert parameter.data is tensor.data
    assert not nn.Parameter(tensor, requires_grad=False).requires_grad
    squares = (parameter * parameter).sum()
    tensor.add_(1)
    with pytest.raises(RuntimeError, match="changed in place"):
        squares.backward()
    with pytest.raises(TypeError, match="only float tensors"):
        nn.Parameter(pe.tensor([1, 2]))


def test_a_module_works_whose_subclass_forgot_super_init():
    class Forgetful(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 1)
            self.register_buffer("seen", pe.zeros(1))

        def forward(self, x):
            return self.layer(x)

    module = Forgetful()
    assert module(pe.ones(3, 2)).shape == (3, 1)
    assert names(module.named_parameters()) == ["layer.weight", "layer.bias"]
    assert list(module.eval().state_dict()) == ["seen", "layer.weight", "layer.bias"]


def test_buffers_of_one_module_are_not_those_of_another():
    Net()
    assert names(nn.Linear(1, 1).named_buffers()) == []
    assert names(nn.Module().named_buffers()) == []


def test_assigning_what_is_no_parameter_over_a_parameter_is_refused():
    layer = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"Linear\.weight is a parameter and cannot become a Tensor.*nn\.Parameter"):
        layer.weight = pe.ones(2, 2)
    layer.weight = nn.Parameter(pe.ones(2, 2))
    layer.bias = None
    assert names(layer.named_parameters()) == ["weight"]
    assert layer(pe.ones(1, 2)).detach().numpy().tolist() == [[2.0, 2.0]]


def test_assigning_what_is_no_tensor_over_a_buffer_is_refused():
    net = Net()
    with pytest.raises(TypeError, match=r"Net\.steps is a buffer: a tensor or None, not a float"):
        net.steps = 1.0
    net.steps = pe.ones(1)
    assert dict(net.named_buffers())["steps"].item() == 1.0


@pytest.mark.parametrize("name", ["", "a.b"])
def test_a_name_that_cannot_be_found_again_is_refused(name):
    for register in (nn.Module().register_buffer, nn.Module().register_parameter, nn.Module().add_module):
        with pytest.raises(ValueError, match="neither empty nor hold a dot"):
            register(name, None)


def test_a_name_in_use_is_refused():
    with pytest.raises(ValueError, match="Linear already has an attribute forward"):
        nn.Linear(1, 1).register_buffer("forward", pe.zeros(1))
    with pytest.raises(ValueError, match="Linear already has an attribute weight"):
        nn.Linear(1, 1).register_buffer("weight", pe.zeros(1))


def test_parameters_and_modules_by_computed_names():
    module = nn.Module()
    module.register_parameter("weight", nn.Parameter(pe.ones(2)))
    module.register_parameter("bias", None)
    module.add_module("act", nn.ReLU())
    module.add_module("rest", None)
    assert names(module.named_parameters()) == ["weight"]
    assert names(module.named_children()) == ["act"]
    assert (module.bias, module.rest) == (None, None)
    with pytest.raises(TypeError, match=r"register_parameter: scale must be an nn\.Parameter, not a Tensor"):
        module.register_parameter("scale", pe.ones(1))
    with pytest.raises(TypeError, match="child other must be a Module, not 3"):
        module.add_module("other", 3)
    with pytest.raises(ValueError, match="already has an attribute weight"):
        module.add_module("weight", nn.ReLU())


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match=r"Module does not define forward\(\)"):
        nn.Module()(pe.zeros(1))


# --- modes, gradients, casts


def test_train_and_eval_reach_all_modules():
    net = Net()
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())


def test_apply_visits_children_first():
    seen = []
    net = Net()
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "Linear", "Net"]


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad(set_to_none):
    net = Net()
    net(pe.ones(5, 4)).sum().backward()
    before = net.scale.grad
    assert before is not None
    net.zero_grad(set_to_none=set_to_none)
    if set_to_none:
        assert all(p.grad is None for p in net.parameters())
    else:
        assert net.scale.grad is before
        assert all(not p.grad.numpy().any() for p in net.parameters())


def test_zeroed_gradients_give_the_same_next_gradient_as_dropped_ones():
    net, x = Net(), pe.uniform((5, 4))
    found = []
    for set_to_none in (True, False):
        net(x).sum().backward()
        net.zero_grad(set_to_none)
        net(x).sum().backward()
        found.append([p.grad.numpy().copy() for p in net.parameters()])
        net.zero_grad()
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_frozen_parameters_get_no_gradient():
    net = Net().requires_grad_(False)
    assert not net(pe.ones(1, 4)).requires_grad
    net.second.requires_grad_()
    net(pe.ones(1, 4)).sum().backward()
    assert net.second.weight.grad is not None
    assert net.first.weight.grad is None


def test_to_casts_and_moves_parameters_buffers_and_gradients_but_no_integers():
    net = Net()
    net.register_buffer("count", pe.tensor([3]))
    net(pe.ones(5, 4)).sum().backward()
    parameter, before = net.scale, net.scale.data.copy()
    assert net.to("numpy", pe.float64) is net
    assert net.scale is parameter
    assert {str(t.dtype) for t in [*net.parameters(), net.steps, net.scale.grad]} == {"float64"}
    assert {t.device.name for t in [*net.parameters(), *net.buffers(), net.scale.grad]} == {"numpy"}
    assert net.count.dtype == pe.int64
    assert net.scale.is_leaf
    assert net.scale.requires_grad
    np.testing.assert_array_equal(net.scale.data, before)
    assert net(pe.ones(1, 4, dtype=pe.float64, device="numpy")).dtype == pe.float64
    with pytest.raises(TypeError, match="cannot become int64"):
        net.to(pe.int64)
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        net.to("gpu")


def test_a_graph_made_before_a_cast_is_found_out():
    layer = nn.Linear(2, 2)
    out = layer(pe.ones(1, 2, requires_grad=True)).sum()
    layer.double()
    with pytest.raises(RuntimeError, match="changed in place"):
        out.backward()


# --- state


def test_state_round_trip_gives_the_same_outputs():
    a, b, x = Net(), Net(), pe.uniform((5, 4))
    assert (a(x).detach().numpy() != b(x).detach().numpy()).any()
    addresses = [p.data.ctypes.data for p in b.parameters()]
    assert b.load_state_dict(a.state_dict()) == ([], [])
    np.testing.assert_array_equal(a(x).detach().numpy(), b(x).detach().numpy())
    assert [p.data.ctypes.data for p in b.parameters()] == addresses
    assert list(a.state_dict()) == ["scale", "steps", "first.weight", "first.bias", "second.weight"]


def test_state_takes_arrays_and_casts():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1.5, 2.5]]), "bias": np.array([3])})
    assert layer.weight.dtype == pe.float32
    assert layer(pe.ones(1, 2)).item() == 7.0


def test_loading_lists_every_fault_and_changes_nothing():
    net = Net()
    before = values(net)
    state = {name: value + 1 for name, value in before.items() if name != "first.bias"}
    state["third.weight"] = np.zeros(1)
    state["second.weight"] = np.zeros((2, 4), np.float32)
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(state)
    assert str(error.value) == (
        "Net.load_state_dict: missing: first.bias; unexpected: third.weight; "
        "second.weight has shape (2, 3) here and (2, 4) in the state"
    )
    for name, value in values(net).items():
        np.testing.assert_array_equal(value, before[name])


def test_loading_loosely_reports_what_it_passed_over_but_not_wrong_shapes():
    net = Net()
    result = net.load_state_dict({"scale": np.full(2, 5.0), "other": np.zeros(1)}, strict=False)
    assert result.missing_keys == ["steps", "first.weight", "first.bias", "second.weight"]
    assert result.unexpected_keys == ["other"]
    assert net.scale.data.tolist() == [5.0, 5.0]
    with pytest.raises(RuntimeError, match=r"scale has shape \(2,\) here and \(3,\)"):
        net.load_state_dict({"scale": np.zeros(3)}, strict=False)


def test_loading_between_forward_and_backward_is_found_out():
    net = Net()
    out = net(pe.ones(1, 4)).sum()
    net.load_state_dict(net.state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        out.backward()


def test_a_copy_learns_on_its_own():
    net = Net()
    twin = copy.deepcopy(net)
    x = pe.uniform((5, 4))
    np.testing.assert_array_equal(net(x).detach().numpy(), twin(x).detach().numpy())
    twin.load_state_dict({name: value + 1 for name, value in values(twin).items()})
    assert (net.scale.data != twin.scale.data).all()
    assert isinstance(twin.scale, nn.Parameter)


# --- Linear


@given(st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_linear_starts_evenly_within_its_bound(n, m, bias):
    layer = nn.Linear(n, m, bias=bias)
    bound = np.float32(1 / math.sqrt(n))
    assert layer.weight.shape == (m, n)
    for parameter in layer.parameters():
        assert (np.abs(parameter.data) <= bound).all()
    assert (layer.bias is None) == (not bias)


def test_linear_fills_its_range_evenly():
    pe.manual_seed(0)
    layer = nn.Linear(100, 400)
    share = layer.weight.data * math.sqrt(100)  # even on [-1, 1): mean 0, variance 1/3
    assert abs(share.mean()) < 0.02
    assert abs(share.var() - 1 / 3) < 0.01
    assert share.min() < -0.99
    assert share.max() > 0.99
    assert abs(layer.bias.data.mean() * 10) < 0.15


def test_the_seed_decides_the_start():
    def start(seed):
        pe.manual_seed(seed)
        return nn.Linear(3, 3).weight.data.tolist()

    assert start(1) == start(1) != start(2)


@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 3, 4), (0, 4)])
def test_linear_on_any_leading_axes(shape):
    layer = nn.Linear(4, 3).double()
    x = pe.uniform(shape, dtype=pe.float64)
    expected = x.numpy() @ layer.weight.data.T + layer.bias.data
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-12, atol=1e-14)


def test_linear_errors_name_shapes_and_the_fix():
    layer = nn.Linear(64, 10)
    with pytest.raises(ValueError, match=r"linear: input \(32, 63\) and weight \(10, 64\)"):
        layer(pe.zeros(32, 63))
    with pytest.raises(ValueError, match=r"Flatten the input first: x\.reshape\(32, 64\)"):
        layer(pe.zeros(32, 8, 8))
    with pytest.raises(TypeError, match=r"the input is float64, the weight float32"):
        layer(pe.zeros(1, 64, dtype=pe.float64))
    with pytest.raises(ValueError, match="different devices"):
        layer(pe.zeros(1, 64, device="numpy"))
    for bad in (0, -1, 2.0, True, "4"):
        with pytest.raises(ValueError, match="Linear: in_features is a number of features"):
            nn.Linear(bad, 3)
    with pytest.raises(ValueError, match="Linear: out_features"):
        nn.Linear(3, 0)


def test_linear_given_an_array_says_what_to_do():
    with pytest.raises(TypeError, match=r"linear.*ndarray"):
        nn.Linear(2, 2)(np.ones((1, 2), np.float32))


# --- Sequential


def test_sequential_chains_indexes_and_grows():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    assert model.append(nn.Linear(3, 2)) is model
    assert len(model) == 3
    assert [type(m).__name__ for m in model] == ["Linear", "ReLU", "Linear"]
    assert model[-1] is model[2]
    x = pe.uniform((5, 4))
    expected = model[2](model[0](x).relu())
    np.testing.assert_array_equal(model(x).detach().numpy(), expected.detach().numpy())
    np.testing.assert_array_equal(model[:2](x).detach().numpy(), model[0](x).relu().detach().numpy())
    assert names(model[1:].named_parameters()) == ["2.weight", "2.bias"]
    with pytest.raises(IndexError, match="there is no module 3; it has 3"):
        model[3]


def test_sequential_sees_modules_replaced_and_removed():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model[0] = nn.Linear(2, 5)
    assert model(pe.ones(1, 2)).shape == (1, 5)
    del model[1]
    assert len(model) == 1
    model.append(nn.Linear(5, 1))
    assert model(pe.ones(1, 2)).shape == (1, 1)
    assert names(model.named_children()) == ["0", "1"]
    del model[0]
    assert names(model.named_parameters()) == ["0.weight", "0.bias"]
    with pytest.raises(IndexError, match="there is no module 1; it has 1"):
        del model[1]


def test_sequential_takes_names_and_refuses_what_is_no_module():
    model = nn.Sequential({"hidden": nn.Linear(4, 3), "act": nn.ReLU()})
    assert names(model.named_parameters()) == ["hidden.weight", "hidden.bias"]
    assert model.hidden is model[0]
    with pytest.raises(TypeError, match=r"child 1 must be a Module, not <class '.*ReLU'>; call it: ReLU\(\)"):
        nn.Sequential(nn.Linear(4, 3), nn.ReLU)


def test_empty_sequential_is_the_identity():
    x = pe.ones(2)
    assert nn.Sequential()(x) is x


def test_repr_is_a_tree_with_counts():
    assert repr(nn.Sequential(nn.Linear(2, 1), nn.Sequential(nn.ReLU()))) == (
        "Sequential(  # 3 parameters\n"
        "  (0): Linear(in_features=2, out_features=1, bias=True)  # 3 parameters\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "  )\n"
        ")"
    )


def test_appending_to_a_slice_or_to_named_modules_replaces_none():
    model = nn.Sequential(nn.ReLU(), nn.ReLU(), nn.ReLU())[1:].append(nn.Linear(2, 1))
    assert names(model.named_children()) == ["1", "2", "3"]
    named = nn.Sequential({"a": nn.ReLU(), "b": nn.Linear(2, 1)}).append(nn.ReLU())
    assert names(named.named_children()) == ["a", "b", "2"]
    del named[0]
    assert names(named.named_children()) == ["b", "2"]


# --- lists and dicts of modules


def test_module_list():
    layers = nn.ModuleList([nn.Linear(2, 2)])
    layers.extend([nn.ReLU(), nn.Linear(2, 1)])
    layers.insert(1, nn.Identity())
    assert [type(m).__name__ for m in layers] == ["Linear", "Identity", "ReLU", "Linear"]
    assert names(layers.named_parameters()) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    layers[0] = nn.Linear(2, 2, bias=False)
    assert names(layers.named_parameters()) == ["0.weight", "3.weight", "3.bias"]
    assert isinstance(layers[1:3], nn.ModuleList)
    with pytest.raises(NotImplementedError, match="call them one by one, or use Sequential"):
        layers(pe.ones(2))


def test_module_dict():
    heads = nn.ModuleDict({"a": nn.Linear(2, 2)})
    heads["b"] = nn.Linear(2, 1, bias=False)
    assert len(heads) == 2
    assert list(heads) == list(heads.keys()) == ["a", "b"]
    assert list(heads.values()) == [heads["a"], heads["b"]]
    assert dict(heads.items())["b"] is heads["b"]
    assert names(heads.named_parameters()) == ["a.weight", "a.bias", "b.weight"]
    del heads["a"]
    assert "a" not in heads
    assert "training" not in heads
    with pytest.raises(KeyError, match="there is no module 'a'; there are b"):
        heads["a"]
    with pytest.raises(KeyError, match="there is no module 'training'"):
        del heads["training"]
    with pytest.raises(ValueError, match="ModuleDict already has an attribute keys"):
        heads["keys"] = nn.ReLU()
    with pytest.raises(NotImplementedError, match="by its name"):
        heads(pe.ones(2))


def test_flatten_and_identity():
    x = pe.uniform((4, 3, 2, 5))
    assert nn.Identity(1, two=2)(x) is x
    assert nn.Flatten()(x).shape == (4, 30)
    assert nn.Flatten(0)(x).shape == (120,)
    assert nn.Flatten(1, 2)(x).shape == (4, 6, 5)
    assert nn.Flatten(-2)(x).shape == (4, 3, 10)
    np.testing.assert_array_equal(nn.Flatten()(x).numpy(), x.numpy().reshape(4, 30))
    assert nn.Flatten()(pe.zeros(0, 3, 2)).shape == (0, 6)
    for first, last in ((4, -1), (2, 1), (-5, -1)):
        with pytest.raises(ValueError, match=r"do not exist in shape \(4, 3, 2, 5\)"):
            nn.Flatten(first, last)(x)


# --- hooks


def test_hooks_see_and_change_what_passes_and_can_be_removed():
    layer, seen = nn.ReLU(), []
    before = layer.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    after = layer.register_forward_hook(lambda module, args, output: seen.append((args[0].item(), output.item())))
    assert layer(pe.tensor(1.0)).item() == 2.0
    before.remove()
    before.remove()
    assert layer(pe.tensor(-1.0)).item() == 0.0
    after.remove()
    with layer.register_forward_hook(lambda module, args, output: output * 10):
        assert layer(pe.tensor(3.0)).item() == 30.0
    assert layer(pe.tensor(3.0)).item() == 3.0
    assert seen == [(2.0, 2.0), (-1.0, 0.0)]


def test_hooks_of_one_module_do_not_run_in_another():
    seen = []
    nn.ReLU().register_forward_hook(lambda *args: seen.append(args))
    nn.ReLU()(pe.ones(1))
    assert not seen


# --- starting values


def test_constant_starts():
    layer = nn.Linear(3, 2)
    assert nn.init.ones_(layer.weight) is layer.weight
    assert layer.weight.data.tolist() == [[1.0] * 3] * 2
    nn.init.zeros_(layer.bias)
    assert layer.bias.data.tolist() == [0.0, 0.0]
    nn.init.constant_(layer.bias, 0.25)
    assert layer.bias.data.tolist() == [0.25, 0.25]
    assert layer.weight.requires_grad
    assert layer.weight.is_leaf


@pytest.mark.parametrize(
    ("start", "variance"),
    [
        (lambda w: nn.init.uniform_(w, -1.0, 1.0), 1 / 3),
        (nn.init.xavier_uniform_, 2 / (500 + 200)),
        (lambda w: nn.init.xavier_uniform_(w, gain=3.0), 9 * 2 / (500 + 200)),
        (lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu"), 2 / 500),
        (lambda w: nn.init.kaiming_uniform_(w, mode="fan_out", nonlinearity="linear"), 1 / 200),
        (lambda w: nn.init.kaiming_uniform_(w, a=math.sqrt(5)), 1 / (3 * 500)),
    ],
)
def test_drawn_starts_have_their_variance(start, variance):
    pe.manual_seed(0)
    w = start(nn.Parameter(pe.zeros(200, 500))).data
    # of 100,000 even draws the variance strays by 0.9/√100,000 of itself, the mean by √(variance/100,000); five of each
    assert abs(w.var() / variance - 1) < 0.015
    assert abs(w.mean()) < 5 * math.sqrt(variance / 100_000)
    assert abs(w).max() <= math.sqrt(3 * variance) * (1 + 1e-6)


def test_starts_repeat_with_a_generator():
    def drawn(seed):
        return nn.init.kaiming_uniform_(pe.zeros(2, 3), generator=pe.Generator(seed)).numpy().tolist()

    assert drawn(1) == drawn(1) != drawn(2)


def test_gains_agree_with_torch():
    torch = pytest.importorskip("torch")
    for name in ("linear", "sigmoid", "tanh", "relu", "selu", "leaky_relu"):
        assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert nn.init.calculate_gain("leaky_relu", 0.2) == torch.nn.init.calculate_gain("leaky_relu", 0.2)


def test_errors_of_starting_values():
    for start in (nn.init.xavier_uniform_, nn.init.kaiming_uniform_):
        with pytest.raises(ValueError, match=rf"{start.__name__}: needs a weight of shape \(out, in, …\), not \(3,\)"):
            start(pe.zeros(3))
        with pytest.raises(ValueError, match=r"not \(0, 3\)"):
            start(pe.zeros(0, 3))
    with pytest.raises(ValueError, match="mode is 'fan_in' or 'fan_out', not 'fan'"):
        nn.init.kaiming_uniform_(pe.zeros(2, 2), mode="fan")
    with pytest.raises(ValueError, match="unknown nonlinearity 'gelu'; there are leaky_relu, linear"):
        nn.init.kaiming_uniform_(pe.zeros(2, 2), nonlinearity="gelu")
    with pytest.raises(ValueError, match=r"needs a ≤ b, not a=1\.0 and b=0\.0"):
        nn.init.uniform_(pe.zeros(2), 1.0, 0.0)


# --- losses and functional


def test_cross_entropy_of_an_even_guess_is_the_log_of_the_classes():
    loss = nn.CrossEntropyLoss()(pe.zeros(7, 10), pe.tensor([0, 1, 2, 3, 4, 5, 9]))
    assert loss.shape == ()
    assert abs(loss.item() - math.log(10)) < 1e-6


def test_cross_entropy_makes_its_gradient_only_where_one_is_wanted():
    logits, labels = pe.uniform((4, 3), requires_grad=True), pe.tensor([0, 1, 2, 0])

    def flags():
        calls = pe.record(lambda: nn.functional.cross_entropy(logits, labels)).calls
        return [call.attrs["with_grad"] for call in calls if call.kernel == "cross_entropy"]

    assert flags() == ["True"]
    with pe.no_grad():
        assert flags() == ["False"]


def test_cross_entropy_gradient_by_finite_differences():
    logits = pe.uniform((4, 3), dtype=pe.float64, requires_grad=True)
    labels = pe.tensor([2, 0, 1, 1])
    assert pe.gradcheck(lambda z: nn.CrossEntropyLoss()(z, labels), [logits])


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        ([[0], [1]], ValueError, r"logits \(2, 3\) need labels of shape \(2,\), got \(2, 1\); drop the last axis"),
        ([0, 1, 2], ValueError, r"logits \(2, 3\) need labels of shape \(2,\), got \(3,\)"),
        ([0.0, 1.0], TypeError, r"labels are class numbers, int64, got float32"),
        ([0, 3], ValueError, r"labels\[1\] is 3, outside"),
        ([-1, 0], ValueError, r"labels\[0\] is -1, outside"),
    ],
)
def test_cross_entropy_errors(labels, kind, message):
    with pytest.raises(kind, match=message):
        nn.CrossEntropyLoss()(pe.zeros(2, 3), pe.tensor(labels))


def test_a_softmax_before_cross_entropy_is_pointed_out():
    model = nn.Linear(4, 3)
    with pytest.raises(ValueError, match=r"comes out of a softmax.*hand it the scores from before"):
        nn.CrossEntropyLoss()(model(pe.ones(2, 4)).softmax(), pe.tensor([0, 1]))


def test_functional_agrees_with_the_modules():
    layer, x = nn.Linear(4, 3), pe.uniform((5, 4), -1.0)
    np.testing.assert_array_equal(
        layer(x).detach().numpy(), nn.functional.linear(x, layer.weight, layer.bias).detach().numpy()
    )
    np.testing.assert_array_equal(nn.ReLU()(x).numpy(), nn.functional.relu(x).numpy())
    np.testing.assert_allclose(nn.functional.softmax(x, dim=0).numpy().sum(0), np.ones(4), rtol=1e-6)


# --- against PyTorch


def test_a_network_and_its_gradients_agree_with_torch():
    torch = pytest.importorskip("torch")
    ours = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4)).double()
    theirs = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 4)).double()
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x, labels = pe.uniform((16, 8), -1.0, dtype=pe.float64), np.arange(16) % 4
    loss = nn.CrossEntropyLoss()(ours(x), pe.tensor(labels))
    loss.backward()
    expected = torch.nn.CrossEntropyLoss()(theirs(torch.from_numpy(x.numpy())), torch.from_numpy(labels))
    expected.backward()
    assert abs(loss.item() - expected.item()) < 1e-12
    for (name, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-10, atol=1e-14, err_msg=name)


def test_linear_starts_within_the_same_range_as_torch():
    torch = pytest.importorskip("torch")
    for n in (1, 16, 100):
        ours, theirs = nn.Linear(n, 2000), torch.nn.Linear(n, 2000)
        for a, b in ((ours.weight, theirs.weight), (ours.bias, theirs.bias)):
            # 2000 even draws come within 1 % of either end, but for a chance of 2·0.995^2000, below 1e-4
            np.testing.assert_allclose(a.data.min(), b.min().item(), rtol=0.02)
            np.testing.assert_allclose(a.data.max(), b.max().item(), rtol=0.02)
