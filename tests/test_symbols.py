"""What native modules export: the loader may give one module the data of another, which has other instructions."""

import importlib.util
import shutil
import subprocess

import pytest

MODULES = [
    name
    for name in ("cpu", "cpu_v2", "cpu_v3", "cpu_v4", "_cudasim", "_cuda")
    if importlib.util.find_spec(f"pyengine.{name}")
]


@pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm")
@pytest.mark.parametrize("name", MODULES)
def test_nothing_of_ours_is_exported_but_the_entry(name) -> None:
    path = importlib.util.find_spec(f"pyengine.{name}").origin
    text = subprocess.run(
        ["nm", "--dynamic", "--defined-only", "--demangle", path], capture_output=True, text=True, check=True
    ).stdout
    names = [line.split(" ", 2)[2] for line in text.splitlines()]
    assert f"PyInit_{name}" in names
    assert [n for n in names if n.startswith("pe::") or " pe::" in n] == []
