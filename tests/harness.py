"""What the tests of kernels and operations share: backends, memory layouts, running a kernel, comparing results."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from gpu_arrays import on_gpu

import pyengine as pe
from pyengine import _core
from pyengine.backend import DEVICES, ISA_LEVELS, Device, _namespace, available, native_kernels
from pyengine.cases import Cases
from pyengine.ops import OPS

REFERENCE = DEVICES["numpy"]
DEVICE_NAMES = available()  # for tests of what users write, on every device


class Backend(NamedTuple):
    """A native backend under test, with kernels that take and give NumPy arrays."""

    name: str
    device: Device

    @property
    def kernels(self) -> Any:
        return self.device.kernels


def backend_names() -> list[str]:
    """One for each instruction set level that the processor runs, the simulated GPU, and a GPU where there is one.

    A level that was not built, or no simulator, must fail a test.
    """
    best = _core.isa_level()
    levels = [f"_{level}" for level in ISA_LEVELS[: ISA_LEVELS.index(best) + 1]] if best in ISA_LEVELS else [""]
    return [*(f"cpu{level}" for level in levels), "cudasim", *(["cuda"] if pe.cuda.is_available() else [])]


def load_backend(name: str) -> Backend:
    if name == "cudasim":
        return Backend(name, DEVICES[name])
    kernels = native_kernels("_cuda" if name == "cuda" else name)
    if name == "cuda":
        cupy = DEVICES[name].memory.cupy
        kernels = {kernel: on_gpu(function, cupy) for kernel, function in kernels.items()}
    return Backend(name, Device(name, _namespace(kernels)))


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    before = pe.get_num_threads()
    pe.set_num_threads(count)
    try:
        yield
    finally:
        pe.set_num_threads(before)


@contextlib.contextmanager
def poisoned_pool() -> Iterator[None]:
    """New arrays and scratch hold NaN, so that an element that a kernel forgets to write shows."""
    _core.set_poison(True)
    try:
        yield
    finally:
        _core.set_poison(False)


# --- memory layouts: the same values elsewhere in memory. What lies between and around is poison.

LAYOUTS = ("rows", "columns", "swapped", "padded", "sliced", "reversed")


def poison_of(dtype: np.dtype) -> Any:
    if dtype.kind in "fV":  # "V" is bfloat16
        return np.nan
    return True if dtype.kind == "b" else np.iinfo(dtype).max - 1


def empty_in(layout: str, shape: tuple[int, ...], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """A poisoned array of that layout, and the whole memory that it is a view of."""
    poison = poison_of(dtype)
    ndim = len(shape)
    if layout == "columns":
        base = np.full(shape[::-1], poison, dtype)
        return base.T, base
    if layout == "swapped" and ndim >= 2:
        base = np.full((*shape[:-2], shape[-1], shape[-2]), poison, dtype)
        return base.swapaxes(-1, -2), base
    if layout == "padded" and ndim:  # rows further apart than they are long, starting off any alignment
        base = np.full((*shape[:-1], shape[-1] + 3), poison, dtype)
        return base[..., 1 : shape[-1] + 1], base
    if layout == "sliced":
        base = np.full(tuple(2 * n + 1 for n in shape), poison, dtype)
        return base[(*(slice(1, None, 2) for _ in shape), ...)], base
    base = np.full(shape, poison, dtype)
    return (base[(*(slice(None, None, -1) for _ in shape), ...)] if layout == "reversed" else base), base


def lay(values: np.ndarray, layout: str) -> np.ndarray:
    """A copy of `values` in that layout."""
    out, _ = empty_in(layout, values.shape, values.dtype)
    out[...] = values
    return out


def repeat(values: np.ndarray, axis: int) -> np.ndarray:
    """`values` with its first slice along `axis` repeated by a stride of 0."""
    return np.broadcast_to(values[(slice(None),) * axis + (slice(0, 1),)], values.shape)


# --- running


def run(kernels: Any, cases: Cases, operands: Sequence[Any], attrs: Any, out: Any = None) -> tuple[Any, ...]:
    """The results of a kernel, those that it writes in place included; operands are left as they were."""
    given = [twin(o) if i in cases.in_place else o for i, o in enumerate(operands)]
    extra = {} if out is None else {"out": out}
    with np.errstate(all="ignore"):  # the reference computes with NumPy
        results = getattr(kernels, cases.name)(*given, **attrs, **extra)
    if cases.in_place:
        assert results is None, f"{cases.name} works in place, yet returned {results!r}"
        return tuple(a for i in cases.in_place for a in given[i])
    return results if isinstance(results, tuple) else (results,)


def run_op(kernels: Any, cases: Cases, operands: Sequence[Any], attrs: Any) -> tuple[Any, ...]:
    """The results of an operation's forward."""
    with np.errstate(all="ignore"):
        results, _ = OPS[cases.name].forward(kernels, *operands, **attrs)
    return results if isinstance(results, tuple) else (results,)


def twin(operand: Any) -> Any:
    """A copy of a view and of all memory behind it, so that it lies there in the same way."""
    if isinstance(operand, list):
        return [twin(o) for o in operand]
    if operand.base is None:
        return operand.copy(order="K")
    base = operand.base
    offset = operand.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return np.ndarray(operand.shape, operand.dtype, base.copy(), offset, operand.strides)


