"""`scaled_dot_product_attention` as users call it: its shapes, its masks, rows without keys, its errors, and torch."""

import math

import numpy as np
import pytest
from harness import DEVICE_NAMES, threads

import pyengine as pe
from pyengine import autograd
from pyengine.nn import functional as F
from pyengine.random import Generator

sdpa = F.scaled_dot_product_attention
every_device = pytest.mark.parametrize("device", DEVICE_NAMES)


def drawn(*shape, seed=0, device="cpu", requires_grad=False, dtype=np.float32):
    values = np.random.default_rng((seed, *shape)).standard_normal(shape).astype(dtype)
    return pe.tensor(values, device=device, requires_grad=requires_grad)


def written_out(q, k, v, allowed=None, scale=None):
    """The formula in float64."""
    q, k, v = (np.asarray(a, np.float64) for a in (q, k, v))
    s = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if allowed is not None:
        s = np.where(allowed, s, -np.inf)
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True) @ v


def close(got, want, tolerance=2e-6):
    np.testing.assert_allclose(got.detach().numpy(), want, rtol=tolerance, atol=tolerance)


SHAPES = [
    ((5, 8), (7, 8), (7, 6)),
    ((3, 5, 8), (3, 7, 8), (3, 7, 6)),
    ((2, 3, 50, 8), (2, 3, 70, 8), (2, 3, 70, 8)),
    ((2, 1, 3, 5, 8), (2, 4, 3, 7, 8), (1, 4, 3, 7, 6)),
    ((4, 5, 8), (1, 7, 8), (7, 6)),
]


@every_device
@pytest.mark.parametrize("shapes", SHAPES)
def test_leading_axes_may_be_missing_or_broadcast(device, shapes) -> None:
    q, k, v = (drawn(*shape, seed=i, device=device) for i, shape in enumerate(shapes))
    out = sdpa(q, k, v)
    want = written_out(q.detach().numpy(), k.detach().numpy(), v.detach().numpy())
    assert out.shape == want.shape
    close(out, want)


@every_device
def test_masks_broadcast_as_in_torch(device) -> None:
    q, k, v = (drawn(2, 3, 6, 8, seed=i, device=device) for i in range(3))
    for shape in ((6, 6), (1, 6), (6, 1), (3, 6, 6), (2, 1, 1, 6), (2, 3, 6, 6), (1, 1, 1, 1)):
        chosen = np.random.default_rng(1).random(shape) < 0.7
        chosen[..., 0] = True
        want = written_out(
            q.detach().numpy(), k.detach().numpy(), v.detach().numpy(), np.broadcast_to(chosen, (2, 3, 6, 6))
        )
        close(sdpa(q, k, v, pe.tensor(chosen, device=device)), want)
        added = np.where(chosen, 0, -np.inf).astype(np.float32)
        close(sdpa(q, k, v, pe.tensor(added, device=device)), want)
    three = [t.reshape(6, 6, 8) for t in (q, k, v)]
    chosen = np.random.default_rng(2).random((6, 6, 6)) < 0.7
    chosen[..., 0] = True
    close(sdpa(*three, pe.tensor(chosen, device=device)), written_out(*(t.detach().numpy() for t in three), chosen))


@every_device
@pytest.mark.parametrize(("t", "s"), [(6, 6), (4, 9), (9, 4), (1, 5), (70, 130)])
def test_a_causal_query_sees_the_keys_up_to_its_number(device, t, s) -> None:
    q, k, v = (
        drawn(1, 2, t, 8, device=device),
        drawn(1, 2, s, 8, seed=1, device=device),
        drawn(1, 2, s, 8, device=device),
    )
    close(
        sdpa(q, k, v, is_causal=True),
        written_out(q.detach().numpy(), k.detach().numpy(), v.detach().numpy(), np.tri(t, s, dtype=bool)),
    )


