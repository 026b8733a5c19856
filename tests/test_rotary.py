"""Rotary positions: what they are for, as others compute them, caches of keys, mistakes."""

import numpy as np
import pytest
from harness import DEVICE_NAMES
from hypothesis import given
from hypothesis import strategies as st

import pyengine as pe
from pyengine import nn
from pyengine.nn import functional as F

rng = np.random.default_rng(0)
every_pairing = pytest.mark.parametrize("interleaved", [False, True])


@given(
    features=st.sampled_from([2, 4, 6, 16, 32]),
    places=st.tuples(st.integers(0, 400), st.integers(0, 400)),
    shift=st.integers(0, 500),
    base=st.sampled_from([10_000.0, 500_000.0, 10.0]),
    interleaved=st.booleans(),
    seed=st.integers(0, 99),
)
def test_products_depend_on_the_distance_alone(features, places, shift, base, interleaved, seed) -> None:
    q, k = (pe.tensor(row) for row in np.random.default_rng(seed).standard_normal((2, 1, features)))
    place = nn.RotaryPositions(features, 1000, base, interleaved)
    near, far = (
        (place(q, places[0] + by) * place(k, places[1] + by)).sum().item() for by in (0, shift)
    )  # fmt: skip
    # cos and sin are rounded to float32, by up to 6e-8 each: as far may either factor be off, of its length
    assert abs(near - far) <= 5e-7 * float(np.linalg.norm(q.numpy()) * np.linalg.norm(k.numpy()))


@every_pairing
def test_products_do_depend_on_the_distance(interleaved) -> None:
    place, x = nn.RotaryPositions(8, interleaved=interleaved), pe.ones(6, 8)
    turned = place(x).numpy()
    products = turned @ turned.T
    assert len({round(float(p), 3) for p in products[0]}) == 6
    np.testing.assert_allclose(np.diagonal(products), 8.0, rtol=1e-6)  # a turn changes no length
    np.testing.assert_array_equal(turned[0], x.numpy()[0])  # and position 0 does not turn


def as_in_llama(torch, x, base):
    """x · cos + rotate_half(x) · sin, each cos and sin for both halves."""
    half = x.shape[-1] // 2
    angles = torch.outer(torch.arange(x.shape[-2]).double(), base ** (-torch.arange(half).double() / half))
    twice = torch.cat((angles, angles), -1)
    return x * twice.cos() + torch.cat((-x[..., half:], x[..., :half]), -1) * twice.sin()


def as_in_the_paper(torch, x, base):
    """A block matrix of rotations for each position: equation 15 of RoFormer."""
    tokens, n = x.shape[-2:]
    rows = []
    for m in range(tokens):
        blocks = []
        for i in range(n // 2):
            c, s = (f(torch.tensor(m * base ** (-2 * i / n), dtype=torch.float64)) for f in (torch.cos, torch.sin))
            blocks.append(torch.stack((torch.stack((c, -s)), torch.stack((s, c)))))
        rows.append(torch.block_diag(*blocks) @ x[..., m, :, None])
    return torch.stack(rows, -2 - 1)[..., 0]


@pytest.mark.parametrize("device", DEVICE_NAMES)
@pytest.mark.parametrize(("interleaved", "theirs"), [(False, as_in_llama), (True, as_in_the_paper)])
def test_as_others_compute_it(device, interleaved, theirs) -> None:
    torch = pytest.importorskip("torch")
    x, upstream = rng.standard_normal((2, 2, 3, 7, 12))
    ours, other = pe.tensor(x, device=device, requires_grad=True), torch.tensor(x, requires_grad=True)
    got = nn.RotaryPositions(12, 50, 100.0, interleaved).to(device)(ours)
    want = theirs(torch, other, 100.0)
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), atol=1e-6)  # tables are float32
    got.backward(pe.tensor(upstream, device=device))
    want.backward(torch.tensor(upstream))
    assert ours.grad is not None
    np.testing.assert_allclose(ours.grad.numpy(), other.grad.numpy(), atol=1e-6)


def test_the_pairings_differ_by_the_order_of_features() -> None:
    x = pe.tensor(rng.standard_normal((5, 8)))
    order = np.arange(8).reshape(2, 4).T.reshape(-1)  # 0 4 1 5 …: the two halves, interleaved
    halves = nn.RotaryPositions(8)(x).numpy()
    neighbours = nn.RotaryPositions(8, interleaved=True)(pe.tensor(x.numpy()[:, order])).numpy()
    np.testing.assert_array_equal(halves[:, order], neighbours)


@every_pairing
def test_offsets_and_positions(interleaved) -> None:
    place = nn.RotaryPositions(6, 20, interleaved=interleaved)
    x = pe.tensor(rng.standard_normal((2, 3, 9, 8)).astype(np.float32))  # two features stay
    whole = place(x).numpy()
    np.testing.assert_array_equal(whole[..., 6:], x.numpy()[..., 6:])
    np.testing.assert_array_equal(place(x[:, :, 4:], offset=4).numpy(), whole[:, :, 4:])
    np.testing.assert_array_equal(place(x, positions=pe.arange(9)).numpy(), whole)
    # sequences that begin at different places: each with positions of its own, the same for all heads
    starts = pe.tensor([[[0], [5]]]).reshape(2, 1, 1)
    own = place(x, positions=starts + pe.arange(9)).numpy()
    np.testing.assert_array_equal(own[0], whole[0])
    np.testing.assert_array_equal(own[1], place(x[1], offset=5).numpy())


