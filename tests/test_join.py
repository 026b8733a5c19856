"""Shapes, joins and order as methods and functions, held to NumPy."""

import math

import numpy as np
import pytest
from harness import DEVICE_NAMES

import pyengine as pe
from pyengine import nn

every_device = pytest.mark.parametrize("device", DEVICE_NAMES)


def same(tensor: pe.Tensor, array) -> None:
    assert tensor.shape == np.shape(array)
    np.testing.assert_array_equal(tensor.detach().numpy(), array)


@every_device
def test_shapes(device) -> None:
    a = np.arange(24.0).reshape(2, 1, 3, 4)
    t = pe.tensor(a, device=device)
    same(t.flatten(1, 2), a.reshape(2, 3, 4))
    same(t.flatten(), a.reshape(-1))
    same(t.unflatten(-1, (2, -1)), a.reshape(2, 1, 3, 2, 2))
    same(t.squeeze(), a.squeeze())
    same(t.squeeze(0), a)
    same(t.squeeze((0, 1)), a.squeeze(1))
    same(t.unsqueeze(-1), a[..., None])
    same(t.movedim((0, 1), (-1, 0)), np.moveaxis(a, (0, 1), (-1, 0)))
    same(t.swapaxes(0, 3), a.swapaxes(0, 3))
    same(t.expand_as(pe.zeros(2, 5, 3, 4, device=device)), np.broadcast_to(a, (2, 5, 3, 4)))
    same(t.narrow(2, -2, 2), a[:, :, 1:])
    same(t.select(3, -1), a[..., -1])
    same(t[:, 0].diagonal(1), np.diagonal(a[:, 0], 1, 1, 2))
    same(t[0, 0].diagonal(-1), np.diagonal(a[0, 0], -1))
    same(t[0, 0].diagonal(9), np.diagonal(a[0, 0], 9))


def test_which_are_views() -> None:
    t = pe.zeros(2, 1, 3)
    for view in (
        t.flatten(),
        t.squeeze(),
        t.unsqueeze(0),
        t.movedim(0, 2),
        t.split(1)[1],
        t.contiguous(),
        t.T if 0 else t.mT,
    ):
        assert np.shares_memory(view.numpy(), t.numpy())
    for copy in (t.flip(0), t.repeat(1, 1, 1), t.mT.expand(2, 3, 2).contiguous()):
        assert not np.shares_memory(copy.numpy(), t.numpy())
    assert t.mT.contiguous().is_contiguous()


@every_device
def test_joins(device) -> None:
    a, b = np.arange(6.0).reshape(2, 3), -np.arange(4.0).reshape(2, 2)
    t, u = pe.tensor(a, device=device), pe.tensor(b, device=device)
    same(pe.cat([t, u], -1), np.concatenate([a, b], -1))
    same(pe.stack([t, t], 1), np.stack([a, a], 1))
    assert pe.cat([t, u.long()], 1).dtype == pe.float64
    assert [part.shape for part in t.split([1, 2], dim=1)] == [(2, 1), (2, 2)]
    assert [part.shape for part in pe.zeros(5, 2).chunk(3)] == [(2, 2), (2, 2), (1, 2)]
    same(t.repeat(2, 1, 2), np.tile(a, (2, 1, 2)))
    same(t.tile(2), np.tile(a, 2))
    same(t.repeat_interleave(3, 1), np.repeat(a, 3, 1))
    same(t.flip(0, 1), a[::-1, ::-1])
    for shift in (0, 1, -4, 7):
        same(pe.roll(t, shift, 1), np.roll(a, shift, 1))
        same(pe.roll(t, shift), np.roll(a, shift))
    same(nn.functional.pad(t, (1, 2, -1, 3), value=9.0), np.pad(a[1:], ((0, 3), (1, 2)), constant_values=9))


