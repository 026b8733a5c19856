"""Results that go past the caches: the same bits, wherever they begin and however they lie."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyengine as pe
from pyengine import _core, backend

K = backend.cpu.kernels
RNG = np.random.default_rng(0)
EVERYTHING = -1  # as a limit


@pytest.fixture
def limit() -> Iterator[Any]:
    before = _core.set_stream_limit(2**60)
    yield _core.set_stream_limit
    _core.set_stream_limit(before)


def shifted(shape: tuple[int, ...], by: int, dtype: Any) -> Any:
    """An array of NaN that begins `by` elements behind a cache line's border."""
    size = int(np.prod(shape))
    memory = np.full(size + 64, np.nan, dtype)
    start = -memory.ctypes.data // memory.itemsize % (64 // memory.itemsize) + by
    out = memory[start : start + size].reshape(shape)
    assert out.ctypes.data % 64 == by * memory.itemsize % 64
    return out


def both(limit: Any, run: Any, shape: tuple[int, ...], by: int, dtype: Any) -> None:
    results = []
    for setting in (2**60, EVERYTHING):
        out = shifted(shape, by, dtype)
        limit(setting)
        run(out)
        assert np.isnan(out.base).sum() == 64, "what stands before and behind the result was written to"
        results.append(out.copy())
    np.testing.assert_array_equal(results[0].view(np.uint8), results[1].view(np.uint8))
    assert not np.isnan(out).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("by", [0, 1, 3, 5])
@pytest.mark.parametrize("shape", [(32769,), (70001,), (301, 257), (40, 1024)])
def test_elementwise(limit: Any, shape: tuple[int, ...], by: int, dtype: Any) -> None:
    a, b = (RNG.standard_normal(shape).astype(dtype) for _ in range(2))
    row, one = b[..., :1], np.asarray(2.5, dtype)
    both(limit, lambda out: K.add(a, b, out=out), shape, by, dtype)
    both(limit, lambda out: K.mul(a, one, out=out), shape, by, dtype)
    both(limit, lambda out: K.sub(a, row, out=out), shape, by, dtype)
    both(limit, lambda out: K.exp(a, out=out), shape, by, dtype)
    both(limit, lambda out: K.clamp(a, one, one, out=out), shape, by, dtype)


def test_strided_operands_and_results(limit: Any) -> None:
    a, b = RNG.standard_normal((2, 300, 200)).astype(np.float32)
    both(limit, lambda out: K.add(a, b.T.reshape(200, 300).T, out=out), (300, 200), 1, np.float32)
    both(limit, lambda out: K.add(a.T, b.T, out=out.T), (300, 200), 2, np.float32)

    def with_gaps(out: Any) -> None:
        out.fill(0)
        K.add(a[:, ::2], b[:, ::2], out=out[:, ::2])

    both(limit, with_gaps, (300, 200), 3, np.float32)


