"""What scripts written for PyTorch do without a thought, and mistakes that they make."""

import json
import math

import numpy as np
import pytest

import pyengine as pe
from pyengine import nn, optim
from pyengine.data import DataLoader
from pyengine.tensor_file import KEY


def same(got: pe.Tensor, want) -> None:
    np.testing.assert_array_equal(got.detach().numpy(), want)


# --- tensors


def test_bools_and_short_integers_are_counted_in_int64() -> None:
    mask = np.array([[True, False, True], [True, True, True]])
    t = pe.tensor(mask)
    for got, want in (
        (t.sum(), mask.sum()),
        (t.sum(0), mask.sum(0)),
        (t.cumsum(1), mask.cumsum(1)),
        (t.prod(1), mask.prod(1)),
        (pe.tensor(np.full(300, 200, np.uint8)).sum(), 60_000),
    ):
        assert got.dtype == pe.int64
        same(got, want)


def test_max_and_min_take_another_tensor() -> None:
    a, b = pe.tensor([1.0, 5.0]), pe.tensor([3.0, 2.0])
    same(pe.max(a, b), [3.0, 5.0])
    same(a.min(b), [1.0, 2.0])


def test_var_takes_unbiased_and_keepdim_by_place() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4))
    t = pe.tensor(x)
    np.testing.assert_allclose(t.var(0, False).numpy(), x.var(0), rtol=1e-12)
    np.testing.assert_allclose(t.std(1, True, True).numpy(), x.std(1, ddof=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(t.std(unbiased=False).numpy(), x.std(), rtol=1e-12)


def test_expand_keeps_the_axes_that_are_minus_one() -> None:
    t = pe.ones(3, 1)
    assert t.expand(-1, 4).shape == (3, 4)
    assert t.unsqueeze(0).expand(5, -1, -1).shape == (5, 3, 1)
    assert pe.broadcast_to(t, (2, 3, 4)).shape == (2, 3, 4)
    with pytest.raises(ValueError, match=r"expand: shape \(-1, 3, 1\) has a negative length"):
        t.expand(-1, 3, 1)  # a new axis has no length to keep


def test_to_takes_names_and_tensors() -> None:
    x = pe.arange(3)
    assert x.to(dtype=pe.float64).dtype == pe.float64
    moved = x.to(device="numpy", dtype="float32")
    assert (moved.device.name, moved.device.type, moved.dtype) == ("numpy", "numpy", pe.float32)
    assert x.to(moved).device is moved.device
    assert moved.cpu().device.name == "cpu"
    assert x.to(x) is x
    with pytest.raises(ValueError, match="unknown device 'tpu'"):
        x.to(device="tpu")


def test_one_number_can_be_formatted_and_be_an_index() -> None:
    assert f"{pe.tensor(2.5):.2f} {pe.tensor(3):d} {pe.tensor(2.5)}" == "2.50 3 tensor(2.5)"
    assert ["a", "b", "c"][pe.tensor(1)] == "b"
    assert list(range(pe.tensor([2]))) == [0, 1]
    assert pe.arange(5)[pe.tensor(1) : 3].tolist() == [1, 2]
    with pytest.raises(TypeError, match=r"the format '.2f' is for one number; this tensor has shape \(2,\)"):
        f"{pe.ones(2):.2f}"
    with pytest.raises(TypeError, match=r"only one integer can be an index; this tensor is float32\(\)"):
        [1, 2][pe.tensor(1.0)]


def test_a_tensor_is_walked_through_row_by_row() -> None:
    x = pe.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    (first * second).sum().backward()
    same(x.grad, [[3.0, 4.0], [1.0, 2.0]])
    with pytest.raises(TypeError, match=r"without axes cannot be iterated over; x.item\(\) is its number"):
        list(pe.tensor(1.0))


def test_an_empty_tensor_shows_its_shape() -> None:
    assert repr(pe.zeros(0, 4)) == "tensor([], shape=(0, 4))"
    assert repr(pe.zeros(0)) == "tensor([])"


def test_new_tensors_take_dtype_and_device() -> None:
    like = pe.zeros(2, dtype=pe.float64, device="numpy")
    for made in (like.new_zeros(2, 3), like.new_ones((2, 3)), like.new_full((2, 3), 7), like.new_tensor([[1] * 3] * 2)):
        assert (made.shape, made.dtype, made.device) == ((2, 3), pe.float64, like.device)
    assert like.new_full((2,), 7, dtype=pe.int64, device="cpu").tolist() == [7, 7]
    with pytest.raises(ValueError, match=r"new_zeros: a shape is made of whole numbers from 0 on, not \(-1,\)"):
        like.new_zeros(-1)


def test_size_names_the_axis_that_is_missing() -> None:
    with pytest.raises(ValueError, match="size: axis 2 does not exist; the tensor has 2 axes"):
        pe.zeros(2, 3).size(2)


def test_grad_fn_is_what_made_the_tensor() -> None:
    x = pe.ones(2, requires_grad=True)
    assert x.grad_fn is None
    assert "mul" in repr((x * 2).grad_fn)


def test_concatenation_of_one_tensor_is_explained() -> None:
    for function in (pe.cat, pe.stack):
        with pytest.raises(TypeError, match="takes a list or tuple of tensors, not one tensor"):
            function(pe.ones(2, 2))


@pytest.mark.parametrize(
    ("data", "culprit"),
    [("abc", "'abc'"), (None, "None"), ([[1], ["a"]], "'a'"), ([1, None], "None"), (2**70, str(2**70))],
)
def test_what_is_no_number_is_named(data, culprit) -> None:
    with pytest.raises(TypeError, match=f"tensor: is made of numbers or bools, not of {culprit}"):
        pe.tensor(data)


def test_makers_name_themselves() -> None:
    for name in ("zeros", "ones", "empty", "rand", "randn"):
        make = getattr(pe, name)
        with pytest.raises(ValueError, match=rf"^{name}: shape \(-1,\) has a negative length"):
            make(-1)
        with pytest.raises(TypeError, match=rf"^{name}: a shape is made of whole numbers, not \(1.5,\)"):
            make(1.5)


def test_makers_take_requires_grad() -> None:
    for made in (pe.arange(3.0, requires_grad=True), pe.linspace(0, 1, 3, requires_grad=True)):
        assert made.requires_grad
    assert pe.eye(2, requires_grad=True).requires_grad
    with pytest.raises(TypeError, match="only float tensors have gradients, not int64"):
        pe.arange(3, requires_grad=True)


def test_names_of_dtypes_and_constants() -> None:
    assert (pe.float, pe.double, pe.half) == (pe.float32, pe.float64, pe.float16)
    assert (pe.long, pe.int) == (pe.int64, pe.int32)
    assert (pe.inf, pe.pi) == (math.inf, math.pi)
    assert math.isnan(pe.nan)


# --- random numbers


def test_normal_takes_numbers_or_tensors() -> None:
    means = pe.tensor([[0.0], [100.0]])
    drawn = pe.normal(means, pe.full((2000,), 2.0), generator=pe.Generator(1)).numpy()
    assert drawn.shape == (2, 2000)
    # four deviations of a mean of 2000 numbers, and of its square root's share for the spread
    np.testing.assert_allclose(drawn.mean(1), [0.0, 100.0], atol=4 * 2 / math.sqrt(2000))
    np.testing.assert_allclose(drawn.std(1), 2.0, atol=4 * 2 / math.sqrt(4000))
    same(pe.normal(0.0, 1.0, (3,), generator=pe.Generator(1)), pe.randn(3, generator=pe.Generator(1)).numpy())
    with pytest.raises(TypeError, match=r"called as normal\(mean, std, size\)"):
        pe.normal(0.0, 1.0)
    with pytest.raises(ValueError, match="a standard deviation is below 0"):
        pe.normal(0.0, pe.tensor([-1.0]))


def test_mistakes_with_generators_and_probabilities_are_named() -> None:
    with pytest.raises(TypeError, match=r"rand: generator is a pe.Generator, not a int; pe.Generator\(seed\)"):
        pe.rand(2, generator=3)
    for bad in (1.5, -0.5, math.nan):
        with pytest.raises(ValueError, match="bernoulli: probabilities are from 0 to 1"):
            pe.bernoulli(pe.tensor([0.5, bad]))


# --- norms


# torch takes 'fro' over two axes or all
@pytest.mark.parametrize(
    ("dim", "p"),
    [(dim, p) for dim in (None, 0, (0, 2)) for p in (2, 1, 0, 3, 0.5, math.inf, -math.inf)]
    + [(None, "fro"), ((0, 2), "fro")],
)
def test_norms_and_their_gradients_are_torchs(p, dim) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    mine, theirs = pe.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    got, want = mine.norm(p, dim, True), theirs.norm(p, dim, True)
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=1e-12)
    if p != 0:  # a count has no slope
        got.sum().backward()
        want.sum().backward()
        np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("p", [2, 3, 1, math.inf])
def test_the_gradient_of_a_norm_is_0_at_0(p) -> None:
    x = pe.zeros(3, 2, requires_grad=True)
    x.norm(p, dim=1).sum().backward()
    if p == math.inf:  # equals share the gradient, and abs has none at 0
        assert not np.isnan(x.grad.numpy()).any()
    else:
        same(x.grad, np.zeros((3, 2)))


def test_norm_lets_nan_travel_and_refuses_what_it_must() -> None:
    assert math.isnan(pe.tensor([1.0, math.nan]).norm().item())
    with pytest.raises(ValueError, match="norm: p is a number from 0 on, inf, -inf or 'fro', not 'nuc'"):
        pe.ones(2, 2).norm("nuc")
    with pytest.raises(TypeError, match="norm: computes in float32 or float64, not int64"):
        pe.arange(3).norm()


def test_norm_has_a_second_derivative() -> None:
    x = pe.tensor([[3.0, 4.0]], dtype="float64", requires_grad=True)
    (dx,) = pe.grad(x.norm(), x, create_graph=True)
    (ddx,) = pe.grad(dx.sum(), x)
    unit = np.array([[0.6, 0.8]])
    np.testing.assert_allclose(ddx.numpy(), (1 - unit * unit.sum()) / 5, rtol=1e-12)


# --- layers and losses


def test_modules_of_scripts_are_there() -> None:
    x = pe.tensor([[-2.0, 0.5, 7.0]])
    same(nn.ReLU(inplace=True)(x), [[0.0, 0.5, 7.0]])
    same(nn.ReLU6(inplace=True)(x), [[0.0, 0.5, 6.0]])
    same(nn.Hardtanh(-1, 2)(x), [[-1.0, 0.5, 2.0]])
    same(nn.Dropout(0.5, inplace=True).eval()(x), x.numpy())
    for module in (nn.LeakyReLU(inplace=True), nn.ELU(inplace=True), nn.SiLU(inplace=True)):
        assert module(x).shape == x.shape
    same(x, [[-2.0, 0.5, 7.0]])  # inplace is taken and changes nothing
    assert nn.Unflatten(1, (3, -1))(x).shape == (1, 3, 1)
    with pytest.raises(ValueError, match="unflatten: axis 1 of length 3 does not split into"):
        nn.Unflatten(1, (2, 2))(x)
    with pytest.raises(ValueError, match="Hardtanh: min_val 2 must be below max_val 1"):
        nn.Hardtanh(2, 1)
    model = nn.Linear(3, 2).to(device="cpu", dtype=pe.float64)
    assert model.cpu().weight.dtype == pe.float64


def test_functions_agree_with_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 5, 4))
    p, t = 1 / (1 + np.exp(-a)), (b > 0).astype(np.float64)
    share = np.exp(b) / np.exp(b).sum(1, keepdims=True)
    share[0] = [0.0, 1.0, 0.0, 0.0]
    logs = a - np.log(np.exp(a).sum(1, keepdims=True))
    calls = [
        ("normalize", (a,), {}),
        ("normalize", (a,), {"p": 1.0, "dim": 0}),
        ("cosine_similarity", (a, b), {}),
        ("logsigmoid", (40 * a,), {}),
        ("hardtanh", (a,), {"min_val": -0.5}),
        ("binary_cross_entropy", (p, t), {}),
        ("binary_cross_entropy", (p, t), {"weight": np.abs(b), "reduction": "sum"}),
        ("binary_cross_entropy", (t, share), {}),  # sure of itself, right and wrong
        ("kl_div", (logs, share), {"reduction": "batchmean"}),
        ("kl_div", (logs, logs[::-1].copy()), {"log_target": True, "reduction": "sum"}),
    ]
    for name, operands, options in calls:
        results = []
        for library, functional in ((pe, nn.functional), (torch, torch.nn.functional)):
            first, *others = (library.tensor(o) for o in operands)
            first.requires_grad_()
            given = {k: library.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
            out = getattr(functional, name)(first, *others, **given)
            out.sum().backward()
            results.append((out.detach().numpy(), first.grad.numpy()))
        for got, want in zip(*results, strict=True):
            # torch rounds the 1e-12 in the slope of binary_cross_entropy to float32
            np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-12, err_msg=name)


