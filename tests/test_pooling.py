"""Pooling layers as torch has them: their geometry, their errors, whom the gradient goes to."""

import numpy as np
import pytest

import pyengine as pe
from pyengine import nn
from pyengine.nn import functional as F


def image(*shape: int) -> pe.Tensor:
    return pe.tensor(np.random.default_rng(0).standard_normal(shape), dtype="float64")


# --- pooling

POOLS = {
    "max": (lambda f, x: f.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True), (2, 3, 7, 8)),
    "max alone": (lambda f, x: f.max_pool2d(x, (2, 3), dilation=(2, 1)), (3, 7, 8)),
    "max of sequences": (lambda f, x: f.max_pool1d(x, 3, 2, 1), (2, 3, 9)),
    "max of one sequence": (lambda f, x: f.max_pool1d(x, 2), (3, 9)),
    "average": (lambda f, x: f.avg_pool2d(x, 3, 2, 1, True, False), (2, 3, 7, 8)),
    "average by a divisor": (lambda f, x: f.avg_pool2d(x, 2, divisor_override=3), (3, 7, 8)),
    "average of sequences": (lambda f, x: f.avg_pool1d(x, 3, 2, 1), (2, 3, 9)),
    "to one pixel": (lambda f, x: f.adaptive_avg_pool2d(x, 1), (2, 3, 7, 8)),
    "to parts": (lambda f, x: f.adaptive_avg_pool2d(x, (3, None)), (3, 7, 8)),
    "to parts of a sequence": (lambda f, x: f.adaptive_avg_pool1d(x, 4), (2, 3, 9)),
}


@pytest.mark.parametrize("name", POOLS)
def test_pooling_as_torch(name) -> None:
    torch = pytest.importorskip("torch")
    call, shape = POOLS[name]
    x = image(*shape).requires_grad_()
    theirs = torch.tensor(x.detach().numpy(), requires_grad=True)
    got, want = call(F, x), call(torch.nn.functional, theirs)
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=1e-12)
    got.square().sum().backward()
    want.square().sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), theirs.grad.numpy(), rtol=1e-12, atol=1e-12)


def test_pooling_modules_do_what_the_functions_do() -> None:
    x, sequence = image(2, 3, 9, 8), image(2, 3, 9)
    for module, want in (
        (nn.MaxPool2d(3, 2, 1, ceil_mode=True), F.max_pool2d(x, 3, 2, 1, ceil_mode=True)),
        (nn.MaxPool2d((2, 3)), F.max_pool2d(x, (2, 3))),
        (nn.AvgPool2d(3, 2, 1, True, False), F.avg_pool2d(x, 3, 2, 1, True, False)),
        (nn.AdaptiveAvgPool2d((2, 3)), F.adaptive_avg_pool2d(x, (2, 3))),
    ):
        np.testing.assert_array_equal(module(x).numpy(), want.numpy())
    for module, want in (
        (nn.MaxPool1d(2, padding=1), F.max_pool1d(sequence, 2, padding=1)),
        (nn.AvgPool1d(2, 1), F.avg_pool1d(sequence, 2, 1)),
        (nn.AdaptiveAvgPool1d(4), F.adaptive_avg_pool1d(sequence, 4)),
    ):
        np.testing.assert_array_equal(module(sequence).numpy(), want.numpy())
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
    assert repr(nn.AdaptiveAvgPool2d((1, None))) == "AdaptiveAvgPool2d(output_size=(1, None))"


MISTAKES = {
    "no room": (
        lambda: F.max_pool2d(pe.zeros(1, 1, 3, 3), 2, dilation=3),
        ValueError,
        r"max_pool2d: .* cover \(2 - 1\)·3 \+ 1 = 4 rows .* 3 \+ 2·0 of padding: \(3 \+ 2·0 - 4\) // 2 \+ 1 = 0 output",
    ),
    "too much padding": (
        lambda: F.avg_pool2d(pe.zeros(1, 1, 9, 9), 3, padding=2),
        ValueError,
        r"avg_pool2d: padding 2 must be from 0 to half of the kernel, 3 // 2 = 1",
    ),
    "no rows": (lambda: F.max_pool2d(pe.zeros(1, 1, 0, 9), 2), ValueError, r"max_pool2d: .*\(1, 1, 0, 9\) has no rows"),
    "stride 0": (lambda: F.max_pool1d(pe.zeros(1, 9), 2, 0), ValueError, "stride 0 .* must be at least 1"),
    "axes": (
        lambda: F.avg_pool2d(pe.zeros(3, 9), 2),
        ValueError,
        r"avg_pool2d: .*\(c, rows, columns\), not .*\(3, 9\)",
    ),
    "integers": (lambda: F.max_pool2d(pe.zeros(1, 4, 4, dtype="int64"), 2), TypeError, "max_pool2d: computes in float"),
    "kernel": (lambda: F.max_pool2d(pe.zeros(1, 4, 4), (2, 2, 2)), TypeError, r"kernel_size is an int, or two"),
    "kernel of sequences": (lambda: F.avg_pool1d(pe.zeros(1, 4), (2, 2)), TypeError, r"kernel_size is an int, not"),
    "divisor": (lambda: F.avg_pool2d(pe.zeros(1, 4, 4), 2, divisor_override=0), ValueError, "must not be 0"),
    "indices": (lambda: nn.MaxPool2d(2, return_indices=True), ValueError, "MaxPool2d: return_indices is not there"),
    "indices of the function": (
        lambda: F.max_pool2d(pe.zeros(1, 4, 4), 2, return_indices=True),
        ValueError,
        "max_pool2d: return_indices is not there",
    ),
    "parts": (lambda: F.adaptive_avg_pool2d(pe.zeros(1, 4, 4), (2, 0)), ValueError, r"size \(2, 0\) must be at least"),
    "parts of nothing": (lambda: F.adaptive_avg_pool2d(pe.zeros(1, 0, 4), 1), ValueError, "has no elements"),
    "kinds of parts": (lambda: F.adaptive_avg_pool2d(pe.zeros(1, 4, 4), 1.5), TypeError, "output_size is an int"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_explained(name) -> None:
    call, kind, message = MISTAKES[name]
    with pytest.raises(kind, match=message):
        call()


def test_a_nan_wins_and_gets_the_gradient() -> None:
    x = pe.tensor([[[[1.0, float("nan")], [float("inf"), float("nan")]]]], requires_grad=True)
    y = F.max_pool2d(x, 2)
    assert np.isnan(y.item())
    y.backward()
    assert x.grad.numpy().tolist() == [[[[0.0, 1.0], [0.0, 0.0]]]]


def test_equals_give_the_gradient_to_the_first() -> None:
    x = pe.zeros(1, 1, 2, 4, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad.numpy().tolist() == [[[[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]]