@every_pairing
def test_a_cache_of_turned_keys(interleaved) -> None:
    place = nn.RotaryPositions(8, interleaved=interleaved)
    q, k, v = (pe.tensor(x.astype(np.float32)) for x in rng.standard_normal((3, 2, 2, 7, 8)))
    whole = F.scaled_dot_product_attention(place(q), place(k), v, is_causal=True).numpy()
    cache = place(k[:, :, :3])
    for t in range(3, 7):
        cache = pe.cat([cache, place(k[:, :, t : t + 1], offset=t)], dim=2)
        step = F.scaled_dot_product_attention(place(q[:, :, t : t + 1], offset=t), cache, v[:, :, : t + 1])
        np.testing.assert_allclose(step.numpy()[:, :, 0], whole[:, :, t], atol=1e-6)


def test_tables_that_are_constant_keep_no_input() -> None:
    x, angle = pe.randn(3, 4, requires_grad=True), pe.randn(3, 2)
    fixed = F.rotary_embedding(x, angle.cos(), angle.sin())
    assert fixed.node is not None
    assert fixed.node.saved is not None
    assert fixed.node.saved[0] is None
    angle.requires_grad_(True)
    learned = F.rotary_embedding(x, angle.cos(), angle.sin())
    assert learned.node is not None
    assert learned.node.saved is not None
    assert learned.node.saved[0] is x.data


@every_pairing
def test_angles_can_be_learned(interleaved) -> None:
    x, angle = (pe.tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 3, 5), (3, 2)))
    for inputs in ((x, angle), (x.detach(), angle)):
        assert pe.gradcheck(lambda x, a: F.rotary_embedding(x, a.cos(), a.sin(), interleaved), inputs)


def test_nothing_is_saved_and_the_sizes_are_told() -> None:
    assert not nn.RotaryPositions(6).state_dict()
    assert repr(nn.RotaryPositions(6, 9)) == "RotaryPositions(6, max_length=9, base=10000.0)"
    assert "interleaved=True" in repr(nn.RotaryPositions(6, 9, interleaved=True))


MISTAKES = [
    (lambda: nn.RotaryPositions(5), ValueError, "their number is even, and max_length from 1 on; not 5 and 5000"),
    (lambda: nn.RotaryPositions(4, 0), ValueError, "max_length from 1 on; not 4 and 0"),
    (lambda: nn.RotaryPositions(4, base=0), ValueError, "base is a positive number, not 0"),
    (lambda: nn.RotaryPositions(4)(pe.zeros(4)), ValueError, r"takes \(…, tokens, 4 features or more\), not shape"),
    (lambda: nn.RotaryPositions(4)(pe.zeros(2, 3)), ValueError, r"4 features or more\), not shape \(2, 3\)"),
    (lambda: nn.RotaryPositions(4, 3)(pe.zeros(2, 4), 2), ValueError, "2 tokens from position 2 on do not lie within"),
    (lambda: nn.RotaryPositions(4)(pe.zeros(2, 4), -1), ValueError, "2 tokens from position -1 on do not lie within"),
    (lambda: nn.RotaryPositions(4)(pe.zeros(1, 4), 1, pe.tensor([1])), ValueError, "an offset or positions, not both"),
    (lambda: nn.RotaryPositions(4, 3)(pe.zeros(1, 4), positions=pe.tensor([3])), IndexError, "RotaryPositions: .*3"),
    (lambda: nn.RotaryPositions(4, 3)(pe.zeros(1, 4), positions=pe.tensor([-1])), IndexError, "RotaryPositions: .*-1"),
    (lambda: nn.RotaryPositions(4)(pe.zeros(2, 4), positions=pe.arange(3)), ValueError, "must broadcast to the rows"),
    (lambda: nn.RotaryPositions(4)(pe.zeros(2, 4, dtype="int64")), TypeError, "float32 or float64, not int64"),
    (lambda: F.rotary_embedding(pe.zeros(2, 4), pe.ones(2, 3), pe.ones(2, 3)), ValueError, "at most 2, got"),
    (lambda: F.rotary_embedding(pe.zeros(2, 4), pe.ones(2, 2), pe.ones(2, 1)), ValueError, "of the same angles"),
    (lambda: F.rotary_embedding(pe.zeros(2, 4), pe.ones(2).double(), pe.ones(2)), TypeError, "cast one with .to"),
    (lambda: F.rotary_embedding(pe.tensor(1.0), pe.ones(1), pe.ones(1)), ValueError, "without axes"),
    (lambda: F.rotary_embedding(pe.zeros(4), np.ones(2), np.ones(2)), TypeError, "not a tensor"),
]


@pytest.mark.parametrize(("call", "error", "message"), MISTAKES)
def test_mistakes(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()
