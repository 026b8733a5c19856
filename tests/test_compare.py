"""Comparisons, choices, powers and whole quotients as methods and operators: held to NumPy, and at their corners."""

import operator

import numpy as np
import pytest
from harness import DEVICE_NAMES

import pyengine as pe
from pyengine import tape
from pyengine.autograd import grad
from pyengine.dtypes import ALL
from pyengine.ops import OPS

every_device = pytest.mark.parametrize("device", DEVICE_NAMES)
NAN, INF = float("nan"), float("inf")


def same(tensor: pe.Tensor, array) -> None:
    array = np.asarray(array)
    assert tensor.shape == array.shape
    assert tensor.dtype == array.dtype
    np.testing.assert_array_equal(tensor.detach().numpy(), array)


# --- comparisons


@every_device
@pytest.mark.parametrize("op", [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge])
def test_comparison_operators(device, op) -> None:
    a, b = np.array([[1.0, NAN, 3.0], [2.0, -INF, 0.0]], np.float32), np.array([1.0, 2.0, -0.0], np.float32)
    t = pe.tensor(a, device=device)
    same(op(t, pe.tensor(b, device=device)), op(a, b))
    same(op(t, 2), op(a, 2))
    same(op(1.5, t), op(1.5, a))
    same(op(b, t), op(b, a))
    assert not op(t.requires_grad_(), 2).requires_grad


@every_device
@pytest.mark.parametrize("left", ALL, ids=str)
@pytest.mark.parametrize("right", ALL, ids=str)
def test_every_pair_of_dtypes_compares(device, left, right) -> None:
    a, b = np.array([0, 1, 1]).astype(left), np.array([1, 1, 0]).astype(right)
    same(pe.tensor(a, device=device) < pe.tensor(b, device=device), [True, False, False])
    same(pe.tensor(a, device=device) == pe.tensor(b, device=device), [False, True, False])


@every_device
def test_integers_beyond_float64_compare_exactly(device) -> None:
    a, b = pe.tensor([2**53, 2**53 + 1], device=device), pe.tensor([2**53 + 1, 2**53 + 1], device=device)
    same(a == b, [False, True])
    same(a < b, [True, False])


def test_a_tensor_is_hashed_by_identity() -> None:
    a, b = pe.ones(2), pe.ones(2)
    names = {a: "a", b: "b"}
    assert names[a] == "a"
    assert names[b] == "b"
    assert len({a, b, a}) == 2
    assert hash(a) == hash(a)


def test_what_is_no_number_is_not_equal() -> None:
    x = pe.ones(2)
    assert (x == None) is False  # noqa: E711
    assert (x != "text") is True
    with pytest.raises(TypeError, match="not supported between instances"):
        x < "text"  # noqa: B015


def test_contains_looks_at_elements() -> None:
    assert 2 in pe.tensor([1, 2])
    assert 3 not in pe.tensor([1, 2])


def test_the_truth_of_many_elements_is_refused_and_explained() -> None:
    with pytest.raises(ValueError, match=r"bool\(\): a tensor of shape \(2,\) .* x.any\(\) or x.all\(\)"):
        bool(pe.ones(2) == pe.ones(2))
    with pytest.raises(ValueError, match=r"shape \(0,\)"):
        bool(pe.ones(0))
    assert pe.tensor([3.0])
    assert not pe.tensor(0)


@every_device
def test_closeness_agrees_with_numpy(device) -> None:
    a = np.array([1.0, 1.0, INF, INF, NAN, 0.0, 1e-9, -INF])
    b = np.array([1.0 + 1e-6, 1.1, INF, 1.0, NAN, 1e-9, 0.0, INF])
    x, y = pe.tensor(a, device=device), pe.tensor(b, device=device)
    for options in ({}, {"equal_nan": True}, {"rtol": 0.2}, {"atol": 1e-12}):
        same(x.isclose(y, **options), np.isclose(a, b, **options))
        assert x.allclose(y, **options) == np.allclose(a, b, **options)
    assert pe.allclose(pe.tensor([1, 2], device=device), pe.tensor([1, 2], device=device))
    assert pe.tensor([1.0]).isclose(pe.tensor([1], dtype="int64")).item()
    assert pe.equal(x[:4], x[:4])
    assert not pe.equal(x, x)  # NaN
    assert not pe.ones(2).equal(pe.ones(2, 1))


