"""Activation functions and modules as users call them; tests of kernels and operations walk their cases."""

import numpy as np
import pytest

import pyengine as pe
from pyengine import nn
from pyengine.nn import functional as F

# a module, the function that it stands for, and the settings that its repr must show
PAIRS = (
    (nn.ReLU(), F.relu, ""),
    (nn.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2), "negative_slope=0.2"),
    (nn.ELU(0.5), lambda x: F.elu(x, 0.5), "alpha=0.5"),
    (nn.GELU(), F.gelu, "approximate='none'"),
    (nn.GELU("tanh"), lambda x: F.gelu(x, "tanh"), "approximate='tanh'"),
    (nn.SiLU(), F.silu, ""),
    (nn.Softplus(2.0, 5.0), lambda x: F.softplus(x, 2.0, 5.0), "beta=2.0, threshold=5.0"),
    (nn.Sigmoid(), F.sigmoid, ""),
    (nn.Tanh(), F.tanh, ""),
    (nn.Softmax(0), lambda x: F.softmax(x, 0), "dim=0"),
    (nn.LogSoftmax(0), lambda x: F.log_softmax(x, 0), "dim=0"),
)
SMOOTH = {
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "softplus": F.softplus,
    "softplus sharp": lambda x: F.softplus(x, beta=3.0, threshold=4.5),
    "elu": lambda x: F.elu(x, 1.5),
    "leaky_relu": F.leaky_relu,
}


@pytest.mark.parametrize(("module", "function", "settings"), PAIRS, ids=lambda p: getattr(p, "__name__", str(p)))
def test_a_module_is_its_function(module, function, settings) -> None:
    x = pe.randn(3, 4)
    np.testing.assert_array_equal(module(x).numpy(), function(x).numpy())
    assert settings in repr(module)


@pytest.mark.parametrize("name", SMOOTH)
def test_second_derivatives(name) -> None:
    """Of the whole chain: f, its backward kernel, and what that one's gradient is composed of."""
    x = pe.tensor([-3.0, -1.2, -0.1, 0.4, 1.1, 2.5], dtype="float64", requires_grad=True)

    def slope(x: pe.Tensor) -> pe.Tensor:
        (dx,) = pe.grad((SMOOTH[name](x) * x).sum(), x, create_graph=True)
        return dx

    assert pe.gradcheck(slope, [x])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slopes_far_out_are_0_or_1(dtype) -> None:
    x = pe.tensor([-np.inf, -1e30, -1e5, 1e5, 1e30, np.inf], dtype=dtype, requires_grad=True)
    for function in (F.gelu, SMOOTH["gelu_tanh"], F.silu, F.softplus, F.elu):
        (dx,) = pe.grad(function(x).sum(), x)
        np.testing.assert_array_equal(dx.numpy(), [0, 0, 0, 1, 1, 1])


def test_softplus_does_not_overflow_below_a_large_threshold() -> None:
    x = pe.tensor([-1000.0, 0.0, 1000.0])
    np.testing.assert_allclose(F.softplus(x, threshold=1e9).numpy(), [0, np.log(2), 1000], rtol=1e-6)


def test_the_approximate_gelu_is_close_and_keeps_small_digits() -> None:
    x = pe.linspace(-6, 6, 1001, dtype="float64")
    assert np.abs(F.gelu(x).numpy() - F.gelu(x, "tanh").numpy()).max() < 5e-4
    single, double = (F.gelu(x.to(dtype), "tanh").numpy() for dtype in ("float32", "float64"))
    np.testing.assert_allclose(single, double, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.gelu(pe.zeros(2), "sigmoid"), "gelu: approximate is 'none' or 'tanh', not 'sigmoid'"),
        (lambda: nn.GELU("fast"), "GELU: approximate is 'none' or 'tanh', not 'fast'"),
        (lambda: F.softplus(pe.zeros(2), beta=0.0), "softplus: beta is a number greater than 0, not 0.0"),
        (lambda: nn.Softplus(beta=-1.0), "Softplus: beta is a number greater than 0, not -1.0"),
    ],
)
def test_wrong_settings(call, message) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
