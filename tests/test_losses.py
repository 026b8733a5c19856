"""Losses and layer normalisation: known answers, PyTorch's where it is installed, and what mistakes are told."""

import numpy as np
import pytest
from harness import DEVICE_NAMES

import pyengine as pe
from pyengine import nn

F = nn.functional
every_device = pytest.mark.parametrize("device", DEVICE_NAMES)
rng = np.random.default_rng(0)


def agree(ours, theirs, *inputs) -> None:
    """The results, and the gradients of their sums, in float64."""
    torch = pytest.importorskip("torch")
    mine = [pe.tensor(a, requires_grad=a.dtype.kind == "f") for a in inputs]
    other = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in inputs]
    got, want = ours(*mine), theirs(torch.nn.functional, *other)
    assert got.shape == tuple(want.shape)
    np.testing.assert_allclose(got.data, want.detach().numpy(), rtol=1e-12, atol=1e-12)
    got.sum().backward()
    want.sum().backward()
    for a, b in zip(mine, other, strict=True):
        if a.requires_grad:
            np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-11, atol=1e-12)


def weights(given: bool, classes: int):
    torch = pytest.importorskip("torch")
    values = np.linspace(0.5, 2, classes)
    return (pe.tensor(values), torch.tensor(values)) if given else (None, None)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(7,), (5, 7), (4, 7, 3), (2, 7, 3, 2)])
def test_cross_entropy_as_torch(reduction, weighted, smoothing, shape) -> None:
    logits = rng.standard_normal(shape)
    labels = rng.integers(0, 7, shape[:1] + shape[2:] if len(shape) > 1 else ())
    if labels.ndim:
        labels.reshape(-1)[1] = -100
    mine, theirs = weights(weighted, 7)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    agree(
        lambda x, t: F.cross_entropy(x, t, mine, **options),
        lambda f, x, t: f.cross_entropy(x, t, theirs, **options),
        logits,
        labels,
    )
    agree(
        lambda x, p: F.cross_entropy(x, p, mine, **options),
        lambda f, x, p: f.cross_entropy(x, p, theirs, **options),
        logits,
        np.abs(rng.standard_normal(shape)),
    )


