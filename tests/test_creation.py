"""Making tensors, sharing memory with NumPy, gradients with respect to computed tensors."""

import numpy as np
import pytest

import pyengine as pe


def test_from_numpy_shares_memory_both_ways() -> None:
    a = np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::-1]
    t = pe.from_numpy(a)
    a[0, 0] = 50
    assert t[0, 0].item() == 50
    t += 1
    assert a[0, 0] == 51


@pytest.mark.parametrize("kind", ["read-only", "byte-swapped", "unaligned", "odd strides"])
def test_from_numpy_copies_what_kernels_cannot_use(kind) -> None:
    if kind == "read-only":
        a = np.arange(4.0)
        a.flags.writeable = False
    elif kind == "byte-swapped":
        a = np.arange(4.0).astype(">f8")
    elif kind == "unaligned":
        a = np.frombuffer(bytearray(b"x" + np.arange(4.0).tobytes()), np.float64, offset=1)
    else:
        a = np.zeros(4, [("flag", "u1"), ("value", "<f8")])["value"]
        a[:] = range(4)
    t = pe.from_numpy(a)
    assert not np.shares_memory(t.numpy(), a)
    assert t.dtype == np.float64
    assert (t + 1).numpy().tolist() == [1, 2, 3, 4]


def test_as_tensor_keeps_what_it_can() -> None:
    t = pe.ones(2)
    assert pe.as_tensor(t) is t
    a = np.ones(2, np.float32)
    assert np.shares_memory(pe.as_tensor(a).numpy(), a)
    assert pe.as_tensor(a, dtype="float64").dtype == np.float64
    assert pe.as_tensor([1, 2]).dtype == np.int64
    assert pe.as_tensor(t, device="numpy").device.name == "numpy"


def test_shapes_and_dtypes_follow() -> None:
    t = pe.zeros(2, 3, dtype="float64", device="numpy")
    for make, value in ((pe.zeros_like, 0.0), (pe.ones_like, 1.0), (lambda x: pe.full_like(x, 4.0), 4.0)):
        out = make(t)
        assert (out.shape, out.dtype, out.device) == (t.shape, t.dtype, t.device)
        assert (out.numpy() == value).all()
    assert pe.empty_like(t, dtype="int64").dtype == np.int64
    assert pe.eye(2, 3).numpy().tolist() == [[1, 0, 0], [0, 1, 0]]
    assert pe.linspace(0, 1, 1).numpy().tolist() == [0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pe.empty(2, -1), r"empty: shape \(2, -1\)"),
        (lambda: pe.eye(-1), "eye: the shape"),
        (lambda: pe.linspace(0, 1, -1), "linspace: steps is -1"),
    ],
)
def test_negative_sizes(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_from_numpy_refuses_what_is_no_array() -> None:
    with pytest.raises(TypeError, match=r"from_numpy: needs a numpy.ndarray, not list; use pe.tensor"):
        pe.from_numpy([1, 2])
    with pytest.raises(TypeError, match="dtype complex128 is not supported"):
        pe.from_numpy(np.zeros(2, complex))


def test_grad_of_a_computed_tensor() -> None:
    x = pe.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    y = x * x
    z = (y * y * 3.0).sum() + x.sum()
    dy, dx = pe.grad(z, [y, x])
    np.testing.assert_array_equal(dy.numpy(), [6.0, 24.0])
    np.testing.assert_array_equal(dx.numpy(), [13.0, 97.0])
    assert x.grad is None
    assert y.grad is None
    y = x * x
    (dy,) = pe.grad((y * y).sum(), y, create_graph=True)
    (ddy,) = pe.grad(dy.sum(), x)
    np.testing.assert_array_equal(ddy.numpy(), 4 * x.detach().numpy())
    assert id(y.node) not in pe.tape.hooks