@every_device
def test_classes_of_numbers(device) -> None:
    a = np.array([1.0, NAN, INF, -INF])
    for dtype in (np.float16, np.float32, np.float64):
        x = pe.tensor(a.astype(dtype), device=device)
        for name in ("isnan", "isinf", "isfinite"):
            same(getattr(x, name)(), getattr(np, name)(a))
    same(pe.tensor([1, 2], device=device).isfinite(), [True, True])


# --- logic


@every_device
def test_logic(device) -> None:
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    x, y = pe.tensor(a, device=device), pe.tensor(b, device=device)
    same(x & y, a & b)
    same(x | y, a | b)
    same(x ^ y, a ^ b)
    same(~x, ~a)
    same(x & True, a)
    same(True ^ x, ~a)
    i = np.array([6, -5, 0, 2**40])
    t = pe.tensor(i, device=device)
    same(t & 3, i & 3)
    same(5 | t, 5 | i)
    same(~t, ~i)
    same(t & y, i & b)
    zeros = pe.tensor([0.0, 2.0, NAN, 0.0], device=device)
    same(zeros.logical_and(y), [False, False, True, False])
    same(zeros.logical_or(x), [True, True, True, False])
    same(zeros.logical_xor(x), [True, False, True, False])
    same(zeros.logical_not(), [True, False, False, True])


def test_bits_of_floats_are_refused() -> None:
    with pytest.raises(TypeError, match=r"bitwise_and: works on bool or int64, not float32; cast with .bool\(\)"):
        pe.ones(2) & pe.ones(2)


# --- choices


@every_device
def test_where_takes_numbers(device) -> None:
    c = pe.tensor([[True], [False]], device=device)
    x = pe.tensor([1.0, 2.0], device=device)
    same(pe.where(c, x, 0), np.array([[1, 2], [0, 0]], np.float32))
    same(pe.where(c, -1, x), np.array([[-1, -1], [1, 2]], np.float32))
    same(pe.where(c, 1, 2.5), np.array([[1], [2.5]], np.float32))
    same(pe.where(c, x, pe.tensor([3, 4], device=device)), np.array([[1, 2], [3, 4]], np.float32))
    rows, columns = pe.where(x > pe.tensor([[1.5], [0.0]], device=device))
    same(rows, [0, 1, 1])
    same(columns, [1, 0, 1])


def test_a_condition_is_bool() -> None:
    with pytest.raises(TypeError, match="where: the condition is bool, not float32; compare"):
        pe.where(pe.ones(2), 1.0, pe.ones(2))
    with pytest.raises(ValueError, match="where: give both"):
        pe.where(pe.ones(2) > 0, 1.0)


@every_device
def test_no_gradient_leaks_from_the_side_that_was_not_chosen(device) -> None:
    x = pe.tensor([-1.0, 0.0, 4.0], device=device, requires_grad=True)
    pe.where(x > 0, x, 1.0).sqrt().sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.array([0, 0, 0.25], np.float32))


@every_device
def test_ties_share_the_gradient_of_maximum(device) -> None:
    a = pe.tensor([1.0, 2.0, 3.0, NAN], device=device, requires_grad=True)
    b = pe.tensor([2.0, 2.0, 2.0, 2.0], device=device, requires_grad=True)
    pe.maximum(a, b).sum().backward()
    np.testing.assert_array_equal(a.grad.data, np.array([0, 0.5, 1, 1], np.float32))
    np.testing.assert_array_equal(b.grad.data[:3], np.array([1, 0.5, 0], np.float32))
    same(pe.minimum(a, 2.5), np.array([1, 2, 2.5, NAN], np.float32))
    same(pe.maximum(pe.tensor([1, -5], device=device), pe.tensor([0, -9], device=device)), [1, -5])