def test_losses_refuse_what_they_cannot_take() -> None:
    for bad in (1.5, -0.5):
        with pytest.raises(ValueError, match=r"an input is outside \[0, 1\]; for logits use .*_with_logits"):
            nn.BCELoss()(pe.tensor([bad]), pe.ones(1))
    with pytest.raises(ValueError, match=r"binary_cross_entropy: input \(2,\) and target \(3,\) differ in shape"):
        nn.BCELoss()(pe.ones(2), pe.ones(3))
    with pytest.raises(ValueError, match='KLDivLoss: reduction is "mean"'):
        nn.KLDivLoss(reduction="all")
    with pytest.raises(TypeError, match="one_hot: class numbers are int64, not float32"):
        nn.functional.one_hot(pe.ones(2))
    with pytest.raises(IndexError, match="one_hot: class 3 is outside of the 2 classes"):
        nn.functional.one_hot(pe.tensor([0, 3]), 2)
    with pytest.raises(IndexError, match="embedding: position 9 is outside of the table"):
        nn.Embedding(3, 2)(pe.tensor([9]))


def test_normalising_zeros_gives_zeros_and_gradients_without_nan() -> None:
    x = pe.zeros(2, 3, requires_grad=True)
    y = nn.functional.normalize(x)
    y.sum().backward()
    same(y, np.zeros((2, 3)))
    assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3), (4, 2, 3)])
