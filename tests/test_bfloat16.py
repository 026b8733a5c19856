"""bfloat16: casts rounded once on every backend, and what tensors of it can do."""

import json
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from harness import DEVICE_NAMES, REFERENCE, assert_same, assert_same_bits
from hypothesis import given
from hypothesis import strategies as st

import pyengine as pe
from pyengine import gpu_memory, nn
from pyengine.brain_float import rounded

BF16 = np.dtype(ml_dtypes.bfloat16)
PATTERNS = np.arange(2**16, dtype=np.uint16)
every_device = pytest.mark.parametrize("device", DEVICE_NAMES)

# the numbers from 0 up, in float64; where the next one would be too large stands 2^128, which is infinity
POSITIVE = np.append((np.arange(0x7F80, dtype=np.uint32) << 16).view(np.float32).astype(np.float64), 2.0**128)
MIDDLES = (POSITIVE[:-1] + POSITIVE[1:]) / 2  # exact in float64


def from_bits(bits) -> np.ndarray:
    return np.asarray(bits, np.uint16).view(BF16)


def nearest(values: np.ndarray) -> np.ndarray:
    """The definition of rounding, by comparing with the middles between neighbours, all of which are exact."""
    out = np.empty(len(values), np.uint16)
    for i, value in enumerate(values.tolist()):  # Python compares an int and a float exactly
        if value != value:
            out[i] = 0x7FC0 | int(np.signbit(values[i])) << 15
            continue
        size = abs(value)
        below = int(np.searchsorted(MIDDLES, float(size)))
        below = min(max(below, 1), len(MIDDLES) - 1)
        while below > 0 and size < MIDDLES[below - 1]:
            below -= 1
        while below < len(MIDDLES) and size > MIDDLES[below]:
            below += 1
        on_middle = below < len(MIDDLES) and size == MIDDLES[below]
        bits = below + (below & 1) if on_middle else below  # the even one of the two
        negative = np.signbit(values[i]) if values.dtype.kind == "f" else value < 0
        out[i] = bits | int(negative) << 15
    return from_bits(out)


@pytest.fixture(params=["numpy", "native"])
def kernels(request, backend):
    """The kernels of a backend, and once with it those of the reference."""
    return REFERENCE.kernels if request.param == "numpy" else backend.kernels


# --- widening: all 65,536 patterns


@pytest.mark.parametrize("target", ["float32", "float64"])
def test_every_number_widens_exactly(kernels, target) -> None:
    got = kernels.copy(from_bits(PATTERNS), np.dtype(target))
    with np.errstate(invalid="ignore"):  # NumPy tells of signalling NaN
        want = (PATTERNS.astype(np.uint32) << 16).view(np.float32).astype(target)
    assert_same(got, want, target)
    number = ~np.isnan(want)
    assert_same_bits(got[number], want[number], target)


@pytest.mark.parametrize("target", ["float16", "int64", "int32", "uint8", "bool"])
def test_every_number_narrows_as_its_float32_does(kernels, target) -> None:
    bits = PATTERNS
    if np.dtype(target).kind in "iu":  # beyond the range of integers C leaves the result undefined
        with np.errstate(invalid="ignore"):
            size = from_bits(bits).astype(np.float64)
        top = {"int64": 2.0**63, "int32": 2.0**31, "uint8": 2.0**8}[target]
        bits = bits[(np.abs(size) < top) & ((size >= 0) | (target != "uint8"))]
    with np.errstate(all="ignore"):
        want = from_bits(bits).astype(np.float32).astype(target)
    assert_same(kernels.copy(from_bits(bits), np.dtype(target)), want, target)


def test_not_a_number_becomes_a_quiet_one_and_keeps_its_sign(backend) -> None:
    nans = PATTERNS[(PATTERNS & 0x7FFF) > 0x7F80]
    for target, quiet in ((np.float32, 1 << 22), (np.float64, 1 << 51)):
        wide = backend.kernels.copy(from_bits(nans), np.dtype(target))
        bits = wide.view(f"u{wide.itemsize}")
        assert np.isnan(wide).all()
        assert (bits & np.array(quiet, bits.dtype) != 0).all()
        np.testing.assert_array_equal(np.signbit(wide), nans >> 15 == 1)
        back = backend.kernels.copy(wide, BF16).view(np.uint16)
        np.testing.assert_array_equal(back, nans | 0x40)
    signalling = np.array([0x7F800001, 0xFF800001, 0x7FFFFFFF, 0xFFFFFFFF], np.uint32).view(np.float32)
    np.testing.assert_array_equal(
        backend.kernels.copy(signalling, BF16).view(np.uint16), [0x7FC0, 0xFFC0, 0x7FFF, 0xFFFF]
    )