@every_device
def test_clamp(device) -> None:
    a = np.array([-2.0, -1.0, 0.5, 1.0, NAN, INF], np.float32)
    x = pe.tensor(a, device=device, requires_grad=True)
    y = x.clamp(-1, 1)
    same(y, np.clip(a, -1, 1))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.array([0, 1, 1, 1, 0, 0], np.float32))
    same(x.clamp(min=0), np.clip(a, 0, None))
    same(x.clip(max=0), np.clip(a, None, 0))
    same(x.clamp(1, -1)[:4], np.full(4, -1, np.float32))
    i = pe.tensor([-5, 0, 5], device=device)
    same(i.clamp(-1, 1), [-1, 0, 1])
    same(i.clamp(min=0.5), np.array([0.5, 0.5, 5], np.float32))
    same(pe.clamp(i, max=pe.tensor([[1], [-9]], device=device)), [[-5, 0, 1], [-9, -9, -9]])
    with pytest.raises(ValueError, match="clamp: give min, max or both"):
        x.clamp()


@every_device
def test_masks_fill(device) -> None:
    scores = pe.zeros(3, 3, device=device, requires_grad=True)
    hidden = pe.ones(3, 3, dtype=pe.bool, device=device).triu(1)
    filled = scores.masked_fill(hidden, -INF)
    same(filled, np.where(np.triu(np.ones((3, 3), bool), 1), np.float32(-INF), np.float32(0)))
    filled.softmax()[1].sum().backward()
    assert np.isfinite(scores.grad.data).all()
    i = pe.tensor([1, 2], device=device)
    same(i.masked_fill(i == 2, 7), [1, 7])
    value = pe.tensor(3.0, device=device, requires_grad=True)
    pe.zeros(2, 3, device=device).masked_fill(pe.tensor([True, False, True], device=device), value).sum().backward()
    assert value.grad.item() == 4


@pytest.mark.parametrize("offset", [-2, 0, 1, 5])
def test_indices_of_triangles(offset) -> None:
    x = pe.arange(12).reshape(3, 4)
    for indices, triangle in ((pe.tril_indices(3, 4, offset), np.tril), (pe.triu_indices(3, 4, offset), np.triu)):
        rows, columns = indices
        chosen = triangle(np.ones((3, 4), bool), offset)
        same(x[rows, columns], np.arange(12).reshape(3, 4)[chosen])
    with pytest.raises(ValueError, match=r"tril_indices: .* negative length"):
        pe.tril_indices(-1, 2)


# --- in place


@every_device
def test_choices_in_place(device) -> None:
    base = pe.tensor([[1.0, -2.0], [3.0, -4.0]], device=device)
    view = base[0]
    assert view.clamp_(min=0) is view
    same(base, np.array([[1, 0], [3, -4]], np.float32))
    base.masked_fill_(base < 0, 9)
    same(base, np.array([[1, 0], [3, 9]], np.float32))
    same(base.clone().tril_(), np.array([[1, 0], [3, 9]], np.float32))
    same(base.triu_(1), np.array([[0, 0], [0, 0]], np.float32))


@every_device
def test_choices_in_place_are_tracked(device) -> None:
    x = pe.tensor([-1.0, 0.5, 2.0], device=device, requires_grad=True)
    y = x * 1
    y.clamp_(0, 1).masked_fill_(y > 0.9, 0)
    (y * y).sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.array([0, 1, 0], np.float32))
    with pytest.raises(RuntimeError, match="clamp_: a leaf that requires a gradient cannot change in place"):
        x.clamp_(0)
    with pe.no_grad():
        x.clamp_(0)
    same(x, np.array([0, 0.5, 2], np.float32))


def test_what_does_not_fit_in_place_is_refused() -> None:
    with pytest.raises(ValueError, match=r"masked_fill_: the result is float32\(2, 2\)"):
        pe.zeros(2).masked_fill_(pe.ones(2, 2, dtype=pe.bool), 1)
    with pytest.raises(TypeError, match="clamp_: the result is float32"):
        pe.tensor([1, 2]).clamp_(0.5)


# --- powers and quotients


@every_device
@pytest.mark.parametrize("exponent", [2, 0.5, -0.5, -1, 0, 1, 3, 2.5, -2])
def test_powers_and_their_gradients(device, exponent) -> None:
    a = np.array([0.5, 1.0, 4.0])
    x = pe.tensor(a, device=device, requires_grad=True)
    y = x**exponent
    np.testing.assert_allclose(y.detach().numpy(), a**exponent, rtol=1e-15)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.data, exponent * a ** (exponent - 1), rtol=1e-14)