def test_orthogonal_starts(shape) -> None:
    w = nn.init.orthogonal_(pe.zeros(*shape), gain=2.0, generator=pe.Generator(3)).numpy().reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)
    same(nn.init.orthogonal_(pe.zeros(*shape), gain=2.0, generator=pe.Generator(3)).reshape(shape[0], -1), w)


def test_starts_need_a_weight_of_a_shape_that_fits() -> None:
    same(nn.init.eye_(nn.Linear(2, 3).weight), np.eye(3, 2))
    with pytest.raises(ValueError, match=r"eye_: needs a matrix, not shape \(2,\)"):
        nn.init.eye_(pe.zeros(2))
    with pytest.raises(ValueError, match="orthogonal_: needs a weight of shape"):
        nn.init.orthogonal_(pe.zeros(2))


# --- gradients


def test_tracking_can_be_set_by_a_value_or_a_decorator() -> None:
    w = pe.ones(2, requires_grad=True)
    for mode in (True, False):
        with pe.set_grad_enabled(mode):
            assert (w * 2).requires_grad is mode

    @pe.no_grad
    def plain(x):
        return x * 2

    @pe.no_grad()
    def called(x):
        return x * 2

    assert not plain(w).requires_grad
    assert not called(w).requires_grad
    assert pe.is_grad_enabled()


