"""Tensor: making, converting, combining, indexing and reshaping, held to NumPy; what is shared and what is copied."""

import operator

import numpy as np
import pytest
from harness import DEVICE_NAMES
from hypothesis import given
from hypothesis import strategies as st
from strategies import Drawn

import pyengine as pe
from pyengine.backend import decode_index
from pyengine.cases.views import _draw_index
from pyengine.dtypes import ALL, is_float, promote

every_device = pytest.mark.parametrize("device", DEVICE_NAMES)


def same(tensor: pe.Tensor, array) -> None:
    array = np.asarray(array)
    assert tensor.shape == array.shape
    assert tensor.dtype == array.dtype
    np.testing.assert_array_equal(tensor.detach().numpy(), array)


# --- making


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, pe.float32),
        (7, pe.int64),
        (True, pe.bool),
        ([1, 2.5], pe.float32),
        ([[1, 2], [3, 4]], pe.int64),
        ([], pe.float32),
        (np.float64(1.5), pe.float64),
        (np.array([1, 2], np.int32), pe.int32),
        (np.array([1, 2], ">f4"), pe.float32),
    ],
)
def test_dtype_follows_the_data(data, dtype) -> None:
    assert pe.tensor(data).dtype == dtype
    assert pe.tensor(data).shape == np.shape(data)
    np.testing.assert_array_equal(pe.tensor(data).numpy(), data)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_a_tensor_is_a_copy_of_any_supported_dtype(dtype) -> None:
    source = np.array([[1, 0, 3]]).astype(dtype)
    t = pe.tensor(source)
    same(t, source)
    source[...] = 0
    assert t.numpy().any()
    same(pe.tensor(pe.tensor([1, 0, 3]), dtype=dtype), np.array([1, 0, 3]).astype(dtype))


@pytest.mark.parametrize("view", [np.s_[::-1], np.s_[::2, 1:], np.s_[..., ::-1], np.s_[1], np.s_[:0]])
def test_strided_and_read_only_arrays_are_copied_in(view) -> None:
    source = np.arange(12.0).reshape(3, 4)[view]
    source.flags.writeable = False
    t = pe.tensor(source)
    same(t, source)
    assert t.numpy().flags.c_contiguous
    assert t.numpy().flags.writeable


@every_device
def test_filled_tensors(device) -> None:
    same(pe.zeros(2, 3, device=device), np.zeros((2, 3), np.float32))
    same(pe.zeros((2, 3), dtype=pe.int64, device=device), np.zeros((2, 3), np.int64))
    same(pe.ones(0, device=device), np.ones(0, np.float32))
    same(pe.full(3, 2.5, device=device), np.full(3, 2.5, np.float32))
    same(pe.full((2, 1), 7, device=device), np.full((2, 1), 7))
    same(pe.full((), 1.0, pe.float64, device=device), np.ones(()))
    assert pe.zeros(2, device=device).device is pe.device(device)
    assert pe.ones(2, requires_grad=True, device=device).requires_grad


@pytest.mark.parametrize("arguments", [(5,), (0,), (2, 9), (1.0, 2.0, 0.25), (5, 0, -2), (0, 1, 0.5), (3, 3)])
def test_arange(arguments) -> None:
    want = np.arange(*arguments)
    same(pe.arange(*arguments), want.astype(np.float32) if want.dtype.kind == "f" else want)


def test_random_numbers_follow_seed_and_position() -> None:
    pe.manual_seed(3)
    first, second = pe.rand(5), pe.rand(2, 2, dtype=pe.float64)
    pe.manual_seed(3)
    same(pe.rand(5), first.numpy())
    same(pe.rand(2, 2, dtype=pe.float64), second.numpy())
    assert not np.array_equal(pe.rand(5).numpy(), first.numpy())
    generator = pe.Generator(3)
    together = pe.rand(10, generator=generator).numpy()
    apart = pe.Generator(3)
    pieces = [pe.rand(n, generator=apart).numpy() for n in (3, 0, 1, 6)]
    np.testing.assert_array_equal(np.concatenate(pieces), together)
    same(pe.rand(5, generator=pe.Generator(3)), first.numpy())


