"""Batch normalisation as torch has it: results, gradients, the running statistics, and what is refused."""

import copy

import numpy as np
import pytest
from harness import DEVICE_NAMES

import pyengine as pe
from pyengine import nn
from pyengine.nn import functional as F
from pyengine.record import record

SHAPES = {(8, 3): (nn.BatchNorm1d, "BatchNorm1d"), (4, 3, 5): (nn.BatchNorm1d, "BatchNorm1d")}
SHAPES[2, 3, 4, 5] = (nn.BatchNorm2d, "BatchNorm2d")


def batch(shape, seed: int):
    return np.random.default_rng(seed).standard_normal(shape) * 3 + 1


@pytest.mark.parametrize("device", DEVICE_NAMES)
@pytest.mark.parametrize("settings", [{}, {"momentum": None, "affine": False}, {"track_running_stats": False}])
@pytest.mark.parametrize("shape", SHAPES)
def test_as_torch(shape, settings, device) -> None:
    torch = pytest.importorskip("torch")
    make, name = SHAPES[shape]
    ours = make(3, eps=1e-3, device=device, dtype="float64", **settings)
    theirs = getattr(torch.nn, name)(3, eps=1e-3, dtype=torch.float64, **settings)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for step in range(4):
        if step == 3:
            ours.eval()
            theirs.eval()
        x = pe.tensor(batch(shape, step), device=device, requires_grad=True)
        tx = torch.tensor(batch(shape, step), requires_grad=True)
        for model, input in ((ours, x), (theirs, tx)):
            (model(input) ** 3).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), tx.grad.numpy(), rtol=1e-9, atol=1e-9)
        for (key, value), other in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
            np.testing.assert_allclose(value.numpy(), other.numpy(), rtol=1e-12, err_msg=f"{key} after step {step}")
            assert (value.shape, str(value.dtype)) == (tuple(other.shape), str(other.dtype).removeprefix("torch."))
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-9)


def test_running_statistics_keep_their_memory_and_move_in_training_alone() -> None:
    layer = nn.BatchNorm1d(2)
    arrays = [buffer.data for buffer in layer.buffers()]
    layer(pe.randn(5, 2))
    assert [a is b.data for a, b in zip(arrays, layer.buffers(), strict=True)] == [True] * 3
    before = copy.deepcopy(layer.state_dict())
    layer.eval()(pe.randn(5, 2))
    layer.train()(pe.randn(0, 2))
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key].numpy())
    layer.reset_running_stats()
    assert [b.numpy().tolist() for b in layer.buffers()] == [[0.0, 0.0], [1.0, 1.0], 0]


def test_a_training_step_is_three_kernels_and_reads_nothing_back() -> None:
    layer, x = nn.BatchNorm2d(3), pe.randn(2, 3, 4, 4, requires_grad=True)
    calls = [c.kernel for c in record(lambda: layer(x)).calls]
    assert calls == ["batch_norm", "batch_norm_track"]
    y, grad = layer(x), pe.ones(2, 3, 4, 4)
    assert [c.kernel for c in record(lambda: y.backward(grad)).calls] == ["batch_norm_backward"]


def test_eval_with_statistics_that_changed_since_is_noticed() -> None:
    layer, x = nn.BatchNorm1d(2).eval(), pe.randn(4, 2, requires_grad=True)
    y = layer(x)
    layer.train()(pe.randn(4, 2))
    with pytest.raises(RuntimeError, match="batch_norm_eval: input 3 was changed in place"):
        y.sum().backward()


def test_statistics_far_from_zero_do_not_cancel() -> None:
    x = np.random.default_rng(0).standard_normal((64, 2, 8, 8)).astype(np.float32)
    y = F.batch_norm(pe.tensor(x + np.float32(4096)), None, None, training=True).numpy()
    want = (x - x.mean((0, 2, 3), keepdims=True)) / x.std((0, 2, 3), keepdims=True)
    assert np.abs(y - want).max() < 4096 * 2**-23 * 2  # the input itself is rounded to 2⁻¹² there


MISTAKES = {
    "one sample": (
        lambda: nn.BatchNorm1d(3)(pe.zeros(1, 3)),
        r"\(1, 3\) has one value for each channel, .*drop_last=True",
    ),
    "one pixel": (lambda: nn.BatchNorm2d(3)(pe.zeros(1, 3, 1, 1)), "the output would be the bias"),
    "channels": (
        lambda: nn.BatchNorm2d(3)(pe.zeros(2, 4, 5, 5)),
        r"BatchNorm2d: .* c = 3 channels, not .*\(2, 4, 5, 5\)",
    ),
    "axes": (lambda: nn.BatchNorm2d(3)(pe.zeros(2, 3)), r"BatchNorm2d: the input is \(n, c, rows, columns\)"),
    "features": (lambda: nn.BatchNorm1d(0), "num_features is the number of channels, from 1 on, not 0"),
    "weight": (
        lambda: F.batch_norm(pe.zeros(2, 3), None, None, pe.ones(2), training=True),
        r"batch_norm: an input of shape \(2, 3\) has 3 channels, got \(2,\) for them",
    ),
    "no statistics": (lambda: F.batch_norm(pe.zeros(2, 3), None, None), "needs running_mean and running_var"),
    "one statistic": (lambda: F.batch_norm(pe.zeros(2, 3), pe.zeros(3), None), "come together"),
    "momentum": (
        lambda: F.batch_norm(pe.zeros(2, 3), pe.zeros(3), pe.ones(3), training=True, momentum=None),
        "momentum=None is a mean over all batches and needs num_batches_tracked",
    ),
    "statistics": (
        lambda: F.batch_norm(pe.zeros(2, 3), pe.zeros(2), pe.ones(2), training=True),
        r"running statistics float32\(2,\), float32\(2,\) do not fit float32\(3,\)",
    ),
    "learned statistics": (
        lambda: F.batch_norm(pe.zeros(2, 3), pe.zeros(3, requires_grad=True), pe.ones(3), training=True),
        "running_mean is written in place and cannot require a gradient",
    ),
    "no channels": (lambda: F.batch_norm(pe.zeros(3), None, None, training=True), r"the input is \(n, c\) or"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_explained(name) -> None:
    call, message = MISTAKES[name]
    with pytest.raises(ValueError, match=message):
        call()