def test_grad_takes_one_upstream_and_can_refuse_what_is_unused() -> None:
    w, other = pe.ones(2, requires_grad=True), pe.ones(2, requires_grad=True)
    same(pe.grad(w * 3, w, pe.tensor([1.0, 2.0]))[0], [3.0, 6.0])
    assert pe.grad((w * 3).sum(), [w, other], allow_unused=True)[1] is None
    with pytest.raises(ValueError, match=r"no output depends on inputs\[1\]; allow_unused=True gives None"):
        pe.grad((w * 3).sum(), [w, other], allow_unused=False)


def test_gradcheck_takes_one_tensor_and_can_answer() -> None:
    x = pe.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    assert pe.gradcheck(lambda a: a * a, x)
    assert not pe.gradcheck(lambda a: a.detach() * a, x, raise_exception=False)


# --- loading


def test_workers_are_the_background_thread() -> None:
    numbers = list(range(10))
    loader = DataLoader(numbers, batch_size=4, num_workers=3)
    assert loader.prefetch == 2
    assert [batch.tolist() for batch in loader] == [numbers[:4], numbers[4:8], numbers[8:]]
    assert DataLoader(numbers, prefetch=5, num_workers=1).prefetch == 5
    with pytest.raises(ValueError, match="DataLoader: num_workers is a number from 0 on, not -1"):
        DataLoader(numbers, num_workers=-1)


