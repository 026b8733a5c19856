"""Indexing, reading and assigning, held to NumPy; positions along one axis; tables of rows."""

import numpy as np
import pytest
from harness import DEVICE_NAMES
from hypothesis import given
from hypothesis import strategies as st
from strategies import Drawn

import pyengine as pe
from pyengine import nn

every_device = pytest.mark.parametrize("device", DEVICE_NAMES)


def draw_entry(pick: Drawn, n: int, common: tuple[int, ...], rng: np.random.Generator):
    """An entry of an index that uses up one axis of length n."""
    kind = pick.choice(("slice", "int", "array", "list", "mask"))
    if kind == "slice" or n == 0:
        return slice(pick.choice((None, 0, 1, -2)), pick.choice((None, n, -1)), pick.choice((None, 1, 2, -1)))
    if kind == "int":
        return pick.choice((0, n - 1, -n))
    positions = rng.integers(-n, n, common)
    if kind == "array":
        return positions
    if kind == "list":
        return positions.tolist()
    # as many chosen as the other arrays have along their last axis
    count = common[-1] if common else 1
    return np.isin(np.arange(n), np.arange(count)) if n >= count else positions


def draw_index(data):
    """An array, and an index of entries of all kinds for it."""
    pick = Drawn(data)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    shape = tuple(pick.choice((3, 1, 4, 0)) for _ in range(pick.choice((1, 2, 3, 4))))
    common = pick.choice(((), (3,), (2, 3), (1,)))
    index = [draw_entry(pick, n, common, rng) for n in shape[: pick.choice(range(1, len(shape) + 1))]]
    if pick.flag():
        index.insert(pick.choice(range(len(index) + 1)), None)
    if len(index) < len(shape) and pick.flag():
        index.append(Ellipsis)
    return np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape), tuple(index)


def tensors(index, device):
    return tuple(pe.tensor(i, device=device) if isinstance(i, np.ndarray) else i for i in index)


@every_device
@given(data=st.data())
def test_reading_follows_numpy(device, data) -> None:
    a, index = draw_index(data)
    got = pe.tensor(a, device=device)[tensors(index, device)].numpy()
    want = a[index]
    assert got.shape == want.shape
    np.testing.assert_array_equal(got, want)


@every_device
@given(data=st.data())
def test_assigning_follows_numpy(device, data) -> None:
    a, index = draw_index(data)
    t = pe.tensor(a, device=device)
    place = a[index]
    value = -np.arange(1, 1 + place.size, dtype=np.float32).reshape(place.shape)
    if Drawn(data).flag() and value.ndim:
        value = value[:1]
    if value.size or not place.size:
        a[index] = value
        t[tensors(index, device)] = pe.tensor(value, device=device)
        # of several values for one place NumPy keeps the last, as we do
        np.testing.assert_array_equal(t.numpy(), a)


def test_masks() -> None:
    a = np.arange(12.0).reshape(3, 4)
    t = pe.tensor(a)
    mask = a % 3 == 1
    np.testing.assert_array_equal(t[mask].numpy(), a[mask])
    np.testing.assert_array_equal(t[pe.tensor(mask[:, 0])].numpy(), a[mask[:, 0]])
    np.testing.assert_array_equal(t[[True, False, True], 1:].numpy(), a[[True, False, True], 1:])
    np.testing.assert_array_equal(t[True].numpy(), a[True])
    np.testing.assert_array_equal(t[np.array(False)].numpy(), a[np.array(False)])
    np.testing.assert_array_equal(t.masked_select(pe.tensor(mask)).numpy(), a[mask])
    np.testing.assert_array_equal(pe.tensor(mask).nonzero().numpy(), np.argwhere(mask))
    t[pe.tensor(mask)] = -1
    a[mask] = -1
    np.testing.assert_array_equal(t.numpy(), a)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (([0, 3],), "position 3 is outside of axis 0, which has length 3"),
        ((0, [0, -5]), "position -5 is outside of axis 1, which has length 4"),
        ((np.zeros((3, 3), bool),), r"the mask has shape \(3, 3\), what it masks \(3, 4\)"),
        (([0], [0], [0]), r"3 indices for a tensor of shape \(3, 4\)"),
        (([0.5],), "positions are integers, not float64"),
        (([0], ..., ...), r"more than one \.\.\."),
    ],
)
def test_a_wrong_index_says_what_is_wrong(index, message) -> None:
    t = pe.zeros(3, 4)
    with pytest.raises(IndexError, match=message):
        t[index]
    with pytest.raises(IndexError, match=message):
        t[index] = 1.0
    assert not t.numpy().any()


def test_indices_that_do_not_broadcast_are_refused() -> None:
    with pytest.raises(ValueError, match="do not broadcast"):
        pe.zeros(3, 4)[[0, 1], [0, 1, 2]]
    with pytest.raises(ValueError, match=r"a value of shape \(3,\) does not broadcast to the place \(2,\)"):
        pe.zeros(3)[[0, 1]] = pe.ones(3)


