"""`import pyengine`: quick, quiet, and touching nothing that it does not need."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pyengine as pe
from pyengine import _core

PACKAGE = Path(pe.__file__).parent


def fresh(code: str, **environment: str) -> subprocess.CompletedProcess:
    """Run code in a new interpreter that finds the same package."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYENGINE_ISA"}
    env = {**inherited, "PYTHONPATH": str(PACKAGE.parent), **environment}
    return subprocess.run([sys.executable, "-P", "-c", code], env=env, capture_output=True, text=True, check=False)


def test_nothing_heavy_is_imported() -> None:
    out = fresh(
        "import sys, json, pyengine, pyengine.nn, pyengine.optim, pyengine.data; print(json.dumps(list(sys.modules)))"
    )
    assert out.returncode == 0, out.stderr
    found = {name.partition(".")[0] for name in json.loads(out.stdout)}
    heavy = {
        "matplotlib",
        "rich",
        "typer",
        "click",
        "torch",
        "cupy",
        "safetensors",
        "hypothesis",
        "pytest",
        "PIL",
        "tokenizers",
        "ml_dtypes",
    }
    unneeded = {"ssl", "http", "asyncio", "pybind11", "distutils", "setuptools"}
    assert found & (heavy | unneeded) == set()


def test_the_references_are_loaded_with_the_device_that_computes_with_them() -> None:
    code = """
import sys, pickle, pyengine as pe
loaded = lambda: "pyengine.reference" in sys.modules
assert sorted(pe.backend.DEVICES) == ["cpu", "cuda", "cudasim", "numpy"] and "numpy" in pe.backend.DEVICES
(pe.ones(2, 2) @ pe.ones(2, 2)).sum()
assert not loaded() and "pyengine._cudasim" not in sys.modules and "pyengine.gpu_memory" not in sys.modules
numpy = pe.device("numpy")
assert loaded() and pe.device("numpy") is numpy is pe.backend.DEVICES["numpy"]
assert pickle.loads(pickle.dumps(numpy)) is numpy and type(numpy) is pe.backend.Device
assert pe.ones(2, device="numpy").sum().item() == 2.0
"""
    out = fresh(code)
    assert out.returncode == 0, out.stderr


def test_it_prints_nothing() -> None:
    out = fresh("import pyengine")
    assert (out.stdout, out.stderr, out.returncode) == ("", "", 0)


def test_it_starts_no_process_and_opens_no_connection() -> None:
    code = """
import sys
forbidden = ("subprocess.", "socket.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "urllib.")
seen = []
sys.addaudithook(lambda event, args: seen.append((event, args)) if event.startswith(forbidden) else None)
import numpy
seen.clear()
import pyengine
assert not seen, seen
"""
    out = fresh(code)
    assert out.returncode == 0, out.stderr


def test_it_takes_less_than_150_ms_beyond_numpy() -> None:
    # Processor time, not the clock, and the least of several: what else the machine does only ever adds to it.
    code = "import time, numpy; t = time.process_time(); import pyengine; print(time.process_time() - t)"
    fresh(code)
    times = [float(fresh(code).stdout) for _ in range(7)]
    assert min(times) < 0.150, times


def test_the_cases_need_no_test_library() -> None:
    out = fresh("import sys; sys.modules['hypothesis'] = sys.modules['torch'] = None; import pyengine.cases")
    assert out.returncode == 0, out.stderr


def hiding(*modules: str) -> str:
    """Code after which these modules cannot be imported."""
    return f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in {modules!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""


def test_missing_native_modules_are_named() -> None:
    kernels = "cpu" if _core.isa_level() == "arm" else f"cpu_{_core.isa_level()}"
    out = fresh(hiding(f"pyengine.{kernels}") + "import pyengine")
    assert out.returncode != 0
    assert f"pyengine.{kernels}" in out.stderr.splitlines()[-1]
    out = fresh(hiding("pyengine._core") + "import pyengine")
    assert out.returncode != 0
    assert "pyengine._core" in out.stderr.splitlines()[-1]


def test_native_modules_of_older_sources_ask_to_be_built_again() -> None:
    kernels = "cpu" if _core.isa_level() == "arm" else f"cpu_{_core.isa_level()}"
    for name, lacks in ((kernels, "matmul"), ("_core", "isa_level")):
        code = f"import sys, types; sys.modules['pyengine.{name}'] = types.ModuleType('pyengine.{name}')"
        out = fresh(f"{code}; import pyengine")
        assert out.returncode != 0
        last = out.stderr.splitlines()[-1]
        assert last.startswith(f"ImportError: the native module pyengine.{name} ")
        assert lacks in last
        assert "`pip install .`" in last


@pytest.mark.skipif(_core.isa_level() == "arm", reason="Arm has one level")
def test_an_older_instruction_set_can_be_asked_for() -> None:
    code = "import pyengine as pe; print(pe.backend.isa_level(), (pe.ones(3) + 1).sum().item())"
    for level in ("v2", _core.isa_level()):
        if importlib.util.find_spec(f"pyengine.cpu_{level}"):
            assert fresh(code, PYENGINE_ISA=level).stdout.split() == [level, "6.0"]


def test_an_unknown_instruction_set_is_refused() -> None:
    out = fresh("import pyengine", PYENGINE_ISA="v9")
    assert "PYENGINE_ISA='v9': expected one of v2, v3, v4" in out.stderr.splitlines()[-1]


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_every_public_name_exists() -> None:
    assert [name for name in pe.__all__ if not hasattr(pe, name)] == []
    assert len(set(pe.__all__)) == len(pe.__all__)


def test_kernels_for_newer_processors_refuse_to_be_imported() -> None:
    best = pe._core.isa_level()
    newer = [level for level in pe.backend.ISA_LEVELS if best in pe.backend.ISA_LEVELS and level > best]
    for level in newer:
        with pytest.raises(ImportError, match=f"these kernels need x86-64-{level}; this processor runs up to {best}"):
            importlib.import_module(f"pyengine.cpu_{level}")