# --- saving


def test_what_is_saved_comes_back(tmp_path) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    optimizer = optim.Adam(model.parameters())
    model(pe.ones(4, 3)).square().sum().backward()
    optimizer.step()
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epoch": 3,
        "best": math.inf,
        "notes": ["a", None, True, (1, 2.5)],
        "mask": pe.tensor([True, False]),
        "empty": {},
    }
    pe.save(state, tmp_path / "state.safetensors")
    found = pe.load(str(tmp_path / "state.safetensors"))
    assert {k: found[k] for k in ("epoch", "best", "notes", "empty")} == {
        "epoch": 3, "best": math.inf, "notes": ["a", None, True, (1, 2.5)], "empty": {},
    }  # fmt: skip
    assert found["mask"].tolist() == [True, False]
    other = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    other.load_state_dict(found["model"])
    twin = optim.Adam(other.parameters())
    twin.load_state_dict(found["optimizer"])
    for m, o in ((model, optimizer), (other, twin)):
        o.zero_grad()
        m(pe.ones(4, 3)).square().sum().backward()
        o.step()
    for name, tensor in model.state_dict().items():
        same(other.state_dict()[name], tensor.numpy())


def test_names_that_meet_stay_apart(tmp_path) -> None:
    pe.save({"a.b": pe.ones(1), "a": {"b": pe.zeros(1)}}, tmp_path / "f")
    found = pe.load(tmp_path / "f")
    assert (found["a.b"].item(), found["a"]["b"].item()) == (1.0, 0.0)


def test_files_of_others_give_their_tensors(tmp_path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file({"w": np.eye(2, dtype=np.float32)}, tmp_path / "f")
    found = pe.load(tmp_path / "f")
    assert list(found) == ["w"]
    same(found["w"], np.eye(2))


@pytest.mark.parametrize("what", [nn.Linear(2, 2), {1.5: 1}, {"a": [object()]}, np.ones(2)])
def test_what_cannot_be_saved_is_named(what, tmp_path) -> None:
    with pytest.raises(TypeError, match=r"^save: "):
        pe.save(what, tmp_path / "f")
    assert not (tmp_path / "f").exists()


def test_damaged_files_are_refused(tmp_path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "f"
    pe.save(pe.ones(3), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        pe.load(path)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match="do not match their checksum"):
        pe.load(path)
    with pytest.raises(OSError, match="nowhere"):
        pe.load(tmp_path / "nowhere")
    for hostile in ({"tensor": "w"}, {"a": 1, "b": 2}, {"what": 1}, {"dict": [1]}, {"list": 3}, {"float": "x"}):
        save_file({}, path, {KEY: json.dumps({"saved": hostile, "crc32": 0})})
        with pytest.raises(ValueError, match="cannot be arranged as its state says"):
            pe.load(path)