def test_random_numbers_are_the_same_on_every_device() -> None:
    draws = [pe.uniform((100,), -1.0, 1.0, device=d, generator=pe.Generator(5)).numpy() for d in DEVICE_NAMES]
    for other in draws[1:]:
        np.testing.assert_array_equal(other, draws[0])


def test_generators_without_a_seed_differ() -> None:
    assert pe.Generator().seed != pe.Generator().seed


# --- what it is


def test_attributes() -> None:
    t = pe.tensor(np.zeros((2, 3)))
    assert (t.shape, t.ndim, t.numel(), len(t)) == ((2, 3), 2, 6, 2)
    assert (t.size(), t.size(0), t.size(-1)) == ((2, 3), 2, 3)
    assert t.is_leaf
    assert not t.requires_grad
    tracked = pe.ones(2, requires_grad=True)
    assert tracked.is_leaf
    assert not (tracked * 2).is_leaf


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (lambda: pe.tensor([1.0, 2.5]), "tensor([1. , 2.5])"),
        (lambda: pe.tensor([1, 2]), "tensor([1, 2])"),
        (lambda: pe.tensor(True), "tensor(True)"),
        (lambda: pe.tensor([1.0], dtype="float64"), "tensor([1.], dtype=float64)"),
        (lambda: pe.tensor([1.0], device="numpy"), "tensor([1.], device=numpy)"),
        (lambda: pe.tensor([1.0], requires_grad=True), "tensor([1.], requires_grad=True)"),
        (lambda: pe.tensor([1.0], requires_grad=True) * 2, "tensor([2.], made by mul)"),
    ],
)
def test_repr(tensor, text) -> None:
    assert repr(tensor()) == text


def test_conversions() -> None:
    assert pe.tensor([[2.5]]).item() == 2.5
    assert isinstance(pe.tensor(3).item(), int)
    assert float(pe.tensor([2.5])) == 2.5
    assert int(pe.tensor(3.7)) == 3
    assert bool(pe.tensor(0.0)) is False
    assert bool(pe.tensor([1])) is True
    t = pe.tensor([1.0, 2.0])
    assert np.shares_memory(t.numpy(), t.numpy())
    np.testing.assert_array_equal(np.asarray(t), [1.0, 2.0])
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert t.detach().numpy() is t.numpy()


def test_detach_shares_memory_and_forgets_history() -> None:
    x = pe.tensor([1.0, 2.0], requires_grad=True)
    d = x.detach()
    assert not d.requires_grad
    assert np.shares_memory(d.numpy(), x.detach().numpy())


def test_clone_copies_and_keeps_history() -> None:
    x = pe.tensor([1.0, 2.0], requires_grad=True)
    c = x.clone()
    assert not np.shares_memory(c.detach().numpy(), x.detach().numpy())
    (c * c).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 4.0])


@pytest.mark.parametrize("source", ALL, ids=str)
@pytest.mark.parametrize("target", ALL, ids=str)
@every_device
def test_to_another_dtype(device, source, target) -> None:
    values = np.array([0, 1, 2, 100]).astype(source)
    t = pe.tensor(values, device=device)
    same(t.to(target), values.astype(target))
    same(t.to(target.name), values.astype(target))
    assert (t.to(target) is t) == (source == target)


def test_to_another_device() -> None:
    x = pe.tensor([1.0, 2.0], requires_grad=True)
    moved = x.to("numpy")
    assert moved.device is pe.device("numpy")
    assert moved.requires_grad
    assert moved.is_leaf
    assert x.to("cpu") is x
    both = x.detach().to(pe.device("numpy"), "float64")
    assert (both.device.name, both.dtype) == ("numpy", pe.float64)


# --- operators

OPERATORS = (operator.add, operator.sub, operator.mul, operator.truediv)


