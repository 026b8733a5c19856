"""Convolutional layers and functions: sizes, padding by name, starts, messages that show the arithmetic, threads."""

import numpy as np
import pytest
from harness import threads

import pyengine as pe
from pyengine import nn
from pyengine.nn import functional as F


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


# --- layers are what torch's are


LAYERS = [
    ("Conv2d", (3, 8, 3), {"padding": 1}, (2, 3, 9, 7)),
    ("Conv2d", (4, 6, (3, 1)), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}, (2, 4, 9, 7)),
    ("Conv2d", (3, 4, (3, 2)), {"padding": "same", "dilation": (1, 3)}, (1, 3, 8, 9)),
    ("Conv2d", (3, 4, 4), {"padding": "same", "bias": False}, (1, 3, 8, 9)),
    ("Conv2d", (3, 4, 2), {"padding": "valid"}, (3, 8, 9)),
    ("Conv1d", (3, 4, 5), {"stride": 2, "padding": 2, "groups": 1}, (2, 3, 11)),
    ("Conv1d", (4, 4, 3), {"padding": "same", "dilation": 2, "groups": 4}, (4, 11)),
    ("Conv1d", (4, 4, 4), {"padding": "same"}, (2, 4, 11)),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}, (2, 4, 5, 6)),
    ("ConvTranspose2d", (3, 2, (2, 3)), {"stride": (1, 3), "output_padding": (0, 2), "dilation": (2, 1)}, (3, 5, 6)),
]


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch says that it copies
@pytest.mark.parametrize(("kind", "args", "attrs", "shape"), LAYERS)
def test_layers_agree_with_torch(kind, args, attrs, shape) -> None:
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, kind)(*args, **attrs).double()
    ours = getattr(nn, kind)(*args, **attrs, dtype="float64")
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({name: pe.tensor(value.numpy()) for name, value in theirs.state_dict().items()})
    x = values(*shape)
    mine, other = pe.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, want = ours(mine), theirs(other)
    np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy(), rtol=1e-12, atol=1e-12)
    y.square().sum().backward()
    want.square().sum().backward()
    pairs = [(mine, other), *zip(ours.parameters(), theirs.parameters(), strict=True)]
    for a, b in pairs:
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", ["Conv1d", "Conv2d", "ConvTranspose2d"])
def test_layers_start_within_torchs_bound(kind) -> None:
    layer = getattr(nn, kind)(8, 16, 3, groups=2)
    bound = 1 / np.sqrt(layer.weight[0].numel())
    for parameter in layer.parameters():
        size = np.abs(parameter.detach().numpy()).max()
        assert 0.8 * bound < size <= bound


def test_output_size_chooses_the_output_padding() -> None:
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
    assert layer(pe.zeros(1, 2, 4, 5)).shape == (1, 3, 7, 9)
    assert layer(pe.zeros(1, 2, 4, 5), output_size=(8, 9)).shape == (1, 3, 8, 9)
    with pytest.raises(ValueError, match=r"output_size \(9, 9\) must be from \(7, 9\) on, by less than the stride"):
        layer(pe.zeros(1, 2, 4, 5), output_size=(9, 9))


def test_reprs_show_what_differs_from_the_defaults() -> None:
    assert "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), bias=False)" in repr(nn.Conv2d(1, 2, 3, bias=False))
    assert "padding='same', dilation=(2,), groups=2" in repr(nn.Conv1d(2, 4, 3, padding="same", dilation=2, groups=2))
    assert "output_padding=(1, 1)" in repr(nn.ConvTranspose2d(1, 2, 3, stride=2, output_padding=1))


# --- layouts


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (3, 2, 1, 0), (1, 0, 3, 2)])
def test_images_may_lie_in_any_order(order) -> None:
    x, w = values(2, 20, 9, 10).astype("f4"), pe.tensor(values(24, 20, 3, 3).astype("f4"))
    back = np.argsort(order)
    lying = pe.tensor(np.ascontiguousarray(x.transpose(order))).permute(*back)
    np.testing.assert_array_equal(F.conv2d(lying, w, padding=1).numpy(), F.conv2d(pe.tensor(x), w, padding=1).numpy())


def test_same_bits_on_any_number_of_threads() -> None:
    x, w = values(5, 40, 30, 31).astype("f4"), values(36, 40, 3, 3).astype("f4")
    found = []
    for count in (1, 2, 3, 7):
        with threads(count):
            a, b = pe.tensor(x, requires_grad=True), pe.tensor(w, requires_grad=True)
            y = F.conv2d(a, b, padding=1)
            y.square().sum().backward()
            found.append([t.numpy().tobytes() for t in (y.detach(), a.grad, b.grad)])
    assert all(bits == found[0] for bits in found)


