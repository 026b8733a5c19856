"""What a user does on the device "cudasim", the CUDA kernels on the CPU, beside the CPU's own kernels."""

import os
from pathlib import Path

import numpy as np
import pytest

import pyengine as pe
from pyengine import nn, optim
from pyengine.data import DataLoader, load_mnist
from pyengine.models import LeNet
from pyengine.recipes import RECIPES, run

DIGITS = RECIPES["digits"]
DATA = Path(os.environ.get("PYENGINE_DATA", "/nowhere"))


def losses(device, folder):
    result = run(DIGITS, DIGITS.defaults.changed(epochs=2, device=device), folder / device)
    assert result.metrics["device"] == device
    return [row[name] for row in result.metrics["history"] for name in ("train_loss", "val_loss")]


def test_digits_train_as_on_the_cpu(tmp_path):
    # float32 in another order of summation
    assert losses("cudasim", tmp_path) == pytest.approx(losses("cpu", tmp_path), rel=1e-4)


def lenet_steps(device):
    """The losses of three steps on 32 digits, and the parameters after them."""
    images, labels = next(iter(DataLoader(load_mnist(DATA, flatten=False)[0], batch_size=32)))
    pe.manual_seed(0)
    model = LeNet().to(device)
    x, y = images.to(device), labels.to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    found = []
    for _ in range(3):
        loss = nn.CrossEntropyLoss()(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found, [p.detach().cpu().numpy() for p in model.parameters()]


@pytest.mark.skipif(not (DATA / "mnist").is_dir(), reason="PYENGINE_DATA has no mnist/")
def test_lenet_learns_from_real_digits():
    (found, parameters), (wanted, wanted_parameters) = lenet_steps("cudasim"), lenet_steps("cpu")
    assert found == pytest.approx(wanted, rel=1e-4)
    assert found[2] < found[0]
    for ours, theirs in zip(parameters, wanted_parameters, strict=True):
        # float32 in another order of summation, over three steps
        assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()