@every_device
@pytest.mark.parametrize("op", OPERATORS)
@given(data=st.data())
def test_operators_follow_numpy(device, op, data) -> None:
    pick = Drawn(data)
    shape = pick.shape(most=3)
    a_dtype, b_dtype = pick.choice((pe.float32, pe.float64)), pick.choice((pe.float32, pe.float64))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    a = rng.integers(1, 9, shape).astype(a_dtype)
    b = rng.integers(1, 9, pick.narrowed(shape)).astype(b_dtype)
    with np.errstate(all="ignore"):
        same(op(pe.tensor(a, device=device), pe.tensor(b, device=device)), op(a, b))


@every_device
@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("number", [2, 2.5, True, np.float32(2.5), np.float64(2.5)])
def test_numbers_on_either_side(device, op, number) -> None:
    a = np.array([1.0, 2.0, 4.0], np.float32)
    t = pe.tensor(a, device=device)
    same(op(t, number), op(a, np.float32(number)))
    same(op(number, t), op(np.float32(number), a))


@every_device
def test_integers_stay_integers_except_in_division(device) -> None:
    a, b = pe.tensor([7, -8], device=device), pe.tensor([2, 4], device=device)
    same(a + b, np.array([9, -4]))
    same(a - 3, np.array([4, -11]))
    same(3 - a, np.array([-4, 11]))
    same(a * b, np.array([14, -32]))
    same(-a, np.array([-7, 8]))
    same(a / b, np.array([3.5, -2.0], np.float32))
    same(1 / b, np.array([0.5, 0.25], np.float32))
    same(a * 0.5, np.array([3.5, -4.0], np.float32))
    same(a + pe.tensor([0.5, 0.5], device=device), np.array([7.5, -7.5], np.float32))


def test_numpy_arrays_may_stand_on_either_side() -> None:
    t, a = pe.tensor([1.0, 2.0]), np.array([10.0, 20.0], np.float32)
    same(t + a, t.numpy() + a)
    same(a + t, t.numpy() + a)
    same(a - t, a - t.numpy())
    same(a / t, a / t.numpy())
    same(np.float32(3) * t, np.float32(3) * t.numpy())


@pytest.mark.parametrize("a", ALL, ids=str)
@pytest.mark.parametrize("b", ALL, ids=str)
def test_promotion_is_symmetric_and_keeps_the_kind(a, b) -> None:
    out = promote(a, b)
    assert out == promote(b, a)
    assert out in (a, b) or (out == pe.float32 and {a, b} == {pe.float16, pe.bfloat16})
    if a.kind == b.kind:
        assert out == np.promote_types(a, b)
    assert is_float(out) == (is_float(a) or is_float(b))
    if {a, b} == {pe.bfloat16, pe.float32}:
        assert out == pe.float32


@every_device
@pytest.mark.parametrize(
    ("a", "b"),
    [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((4, 2, 3), (3,)), ((3,), (4, 3, 2)), ((2, 1, 2, 3), (5, 3, 4))],
)
def test_matmul_of_vectors_matrices_and_batches(device, a, b) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(-4, 5, a).astype(np.float32), rng.integers(-4, 5, b).astype(np.float32)
    same(pe.tensor(x, device=device) @ pe.tensor(y, device=device), x @ y)
    same(pe.tensor(x, device=device).matmul(pe.tensor(y, device=device)), x @ y)
    same(x @ pe.tensor(y, device=device), x @ y)


@every_device
def test_reductions_and_functions(device) -> None:
    a = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]], np.float32)
    t = pe.tensor(a, device=device)
    same(t.sum(), a.sum())
    same(t.sum(0), a.sum(0))
    same(t.sum(-1, keepdim=True), a.sum(-1, keepdims=True))
    same(t.sum((0, 1)), a.sum())
    same(t.mean(), np.float32(5 / 6))
    same(t.mean(0), a.mean(0))
    same(t.mean((0, 1), keepdim=True), a.mean(keepdims=True))
    same(t.relu(), np.maximum(a, 0))
    for dim in (0, 1, -1):
        e = np.exp(a.astype(np.float64))
        np.testing.assert_allclose(t.softmax(dim).numpy(), e / e.sum(dim, keepdims=True), rtol=1e-6)


