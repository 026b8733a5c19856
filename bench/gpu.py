"""Everything that needs a GPU, in one go: builds, tests, checks and measures the CUDA kernels and writes it all down.

    python bench/gpu.py                               # all steps; bench/results/gpu-<name>.json
    python bench/gpu.py --steps machine,roof,bench    # some; others stay as found earlier
    python bench/gpu.py --device cudasim --quick      # the same steps where there is no GPU: tries the script

A step that fails says so and the next one begins; the file is written after each. The steps are machine (device,
driver, commit, hashes of sources), build (with the device's architecture, into this checkout), tests (`pytest -m gpu`),
sanitizer (compute-sanitizer's memcheck, racecheck, initcheck and synccheck), roof, bench (each group in a process of
its own: one that dies takes no other along), and capture (training steps replayed as a CUDA graph and call by call).
Needs nvcc, CMake and Ninja, cupy-cuda13x, pytest, hypothesis; torch where it is there.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CUDA = ROOT / "csrc" / "cuda"
GROUPS = ("matmul", "conv", "elementwise", "rows", "loss", "optimizer")
SANITIZERS = ("memcheck", "racecheck", "initcheck", "synccheck")
TAIL = 4000  # characters kept of what a command printed
MINUTE = 60


class StepError(Exception):
    """What went wrong in a step."""


def _of_checkout() -> dict[str, str]:
    """So that children use this checkout's package, where it was built into it; else the installed one."""
    return {"PYTHONPATH": str(ROOT)} if any(ROOT.glob("pyengine/_core.*.so")) else {}


def command(arguments: Sequence[str], minutes: float, **environment: str) -> str:
    """What a command printed; StepError with its end where it fails, takes too long or is not there."""
    try:
        done = subprocess.run(
            arguments,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=minutes * MINUTE,
            check=False,
            env={**os.environ, **_of_checkout(), **environment},
        )
    except FileNotFoundError:
        raise StepError(f"{arguments[0]} is not installed") from None
    except subprocess.TimeoutExpired as late:
        printed = late.stdout.decode(errors="replace") if isinstance(late.stdout, bytes) else late.stdout or ""
        raise StepError(f"{arguments[0]} took more than {minutes:g} minutes\n{printed[-TAIL:]}") from None
    if done.returncode:
        raise StepError(f"exit code {done.returncode}\n{(done.stdout + done.stderr)[-TAIL:]}")
    return done.stdout


# --- sources: which a result is about


def source_hash(family: str) -> str:
    """A hash of a family's kernel file and of every file of this project that it includes."""
    seen: dict[Path, bytes] = {}
    waiting = [CUDA / f"{family}.cu"]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen[path] = path.read_bytes()
            for name in re.findall(rb'^#include "([^"]+)"', seen[path], re.MULTILINE):
                included = ROOT / "csrc" / name.decode()
                if included.is_file() and "cudasim" not in included.parts:
                    waiting.append(included)
    digest = hashlib.sha256()
    for path in sorted(seen):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + seen[path])
    return digest.hexdigest()[:16]


def families() -> list[str]:
    """All that have a file of kernels."""
    return sorted(path.stem for path in CUDA.glob("*.cu") if (ROOT / "csrc/kernels" / f"{path.stem}.h").is_file())


# --- steps: each returns what goes into the file


def machine(asked: argparse.Namespace, report: dict[str, Any]) -> dict[str, Any]:
    """Device, driver, compiler, commit."""
    found: dict[str, Any] = {
        "commit": command(["git", "describe", "--always", "--dirty", "--exclude=*"], 1).strip(),
        "sources": {family: source_hash(family) for family in families()},
    }
    if asked.device == "cuda":
        fields = ("name", "driver_version", "compute_cap", "memory.total", "clocks.max.sm")
        answer = command(["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"], 1)
        values = [value.strip() for value in answer.splitlines()[0].split(",")]
        found |= dict(zip(fields, values, strict=True))
        found["nvcc"] = command(["nvcc", "--version"], 1).strip().splitlines()[-1]
    return found


