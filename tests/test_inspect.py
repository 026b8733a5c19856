"""The simulator keeps CUDA's promises; the inspector finds every fault of the corpus, and none in the mended twins."""

import json
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pyengine as pe
from pyengine.cli import app
from pyengine.cudasim import Report, ToolchainError, toolchain

CORPUS = Path(__file__).parent / "cudasim"
KERNEL = re.compile(r"(?:__global__ void|static \w+) (\w+)\(")

try:
    toolchain.compiler()
except ToolchainError as missing:
    pytest.skip(str(missing), allow_module_level=True)


def marks(source: Path, mark: str) -> list[tuple[str, int, str]]:
    """(kernel, line, what the mark says) of each line that ends in a mark; "" for host code."""
    found, kernel = [], None
    for number, line in enumerate(source.read_text().splitlines(), 1):
        if match := KERNEL.match(line):
            kernel = match[1] if line.startswith("__global__") else ""
        if kernel is not None and mark in line:
            found.append((kernel, number, line.split(mark)[1].strip()))
    return found


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return {name: pe.cudasim.inspect(CORPUS / f"{name}.cu") for name in ("races", "bounds", "waits", "patterns")}


@pytest.mark.parametrize("name", ["races", "bounds", "waits"])
def test_every_fault_is_found_where_it_is_and_no_twin_is_reported(reports: dict[str, Report], name: str) -> None:
    expected = defaultdict(set)
    for kernel, line, faults in marks(CORPUS / f"{name}.cu", "//! "):
        expected[kernel] |= {(fault, line) for fault in faults.split(", ")}
    found = defaultdict(set)
    for finding in reports[name].findings:
        found[finding.kernel] |= {(finding.fault, deed.place.line) for deed in finding.deeds if deed.place}
        assert any(deed.place for deed in finding.deeds), f"{finding} is nowhere"
    assert found == expected


def test_the_corpus_is_large_and_every_faulty_kernel_has_its_twin() -> None:
    faulty = {k for n in ("races", "bounds", "waits") for k, _, _ in marks(CORPUS / f"{n}.cu", "//! ") if k}
    assert len(faulty) >= 30
    kernels = {m[1] for p in CORPUS.glob("*.cu") for m in re.finditer(r"__global__ void (\w+)\(", p.read_text())}
    assert {f"{name}_mended" for name in faulty} <= kernels


def test_costs_are_those_worked_out_by_hand(reports: dict[str, Report]) -> None:
    expected = {}
    for _, line, text in marks(CORPUS / "patterns.cu", "//= "):
        for access in text.split("; "):
            what, numbers = access.split(": ")
            expected[(line, what)] = tuple(int(number) for number in numbers.split(", "))
    found = {
        (line.place.line, f"{line.does} {line.array}"): (line.requests, line.lanes, line.used, line.ideal)
        for kernel in reports["patterns"].kernels
        for line in kernel.lines
    }
    assert found == expected
    assert not reports["patterns"].findings


def test_a_finding_says_who_and_where_and_what_helps(reports: dict[str, Report]) -> None:
    race = next(f for f in reports["races"].findings if f.kernel == "reverse")
    assert re.search(r"s\[\d+\] in shared memory", race.what)
    assert race.array == "s"
    assert race.index is not None
    assert "__syncthreads()" in race.hint
    assert {deed.what for deed in race.deeds} == {"writes", "reads"}
    for deed in race.deeds:
        assert re.fullmatch(r"block 0, thread (\d+) \(warp [01], lane \d+\)", deed.who)
        assert deed.place is not None
        assert deed.place.text.startswith("s[t] = x[t];" if deed.what == "writes" else "x[t] = s[63 - t];")
    square = next(f for f in reports["races"].findings if f.kernel == "transpose")
    row, column = map(int, re.search(r"square\[(\d+)\]\[(\d+)\] in shared memory", square.what).groups())
    assert square.index == row * 17 + column
    assert square.deeds[0].thread in {(column, row, 0), (row, column, 0)}
    beyond = next(f for f in reports["bounds"].findings if f.kernel == "one_too_many")
    assert beyond.what == ("write of 4 bytes at floats[100]: right behind its end; floats has 100 elements of 4 bytes")
    assert beyond.index == 100
    assert beyond.deeds[0].who == "block 3, thread 4 (warp 0, lane 4)"


@pytest.mark.parametrize("seed", [2, 3])
def test_the_order_of_threads_changes_nothing_that_is_found(reports: dict[str, Report], seed: int) -> None:
    again = pe.cudasim.inspect(CORPUS / "races.cu", seed=seed)
    lines = [
        {(f.kernel, f.fault, d.place.line) for f in r.findings for d in f.deeds if d.place}
        for r in (reports["races"], again)
    ]
    assert lines[0] == lines[1]


