"""Freezing by name, and fine-tuning: what is loaded, what begins anew, and that it pays where data are few."""

import pytest

import pyengine as pe
from pyengine import nn, optim
from pyengine.data import DataLoader, Subset, load_digits
from pyengine.nn.utils import freeze
from pyengine.train import evaluate, transfer


def network(classes):
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, classes))


def train(model, data, epochs, lr=0.05):
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for _ in range(epochs):
        for x, y in DataLoader(data, batch_size=16, shuffle=True, seed=0):
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def test_frozen_parameters_stay_and_others_learn():
    pe.manual_seed(0)
    model = network(10)
    assert freeze(model, "0.*", "*.bias") == ["0.weight", "0.bias", "2.bias", "4.bias"]
    before = {name: t.clone() for name, t in model.state_dict().items()}
    train(model, Subset(load_digits(), range(64)), 1)
    for name, tensor in model.state_dict().items():
        assert tensor.equal(before[name]) == (name in ("0.weight", "0.bias", "2.bias", "4.bias")), name
    freeze(model, "0.*", learn=True)
    assert model[0].weight.requires_grad
    with pytest.raises(ValueError, match=r"no parameter fits the pattern 'conv\.\*'; there are 0.weight"):
        freeze(model, "conv.*")


def test_what_was_learned_on_some_digits_helps_with_others(tmp_path):
    """Trained on 0 to 6, then taught 7, 8 and 9 by a tenth of their images: better than to begin from nothing."""
    digits = load_digits()
    labels = digits.tensors[1].numpy()
    first = Subset(digits, [i for i in range(len(digits)) if labels[i] < 7])
    other = [i for i in range(len(digits)) if labels[i] >= 7]
    few, rest = Subset(digits, other[::10]), Subset(digits, [i for n, i in enumerate(other) if n % 10])
    pe.manual_seed(0)
    trained = train(network(10), first, 8)
    pe.save(trained.state_dict(), tmp_path / "trained.safetensors")
    gains = []
    for seed in range(3):
        pe.manual_seed(seed)
        scratch = train(network(10), few, 4)
        model = network(10)
        done = transfer(model, tmp_path / "trained.safetensors", replace=["4.*"], frozen=["0.*"])
        assert done.fresh == ("4.weight", "4.bias")
        assert model[0].weight.equal(trained[0].weight)
        train(model, few, 4)
        assert model[0].weight.equal(trained[0].weight)
        loader = DataLoader(rest, batch_size=256)
        gains.append(evaluate(model, loader) - evaluate(scratch, loader))
    assert min(gains) > 0


def test_another_head_may_have_another_shape():
    model = network(3)
    done = transfer(model, network(10), replace=["4.*"])
    assert done.loaded == ("0.weight", "0.bias", "2.weight", "2.bias")
    with pytest.raises(RuntimeError, match=r"4\.weight has shape \(3, 64\) here and \(10, 64\).*begin anew is named"):
        transfer(model, network(10))
    with pytest.raises(RuntimeError, match=r"missing: 2\.weight"):
        transfer(model, {n: t for n, t in model.state_dict().items() if n != "2.weight"})
    with pytest.raises(ValueError, match=r"no tensor of the model fits the pattern 'head\.\*'"):
        transfer(model, network(10), replace=["head.*"])