# --- indexing and shapes


@every_device
@given(data=st.data())
def test_indexing_follows_numpy(device, data) -> None:
    pick = Drawn(data)
    shape = pick.shape(most=4)
    a = np.arange(int(np.prod(shape))).reshape(shape)
    index = decode_index(_draw_index(pick, shape))
    t = pe.tensor(a, device=device)
    same(t[index], a[index])
    if len(index) == 1:
        same(t[index[0]], a[index[0]])


def test_basic_indexing_gives_views() -> None:
    t = pe.tensor(np.arange(12.0).reshape(3, 4))
    for index in (0, np.s_[1:], np.s_[:, ::2], np.s_[..., 1], None, np.s_[::-1]):
        assert np.shares_memory(t[index].numpy(), t.numpy())
    assert t[np.int64(1)].shape == (4,)
    assert [row.numpy().tolist() for row in t] == t.numpy().tolist()


@every_device
def test_shapes_follow_numpy(device) -> None:
    a = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    t = pe.tensor(a, device=device)
    same(t.reshape(6, 4), a.reshape(6, 4))
    same(t.reshape((-1, 2)), a.reshape(-1, 2))
    same(t.view(4, -1, 2), a.reshape(4, -1, 2))
    same(t.permute(2, 0, 1), a.transpose(2, 0, 1))
    same(t.permute((-1, 0, 1)), a.transpose(2, 0, 1))
    same(t.transpose(0, 2), a.swapaxes(0, 2))
    same(t.transpose(-1, -2), a.swapaxes(1, 2))
    same(t.mT, a.swapaxes(1, 2))
    same(t[0].T, a[0].T)
    same(t[0, 0].T, a[0, 0])
    same(t[:, :1].expand(2, 3, 4), np.broadcast_to(a[:, :1], (2, 3, 4)))
    same(t[0].expand((5, 3, 4)), np.broadcast_to(a[0], (5, 3, 4)))
    same(t.permute(2, 0, 1).reshape(-1), a.transpose(2, 0, 1).reshape(-1))  # no view can do that: it copies


def test_reshape_is_a_view_where_strides_allow() -> None:
    t = pe.tensor(np.arange(24.0).reshape(4, 6))
    for view in (t.reshape(24), t[:, :2].reshape(4, 2, 1), t.T.reshape(6, 2, 2), t.reshape(2, 2, 6)):
        assert np.shares_memory(view.numpy(), t.numpy())
    assert not np.shares_memory(t.T.reshape(24).numpy(), t.numpy())


def test_gradients_flow_through_views() -> None:
    x = pe.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    (x[:, 1] * 10.0).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[0, 10, 0], [0, 10, 0]])
    x.grad = None
    (x.T.reshape(-1) * pe.arange(0, 6).to("float64")).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[0, 2, 4], [1, 3, 5]])


def test_writes_to_views_reach_the_base() -> None:
    t = pe.zeros(2, 3)
    t[1].fill_(7.0)
    np.testing.assert_array_equal(t.numpy(), [[0, 0, 0], [7, 7, 7]])


# --- threads


@pytest.mark.parametrize("count", [1, 2, 3])
def test_number_of_threads(count) -> None:
    pe.set_num_threads(count)
    assert pe.get_num_threads() == count


@every_device
def test_named_products_are_numpys(device) -> None:
    rng = np.random.default_rng(0)
    a, b, c = (rng.integers(-4, 5, shape).astype(np.float32) for shape in ((2, 3, 4), (2, 4, 5), (4,)))
    t = {name: pe.tensor(value, device=device) for name, value in {"a": a, "b": b, "c": c}.items()}
    same(t["a"][0].mm(t["b"][0]), a[0] @ b[0])
    same(t["a"].bmm(t["b"]), a @ b)
    same(t["a"][0, 0].dot(t["c"]), a[0, 0] @ c)
    same(t["a"][0, :, 0].outer(t["c"]), np.outer(a[0, :, 0], c))