# --- narrowing: every number, every middle between two, and what lies just off it


@pytest.mark.parametrize("source", ["float16", "float32", "float64"])
def test_a_number_of_bfloat16_stays_what_it_is(kernels, source) -> None:
    numbers = from_bits(PATTERNS[(PATTERNS & 0x7FFF) <= 0x7F80])
    with np.errstate(all="ignore"):
        wide = numbers.astype(np.float32).astype(source)
    kept = wide.astype(np.float64) == numbers.astype(np.float64)  # float16 has not all of them
    assert kept.sum() > 1000
    assert_same_bits(kernels.copy(wide[kept], BF16), numbers[kept], source)


@pytest.mark.parametrize("source", [np.float32, np.float64])
def test_narrowing_around_every_middle(kernels, source) -> None:
    middles = MIDDLES.astype(source)
    assert (middles == MIDDLES)[1:].all()  # float32 holds them all
    even = np.arange(len(MIDDLES)) + (np.arange(len(MIDDLES)) & 1)
    for values, bits in (
        (middles, even),
        (np.nextafter(middles, source(0)), np.arange(len(MIDDLES))),
        (np.nextafter(middles, source(np.inf)), np.arange(len(MIDDLES)) + 1),
    ):
        for sign in (0, 1):
            got = kernels.copy(np.copysign(values, source(1 - 2 * sign)), BF16)
            assert_same_bits(got, from_bits(bits | sign << 15), f"{np.dtype(source)}, sign {sign}")


def test_every_float16_rounds_as_its_float32_does(kernels) -> None:
    halves = PATTERNS.view(np.float16)
    with np.errstate(invalid="ignore"):
        want = halves.astype(np.float32).astype(BF16)
    assert_same(kernels.copy(halves, BF16), want, "float16 to bfloat16")


def test_what_is_too_large_is_infinite_and_what_is_too_small_is_zero(kernels) -> None:
    largest = 2.0**128 - 2.0**120
    for source in (np.float32, np.float64):
        values = np.array([largest, 2.0**128 - 2.0**119, np.inf, 2.0**-134, 2.0**-133, -0.0, 1e-45], source)
        want = np.array([largest, np.inf, np.inf, 0.0, 2.0**-133, -0.0, 0.0]).astype(np.float32).astype(BF16)
        assert_same_bits(kernels.copy(values, BF16), want, str(source))
    tiny = np.array([1e300, -1e300, 5e-324, -5e-324])
    assert_same_bits(kernels.copy(tiny, BF16), np.array([np.inf, -np.inf, 0.0, -0.0]).astype(BF16), "float64")


def test_no_number_is_rounded_twice(kernels) -> None:
    # float32 makes the middle of each: from there ties-to-even would go down
    above = np.array([1 + 2**-8 + 2.0**-40, 2.0**-134 + 2.0**-160, -(1 + 2**-8 + 2.0**-52)])
    want = np.array([1 + 2**-7, 2.0**-133, -(1 + 2**-7)]).astype(np.float32).astype(BF16)
    assert_same_bits(kernels.copy(above, BF16), want, "float64")
    whole = np.array([2**32 + 2**24 + 1, 2**60 + 2**52 + 1, -(2**60) - 2**52 - 1, 2**62 + 2**54 - 1, 2**63 - 1])
    want = np.array([2**32 + 2**25, 2**60 + 2**53, -(2**60) - 2**53, 2**62, 2.0**63]).astype(np.float32).astype(BF16)
    assert_same_bits(kernels.copy(whole, BF16), want, "int64")
    assert_same_bits(kernels.copy(np.array([2**25 + 2**17 + 1], np.int32), BF16), from_bits([0x4C01]), "int32")


