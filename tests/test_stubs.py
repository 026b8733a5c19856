"""The checked-in stubs, the references and the native modules have the same functions with the same parameters."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "tools" / "stubs.py"


@pytest.fixture(scope="module")
def stubs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stubs", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stubs_agree(stubs: ModuleType) -> None:
    assert stubs.problems() == []


def test_differences_are_noticed(stubs: ModuleType) -> None:
    expected = stubs.declared("def f(a, b=1): ...\ndef g(a): ...\ndef h(): ...")
    native = stubs.declared("def f(a, b=2): ...\ndef g(x): ...\ndef i(): ...")
    words = "\n".join(sorted(stubs.compare("m", expected, native)))
    assert words.startswith("m.f has parameters [('a', ")
    assert words.count("m.g has parameters [('x', ") == 1
    assert words.endswith("m.h is missing in the native module\nm.i is in the native module only")


def test_a_stale_stub_is_noticed(stubs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in stubs.FOLDER.glob("*.pyi"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "cpu_v2.pyi").write_text("")
    (tmp_path / "cpu.pyi").unlink()
    monkeypatch.setattr(stubs, "FOLDER", tmp_path)
    assert stubs.problems() == [f"pyengine/{name}.pyi is not what tools/stubs.py writes" for name in ("cpu_v2", "cpu")]