@pytest.mark.parametrize("ignore", [-100, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_nll_and_ignored_classes_as_torch(ignore, weighted) -> None:
    labels = rng.integers(0, 7, (6, 3))
    mine, theirs = weights(weighted, 7)
    for name in ("cross_entropy", "nll_loss"):
        agree(
            lambda x, t, name=name: getattr(F, name)(x, t, mine, ignore_index=ignore),
            lambda f, x, t, name=name: getattr(f, name)(x, t, theirs, ignore_index=ignore),
            rng.standard_normal((6, 7, 3)),
            labels,
        )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("name", "options"),
    [("mse_loss", {}), ("l1_loss", {}), ("huber_loss", {"delta": 0.7}), ("smooth_l1_loss", {"beta": 0.3}),
     ("smooth_l1_loss", {"beta": 0.0})],
)  # fmt: skip
def test_distances_as_torch(name, options, reduction) -> None:
    agree(
        lambda x, t: getattr(F, name)(x, t, reduction=reduction, **options),
        lambda f, x, t: getattr(f, name)(x, t, reduction=reduction, **options),
        rng.standard_normal((4, 5)),
        rng.standard_normal((4, 5)),
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy_as_torch(weighted) -> None:
    mine, theirs = weights(weighted, 5)
    agree(
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, mine, pos_weight=mine),
        lambda f, x, t: f.binary_cross_entropy_with_logits(x, t, theirs, pos_weight=theirs),
        rng.standard_normal((4, 5)) * 20,
        rng.uniform(0, 1, (4, 5)),
    )


@pytest.mark.parametrize("shape", [(5,), (4, 5)])
def test_layer_norm_as_torch(shape) -> None:
    agree(
        lambda x, w, b: F.layer_norm(x, shape, w, b, 1e-3),
        lambda f, x, w, b: f.layer_norm(x, shape, w, b, 1e-3),
        rng.standard_normal((3, 4, 5)),
        rng.standard_normal(shape),
        rng.standard_normal(shape),
    )


@pytest.mark.parametrize("shape", [(5,), (4, 5)])
@pytest.mark.parametrize("eps", [1e-3, None])
def test_rms_norm_as_torch(shape, eps) -> None:
    agree(
        lambda x, w: F.rms_norm(x, shape, w, eps),
        lambda f, x, w: f.rms_norm(x, shape, w, eps),
        rng.standard_normal((3, 4, 5)),
        rng.standard_normal(shape),
    )
    agree(
        lambda x: F.rms_norm(x, shape, eps=eps),
        lambda f, x: f.rms_norm(x, shape, eps=eps),
        rng.standard_normal((3, 4, 5)),
    )


@every_device
def test_an_ignored_label_leaves_no_trace(device) -> None:
    logits = pe.tensor([[2.0, 0.0], [np.nan, np.inf]], device=device, requires_grad=True)
    loss = F.cross_entropy(logits, pe.tensor([0, -100], device=device))
    loss.backward()
    assert loss.item() == pytest.approx(np.log1p(np.exp(-2)), rel=1e-6)
    np.testing.assert_array_equal(logits.grad.data[1], 0)


def test_a_mean_over_nothing_is_nan() -> None:
    assert np.isnan(F.cross_entropy(pe.zeros(2, 3), pe.tensor([-100, -100])).item())
    assert np.isnan(F.mse_loss(pe.zeros(0), pe.zeros(0)).item())


def test_modules_pass_their_options_on() -> None:
    x, t = pe.tensor([[1.0, 3.0], [0.0, -2.0]]), pe.tensor([[0.0, 1.0], [1.0, 0.0]])
    labels, w = pe.tensor([0, 1]), pe.tensor([1.0, 3.0])
    pairs = (
        (nn.CrossEntropyLoss(w, ignore_index=1, reduction="sum", label_smoothing=0.2)(x, labels),
         F.cross_entropy(x, labels, w, ignore_index=1, reduction="sum", label_smoothing=0.2)),
        (nn.NLLLoss(w, ignore_index=0, reduction="none")(x, labels),
         F.nll_loss(x, labels, w, ignore_index=0, reduction="none")),
        (nn.MSELoss("none")(x, t), F.mse_loss(x, t, reduction="none")),
        (nn.L1Loss("sum")(x, t), F.l1_loss(x, t, reduction="sum")),
        (nn.HuberLoss("none", 0.5)(x, t), F.huber_loss(x, t, reduction="none", delta=0.5)),
        (nn.SmoothL1Loss("none", 0.5)(x, t), F.smooth_l1_loss(x, t, reduction="none", beta=0.5)),
        (nn.BCEWithLogitsLoss(w, reduction="none", pos_weight=w)(x, t),
         F.binary_cross_entropy_with_logits(x, t, w, reduction="none", pos_weight=w)),
        (nn.LayerNorm(2, eps=0.1, elementwise_affine=False)(x), F.layer_norm(x, 2, eps=0.1)),
        (nn.RMSNorm(2, eps=0.1, elementwise_affine=False)(x), F.rms_norm(x, 2, eps=0.1)),
        (nn.RMSNorm((2, 2))(x), F.rms_norm(x, (2, 2), pe.ones(2, 2))),
    )  # fmt: skip
    for got, want in pairs:
        np.testing.assert_array_equal(got.data, want.data)


def test_layer_norm_learns_weight_and_bias() -> None:
    assert [name for name, _ in nn.LayerNorm((2, 3)).named_parameters()] == ["weight", "bias"]
    assert [name for name, _ in nn.LayerNorm(3, bias=False).named_parameters()] == ["weight"]
    assert not list(nn.LayerNorm(3, elementwise_affine=False).parameters())
    assert [name for name, _ in nn.RMSNorm((2, 3)).named_parameters()] == ["weight"]
    assert not list(nn.RMSNorm(3, elementwise_affine=False).parameters())
    assert repr(nn.RMSNorm(3)) == "RMSNorm((3,), eps=None)  # 3 parameters"


MISTAKES = {
    "label outside": (lambda: F.cross_entropy(pe.zeros(2, 3), pe.tensor([0, 3])), "cross_entropy: labels.1. is 3"),
    "smoothed label outside": (
        lambda: F.cross_entropy(pe.zeros(2, 3), pe.tensor([0, 3]), label_smoothing=0.1),
        "cross_entropy: labels.1. is 3, outside the 3 classes",
    ),
    "nll outside": (lambda: F.nll_loss(pe.zeros(2, 3), pe.tensor([0, -1])), "nll_loss: labels.1. is -1, outside"),
    "labels of positions": (
        lambda: F.cross_entropy(pe.zeros(2, 3, 4), pe.zeros(2, 3, dtype="int64")),
        r"cross_entropy: .*\(2, 3, 4\) needs labels \(2, 4\), got \(2, 3\)",
    ),
    "weight": (
        lambda: F.cross_entropy(pe.zeros(2, 3), pe.tensor([0, 1]), pe.ones(2)),
        r"cross_entropy: 3 classes need a weight float32\(3,\), got float32\(2,\)",
    ),
    "smoothing": (
        lambda: F.cross_entropy(pe.zeros(2, 3), pe.tensor([0, 1]), label_smoothing=1.5), "label_smoothing is from 0"
    ),
    "reduction": (lambda: F.mse_loss(pe.zeros(2), pe.zeros(2), reduction="avg"), "mse_loss: reduction is .*not 'avg'"),
    "module's reduction": (lambda: nn.HuberLoss("avg"), "HuberLoss: reduction is .*not 'avg'"),
    "column and vector": (lambda: F.mse_loss(pe.zeros(8, 1), pe.zeros(8)), r"mse_loss: .*target to \(8, 1\)"),
    "delta": (lambda: F.huber_loss(pe.zeros(2), pe.zeros(2), delta=0), "huber_loss: delta is a distance"),
    "beta": (lambda: F.smooth_l1_loss(pe.zeros(2), pe.zeros(2), beta=-1), "smooth_l1_loss: beta is a distance"),
    "pos_weight": (
        lambda: F.binary_cross_entropy_with_logits(pe.zeros(2, 1), pe.zeros(2, 1), pos_weight=pe.ones(3)),
        "pos_weight .* does not broadcast",
    ),
    "normalised shape": (lambda: F.layer_norm(pe.zeros(2, 3), 4), r"layer_norm: .*\(2, 3\) does not end in \(4,\)"),
    "rms normalised shape": (lambda: F.rms_norm(pe.zeros(2, 3), 4), r"rms_norm: .*\(2, 3\) does not end in \(4,\)"),
    "rms norm's weight": (lambda: F.rms_norm(pe.zeros(2, 3), 3, pe.ones(2)), r"rms_norm: weight \(2,\) is not of"),
    "rms norm's lengths": (lambda: nn.RMSNorm(0), r"RMSNorm: normalized_shape is lengths of axes, .* not 0"),
    "norm's weight": (lambda: F.layer_norm(pe.zeros(2, 3), 3, pe.ones(2)), r"layer_norm: weight \(2,\) is not of"),
    "empty max": (lambda: pe.zeros(0, 3).max(0), r"max: axis 0 of shape \(0, 3\) has no element"),
    "empty amax": (lambda: pe.zeros(0).amax(), r"amax: .*\(0,\) has no element"),
    "argmax axis": (lambda: pe.zeros(2, 3).argmax(2), "argmax: axis 2 does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_explained(mistake) -> None:
    call, message = MISTAKES[mistake]
    with pytest.raises(ValueError, match=message):
        call()


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match="rms_norm: computes in float32 or float64, not int64; cast"):
        F.rms_norm(pe.arange(3), 3)
    with pytest.raises(TypeError, match="mse_loss: computes in float32 or float64, not int64; cast"):
        F.mse_loss(pe.tensor([1]), pe.tensor([2]))


# --- choosing


@every_device
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("shape", [(1,), (9,), (3, 70), (40, 3), (2, 3, 17), (3, 8, 50)])
def test_extremes_as_numpy(device, dtype, shape) -> None:
    values = rng.integers(-3, 4, shape).astype(dtype)
    if dtype != "int64":
        values.reshape(-1)[rng.integers(values.size)] = np.nan
    x = pe.tensor(values, device=device)
    for axis in range(-len(shape), len(shape)):
        found = x.max(axis)
        np.testing.assert_array_equal(found.indices.data, values.argmax(axis))
        np.testing.assert_array_equal(found.values.data, values.max(axis))
        np.testing.assert_array_equal(x.min(axis, keepdim=True)[0].data, values.min(axis, keepdims=True))
        np.testing.assert_array_equal(x.argmin(axis, keepdim=True).data, values.argmin(axis, keepdims=True))
    assert x.argmax().item() == values.argmax()
    np.testing.assert_array_equal(x.max().data, values.max())


def test_the_gradient_of_max_goes_to_one_element() -> None:
    x = pe.tensor([[3.0, 3.0], [1.0, 2.0]], requires_grad=True)
    x.max(1).values.sum().backward()
    assert x.grad.data.tolist() == [[1, 0], [0, 1]]


@every_device
def test_products_with_zeros_have_gradients(device) -> None:
    x = pe.tensor([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0]], device=device, requires_grad=True)
    x.prod(1).sum().backward()
    assert x.grad.data.tolist() == [[6, 0, 0], [0, 0, 0]]


@every_device
def test_truths(device) -> None:
    x = pe.tensor([[0.0, np.nan], [0.0, -0.0], [1.0, 2.0]], device=device)
    assert x.any(1).data.tolist() == [True, False, True]
    assert x.all(1, keepdim=True).data.tolist() == [[False], [False], [True]]
    assert not x.all().item()
    assert x.any(()).data.tolist() == [[False, True], [False, False], [True, True]]


def test_std_of_equal_elements_has_no_gradient() -> None:
    x = pe.ones(4, requires_grad=True)
    x.std().backward()
    assert x.grad.data.tolist() == [0, 0, 0, 0]


def test_labels_of_as_many_axes_as_there_may_be(backend):
    labels = np.arange(6).reshape(1, 2, 1, 3, 1, 1, 1, 1) % 3
    weight = np.array([0.5, 1.0, 2.0], np.float32)
    assert np.array_equal(backend.kernels.label_weights(labels, weight), weight[labels])


# --- the last layer and its loss in one


@every_device
@pytest.mark.parametrize("shape", [(7,), (2, 5), (0,)])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_linear_cross_entropy_is_the_two_of_it(device, shape, with_bias, reduction) -> None:
    classes, features = 11, 6
    target = rng.integers(0, classes, shape)
    target[..., ::3] = -100
    x, weight, bias = (rng.standard_normal(s) for s in ((*shape, features), (classes, features), (classes,)))
    found = []
    for together in (True, False):
        leaves = [pe.tensor(a, device=device, requires_grad=True) for a in (x, weight, bias)]
        a, w, b = leaves if with_bias else (*leaves[:2], None)
        labels = pe.tensor(target, device=device)
        if together:
            loss = F.linear_cross_entropy(a, w, labels, linear_bias=b, reduction=reduction, label_smoothing=0.1)
        else:
            scores, rows = F.linear(a, w, b).reshape(-1, classes), labels.reshape(-1)
            loss = F.cross_entropy(scores, rows, reduction=reduction, label_smoothing=0.1)
        loss.backward()
        found.append([loss.detach().numpy(), *(t.grad.numpy() for t in leaves if t.grad is not None)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_linear_cross_entropy_never_holds_all_scores() -> None:
    rows, classes, features = 2048, 8192, 16
    x = pe.randn(rows, features, requires_grad=True)
    weight = pe.randn(classes, features, requires_grad=True)
    target = pe.randint(0, classes, (rows,))
    with pe.profile() as p:
        F.linear_cross_entropy(x, weight, target).backward()
    assert p.peak < 0.5 * 4 * rows * classes  # of the scores alone, without their gradient


def test_linear_cross_entropy_says_what_is_wrong() -> None:
    x, weight, target = pe.ones(4, 3), pe.ones(5, 3), pe.tensor([0, 1, 2, 5])
    with pytest.raises(ValueError, match=r"linear_cross_entropy: .*\b5\b.*outside"):
        F.linear_cross_entropy(x, weight, target)
    with pytest.raises(ValueError, match=r"linear_cross_entropy: reduction .*for the losses one by one take cross_ent"):
        F.linear_cross_entropy(x, weight, target, reduction="none")
    with pytest.raises(ValueError, match=r"linear_cross_entropy: input \(4, 3\) needs labels \(4,\), got \(2,\)"):
        F.linear_cross_entropy(x, weight, target[:2])
    with pytest.raises(ValueError, match=r"input \(4, 3\) and linear_weight \(5, 2\)"):
        F.linear_cross_entropy(x, weight[:, :2], target)
    with pytest.raises(TypeError, match="class numbers, int64, not float32"):
        F.linear_cross_entropy(x, weight, pe.ones(4))
