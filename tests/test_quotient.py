"""floor_divide and remainder find the exact result, the short way (FMA) as well as the long one."""

import numpy as np
import pytest

from pyengine import backend

N = 4096


def pairs(dtype: np.dtype, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of many magnitudes; every fifth a is a small multiple of its b, exactly or but for the last digit."""
    rng = np.random.default_rng(int(spread))
    a, b = (rng.standard_normal(N) * 2.0 ** rng.uniform(-spread, spread, N) for _ in range(2))
    a, b = a.astype(dtype), b.astype(dtype)
    a[::5] = b[::5] * rng.integers(-9, 10, len(a[::5])).astype(dtype)
    a[::10] = np.nextafter(a[::10], dtype.type(0))
    return a, b


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)], ids=str)
@pytest.mark.parametrize("spread", [1.0, 8.0, 20.0, 60.0])  # quotients of one digit, up to far more than the format has
def test_equal_numpys_which_uses_fmod(dtype, spread) -> None:
    a, b = pairs(dtype, spread)
    for kernel, right in (("remainder", np.remainder), ("floor_divide", np.floor_divide)):
        np.testing.assert_array_equal(getattr(backend.cpu.kernels, kernel)(a, b), right(a, b), strict=True)


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)], ids=str)
def test_special_values_beside_ordinary_ones(dtype) -> None:
    inf, nan = np.inf, np.nan
    a = np.array([7, 7, -7, inf, nan, 0, -0.0, 5, 1e30, 3, 2, 1, 7.5, -7.5, 0, 1], dtype)
    b = np.array([2, inf, inf, 2, 2, 3, 3, 0, 1e-5, nan, -3, 3, 2, 2, 0, -inf], dtype)
    with np.errstate(all="ignore"):
        right = np.remainder(a, b)
    np.testing.assert_array_equal(backend.cpu.kernels.remainder(a, b), right)