# --- mistakes


def images(*shape: int) -> pe.Tensor:
    return pe.zeros(*shape)


MISTAKES = {
    "kernel too large": (
        lambda: F.conv2d(images(1, 3, 32, 4), images(8, 3, 5, 5), stride=2),
        r"conv2d: input \(1, 3, 32, 4\), weight \(8, 3, 5, 5\): the width of the result would be "
        r"\(4 \+ 2·0 - 1·\(5-1\) - 1\) / 2 \+ 1 = 0, and must be at least 1: .* or padding=1",
    ),
    "dilated too far": (
        lambda: F.conv2d(images(1, 1, 6, 6), images(1, 1, 3, 3), dilation=(4, 1), padding=(1, 0)),
        r"the height of the result would be \(6 \+ 2·1 - 4·\(3-1\) - 1\) / 1 \+ 1 = 0, .* the kernel's 9",
    ),
    "sequence too short": (
        lambda: F.conv1d(images(1, 2, 2), images(4, 2, 3)),
        r"conv1d: .* the length of the result would be \(2 \+ 2·0 - 1·\(3-1\) - 1\) / 1 \+ 1 = 0",
    ),
    "wrong channels": (
        lambda: F.conv2d(images(1, 4, 8, 8), images(8, 3, 3, 3)),
        r"the weight sees 3 channels in each of 1 groups, 3·1 = 3, and the input has 4",
    ),
    "channels last": (
        lambda: F.conv2d(images(1, 8, 8, 3), images(8, 3, 3, 3)),
        r"the input has 8; did you mean x\.permute\(0, 3, 1, 2\)\?",
    ),
    "groups that do not divide": (
        lambda: F.conv2d(images(1, 4, 8, 8), images(6, 2, 3, 3), groups=4),
        r"conv2d: groups=4 does not divide the 6 output channels: 6 / 4 = 1\.5",
    ),
    "bias of another length": (
        lambda: F.conv2d(images(1, 1, 8, 8), images(6, 1, 3, 3), images(5)),
        r"the bias has shape \(5,\), the result has 6 channels: \(6,\)",
    ),
    "negative padding": (
        lambda: F.conv2d(images(1, 1, 8, 8), images(6, 1, 3, 3), padding=-1),
        "conv2d: padding is -1 along the height; it is an int from 0 on",
    ),
    "stride of 0": (lambda: F.conv2d(images(1, 1, 8, 8), images(6, 1, 3, 3), stride=0), "stride is 0 along the height"),
    "three strides": (
        lambda: F.conv2d(images(1, 1, 8, 8), images(6, 1, 3, 3), stride=(1, 1, 1)),
        r"conv2d: stride is one int, or 2 for height and width, not \(1, 1, 1\)",
    ),
    "same with a stride": (
        lambda: F.conv2d(images(1, 1, 8, 8), images(6, 1, 3, 3), stride=2, padding="same"),
        r"padding='same' keeps the size, so the stride must be 1, not \(2, 2\)",
    ),
    "transposed to nothing": (
        lambda: F.conv_transpose2d(images(1, 1, 1, 4), images(1, 1, 3, 3), padding=2),
        r"conv_transpose2d: the height of the result would be \(1-1\)·1 - 2·2 \+ 1·\(3-1\) \+ 0 \+ 1 = -1",
    ),
    "output_padding of a stride": (
        lambda: F.conv_transpose2d(images(1, 1, 4, 4), images(1, 1, 3, 3), stride=2, output_padding=2),
        "output_padding 2 must be smaller than the stride 2 along the height",
    ),
    "transposed, wrong channels": (
        lambda: F.conv_transpose2d(images(1, 2, 4, 4), images(1, 1, 3, 3)),
        r"the weight is \(in, out / groups, height, width\) and has 1 input channels, the input 2",
    ),
    "layer, groups": (lambda: nn.Conv2d(6, 4, 3, groups=3), "Conv2d: out_channels=4 does not divide into groups=3"),
    "layer, padding_mode": (lambda: nn.Conv1d(6, 4, 3, padding_mode="circular"), "padding_mode 'circular' is not"),
    "layer, kernel of 0": (lambda: nn.Conv2d(6, 4, 0), "Conv2d: kernel_size is from 1 on, not 0"),
    "layer, no channels": (lambda: nn.ConvTranspose2d(0, 4, 3), "in_channels is an int from 1 on, not 0"),
    "layer, padding by another name": (lambda: nn.Conv2d(6, 4, 3, padding="full"), "'same' or 'valid', not 'full'"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_messages_show_the_arithmetic(mistake) -> None:
    call, message = MISTAKES[mistake]
    with pytest.raises(ValueError, match=message):
        call()