@every_device
def test_gradients_of_powers_at_zero(device) -> None:
    """What calculus says, and torch: the slope of x^0 is 0, of 0^y it is 0 for y >= 0."""
    x = pe.tensor([0.0, 0.0, 0.0, 0.0, 2.0], device=device, requires_grad=True)
    y = pe.tensor([0.0, 1.0, 2.0, 0.5, 0.0], device=device, requires_grad=True)
    dx, dy = grad((x**y).sum(), [x, y])
    same(dx, np.array([0, 1, 0, INF, 0], np.float32))
    np.testing.assert_allclose(dy.data, np.array([0, 0, 0, 0, np.log(2.0)], np.float32), rtol=1e-6)
    for exponent, slope in ((0, 0.0), (1, 1.0), (2, 0.0), (3, 0.0)):
        z = pe.tensor(0.0, device=device, requires_grad=True)
        (first,) = grad(z**exponent, z, create_graph=True)
        assert first.item() == slope
    z = pe.tensor(0.0, device=device, requires_grad=True)
    value, found = z**3, []
    for _ in range(5):
        (value,) = grad(value, z, create_graph=True)
        found.append(value.item())
    assert found == [0, 0, 6, 0, 0]


@every_device
def test_powers_of_integers(device) -> None:
    a = np.array([-3, -1, 0, 1, 2])
    x = pe.tensor(a, device=device)
    same(x**3, a**3)
    same(x**0, np.ones(5, np.int64))
    same(x ** pe.tensor([2, 5, 0, -7, 62], device=device), [9, -1, 1, 1, 2**62])
    same(x ** pe.tensor([-1, -3, 0, -1, -1], device=device), [0, -1, 1, 1, 0])
    same(2 ** pe.tensor([3, 10], device=device), [8, 1024])
    same(x[3:] ** 0.5, np.sqrt(a[3:]).astype(np.float32))
    with pytest.raises(ValueError, match="pow: an integer to the negative power -1 is not whole; cast"):
        x**-1


@every_device
def test_whole_quotients(device) -> None:
    a, b = np.array([7, -7, 7, -7, 6]), np.array([2, 2, -2, -2, 3])
    for dtype in (np.int64, np.float32, np.float64):
        x, y = pe.tensor(a.astype(dtype), device=device), pe.tensor(b.astype(dtype), device=device)
        same(x // y, (a // b).astype(dtype))
        same(x % y, (a % b).astype(dtype))
        same(x.div(y, rounding_mode="floor"), (a // b).astype(dtype))
    same(10 // pe.tensor([3, -3], device=device), [3, -4])
    same(10 % pe.tensor([3, -3], device=device), [1, -2])
    same(pe.tensor([-(2**63)], device=device) // -1, [-(2**63)])
    for call in (lambda x: x // 0, lambda x: x % pe.tensor([[1], [0]], device=device)):
        with pytest.raises(RuntimeError, match="an integer is divided by 0"):
            call(pe.tensor([1, 2], device=device))
    same(pe.zeros(0, dtype=pe.int64, device=device) // 0, np.zeros(0, np.int64))


def test_named_arithmetic() -> None:
    x, y = pe.tensor([1.0, 2.0]), pe.tensor([3.0, 5.0])
    same(x.add(y, alpha=2), np.array([7, 12], np.float32))
    same(pe.sub(x, y, alpha=2), np.array([-5, -8], np.float32))
    same(pe.mul(x, y), np.array([3, 10], np.float32))
    same(pe.div(y, x), np.array([3, 2.5], np.float32))
    same(pe.neg(x), np.array([-1, -2], np.float32))
    with pytest.raises(ValueError, match="rounding_mode"):
        x.div(y, rounding_mode="up")


# --- what is not a real number is not tracked


@every_device
def test_positions_and_casts_are_not_tracked(device) -> None:
    x = pe.tensor([3.0, 1.0, 2.0], device=device, requires_grad=True)
    values, positions = tape.apply(OPS["sort"], (x,), {"axis": 0, "descending": False})
    assert values.requires_grad
    assert not positions.requires_grad
    assert positions.node is None
    assert not x.long().requires_grad
    assert not x.topk(2).indices.requires_grad
    (values * positions.float()).sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.array([0, 1, 2], np.float32))