def build(asked: argparse.Namespace, report: dict[str, Any]) -> dict[str, Any]:
    """The module `cuda` for this device alone, beside the CPU's, into this checkout."""
    if asked.device != "cuda":
        raise StepError("cudasim is part of every build; nothing to do")
    folder, start = str(ROOT / "build" / "gpu"), time.perf_counter()
    architecture = report.get("machine", {}).get("compute_cap", "9.0").replace(".", "")
    configure = ["cmake", "-S", ".", "-B", folder, "-G", "Ninja", "-DPYENGINE_CUDA=ON", "-DPYENGINE_WERROR=ON"]
    command([*configure, f"-DPYENGINE_CUDA_ARCHITECTURES={architecture}", f"-DPython_EXECUTABLE={sys.executable}"], 3)
    command(["cmake", "--build", folder], 30)
    command(["cmake", "--install", folder, "--prefix", "."], 2)
    return {"architecture": architecture, "seconds": time.perf_counter() - start}


def tests(asked: argparse.Namespace, report: dict[str, Any]) -> dict[str, Any]:
    """The whole table of cases on the device."""
    which = ["-m", "gpu"] if asked.device == "cuda" else ["--backends=cudasim", "tests/test_kernels.py"]
    if asked.quick:
        which += ["-k", "listed_calls and (add or matmul)"]
    return {"summary": command([sys.executable, "-P", "-m", "pytest", "-q", *which], asked.minutes).strip()[-TAIL:]}


def sanitizer(asked: argparse.Namespace, report: dict[str, Any]) -> dict[str, Any]:
    """Every listed call of every kernel under each of compute-sanitizer's tools; all are tried."""
    found, failed = {}, []
    calls = [sys.executable, "-P", "-m", "pytest", "-q", "-m", "gpu", "tests/test_kernels.py", "-k", "listed_calls"]
    for tool in SANITIZERS:
        options = ["--tool", tool, "--error-exitcode", "77", "--target-processes", "all"]
        try:
            found[tool] = command(["compute-sanitizer", *options, *calls], asked.minutes).strip()[-TAIL:]
        except StepError as error:
            found[tool] = f"FAILED: {error}"
            failed.append(tool)
    if failed:
        raise StepError("\n".join(f"{tool}: {found[tool]}" for tool in failed))
    return found


def _rows(asked: argparse.Namespace, group: str) -> list[dict[str, Any]]:
    arguments = [sys.executable, str(ROOT / "bench" / "gpu_rows.py"), "--device", asked.device, "--group", group]
    arguments += ["--rounds", str(asked.rounds), *(["--quick"] if asked.quick else [])]
    return [json.loads(line) for line in command(arguments, asked.minutes).splitlines()]


def roof(asked: argparse.Namespace, report: dict[str, Any]) -> dict[str, Any]:
    """FMA peak and copy bandwidth of the device."""
    if asked.device != "cuda":
        raise StepError("cudasim has no roof")
    return _rows(asked, "roof")[0]


def bench(asked: argparse.Namespace, report: dict[str, Any]) -> dict[str, Any]:
    """All groups; the share of the roof where that is known."""
    found: dict[str, Any] = {"rows": [], "failed": {}}
    limit = report.get("roof", {})
    for group in GROUPS:
        try:
            for row in _rows(asked, group):
                if "gflops" in limit and "seconds" in row:
                    least = max(row["flops"] / limit["gflops"], row["bytes"] / limit["gbytes"]) / 1e9
                    row["share"] = least / row["seconds"]["pyengine"]
                found["rows"].append(row)
                print("   ", line_of(row), flush=True)
        except StepError as error:
            found["failed"][group] = str(error)
            print(f"    {group}: {error}", flush=True)
    return found


def capture(asked: argparse.Namespace, report: dict[str, Any]) -> dict[str, Any]:
    """A training step captured, with its CUDA graph and without, beside the same step in Python."""
    arguments = [sys.executable, str(ROOT / "bench" / "gpu_capture.py"), "--device", asked.device]
    arguments += ["--rounds", str(asked.rounds), *(["--quick"] if asked.quick else [])]
    found: dict[str, Any] = json.loads(command(arguments, asked.minutes))
    for name, row in found.items():
        times = ", ".join(f"{way} {seconds * 1e6:.1f} us" for way, seconds in row["seconds"].items())
        print(f"    {name}: {times}{'  WRONG: ' + row['wrong'] if row['wrong'] else ''}", flush=True)
    return found