def widened(operand: Any) -> Any:
    """float32 as float64, float64 as the widest float of the machine; the rest as it is."""
    if isinstance(operand, list):
        return [widened(o) for o in operand]
    if not isinstance(operand, np.ndarray) or operand.dtype.kind != "f":
        return operand
    return operand.astype(np.float64 if operand.dtype == np.float32 else np.longdouble)


# --- comparing: each fails on a NaN where the reference has none, and names the worst element


def assert_same(got: Any, want: Any, what: str, signed_zero: bool = True) -> None:
    """The same dtype, shape and values; NaN equals NaN, whatever its bits; -0.0 is not 0.0 unless told."""
    if want is None or got is None:
        assert got is want, f"{what}: {got!r} where the reference has {want!r}"
        return
    assert got.shape == want.shape, f"{what}: shape {got.shape}, the reference {want.shape}"
    assert got.dtype == want.dtype, f"{what}: dtype {got.dtype}, the reference {want.dtype}"
    with np.errstate(invalid="ignore"):  # NumPy tells of signalling NaN
        differs = got != want
        if got.dtype.kind in "fV":  # "V" is bfloat16
            differs &= ~(np.isnan(got) & np.isnan(want))
            if signed_zero:
                differs |= (np.signbit(got) != np.signbit(want)) & ~np.isnan(want)
    if differs.any():
        at = _first(differs)
        raise AssertionError(f"{what}: at {at} got {got[at]!r}, expected {want[at]!r}; {differs.sum()} differ")


def assert_same_bits(got: Any, want: Any, what: str) -> None:
    """The very same bits, NaN's payload included."""
    if want is None or got is None:
        assert got is want, f"{what}: {got!r} and {want!r}"
        return
    assert (got.shape, got.dtype) == (want.shape, want.dtype), f"{what}: {got.shape} and {want.shape}"
    same = np.ascontiguousarray(got).view(np.uint8) == np.ascontiguousarray(want).view(np.uint8)
    assert same.all(), f"{what}: {np.count_nonzero(~same)} bytes differ"


def assert_within(got: Any, want: Any, error: Any, what: str) -> None:
    """|got - want| <= error·u for u of got's dtype; infinities and NaN must be where the wider reference has them."""
    if want is None:
        assert got is None, f"{what}: {got!r} where the reference has None"
        return
    assert got.shape == want.shape, f"{what}: shape {got.shape}, the reference {want.shape}"
    info = np.finfo(got.dtype)
    # below the smallest normal number, precision ends: a result there may be rounded to 0
    allowed = np.broadcast_to(error * (info.eps / 2) + info.tiny, got.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        want_here = want.astype(got.dtype)
        off = np.abs(got.astype(want.dtype) - want)
        fine = np.where(np.isfinite(want_here), off <= allowed, (got == want_here) | (np.isnan(got) & np.isnan(want)))
    if not fine.all():
        at = _first(~fine)
        raise AssertionError(
            f"{what}: at {at} got {got[at]!r}, expected {want[at]!r}: off by {off[at]:.3g}, allowed {allowed[at]:.3g}; "
            f"{np.count_nonzero(~fine)} are"
        )


def _first(mask: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(np.asarray(mask))[0])


class Expected:
    """What the reference makes of a call, and how closely a backend must agree: the same bits, the same values where
    all is exact, or within the bound of the cases."""

    def __init__(
        self,
        cases: Cases,
        operands: Sequence[Any],
        attrs: Any,
        exact: bool,
        runner: Callable[..., tuple[Any, ...]] = run,
    ) -> None:
        self._signed_zero = cases.error is None
        floats = any(
            a.dtype.kind == "f" for o in operands if o is not None for a in (o if isinstance(o, list) else [o])
        )
        self._errors: Sequence[Any] | None = None
        if exact or cases.error is None or not floats:
            self._want = runner(REFERENCE.kernels, cases, operands, attrs)
            if cases.error is not None and not exact and self._want[0].dtype.kind == "f":
                # made of integers, such as random numbers: the reference is as precise as it can be
                self._errors = cases.error(self._want, *operands, **attrs)
            return
        wide = [widened(o) for o in operands]
        self._want = runner(REFERENCE.kernels, cases, wide, attrs)
        with np.errstate(all="ignore"):
            self._errors = cases.error(self._want, *wide, **attrs)

    def check(self, got: Sequence[Any], what: str) -> None:
        assert len(got) == len(self._want), f"{what}: {len(got)} results, the reference has {len(self._want)}"
        for i, (g, w) in enumerate(zip(got, self._want, strict=True)):
            if self._errors is None or (g is not None and g.dtype.kind != "f"):  # what is counted is exact
                assert_same(g, w, f"{what}, result {i}", self._signed_zero)
            else:
                assert_within(g, w, self._errors[i], f"{what}, result {i}")


def check_against_reference(
    got: Sequence[Any], cases: Cases, operands: Sequence[Any], attrs: Any, exact: bool, what: str, runner: Any = run
) -> None:
    """`got` against what the reference makes of the same call."""
    Expected(cases, operands, attrs, exact, runner).check(got, what)