@every_device
def test_a_query_without_keys_gets_zeros_and_gives_no_gradient(device) -> None:
    q, k, v = (drawn(1, 2, 5, 4, seed=i, device=device, requires_grad=True) for i in range(3))
    chosen = np.ones((5, 5), bool)
    chosen[2] = False
    for mask in (chosen, np.where(chosen, 0, -np.inf).astype(np.float32)):
        for t in (q, k, v):
            t.grad = None
        out = sdpa(q, k, v, pe.tensor(mask, device=device))
        assert (out.detach().numpy()[:, :, 2] == 0).all()
        out.sum().backward()
        assert (q.grad.numpy()[:, :, 2] == 0).all()
        assert all(np.isfinite(t.grad.numpy()).all() for t in (q, k, v))


@every_device
def test_what_takes_no_part_may_be_anything(device) -> None:
    """A NaN or an infinity behind the mask reaches neither the result nor any gradient but its own."""
    chosen = np.tri(40, 60, dtype=bool)
    chosen[:, 50:] = False
    clean = [
        np.random.default_rng(i).standard_normal((1, 1, n, 8)).astype(np.float32) for i, n in enumerate((40, 60, 60))
    ]
    bad = [a.copy() for a in clean]
    bad[1][..., 50:, :] = np.nan
    bad[2][..., 45:, :] = np.inf
    grads = []
    for arrays in (clean, bad):
        q, k, v = (pe.tensor(a, device=device, requires_grad=True) for a in arrays)
        out = sdpa(q, k, v, pe.tensor(chosen, device=device))
        out.sum().backward()
        grads.append([out.detach().numpy(), *(t.grad.numpy() for t in (q, k, v))])
    for a, b in zip(*grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@every_device
def test_nothing_in_gives_nothing_out(device) -> None:
    for t, s in ((0, 3), (3, 0), (0, 0)):
        q, k, v = (drawn(2, 2, n, 4, device=device, requires_grad=True) for n in (t, s, s))
        out = sdpa(q, k, v)
        assert out.shape == (2, 2, t, 4)
        assert (out.detach().numpy() == 0).all()
        out.sum().backward()
        assert (q.grad.numpy() == 0).all()
        assert k.grad.shape == (2, 2, s, 4)


def test_heads_in_place_need_no_copy() -> None:
    """(batch, positions, heads, features).transpose(1, 2) is walked where it lies, forward and backward."""
    flat = [drawn(2, 70, 3, 16, seed=i, requires_grad=True) for i in range(3)]
    out = sdpa(*(t.transpose(1, 2) for t in flat), is_causal=True)
    whole = [pe.tensor(np.ascontiguousarray(t.detach().numpy().swapaxes(1, 2)), requires_grad=True) for t in flat]
    same = sdpa(*whole, is_causal=True)
    np.testing.assert_array_equal(out.detach().numpy(), same.detach().numpy())
    out.square().sum().backward()
    same.square().sum().backward()
    for a, b in zip(flat, whole, strict=True):
        np.testing.assert_array_equal(a.grad.numpy().swapaxes(1, 2), b.grad.numpy())


def test_grouped_heads_are_repeated_ones() -> None:
    q, k, v = drawn(2, 6, 20, 8), drawn(2, 2, 30, 8, seed=1), drawn(2, 2, 30, 8, seed=2)
    out = sdpa(q, k, v, enable_gqa=True)
    close(
        out, written_out(q.detach().numpy(), np.repeat(k.detach().numpy(), 3, 1), np.repeat(v.detach().numpy(), 3, 1))
    )
    with pytest.raises(ValueError, match=r"scaled_dot_product_attention.*pass enable_gqa=True"):
        sdpa(q, k, v)


@every_device
def test_dropout_makes_the_same_choice_backward(device) -> None:
    q, k, v = (drawn(1, 2, 30, 8, seed=i, device=device, dtype=np.float64) for i in range(3))

    def dropped(*tensors):
        return sdpa(*tensors, dropout_p=0.4, generator=Generator(3))

    kept = (dropped(q, k, pe.ones(1, 2, 30, 8, dtype=pe.float64, device=device)).detach().numpy() != 1).mean()
    assert kept == 1.0  # no row of 30 weights keeps all
    if device == "numpy":
        leaves = [t.requires_grad_() for t in (q, k, v)]
        assert autograd.gradcheck(lambda *ts: [dropped(*ts)], leaves)
    else:
        there = [pe.tensor(t.detach().numpy(), device="numpy") for t in (q, k, v)]
        np.testing.assert_allclose(
            dropped(q, k, v).detach().numpy(), dropped(*there).detach().numpy(), rtol=1e-12, atol=1e-13
        )
    assert sdpa(q, k, v, dropout_p=1.0).detach().numpy().any() == np.False_


def test_the_same_bits_for_every_thread_count() -> None:
    shapes = ((1, 2, 300, 40), (1, 1, 300, 40))
    found = []
    for count in (1, 2, 3):
        q, k = (drawn(*shape, requires_grad=True) for shape in shapes)
        with threads(count):
            out = sdpa(q, k, k, is_causal=True, enable_gqa=True, dropout_p=0.1, generator=Generator(1))
            out.square().sum().backward()
        found.append([a.tobytes() for a in (out.detach().numpy(), q.grad.numpy(), k.grad.numpy())])
    assert found[0] == found[1] == found[2]


def test_mistakes_are_named() -> None:
    q = drawn(1, 2, 5, 8)
    for call, words in (
        (lambda: sdpa(q, drawn(1, 2, 5, 7), drawn(1, 2, 5, 8)), "the query has 8 features, the key 7"),
        (lambda: sdpa(q, q, drawn(1, 2, 4, 8)), "each key needs a value"),
        (lambda: sdpa(q, q, q, pe.ones(5, 5), is_causal=True), "leave attn_mask out"),
        (lambda: sdpa(q, q, q, pe.ones(4, 5)), r"the mask has shape \(4, 5\), which does not broadcast"),
        (lambda: sdpa(q, q, q, dropout_p=1.5), "dropout_p is the probability"),
        (lambda: sdpa(drawn(8), q, q), "at least the axes"),
    ):
        with pytest.raises(ValueError, match=f"scaled_dot_product_attention: .*{words}"):
            call()
    for other in (drawn(1, 2, 5, 8, dtype=np.float64), pe.zeros(1, 2, 5, 8, dtype=pe.int64)):
        with pytest.raises(TypeError, match=r"scaled_dot_product_attention: the query is float32, the key .*\.to"):
            sdpa(q, other, other)
    with pytest.raises(TypeError, match="wrap it"):
        sdpa(q, q.detach().numpy(), q)


# --- torch


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("t", "s"), [(33, 33), (20, 50), (50, 20), (1, 100)])
def test_torch_agrees(causal, t, s) -> None:
    torch = pytest.importorskip("torch")
    ours = [drawn(2, 4, n, 16, seed=i, requires_grad=True) for i, n in enumerate((t, s, s))]
    theirs = [torch.tensor(a.detach().numpy(), requires_grad=True) for a in ours]
    out = sdpa(*ours, is_causal=causal)
    want = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=causal)
    upstream = np.random.default_rng(9).standard_normal(out.shape).astype(np.float32)
    out.backward(pe.tensor(upstream))
    want.backward(torch.from_numpy(upstream))
    close(out, want.detach().numpy(), 1e-5)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_torch_agrees_on_masks_and_grouped_heads(kind) -> None:
    torch = pytest.importorskip("torch")
    ours = [drawn(2, h, n, 16, seed=i, requires_grad=True) for i, (h, n) in enumerate(((6, 40), (2, 60), (2, 60)))]
    theirs = [torch.tensor(a.detach().numpy(), requires_grad=True) for a in ours]
    rng = np.random.default_rng(5)
    mask = rng.random((2, 1, 40, 60)) < 0.6 if kind == "bool" else rng.standard_normal((40, 60)).astype(np.float32)
    bias = pe.tensor(mask, requires_grad=kind == "float")
    their_bias = torch.tensor(mask, requires_grad=kind == "float")
    out = sdpa(*ours, bias, scale=0.3, enable_gqa=True)
    want = torch.nn.functional.scaled_dot_product_attention(*theirs, their_bias, scale=0.3, enable_gqa=True)
    out.square().sum().backward()
    want.square().sum().backward()
    close(out, want.detach().numpy(), 1e-5)
    for a, b in zip([*ours, bias], [*theirs, their_bias], strict=True):
        if a.requires_grad:
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-4, atol=1e-4)