@given(st.lists(st.floats(allow_subnormal=True), min_size=1, max_size=70), st.integers(1, 3))
def test_any_float64_goes_to_the_nearest(backends, values, stride) -> None:
    a = np.array(values)
    check_drawn(backends, a, stride)


@given(st.lists(st.floats(width=32, allow_subnormal=True), min_size=1, max_size=70), st.integers(1, 3))
def test_any_float32_goes_to_the_nearest(backends, values, stride) -> None:
    check_drawn(backends, np.array(values, np.float32), stride)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=70), st.integers(1, 3))
def test_any_int64_goes_to_the_nearest(backends, values, stride) -> None:
    check_drawn(backends, np.array(values), stride)


def check_drawn(backends, a: np.ndarray, stride: int) -> None:
    spread = np.zeros(len(a) * stride, a.dtype)
    spread[::stride] = a
    want = nearest(a)
    for kernels in (REFERENCE.kernels, *(backend.kernels for backend in backends)):
        assert_same(kernels.copy(spread[::stride], BF16), want, str(a.dtype))
    assert_same(rounded(a), want, "rounded")


def test_torch_rounds_float32_to_the_same_bits(backend) -> None:
    torch = pytest.importorskip("torch")
    bits = np.random.default_rng(0).integers(0, 2**32, 200_000, np.uint32)
    values = bits.view(np.float32)
    want = torch.from_numpy(values).to(torch.bfloat16).view(torch.int16).numpy().view(BF16)
    assert_same(backend.kernels.copy(values, BF16), want, "torch")
    wide = torch.from_numpy(PATTERNS.view(np.int16)).view(torch.bfloat16)
    assert_same(backend.kernels.copy(from_bits(PATTERNS), np.dtype(np.float32)), wide.float().numpy(), "torch")


# --- tensors


@every_device
def test_a_tensor_is_made_in_every_way(device) -> None:
    for made in (
        pe.tensor([1.0, 2.5], dtype=pe.bfloat16, device=device),
        pe.tensor([1.0, 2.5], dtype="bfloat16", device=device),
        pe.tensor([1.0, 2.5], device=device).bfloat16(),
        pe.tensor([1.0, 2.5], device=device).to("bfloat16"),
        pe.tensor(np.array([1.0, 2.5], BF16), device=device),
        pe.from_numpy(np.array([1.0, 2.5], BF16), device),
        pe.linspace(1, 2.5, 2, dtype=pe.bfloat16, device=device),
        pe.full((2,), 1.0, dtype=pe.bfloat16, device=device).new_tensor([1.0, 2.5]),
    ):
        assert (made.dtype, made.device.name) == (pe.bfloat16, device)
        assert made.tolist() == [1.0, 2.5]
        assert all(type(value) is float for value in made.tolist())
    assert pe.zeros(2, dtype=pe.bfloat16, device=device).tolist() == [0.0, 0.0]
    assert pe.full((), 0.1, dtype=pe.bfloat16, device=device).item() == 0.10009765625
    assert type(pe.ones((), dtype=pe.bfloat16, device=device).item()) is float
    assert pe.empty(3, dtype=pe.bfloat16, device=device).element_size() == 2


@every_device
def test_making_rounds_as_a_cast_does(device) -> None:
    above = 1 + 2**-8 + 2.0**-40
    assert pe.tensor([above], dtype=pe.bfloat16, device=device).item() == 1 + 2**-7
    assert pe.tensor([above], pe.float64, device=device).bfloat16().item() == 1 + 2**-7
    assert pe.full((1,), above, dtype=pe.bfloat16, device=device).item() == 1 + 2**-7
    assert pe.device(device).kernels.scalar(above, BF16).item() == 1 + 2**-7


def test_it_is_shown_with_the_digits_that_it_has() -> None:
    assert repr(pe.tensor([0.1, 1.0, -2.5]).bfloat16()) == "tensor([ 0.1001,  1.    , -2.5   ], dtype=bfloat16)"
    assert repr(pe.tensor([1e30, float("nan")]).bfloat16()) == "tensor([1.0003e+30,        nan], dtype=bfloat16)"
    assert repr(pe.zeros(0, 2, dtype=pe.bfloat16)) == "tensor([], shape=(0, 2), dtype=bfloat16)"
    assert f"{pe.tensor(0.1).bfloat16():.3f}" == "0.100"