@pytest.mark.parametrize("by", [0, 1, 7])
def test_copies(limit: Any, by: int) -> None:
    a = RNG.standard_normal((70, 1001)).astype(np.float32)
    both(limit, lambda out: K.copy(a, dtype=a.dtype, out=out), a.shape, by, np.float32)
    both(limit, lambda out: K.copy(a[:, 1:], dtype=a.dtype, out=out), (70, 1000), by, np.float32)
    both(limit, lambda out: K.copy(a.T, dtype=a.dtype, out=out), (1001, 70), by, np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("by", [0, 1, 7])
def test_fills(limit: Any, by: int, dtype: Any) -> None:
    both(limit, lambda out: K.full(out.shape, -2.5, out.dtype, out=out), (70001,), by, dtype)
    both(limit, lambda out: K.full(out.shape, 3.0, out.dtype, out=out), (5,), by, dtype)


@pytest.mark.parametrize("by", [0, 1, 7])
@pytest.mark.parametrize("features", [8, 16, 37, 768])
def test_sums_at_the_rows_of_a_table(limit: Any, features: int, by: int) -> None:
    grad = RNG.standard_normal((6, 50, features)).astype(np.float32)
    grad[0, 0] = -0.0
    for rows, met in ((211, 211), (211, 3), (2, 1)):  # few of its rows; each of them often
        ids = RNG.integers(0, met, (6, 50)) - RNG.integers(0, 2, (6, 50)) * rows  # from the end as well
        shape = (rows, features)
        both(
            limit,
            lambda out, i=ids, s=shape: K.index_add(grad, [i], axes=(0,), shape=s, out=out),
            shape,
            by,
            np.float32,
        )
    pair = [RNG.integers(0, n, 300) for n in (4, 9)]
    flat, shape = grad.reshape(300, features), (4, 9, features)
    both(limit, lambda out: K.index_add(flat, pair, axes=(0, 1), shape=shape, out=out), shape, by, np.float32)


def test_a_result_over_its_operand(limit: Any) -> None:
    a = RNG.standard_normal(50001).astype(np.float32)
    limit(EVERYTHING)
    in_place = a.copy()
    K.mul(in_place, in_place, out=in_place)
    np.testing.assert_array_equal(in_place, a * a)


@pytest.mark.parametrize("by", [0, 1, 7])
@pytest.mark.parametrize("length", [100, 128, 131, 1000, 2500, 9000])
def test_rows(limit: Any, length: int, by: int) -> None:
    shape, dtype = (33, length), np.float32
    a, g = (RNG.standard_normal(shape).astype(dtype) for _ in range(2))
    w = RNG.standard_normal(length).astype(dtype)
    y = K.softmax(a)
    both(limit, lambda out: K.softmax(a, out=out), shape, by, dtype)
    both(limit, lambda out: K.softmax_backward(g, y, out=out), shape, by, dtype)
    both(limit, lambda out: K.log_softmax(a, out=out), shape, by, dtype)
    both(limit, lambda out: K.log_softmax_backward(g, K.log_softmax(a), out=out), shape, by, dtype)
    rstd, dw, db = np.empty(33, dtype), np.empty(length, dtype), np.empty(length, dtype)
    both(limit, lambda out: K.layer_norm(a, w, w, eps=1e-5, out=(out, rstd)), shape, by, dtype)
    both(limit, lambda out: K.layer_norm_backward(g, a, w, eps=1e-5, out=(out, dw, db)), shape, by, dtype)
    both(limit, lambda out: K.rms_norm(a, w, eps=1e-5, out=(out, rstd)), shape, by, dtype)
    both(limit, lambda out: K.rms_norm_backward(g, a, w, rstd, out=(out, dw)), shape, by, dtype)


def test_the_limit_is_half_the_largest_cache(tmp_path: Path) -> None:
    assert _core.largest_cache(str(tmp_path)) == 32 * 2**20  # where the system does not say
    for index, size in enumerate(("32K", "1024K", "8192K", "512K")):
        folder = tmp_path / f"sys/devices/system/cpu/cpu0/cache/index{index}"
        folder.mkdir(parents=True)
        (folder / "size").write_text(size + "\n")
    assert _core.largest_cache(str(tmp_path)) == 8 * 2**20
    assert _core.set_stream_limit(1) == _core.largest_cache() // 2
    assert _core.set_stream_limit(_core.largest_cache() // 2) == 1


def test_backward_from_the_loss_takes_the_gradient_that_is_there() -> None:
    x = pe.tensor(RNG.standard_normal((5, 7)).astype(np.float32)).requires_grad_()
    labels = pe.tensor(np.arange(5))
    want = K.cross_entropy(x.detach().numpy(), labels.numpy(), with_grad=True)[1]
    loss = pe.nn.functional.cross_entropy(x, labels)
    for times in (1, 2, 3):  # what the graph keeps is not what .grad adds up in
        loss.backward(retain_graph=True)
        np.testing.assert_array_equal(x.grad.numpy(), times * want)
    loss.backward(gradient=pe.tensor(np.float32(0.5)))
    np.testing.assert_allclose(x.grad.numpy(), 3.5 * want, rtol=1e-6)
