"""Borders around images as torch makes them, and whole channels left out by chance."""

import numpy as np
import pytest

import pyengine as pe
from pyengine import nn
from pyengine.nn import functional as F

PADS = {
    "constant": (nn.ConstantPad2d, 2.5),
    "reflect": (nn.ReflectionPad2d, None),
    "replicate": (nn.ReplicationPad2d, None),
    "circular": (nn.CircularPad2d, None),
}


@pytest.mark.parametrize("widths", [(1, 2, 3, 2), (0, 0, 2, 0), (-1, 2, 1, -2)])
@pytest.mark.parametrize("mode", PADS)
def test_padding_as_torch(mode, widths) -> None:
    torch = pytest.importorskip("torch")
    make, value = PADS[mode]
    numbers = np.random.default_rng(0).standard_normal((2, 3, 5, 4))
    x = pe.tensor(numbers, requires_grad=True)
    theirs = torch.tensor(numbers, requires_grad=True)
    layer = make(widths) if value is None else make(widths, value)
    got, want = layer(x), torch.nn.functional.pad(theirs, widths, mode, value)
    np.testing.assert_array_equal(got.detach().numpy(), want.detach().numpy())
    got.square().sum().backward()
    want.square().sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), theirs.grad.numpy(), rtol=1e-12)


def test_padding_modules() -> None:
    x = pe.ones(1, 1, 2, 2)
    np.testing.assert_array_equal(nn.ZeroPad2d(1)(x).numpy(), F.pad(x, (1, 1, 1, 1)).numpy())
    assert repr(nn.ZeroPad2d((1, 2, 3, 4))) == "ZeroPad2d((1, 2, 3, 4))"
    assert repr(nn.ConstantPad2d(1, 2)) == "ConstantPad2d((1, 1, 1, 1), value=2.0)"
    with pytest.raises(ValueError, match=r"ReflectionPad2d: padding is an int, or four: .* not \(1, 2\)"):
        nn.ReflectionPad2d((1, 2))


@pytest.mark.parametrize(("mode", "width", "most"), [("reflect", 3, 2), ("circular", 4, 3)])
def test_a_border_wider_than_what_it_repeats(mode, width, most) -> None:
    with pytest.raises(ValueError, match=f"axis 1 of shape .2, 3. has 3 elements, .* {most} at most, not {width}"):
        F.pad(pe.zeros(2, 3), (0, width), mode)
    assert F.pad(pe.zeros(2, 3), (most, most), mode).shape == (2, 3 + 2 * most)


def test_what_cannot_be_padded() -> None:
    with pytest.raises(ValueError, match="mode 'mirror' is not there; constant, reflect, replicate, circular are"):
        F.pad(pe.zeros(3), (1, 1), "mirror")
    with pytest.raises(ValueError, match="has 0 elements"):
        F.pad(pe.zeros(0), (1, 1), "replicate")
    with pytest.raises(ValueError, match="two widths for each of the last axes"):
        nn.ZeroPad2d(1)(pe.zeros(3))


# --- Dropout2d


def test_dropout2d_leaves_out_whole_channels() -> None:
    x = pe.ones(40, 50, 3, 3, requires_grad=True)
    y = nn.Dropout2d(0.2)(x)
    kept = y.detach().numpy().reshape(2000, 9)
    assert set(np.unique(kept)) == {0.0, 1.25}
    assert (kept == kept[:, :1]).all()
    assert abs((kept[:, 0] == 0).mean() - 0.2) < 0.04  # over four standard deviations of 2,000 choices
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())
    assert nn.Dropout2d(0.2).eval()(x) is x
    np.testing.assert_array_equal(F.dropout2d(x, 1.0).detach().numpy(), 0)


def test_dropout2d_mistakes() -> None:
    with pytest.raises(ValueError, match="Dropout2d: p is the probability"):
        nn.Dropout2d(1.5)
    with pytest.raises(ValueError, match="dropout2d: p is the probability"):
        F.dropout2d(pe.ones(1, 1), -0.1)
    with pytest.raises(ValueError, match=r"dropout2d: the input is \(n, c, …\), not of shape \(3,\)"):
        F.dropout2d(pe.ones(3))