@every_device
def test_what_moves_elements_moves_these(device) -> None:
    numbers = np.arange(24.0).reshape(2, 3, 4)
    x = pe.tensor(numbers, dtype=pe.bfloat16, device=device)

    def same(got: pe.Tensor, want) -> None:
        assert got.dtype == pe.bfloat16
        np.testing.assert_array_equal(got.float().numpy(), want)

    same(x.permute(2, 0, 1).contiguous(), numbers.transpose(2, 0, 1))
    same(x[:, 1:, ::2].reshape(-1), numbers[:, 1:, ::2].reshape(-1))
    same(x[1, :, -1], numbers[1, :, -1])
    same(x[:, pe.tensor([2, 0], device=device)], numbers[:, [2, 0]])
    same(x[x.float() > 20.0], numbers[numbers > 20])
    same(pe.cat([x, x], 1), np.concatenate([numbers, numbers], 1))
    same(pe.stack([x, x]), np.stack([numbers, numbers]))
    same(pe.where(x.float() > 5.0, x, x.new_zeros(())), np.where(numbers > 5, numbers, 0))
    same(x.expand(2, 2, 3, 4), np.broadcast_to(numbers, (2, 2, 3, 4)))
    y = x.clone()
    y[0] = 7.0
    same(y[0], np.full((3, 4), 7.0))
    assert (x == x).all()
    assert (x < 100.0).all()
    assert x.isfinite().all()
    assert x.any()
    assert not x.all()


def test_promotion() -> None:
    assert pe.dtypes.promote(pe.bfloat16, pe.float16) == pe.dtypes.promote(pe.float16, pe.bfloat16) == pe.float32
    assert pe.dtypes.promote(pe.bfloat16, pe.float64) == pe.float64
    assert pe.dtypes.promote(pe.int64, pe.bfloat16) == pe.dtypes.promote(pe.bfloat16, pe.bool) == pe.bfloat16
    assert pe.dtypes.promote(pe.bfloat16, pe.bfloat16) == pe.bfloat16
    assert (pe.ones(2).bfloat16() + pe.ones(2)).dtype == pe.float32


@every_device
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("add", lambda x: x + 1),
        ("matmul", lambda x: x @ x),
        ("exp", lambda x: x.exp()),
        ("sum", lambda x: x.sum()),
        ("softmax", lambda x: x.softmax(-1)),
    ],
)
def test_what_computes_says_that_it_does_not_with_these(device, name, call) -> None:
    with pytest.raises(TypeError, match=f"{name}: .*not bfloat16"):
        call(pe.ones(2, 2, dtype=pe.bfloat16, device=device))


@every_device
def test_gradients_flow_through_casts_and_are_rounded_there(device) -> None:
    x = pe.tensor([1.0, 2.0], device=device, requires_grad=True)
    y = x.bfloat16()
    assert y.requires_grad
    (y.float() * pe.tensor([0.1, 2.0], device=device)).sum().backward()
    assert x.grad is not None
    assert (x.grad.dtype, x.grad.tolist()) == (pe.float32, [0.10009765625, 2.0])
    leaf = pe.zeros(2, dtype=pe.bfloat16, device=device).requires_grad_()
    leaf.float().sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.dtype == pe.bfloat16


def test_a_model_can_be_stored_in_it(tmp_path) -> None:
    model = nn.Linear(3, 2)
    before = model.weight.detach().clone()
    pe.save(model.to("bfloat16").state_dict(), tmp_path / "model.safetensors")
    loaded = pe.load(tmp_path / "model.safetensors")
    assert loaded["weight"].dtype == pe.bfloat16
    other = nn.Linear(3, 2)
    other.load_state_dict(loaded)
    assert other.weight.dtype == pe.float32
    assert (other.weight.detach() == before.bfloat16()).all()


