"""torch as an independent oracle: results and gradients of every operation. Skipped where torch is not installed."""

import numpy as np
import pytest
from harness import DEVICE_NAMES
from hypothesis import given
from hypothesis import strategies as st
from strategies import draw_call

import pyengine as pe
from pyengine import cases, tape
from pyengine.ops import OPS

torch = pytest.importorskip("torch")
torch.set_num_threads(1)


def tuple_of(value) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def differentiable(array) -> bool:
    return array is not None and array.dtype.kind == "f"


# Computed in float64 all the way: the bound only has to cover the order of summation of some thousand terms. Casts to
# the short floats may differ by a bit: torch goes through float32 and rounds twice.
ROUNDING = {"float16": 2**-10, "bfloat16": 2**-7}


def close(got, want, what: str) -> None:
    assert got.shape == want.shape, f"{what}: shape {got.shape}, torch has {want.shape}"
    rtol = ROUNDING.get(got.dtype.name, 1e-11)
    np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=rtol, atol=1e-11, err_msg=what)


@pytest.mark.parametrize("name", OPS)
@given(data=st.data())
def test_results_and_gradients(name, data) -> None:
    call, dtype, seed = draw_call(data, cases.OPS[name])
    if dtype == np.float32:
        dtype = np.dtype(np.float64)
    arrays = call.fill(seed, dtype)
    theirs = [torch.tensor(a, requires_grad=differentiable(a)) for a in arrays]
    want = tuple_of(cases.OPS[name].oracle(torch, *theirs, **call.attrs))
    rng = np.random.default_rng(seed)
    upstream = [None if w is None else rng.standard_normal(tuple(w.shape)) for w in want]
    # positions come with elements, and have no gradient
    kept = [i for i, w in enumerate(want) if w is not None and (w.dtype.is_floating_point or len(want) == 1)]
    expected = None
    if kept and all(want[i].dtype == torch.float64 for i in kept):
        expected = torch.autograd.grad(
            [want[i] for i in kept],
            [t for t in theirs if t.requires_grad],
            [torch.tensor(upstream[i]) for i in kept],
            allow_unused=True,
        )
    for device in DEVICE_NAMES:
        check(device, name, call, arrays, want, expected, {i: upstream[i] for i in kept})


def check(device, name, call, arrays, want, expected, upstream) -> None:
    """What `device` makes of the call, and of these upstream gradients by output, against torch's results."""
    what = f"{device}: {name}({call}) {arrays[0].dtype}"
    ours = [pe.tensor(a, device=device, requires_grad=differentiable(a)) for a in arrays]
    with np.errstate(all="ignore"):
        got = tuple_of(tape.apply(OPS[name], ours, dict(call.attrs)))
    assert len(got) == len(want), what
    for g, w in zip(got, want, strict=True):
        assert (g is None) == (w is None), what
        if g is not None:
            assert str(g.dtype) == str(w.dtype).removeprefix("torch."), what
            w = w.float() if w.dtype == torch.bfloat16 else w  # of which NumPy knows nothing
            close(g.data, w.detach().numpy(), what)
    if expected is None:
        return
    leaves = [t for t in ours if t.requires_grad]
    gradients = pe.grad([got[i] for i in upstream], leaves, [pe.tensor(u, device=device) for u in upstream.values()])
    for i, (g, e, leaf) in enumerate(zip(gradients, expected, leaves, strict=True)):
        zero = np.zeros(leaf.shape)
        close(zero if g is None else g.data, zero if e is None else e.numpy(), f"{what}, gradient {i}")