def line_of(row: dict[str, Any]) -> str:
    """A row in words."""
    if "error" in row:
        return f"{row['name']}: {row['error']}"
    ratios = ", ".join(f"{ratio[0]:.2f} x {name}" for name, ratio in row["ratios"].items())
    share = f", {row['share']:.0%} of the roof" if "share" in row else ""
    wrong = f"  WRONG: {'; '.join(row['wrong'])}" if row["wrong"] else ""
    return f"{row['name']}: {row['seconds']['pyengine'] * 1e6:.1f} us{share}; {ratios or 'no peer'}{wrong}"


STEPS: dict[str, Callable[[argparse.Namespace, dict[str, Any]], dict[str, Any]]] = {
    "machine": machine,
    "build": build,
    "tests": tests,
    "sanitizer": sanitizer,
    "roof": roof,
    "bench": bench,
    "capture": capture,
}


def complaints(report: dict[str, Any]) -> list[str]:
    """What keeps a report from counting as a check of the kernels."""
    found = [f"{step}: {report[step]['failed']}" for step in ("tests", "sanitizer") if "failed" in report.get(step, {})]
    found += [f"{step} was not run" for step in ("tests", "sanitizer", "bench") if step not in report]
    steps = report.get("capture", {})
    found += [f"capture: {steps['failed']}"] if "failed" in steps else []
    found += [f"capture, {name}: {row['wrong']}" for name, row in steps.items() if name != "failed" and row["wrong"]]
    rows = report.get("bench", {}).get("rows", [])
    found += [line_of(row) for row in rows if "error" in row or row.get("wrong")]
    return found + [f"{row['name']}: above its roof, a measuring error" for row in rows if row.get("share", 0) > 1.05]


def checked_at(family: str, reports: Sequence[dict[str, Any]]) -> str:
    """What the documents say of a family: on which device it was tested and sanitized, and whether it changed since."""
    for report in reports:
        if report.get("machine", {}).get("sources", {}).get(family) and not complaints(report):
            name, commit = report["machine"].get("name", "cudasim"), report["machine"]["commit"]
            same = report["machine"]["sources"][family] == source_hash(family)
            return f"verified on {name} at commit {commit}" if same else f"changed since {name} at commit {commit}"
    return "not yet run on a GPU"


def target(asked: argparse.Namespace, report: dict[str, Any]) -> Path:
    """The file for this device."""
    if asked.json:
        return Path(asked.json)
    name = report.get("machine", {}).get("name", asked.device)
    return ROOT / "bench" / "results" / f"gpu-{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}.json"


def earlier(asked: argparse.Namespace, report: dict[str, Any]) -> dict[str, Any]:
    """What an earlier run wrote, where it was about the very same sources."""
    path = target(asked, report)
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    sources = report["machine"].get("sources")
    return found if sources and found.get("machine", {}).get("sources") == sources else {}


def main() -> int:
    """Run the steps; the exit code says whether everything went well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cudasim"), default="cuda")
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=20.0, help="the longest that one command may take")
    parser.add_argument("--quick", action="store_true", help="small sizes, few tests")
    parser.add_argument("--json", help="where to write; else bench/results/gpu-<name>.json")
    asked = parser.parse_args()
    steps = asked.steps.split(",")
    if unknown := set(steps) - set(STEPS):
        parser.error(f"unknown steps {', '.join(sorted(unknown))}; there are {', '.join(STEPS)}")
    report: dict[str, Any] = {}
    for step in steps:
        print(f"== {step}", flush=True)
        try:
            report[step] = STEPS[step](asked, report)
        except Exception as error:
            report[step] = {"failed": str(error) if isinstance(error, StepError) else repr(error)}
            print(f"    {report[step]['failed']}", flush=True)
        if step == "machine":
            report = {**earlier(asked, report), **report}
        target(asked, report).write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nwrote {target(asked, report)}")
    found = complaints(report)
    print("\n".join(found) or "nothing to complain about")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