def test_assigning_a_tensor_to_a_part_of_itself() -> None:
    t = pe.arange(5)
    t[1:] = t[:-1]
    assert t.tolist() == [0, 0, 1, 2, 3]
    t = pe.arange(4)
    t[[3, 2, 1, 0]] = t
    assert t.tolist() == [3, 2, 1, 0]


def test_assigning_casts_and_is_seen_by_views() -> None:
    t = pe.zeros(2, 3, dtype=pe.int64)
    row = t[1]
    t[:, [0, 2]] = 2.7
    assert row.tolist() == [2, 0, 2]


def test_assigning_to_a_saved_value_is_noticed() -> None:
    x = pe.ones(3, requires_grad=True)
    y = pe.tensor([1.0, 2.0, 3.0])
    z = (x * y).sum()
    y[[0]] = 9.0
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()


@pytest.mark.parametrize(
    "index", [np.s_[1], np.s_[:, 1:], [2, 0], (slice(None), [0, 2]), np.array([True, False, True])]
)
def test_tracked_assignment(index) -> None:
    rng = np.random.default_rng(0)
    x = pe.tensor(rng.standard_normal((3, 4)), requires_grad=True)
    v = pe.tensor(rng.standard_normal(x.detach().numpy()[index].shape), requires_grad=True)

    def program(x, v):
        y = x * 2.0
        y[index] = v * v
        return y * y

    assert pe.gradcheck(program, [x, v])
    blank = pe.zeros(3, 4, dtype=pe.float64)
    blank[index] = v
    blank.sum().backward()
    np.testing.assert_array_equal(v.grad.numpy(), np.ones(v.shape))
    with pytest.raises(RuntimeError, match="a leaf that requires a gradient"):
        x[index] = v


def test_gradient_of_repeated_positions_adds_up() -> None:
    x = pe.ones(3, requires_grad=True)
    (x[[0, 2, 2]] * pe.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [1.0, 0.0, 5.0]


@every_device
def test_scatter_takes_numbers_and_wider_sources(device) -> None:
    index = pe.tensor([[0], [2]], device=device)
    assert pe.zeros(2, 3, device=device).scatter(1, index, 4.0).tolist() == [[4, 0, 0], [0, 0, 4]]
    src = pe.tensor([[1.0, 9.0], [2.0, 9.0]], device=device)
    assert pe.ones(2, 3, device=device).scatter_add_(1, index, src).tolist() == [[2, 1, 1], [1, 1, 3]]
    assert pe.zeros(3, 2, device=device).index_add(0, pe.tensor([2, 2], device=device), src)[2].tolist() == [3, 18]


@every_device
def test_index_copy_overwrites_slices(device) -> None:
    x = pe.zeros(2, 3, 4, device=device)
    part = pe.arange(16, device=device).to("float32").reshape(2, 4, 2).transpose(1, 2)  # with other strides
    assert x.index_copy_(-2, pe.tensor([2, 0], device=device), part) is x
    expected = np.zeros((2, 3, 4), np.float32)
    expected[:, [2, 0]] = part.numpy()
    np.testing.assert_array_equal(x.numpy(), expected)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.index_copy_(0, pe.tensor([3]), pe.zeros(1, 2)), IndexError, "position 3 is outside of axis 0"),
        (lambda x: x.index_copy_(0, pe.tensor([1]), pe.zeros(2, 2)), ValueError, "the shape of what is chosen"),
        (lambda x: x.index_copy_(2, pe.tensor([1]), pe.zeros(1, 2)), ValueError, "index_copy_: axis 2 does not exist"),
        (lambda x: x.index_copy_(0, pe.tensor([[1]]), pe.zeros(1, 2)), ValueError, r"one axis, not shape \(1, 1\)"),
        (lambda x: x.index_copy_(0, pe.tensor([0, 1]), x[1:]), ValueError, "shares memory"),
        (lambda x: x.index_copy_(0, pe.tensor([1]), pe.zeros(1, 2, requires_grad=True)), RuntimeError, "not tracked"),
    ],
)
def test_index_copy_refuses(call, error, message) -> None:
    x = pe.ones(3, 2)
    with pytest.raises(error, match=message):
        call(x)
    assert x.tolist() == [[1.0, 1.0]] * 3


def test_embedding_leaves_its_padding_row_alone() -> None:
    weight = pe.ones(4, 2, requires_grad=True)
    nn.functional.embedding(pe.tensor([[0, 3], [0, 1]]), weight, padding_idx=-1).sum().backward()
    assert weight.grad.tolist() == [[2, 2], [1, 1], [0, 0], [0, 0]]
    for bad in (-1, 4):
        with pytest.raises(IndexError, match=f"embedding: position {bad} is outside of the table, which has length 4"):
            nn.functional.embedding(pe.tensor([bad]), weight)


def test_one_hot() -> None:
    assert nn.functional.one_hot(pe.tensor([[1], [0]]), 3).tolist() == [[[0, 1, 0]], [[1, 0, 0]]]
    with pytest.raises(IndexError, match="one_hot: class 3 is outside of the 3 classes"):
        nn.functional.one_hot(pe.tensor([3]), 3)
