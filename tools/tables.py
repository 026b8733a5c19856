"""The figures in README and docs, rewritten from the committed results of the benchmark: no figure is typed by hand.

pyengine bench --busy --json bench/results/zen3.json
pyengine bench captured --peers best --json bench/results/emerald_rapids.json
python tools/tables.py            # rewrites what stands between <!-- benchmark --> and <!-- /benchmark -->
python tools/tables.py --check    # exit code 1 where a document differs from the results
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyengine import cases
from pyengine.bench import report

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import gpu  # noqa: E402  (a script beside this one)

RESULTS = ROOT / "bench/results/zen3.json"
CAPTURED = ROOT / "bench/results/emerald_rapids.json"  # steps, on a processor with AVX-512
OPTIMIZERS = {
    "sgd": {"SGD"},
    "adam": {"Adam", "AdamW"},
    "rmsprop": {"RMSprop"},
}  # rows of the benchmark that go by the class, not the kernel


def families() -> dict[str, set[str]]:
    """The names of the kernels of each family."""
    found = {}
    for module in pkgutil.iter_modules(cases.__path__):
        kernels = getattr(importlib.import_module(f"pyengine.cases.{module.name}"), "KERNELS", ())
        found[module.name] = {kernel.name for kernel in kernels} | OPTIMIZERS.get(module.name, set())
    return found


def checked_on_gpus() -> str:
    """Which CUDA kernels have run on which GPU, and whether they changed since."""
    reports = [json.loads(path.read_text()) for path in sorted((ROOT / "bench/results").glob("gpu-*.json"))]
    lines = ["| family | |", "| --- | --- |"]
    lines += [f"| [{family}](kernels/{family}.md) | {gpu.checked_at(family, reports)} |" for family in gpu.families()]
    return "\n".join(lines)


def texts(runs: dict[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """Document, marker and what belongs there."""
    yield ROOT / "README.md", "benchmark", report.summary(list(runs.values()))
    for mode, result in runs.items():
        yield ROOT / "docs/benchmark.md", mode, report.markdown(result)
    yield ROOT / "docs/capture.md", "captured", report.markdown(runs_of(CAPTURED)["best"])
    yield ROOT / "docs/gpu.md", "gpu", checked_on_gpus()
    measured = {row["kernel"] for row in runs["best"]["rows"]}
    for family, kernels in families().items():
        if kernels & measured:
            yield ROOT / f"docs/kernels/{family}.md", "benchmark", report.markdown(runs["best"], kernels)


def runs_of(path: Path) -> dict[str, Any]:
    """The runs in a file of results, by how the peers were started."""
    return {run["settings"]["mode"]: run for run in json.loads(path.read_text())["runs"]}


def main() -> int:
    runs = runs_of(RESULTS)
    wrong = []
    for document, marker, text in texts(runs):
        before = document.read_text()
        if not report.rewrite(document, marker, text):
            wrong.append(f"{document.relative_to(ROOT)} has no place for it: <!-- {marker} --> and <!-- /{marker} -->")
        elif "--check" in sys.argv and document.read_text() != before:
            document.write_text(before)
            wrong.append(f"{document.relative_to(ROOT)} differs from what lies in bench/results")
    print("\n".join(wrong) or "the documents say what was measured")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
