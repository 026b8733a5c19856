"""Images of another size as torch makes them, and what is refused."""

import numpy as np
import pytest

import pyengine as pe
from pyengine import nn
from pyengine.nn import functional as F

RESIZES = {
    "nearest": ((2, 3, 5, 4), {"scale_factor": 2}),
    "nearest of a size": ((2, 3, 6, 4), {"size": (3, 7)}),
    "nearest by a fraction": ((1, 2, 5, 7), {"scale_factor": (1.7, 0.5)}),
    "nearest of sequences": ((2, 3, 5), {"size": 8}),
    "bilinear": ((2, 3, 5, 4), {"scale_factor": 2, "mode": "bilinear"}),
    "corners": ((2, 3, 5, 4), {"size": (9, 1), "mode": "bilinear", "align_corners": True}),
    "a fraction": ((1, 2, 5, 7), {"scale_factor": 1.7, "mode": "bilinear"}),
    "a fraction by sizes": ((1, 2, 5, 7), {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True}),
    "smaller": ((1, 2, 9, 8), {"size": (4, 3), "mode": "bilinear"}),
    "linear": ((2, 3, 5), {"scale_factor": 3, "mode": "linear", "align_corners": False}),
}


@pytest.mark.parametrize("name", RESIZES)
def test_interpolation_as_torch(name) -> None:
    torch = pytest.importorskip("torch")
    shape, attrs = RESIZES[name]
    numbers = np.random.default_rng(0).standard_normal(shape)
    x, theirs = pe.tensor(numbers, requires_grad=True), torch.tensor(numbers, requires_grad=True)
    got, want = nn.Upsample(**attrs)(x), torch.nn.functional.interpolate(theirs, **attrs)
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=1e-10, atol=1e-10)
    got.square().sum().backward()
    want.square().sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), theirs.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_whole_steps_are_not_lost_to_rounding() -> None:
    # 49 · (2 / 98) is a little less than 1
    assert F.interpolate(pe.tensor([[[0.0, 1.0]]]), 98).sum().item() == 49


MISTAKES = {
    "both": (lambda: F.interpolate(pe.zeros(1, 1, 2, 2), 4, 2), "give either size or scale_factor"),
    "neither": (lambda: nn.Upsample()(pe.zeros(1, 1, 2, 2)), "give either size or scale_factor"),
    "mode": (lambda: F.interpolate(pe.zeros(1, 1, 2, 2), 4, mode="bicubic"), "not 'bicubic' of shape"),
    "mode of sequences": (lambda: F.interpolate(pe.zeros(1, 1, 2), 4, mode="bilinear"), "'bilinear' of 4 axes; not"),
    "corners": (lambda: F.interpolate(pe.zeros(1, 1, 2), 4, align_corners=True), "align_corners is for 'linear'"),
    "too small": (lambda: F.interpolate(pe.zeros(1, 1, 2, 2), scale_factor=0.4), r"cannot become \(0, 0\)"),
    "no pixels": (lambda: F.interpolate(pe.zeros(1, 1, 0, 2), 3), "both need pixels"),
    "sizes": (lambda: F.interpolate(pe.zeros(1, 1, 2, 2), (2, 2, 2)), "size has 3 numbers, and the input 2 such axes"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_explained(name) -> None:
    call, message = MISTAKES[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_upsample_shows_what_it_does() -> None:
    assert repr(nn.Upsample(scale_factor=2)) == "Upsample(scale_factor=2, mode='nearest')"
    assert repr(nn.Upsample((4, 5), mode="bilinear")) == "Upsample(size=(4, 5), mode='bilinear')"
