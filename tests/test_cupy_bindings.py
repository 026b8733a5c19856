"""How the native module `_cuda` reads CuPy's arrays, with stand_in_gpu.py in the place of CuPy.

Shapes, strides, dtypes, results and refusals. Only the launch itself needs a GPU; without one it must
say so in CUDA's words.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pyengine as pe

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyengine._cuda") is None, reason="pyengine was built without nvcc"
)

BEGIN = """
import sys
import numpy as np
from stand_in_gpu import GpuArray, cupy_module, over
sys.modules["cupy"] = cupy_module()
import pyengine._cuda as k

def said(call):
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"

def gpu(*shape, dtype=np.float32):
    return over(np.ones(shape, dtype))
"""


def run(code: str) -> None:
    """In an interpreter of its own: the module looks CuPy up once."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(pe.__file__).parents[1]), str(Path(__file__).parent)])}
    out = subprocess.run(
        [sys.executable, "-P", "-c", BEGIN + code], env=env, capture_output=True, text=True, check=False
    )
    assert out.returncode == 0, out.stderr


def test_the_import_needs_neither_cupy_nor_a_driver() -> None:
    code = "import sys; sys.modules['cupy'] = None; import pyengine._cuda as k; assert callable(k.matmul)"
    env = {**os.environ, "PYTHONPATH": str(Path(pe.__file__).parents[1]), "CUDA_VISIBLE_DEVICES": ""}
    out = subprocess.run([sys.executable, "-P", "-c", code], env=env, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr


def test_arrays_are_cupys() -> None:
    run("""
assert said(lambda: k.neg(np.ones(2))) == "TypeError: neg: a must be a cupy.ndarray, not numpy.ndarray"
assert said(lambda: k.neg(gpu(2, dtype=np.complex64))).startswith("TypeError: neg: a must be an array of float32")
assert said(lambda: k.neg(gpu(*[1] * 9))).startswith("TypeError: neg: a must be an array of at most 8 axes")
bytes = over(np.zeros(9, np.uint8))
odd = GpuArray((2,), np.float32, memptr=bytes[1:].data, strides=(4,))
assert said(lambda: k.neg(odd)).startswith("TypeError: neg: a must be aligned")
loose = GpuArray((2,), np.int64, memptr=over(np.zeros(4)).data, strides=(12,))
assert "strides are whole elements" in said(lambda: k.neg(loose))
assert said(lambda: k.global_norm([np.ones(2)])).startswith("TypeError: global_norm: arrays must be a list of aligned")
""")


def test_shapes_strides_and_dtypes_are_read() -> None:
    run("""
a, b = gpu(2, 3), gpu(4)
assert said(lambda: k.add(a, b)).startswith("ValueError: add: ") and "(2, 3)" in said(lambda: k.add(a, b))
assert "(4,)" in said(lambda: k.add(a, b))
assert said(lambda: k.add(a, gpu(2, 3, dtype=np.float64))) == "TypeError: add: dtypes differ: float32 and float64"
assert said(lambda: k.neg(a, out=gpu(3, 2))) == "ValueError: neg: out has shape (3, 2), the result (2, 3)"
assert said(lambda: k.neg(a, out=gpu(2, 3, dtype=np.int64))) == "TypeError: neg: out is int64, the result float32"
square = gpu(3, 3)
assert "out shares memory" in said(lambda: k.matmul(square, gpu(3, 3), out=square.transpose((1, 0))))
even, odd = square[0:1], square[1:2]
assert "out shares memory" not in said(lambda: k.neg(even, out=odd))
""")


@pytest.mark.skipif(pe.cuda.is_available(), reason="a GPU cannot read the stand-in's memory")
def test_a_launch_without_a_gpu_says_what_cuda_says() -> None:
    run("""
words = said(lambda: k.neg(gpu(5)))
assert words.startswith("RuntimeError: neg: launching a kernel: "), words
assert "driver" in words or "device" in words, words
words = said(k._synchronize)
assert words.startswith("RuntimeError: "), words
""")
