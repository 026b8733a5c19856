"""bench/gpu.py, which must survive its first run on a GPU: what of it can be tried without one."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import gpu  # noqa: E402


def script(path, *arguments):
    command = [sys.executable, str(ROOT / "bench" / "gpu.py"), "--json", str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_steps_run_on_the_simulator(tmp_path):
    found = script(
        tmp_path / "r.json", "--device", "cudasim", "--quick", "--rounds", "1", "--steps", "machine,roof,bench,capture"
    )
    report = json.loads((tmp_path / "r.json").read_text())
    assert "cudasim has no roof" in report["roof"]["failed"]  # and the next step ran
    assert report["bench"]["failed"] == {}
    rows = report["bench"]["rows"]
    assert {row["group"] for row in rows} == set(gpu.GROUPS)
    assert [row for row in rows if row.get("error") or row["wrong"]] == []
    assert report["capture"]["mlp"]["wrong"] == ""
    assert set(report["capture"]["mlp"]["seconds"]) == {"python", "list", "graph"}
    assert "tests was not run" in found.stdout
    assert found.returncode == 1


def test_a_step_that_fails_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = script(tmp_path / "r.json", "--steps", "machine,build")
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["machine"]["failed"] == "git is not installed"
    assert report["build"]["failed"] == "cmake is not installed"
    assert found.returncode == 1


def test_a_changed_header_changes_the_hash(tmp_path, monkeypatch):
    cuda = tmp_path / "csrc" / "cuda"
    cuda.mkdir(parents=True)
    (cuda / "add.cu").write_text('#include "cuda/walk.h"\n')
    (cuda / "walk.h").write_text("int a;\n")
    (cuda / "other.h").write_text("int b;\n")
    monkeypatch.setattr(gpu, "ROOT", tmp_path)
    monkeypatch.setattr(gpu, "CUDA", cuda)
    before = gpu.source_hash("add")
    (cuda / "other.h").write_text("int c;\n")
    assert gpu.source_hash("add") == before
    (cuda / "walk.h").write_text("int d;\n")
    assert gpu.source_hash("add") != before


def test_what_the_documents_say(monkeypatch):
    monkeypatch.setattr(gpu, "source_hash", lambda family: "1")
    whole = {"tests": {}, "sanitizer": {}, "bench": {"rows": []}}
    on = {"machine": {"name": "H100", "commit": "abc", "sources": {"add": "1", "sub": "2"}}, **whole}
    assert gpu.checked_at("add", [on]) == "verified on H100 at commit abc"
    assert gpu.checked_at("sub", [on]) == "changed since H100 at commit abc"
    assert gpu.checked_at("mul", [on]) == "not yet run on a GPU"
    other = {**on, "capture": {"mlp": {"seconds": {}, "wrong": "losses of graph differ"}}}
    assert gpu.complaints(other) == ["capture, mlp: losses of graph differ"]
    assert gpu.complaints({**on, "capture": {"failed": "no CuPy"}}) == ["capture: no CuPy"]
    failed = {**on, "sanitizer": {"failed": "racecheck"}}
    assert gpu.checked_at("add", [failed]) == "not yet run on a GPU"
    wrong = {**on, "bench": {"rows": [{"name": "add", "error": "no", "ratios": {}}]}}
    assert gpu.checked_at("add", [wrong]) == "not yet run on a GPU"
