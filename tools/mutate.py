#!/usr/bin/env python3
"""Breaks the kernels and gradients in many small ways, one at a time, and counts how many of them the tests notice.

    python tools/mutate.py                     60 mutants, seed 0: about half an hour on two cores
    python tools/mutate.py --sample 10 --seed 3 --only 'matmul|ops/'
    python tools/mutate.py --list              all mutants, without running any

Works on a copy of the tracked files. A change of C++ is built for one instruction set level, into a build folder that
is kept; then the tests of the kernels or operations concerned run. A mutant is caught where a test fails, crashes or
hangs; one that does not compile counts neither way and is replaced by another. Which places are left alone, and why, is
said in tools/mutants.py. Exit status 1 below 95 % caught.
"""

import argparse
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mutants
from mutants import Mutant

ROOT = Path(__file__).parents[1]
LAYERS = ("kernels", "ops", "autograd", "tensor", "errors", "function", "nn", "record")
WANTED = 0.95
# Seconds of processor time, and of the clock. All layers together take about two minutes; others may be at work, too.
CPU_LIMIT, TIMEOUT = 400, 1200
MEMORY = 12 << 30  # bytes that a mutant may ask for before that counts as a failure


def tests(*layers: str) -> list[str]:
    return [f"tests/test_{layer}.py" for layer in layers]


def limit() -> None:
    """Run in the tests' process before it starts: a mutant may ask for any amount of memory, or never end."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT))


class Workshop:
    """A copy of the tree in which mutants are built and tested."""

    def __init__(self, root: Path, level: str) -> None:
        self.root = root
        self.module = "cpu" if level == "arm" else f"cpu_{level}"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")},
            "PYTHONPATH": str(root),
            "PYTHONDONTWRITEBYTECODE": "1",
            **({} if level == "arm" else {"PYENGINE_ISA": level}),
        }

    def prepare(self) -> None:
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, files.split("\0")):
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        options = ["-DCMAKE_BUILD_TYPE=Release", f"-DPYENGINE_BACKENDS={self.module}"]
        subprocess.run(["cmake", "-S", ".", "-B", "build/dev", "-G", "Ninja", *options], cwd=self.root, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        if not self.build():
            sys.exit("mutate: the sources do not build as they are")

    def build(self) -> bool:
        for command in (["cmake", "--build", "build/dev", "-j2"], ["cmake", "--install", "build/dev", "--prefix", "."]):
            if subprocess.run(command, cwd=self.root, capture_output=True, check=False).returncode:
                return False
        return True

    def failure(self, files: list[str], names: str = "") -> str:
        """How the tests fail: the first failing one, the signal, "timeout"; empty where they pass."""
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=no"]
        command += [f"--backends={self.module}", *files, *(["-k", names] if names else [])]
        process = subprocess.Popen(
            command, cwd=self.root, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, preexec_fn=limit,
        )  # fmt: skip
        try:
            output, _ = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return "timeout"
        if process.returncode < 0:
            return signal.Signals(-process.returncode).name
        found = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
        if process.returncode in (0, 5):  # 5: no test of this file has such a name
            return ""
        return found[1] if found else f"pytest ended with {process.returncode}"

    def stages(self, path: str) -> list[tuple[list[str], str]]:
        """The tests to run for a change of this file, the likeliest first: files, and an expression for names."""
        if path.startswith("pyengine/"):
            names = "" if path.endswith("/op.py") else self._names(Path(path).stem, "OPS")
            others = tests("autograd", "ops", "tensor", "errors", "function", "nn", "record")
            return [(tests("autograd", "ops"), names), (others, "")]
        stems = [p.stem for p in self.root.glob("csrc/cpu/*.cpp") if path in self._included(p)]
        names = " or ".join(filter(None, (self._names(s, "KERNELS") for s in stems)))
        return [
            (tests("kernels"), names),
            (tests("kernels", "tensor", "errors"), ""),
            (tests("ops", "autograd"), names),
        ]

    def _names(self, stem: str, table: str) -> str:
        code = f"from pyengine.cases import {stem}; print(' or '.join(c.name for c in {stem}.{table}))"
        done = subprocess.run([sys.executable, "-c", code], cwd=self.root, env=self.environment, capture_output=True,
                              text=True, check=False)  # fmt: skip
        return done.stdout.strip()

    def _included(self, source: Path) -> set[str]:
        """`source` and all headers that it includes, as paths."""
        seen: set[str] = set()
        waiting = [source]
        while waiting:
            path = waiting.pop()
            name = str(path.relative_to(self.root))
            if name not in seen and path.exists():
                seen.add(name)
                waiting += [self.root / "csrc" / h for h in re.findall(r'#include "(cpu/.*?)"', path.read_text())]
        return seen

    def verdict(self, mutant: Mutant) -> str | None:
        """How the mutant was caught; empty where it survived, None where it does not compile."""
        path = self.root / mutant.path
        original = path.read_text()
        path.write_text(mutant.applied(original))
        try:
            if mutant.path.startswith("csrc") and not self.build():
                return None
            return next(filter(None, (self.failure(*stage) for stage in self.stages(mutant.path))), "")
        finally:
            path.write_text(original)


def run(shop: Workshop, candidates: list[Mutant], sample: int) -> tuple[int, list[Mutant]]:
    """Try mutants until `sample` of them were judged; how many were, and the survivors."""
    judged, survivors = 0, []
    while candidates and judged < sample:
        # by file, so that each is compiled back once only
        batch, candidates = sorted(candidates[: sample - judged]), candidates[sample - judged :]
        for mutant in batch:
            start = time.monotonic()
            verdict = shop.verdict(mutant)
            said = "does not compile" if verdict is None else verdict or "SURVIVED"
            print(f"{time.monotonic() - start:5.0f} s  {mutant}: {said}", flush=True)
            judged += verdict is not None
            if verdict == "":
                survivors.append(mutant)
    return judged, survivors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=60, help="how many mutants to judge")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--only", default="", help="a regular expression that their path must hold")
    parser.add_argument("--list", action="store_true", help="print all mutants and stop")
    parser.add_argument("--level", default="v3", help='the instruction set level to build, "arm" on Arm')
    parser.add_argument("--work", type=Path, help="keep the copy and its build in this folder")
    options = parser.parse_args()

    found = [m for m in mutants.find(ROOT) if re.search(options.only, m.path)]
    if options.list:
        print("\n".join(map(str, found)))
        return 0
    random.Random(options.seed).shuffle(found)
    with tempfile.TemporaryDirectory() as temporary:
        shop = Workshop(options.work or Path(temporary), options.level)
        shop.root.mkdir(parents=True, exist_ok=True)
        shop.prepare()
        if broken := shop.failure(tests(*LAYERS)):
            sys.exit(f"mutate: the tests fail without any change: {broken}")
        judged, survivors = run(shop, found, options.sample)
    caught = judged - len(survivors)
    print(
        f"\n{caught} of {judged} caught ({caught / max(judged, 1):.0%}), of {len(found)} possible, seed {options.seed}"
    )
    for mutant in survivors:
        print(f"survived: {mutant}")
    return 0 if caught >= WANTED * judged else 1


if __name__ == "__main__":
    sys.exit(main())