def test_a_kernel_of_ones_own_with_the_command(tmp_path: Path) -> None:
    source = tmp_path / "mine.cu"
    source.write_text(
        """
#include <cuda_runtime.h>
#include "cudasim/cudasim.h"
__global__ void add(const float* a, float* b, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) b[i] += a[i];
}
int main() {
  float *a, *b;
  cudaMalloc(&a, 100 * sizeof(float));
  cudaMalloc(&b, 100 * sizeof(float));
  cudaMemset(a, 0, 100 * sizeof(float));
  cudaMemset(b, 0, 100 * sizeof(float));
  launch(add, 4, 32)(a, b, SIZE);
}
"""
    )
    good, bad = source.with_name("good.cu"), source.with_name("bad.cu")
    good.write_text(source.read_text().replace("SIZE", "100"))
    bad.write_text(source.read_text().replace("SIZE", "101"))
    runner = CliRunner()
    fine = runner.invoke(app, ["inspect", str(good)])
    assert fine.exit_code == 0, fine.output
    assert "nothing found in 1 kernel" in fine.output
    wrong = runner.invoke(app, ["inspect", str(bad)])
    assert wrong.exit_code == 1
    assert "out of bounds in add" in wrong.output
    assert "bad.cu:6" in wrong.output
    assert "if (i < n) b[i] += a[i];" in wrong.output
    report = runner.invoke(app, ["inspect", str(bad), "--json", "-"])
    assert {finding["array"] for finding in json.loads(report.stdout)["findings"]} == {"a", "b"}


def test_what_cannot_be_inspected_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        pe.cudasim.inspect(tmp_path / "nothing.cu")
    source = tmp_path / "chevrons.cu"
    source.write_text("int main() {\n  add<<<1, 32>>>(a);\n}\n")
    with pytest.raises(ToolchainError, match=r"chevrons\.cu:2: .*write launch\(kernel, grid, block\)"):
        pe.cudasim.inspect(source)
    source.write_text("int main() { return nonsense; }\n")
    with pytest.raises(ToolchainError, match="nonsense"):
        pe.cudasim.inspect(source)
    toolchain.compiler.cache_clear()
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ToolchainError, match="CXX=no-such-compiler is no command"):
        toolchain.compiler()
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match=r"needs a C\+\+ compiler, and there is none"):
        toolchain.compiler()
    toolchain.compiler.cache_clear()


def test_the_simulator_runs_what_cuda_promises(tmp_path: Path) -> None:
    csrc = toolchain.sources()
    program = tmp_path / "runtime"
    options = ("-std=c++17", "-O1", "-Wno-unknown-pragmas", f"-I{csrc}", f"-I{csrc / 'cudasim' / 'include'}")
    toolchain.run([*options, "-o", program, csrc / "cudasim" / "alone.cpp", "-x", "c++", CORPUS / "runtime.cu"])
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_page_on_cudasim_tells_what_happens(tmp_path: Path) -> None:
    """docs/cudasim.md, followed to the letter: a race is named, mended, another one is left, mended, nothing found."""
    page = (Path(__file__).parent.parent / "docs" / "cudasim.md").read_text()
    source = tmp_path / "smooth.cu"

    def inspected(text: str) -> set[tuple[str, frozenset[int]]]:
        source.write_text(text)
        found = pe.cudasim.inspect(source).findings
        return {(f.array, frozenset(d.place.line for d in f.deeds if d.place)) for f in found if f.fault == "race"}

    (first,) = re.findall(r"```cuda\n(.*?)```", page, re.DOTALL)
    assert ("tile", frozenset({9, 12})) in inspected(first)
    lines = first.splitlines(keepends=True)
    second = "".join([*lines[:11], "  __syncthreads();\n", *lines[11:]])
    assert inspected(second) == {("x", frozenset({10, 13})), ("x", frozenset({11, 13}))}
    changes = {
        "smooth(float* x, int n)": "smooth(const float* x, float* y, int n)",
        "if (i < n) x[i] =": "if (i < n) y[i] =",
        "float* x = nullptr;": "float *x = nullptr, *y = nullptr;",
        "  cudaMalloc(&x, ": "  cudaMalloc(&y, n * sizeof(float));\n  cudaMalloc(&x, ",
        "(x, n);": "(x, y, n);",
        "cudaMemcpy(host.data(), x,": "cudaMemcpy(host.data(), y,",
    }
    third = second
    for old, new in changes.items():
        assert old in third
        third = third.replace(old, new)
    source.write_text(third)
    assert not pe.cudasim.inspect(source).findings


def test_the_packages_own_kernels_are_inspected_on_their_cases() -> None:
    report = pe.cudasim.inspect("sgd_step")
    assert not report.findings
    assert {line.array.split("[")[0] for kernel in report.kernels for line in kernel.lines} >= {"params", "grads", "lr"}
    with pytest.raises(ValueError, match=r"neither a \.cu file nor an operation"):
        pe.cudasim.inspect("sgd_stepp")
    with pytest.raises(ValueError, match="sgd_step has no case 99; it has\n  0  "):
        pe.cudasim.inspect("sgd_step", cases=[99])
