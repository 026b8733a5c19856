"""Contrastive, triplet and InfoNCE losses: known answers, torch's, gradients, and what mistakes are told."""

import numpy as np
import pytest
from harness import DEVICE_NAMES

import pyengine as pe
from pyengine import nn, optim

F = nn.functional
rng = np.random.default_rng(0)
X = [rng.standard_normal((6, 4)) for _ in range(3)]
LABELS = np.array([1, 0, 0, 1, 0, 1])


def agree(ours, theirs, *inputs):
    """The results, and the gradients of their sums, in float64."""
    torch = pytest.importorskip("torch")
    mine = [pe.tensor(a, requires_grad=True) for a in inputs]
    other = [torch.tensor(a, requires_grad=True) for a in inputs]
    got, want = ours(*mine), theirs(torch, *other)
    np.testing.assert_allclose(got.data, want.detach().numpy(), rtol=1e-12, atol=1e-12)
    got.sum().backward()
    want.sum().backward()
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", [{}, {"swap": True, "margin": 2.0}, {"p": 1.0}, {"p": 3.0, "eps": 1e-3}])
def test_triplets_as_torch(reduction, options):
    agree(
        lambda *x: F.triplet_margin_loss(*x, reduction=reduction, **options),
        lambda torch, *x: torch.nn.functional.triplet_margin_loss(*x, reduction=reduction, **options),
        *X,
    )


def test_info_nce_as_it_is_written_with_torch():
    def clip(torch, a, b, scale):
        scores = scale * a @ b.T
        own = torch.arange(len(a))
        cross = torch.nn.functional.cross_entropy
        return (cross(scores, own) + cross(scores.T, own)) / 2

    agree(F.info_nce_loss, clip, X[0], X[1], np.array(3.0))


def test_contrastive_as_it_is_written():
    d = np.linalg.norm(X[0] - X[1], axis=1)
    want = np.where(LABELS, d**2, np.maximum(3 - d, 0) ** 2) / 2
    x1, x2 = pe.tensor(X[0]), pe.tensor(X[1])
    got = F.contrastive_loss(x1, x2, pe.tensor(LABELS), margin=3.0, reduction="none")
    np.testing.assert_allclose(got.data, want, rtol=1e-12)
    assert (want[LABELS == 0] > 0).any()  # some are pushed
    mean = nn.ContrastiveLoss(margin=3.0)(x1, x2, pe.tensor(LABELS))
    assert mean.item() == pytest.approx(want.mean())


@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b, c: F.contrastive_loss(a, b, pe.tensor(LABELS), margin=3.0),
        lambda a, b, c: F.triplet_margin_loss(a, b, c),
        lambda a, b, c: F.info_nce_loss(a, b, c[0, 0]),
        lambda a, b, c: F.info_nce_loss(a, b, 2.0, reduction="none"),
    ],
)
def test_gradients(loss):
    pe.gradcheck(loss, tuple(pe.tensor(x, requires_grad=True) for x in X))


@pytest.mark.parametrize("device", DEVICE_NAMES)
def test_on_every_device(device):
    a, b, c = (pe.tensor(x.astype(np.float32), device=device) for x in X)
    losses = (
        F.contrastive_loss(a, b, pe.tensor(LABELS, device=device), margin=3.0),
        F.triplet_margin_loss(a, b, c),
        nn.InfoNCELoss().to(device)(a, b),
    )
    d, e, f = (pe.tensor(x) for x in X)
    wanted = (
        F.contrastive_loss(d, e, pe.tensor(LABELS), margin=3.0),
        F.triplet_margin_loss(d, e, f),
        nn.InfoNCELoss().double()(d, e),
    )
    for loss, want in zip(losses, wanted, strict=True):
        assert loss.item() == pytest.approx(want.item(), rel=1e-5)  # float32 against float64


def test_equal_vectors_leave_gradients_finite():
    a, b = (pe.zeros(2, 3, requires_grad=True) for _ in range(2))
    F.contrastive_loss(a, b, pe.tensor([0, 1])).backward()
    assert a.grad.isfinite().all()
    assert F.contrastive_loss(a, b, pe.tensor([0, 0])).item() == 0.5


def test_the_scale_is_learned_and_limited():
    loss = nn.InfoNCELoss()
    assert [name for name, _ in loss.named_parameters()] == ["logit_scale"]
    optimizer = optim.SGD(loss.parameters(), lr=1000.0)
    x = pe.tensor(X[0].astype(np.float32))
    before = loss(x, x)
    before.backward()
    optimizer.step()
    assert loss.logit_scale.item() > np.log(100)
    want = F.info_nce_loss(F.normalize(x), F.normalize(x), 100.0)
    assert loss(x, x).item() == pytest.approx(want.item(), rel=1e-5)
    assert want.item() < before.item()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x: F.contrastive_loss(x, x[:2], pe.tensor([1, 0])),
            r"contrastive_loss: vectors of shapes \(3, 2\) and",
        ),
        (lambda x: F.contrastive_loss(x, x, pe.tensor([1, 0])), r"3 pairs need labels \(3,\), got \(2,\)"),
        (lambda x: F.contrastive_loss(x, x, pe.tensor([1, 0, 0]), margin=0), "margin is a distance greater than 0"),
        (lambda x: F.triplet_margin_loss(x, x, x[0]), r"triplet_margin_loss: .* \(2,\) \(negative\) do not pair up"),
        (lambda x: F.triplet_margin_loss(x, x, x, margin=-1), "margin is a distance"),
        (lambda x: F.triplet_margin_loss(x, x, x, reduction="all"), "triplet_margin_loss: reduction"),
        (lambda x: F.info_nce_loss(x, x[:2]), "info_nce_loss: vectors of shapes"),
        (lambda x: F.info_nce_loss(x[0], x[0]), r"x1 and x2 are \(n, features\), got \(2,\)"),
        (lambda x: nn.InfoNCELoss(0.0), "scale is a factor greater than 0"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message):
        call(pe.ones(3, 2))