# --- in and out


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (5, 7)])
def test_saved_and_loaded_again(tmp_path, shape) -> None:
    x = pe.randn(*shape).bfloat16()
    pe.save({"x": x, "y": x.float()}, tmp_path / "x.safetensors")
    back = pe.load(tmp_path / "x.safetensors")
    assert (back["x"].dtype, back["x"].shape) == (pe.bfloat16, shape)
    assert_same_bits(back["x"].numpy(), x.numpy(), "loaded")
    damaged = bytearray((tmp_path / "x.safetensors").read_bytes())
    if x.numel():
        damaged[-4 * x.numel() - 1] ^= 1  # the tensors lie in the order of their widths, at the end
        (tmp_path / "x.safetensors").write_bytes(bytes(damaged))
        with pytest.raises(ValueError, match="damaged"):
            pe.load(tmp_path / "x.safetensors")


def test_a_file_of_another_library_is_read_in_a_fresh_process(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    bits = np.array([0x3FC0, 0xC000], np.uint16).tobytes()
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bits)
    code = f"import pyengine as pe; print(pe.load({str(tmp_path / 'w.safetensors')!r})['w'])"
    out = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert out.stdout == "tensor([ 1.5, -2. ], dtype=bfloat16)\n", out.stderr


def test_numpy_shares_the_memory() -> None:
    x = pe.zeros(2, dtype=pe.bfloat16)
    x.numpy()[0] = 1.5
    assert x.tolist() == [1.5, 0.0]
    assert np.asarray(x).dtype == BF16
    a = np.zeros(2, BF16)
    shared = pe.as_tensor(a)
    a[1] = 3
    assert shared.tolist() == [0.0, 3.0]


def test_dlpack_says_what_to_do_instead() -> None:
    x = pe.tensor([1.5, -2.0]).bfloat16()
    with pytest.raises(BufferError, match=r"x.numpy\(\)\.view\('int16'\)"):
        np.from_dlpack(x)
    torch = pytest.importorskip("torch")
    assert torch.from_numpy(x.numpy().view("int16")).view(torch.bfloat16).tolist() == [1.5, -2.0]
    with pytest.raises(BufferError, match="bfloat16"):
        pe.from_dlpack(torch.tensor([1.5], dtype=torch.bfloat16))
    bits = torch.tensor([1.5], dtype=torch.bfloat16).view(torch.int16)
    assert pe.from_numpy(bits.numpy().view(pe.bfloat16)).tolist() == [1.5]


def test_other_types_of_ml_dtypes_are_refused() -> None:
    for other in (ml_dtypes.float8_e4m3fn, np.dtype("V2")):
        with pytest.raises(TypeError, match="is not supported; tensors hold float16, bfloat16, float32"):
            pe.tensor(np.zeros(2, other))
        with pytest.raises(TypeError, match="float16, bfloat16"):
            pe.device("cpu").kernels.copy(np.zeros(2, other), np.dtype(np.float32))


def test_it_is_imported_when_it_is_first_asked_for() -> None:
    code = """
import sys, numpy as np, pyengine as pe
assert "ml_dtypes" not in sys.modules
x = pe.tensor([1.0], requires_grad=True)
(x * 2).sum().backward()
assert x.to("float64").dtype != "bfloat16" and "ml_dtypes" not in sys.modules
try:
    pe.tensor(np.zeros(2, "V2"))
except TypeError:
    assert "ml_dtypes" not in sys.modules
else:
    raise AssertionError
assert pe.ones(1).bfloat16().float().item() == 1.0 and "ml_dtypes" in sys.modules
assert "bfloat16" in dir(pe) and pe.bfloat16 is pe.bfloat16
"""
    out = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr


def test_the_arrays_of_a_gpu(gpu, monkeypatch) -> None:
    x = pe.tensor([[1.0, 2.5], [0.1, -3.0]], dtype=pe.bfloat16, device="cuda")
    assert x.dtype == pe.bfloat16
    assert x.T.float().tolist() == [[1.0, 0.10009765625], [2.5, -3.0]]
    assert pe.tensor([0.1], device="cuda").bfloat16().to("cpu").item() == 0.10009765625
    assert pe.empty(3, dtype=pe.bfloat16, device="cuda").shape == (3,)
    monkeypatch.setattr(gpu_memory.memory().cupy, "__version__", "13.6.0")
    for call in (lambda: pe.empty(3, dtype=pe.bfloat16, device="cuda"), lambda: x.cpu().to("cuda")):
        with pytest.raises(TypeError, match=r"CuPy 13\.6\.0 has no bfloat16; pip install -U cupy-cuda13x"):
            call()