@every_device
def test_order(device) -> None:
    a = np.array([[3.0, np.nan, -0.0, 0.0, np.inf, 3.0], [-np.inf, 1, 2, np.nan, np.nan, 0]], np.float32)
    t = pe.tensor(a, device=device)
    assert t.argsort().tolist() == [[2, 3, 0, 5, 4, 1], [0, 5, 1, 2, 3, 4]]
    assert t.argsort(descending=True).tolist() == [[1, 4, 0, 5, 2, 3], [3, 4, 2, 1, 5, 0]]
    values, indices = t.topk(2, largest=False)
    assert indices.tolist() == [[2, 3], [0, 5]]
    assert not indices.requires_grad
    same(values, np.take_along_axis(a, indices.numpy(), 1))
    x = pe.tensor([3.0, 1.0, 2.0], requires_grad=True)
    (x.sort().values * pe.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [3, 1, 2]


@pytest.mark.parametrize("value", [2.0, math.inf, math.nan])
@pytest.mark.parametrize("count", [3, 30])
def test_topk_takes_the_first_of_many_equal_elements(value: float, count: int) -> None:
    x = pe.cat([pe.zeros(500), pe.full((500,), value)])
    assert x.topk(count).indices.tolist() == list(range(500, 500 + count))
    assert x.topk(count, largest=False).indices.tolist() == list(range(count))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pe.cat([]), "cat: needs at least one tensor"),
        (lambda: pe.cat([pe.ones(2, 3), pe.ones(3, 3)], 1), r"concat: tensor 1 has shape \(3, 3\), the first \(2, 3\)"),
        (lambda: pe.stack([pe.ones(2), pe.ones(3)]), r"stack: tensor 1 has shape \(3,\)"),
        (lambda: pe.ones(4).split([1, 2]), r"split: lengths \[1, 2\] do not add up to 4"),
        (lambda: pe.ones(2, 2).repeat(2), "repeat: needs a count"),
        (lambda: pe.ones(4).topk(5), "topk: k is 5"),
        (lambda: pe.ones(4).tril(), "tril: needs at least two axes"),
        (lambda: pe.ones(4).unflatten(0, (3, -1)), "unflatten: axis 0 of length 4"),
        (lambda: nn.functional.pad(pe.ones(2), (1, 1, 1, 1)), "pad: .* must hold two widths"),
        (lambda: nn.Dropout(1.5), "Dropout: p is the probability"),
        (lambda: pe.randint(3, 3, (2,)), "randint: draws from low = 3 to below high = 3"),
        (lambda: pe.normal(0.0, -1.0, (2,)), "normal: the standard deviation"),
        (lambda: nn.init.trunc_normal_(pe.zeros(3), a=9.0, b=10.0), "trunc_normal_: too little"),
    ],
)
def test_mistakes(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# --- chance


def test_dropout_keeps_the_mean_and_repeats_its_choice_backwards() -> None:
    x = pe.ones(200_000, requires_grad=True)
    y = nn.functional.dropout(x, 0.3)
    kept = y.detach().numpy() != 0
    # the mean of n draws of p has a deviation of √(p(1-p)/n) = 0.001
    assert abs(kept.mean() - 0.7) < 0.005
    assert set(np.unique(y.detach().numpy())) == {0, np.float32(1 / (1 - 0.3))}
    y.sum().backward()
    same(x.grad, y.detach().numpy())
    layer = nn.Dropout(0.5)
    assert not np.array_equal(layer(x).detach().numpy(), layer(x).detach().numpy())
    assert layer.eval()(x) is x


@pytest.mark.parametrize("dtype", [pe.float32, pe.float64])
def test_normal_numbers_are_normal(dtype) -> None:
    n = 400_000
    z = pe.normal(1.0, 2.0, (n,), dtype=dtype, generator=pe.Generator(3)).numpy().astype(np.float64)
    z = (z - 1) / 2
    # moments 1 to 4 are 0, 1, 0, 3, with deviations √(1, 2, 15, 96) / √n
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - mean) < 4 * np.sqrt(variance / n)
    assert abs((z[::2] * z[1::2]).mean()) < 4 / np.sqrt(n / 2)  # the two of a pair
    assert abs((np.abs(z) < 0.5).mean() - 0.3829249) < 4 * np.sqrt(0.24 / n)


def test_draws_are_the_same_on_every_device() -> None:
    for make in (
        lambda d: pe.randint(-5, 1000, (50,), device=d, generator=pe.Generator(1)),
        lambda d: pe.randperm(50, device=d, generator=pe.Generator(1)),
        lambda d: pe.bernoulli(pe.full((50,), 0.3, device=d), generator=pe.Generator(1)),
        lambda d: pe.randn(51, device=d, generator=pe.Generator(1)),
    ):
        first, *others = (make(d).numpy() for d in DEVICE_NAMES)
        for other in others:
            np.testing.assert_array_equal(first, other)


def test_randint_is_even_and_permutations_are_complete() -> None:
    counts = np.bincount(pe.randint(0, 7, (70_000,), generator=pe.Generator(2)).numpy(), minlength=7)
    # chi-squared of 6 degrees of freedom
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 30
    assert sorted(pe.randperm(1000).tolist()) == list(range(1000))


def test_normal_initialisers_have_their_deviation() -> None:
    pe.manual_seed(1)
    for fill, deviation in (
        (lambda t: nn.init.normal_(t, 0.0, 0.2), 0.2),
        (nn.init.xavier_normal_, np.sqrt(2 / 700)),
        (lambda t: nn.init.kaiming_normal_(t, nonlinearity="relu"), np.sqrt(2 / 400)),
    ):
        drawn = fill(pe.zeros(300, 400)).numpy()
        assert abs(drawn.std() / deviation - 1) < 0.02
    cut = nn.init.trunc_normal_(pe.zeros(300, 400), std=1.0, a=-1.0, b=1.0).numpy()
    assert np.abs(cut).max() <= 1
    assert abs(cut.std() - 0.5396) < 0.01  # of a normal distribution cut at one deviation


def test_embedding_layer() -> None:
    layer = nn.Embedding(4, 2, padding_idx=-1)
    assert layer.weight[3].tolist() == [0, 0]
    layer(pe.tensor([[0, 3], [0, 1]])).sum().backward()
    assert layer.weight.grad.tolist() == [[2, 2], [1, 1], [0, 0], [0, 0]]
    with pytest.raises(ValueError, match="padding_idx 4 is outside"):
        nn.Embedding(4, 2, padding_idx=4)
