"""What an operation costs beside its arithmetic: tensors of 4 elements, one thread, PyTorch beside.

    python bench/overhead.py [--json FILE]

Both libraries take turns in one process, so that a busy machine or a low clock meets both; each turn's pair of times
gives one ratio. Without PyTorch the last columns are empty.
"""

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any

# no idle workers that spin beside the measurement
os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYENGINE_NUM_THREADS": "1"})

import pyengine as pe

ROUNDS = 200
CHAIN = 100
# The project's own limits, as ratios to PyTorch 2.13 on the machine where they were set (1.1, 1.6 and 352 µs there).
LIMITS = {"add": 1.1 / 1.1, "add, gradient tracked": 1.5 / 1.6, "chain of 100, forward and backward": 250 / 352}


def workloads(library: Any) -> dict[str, tuple[Callable[[], None], int]]:
    """The same user code for either library: a function to time, and the operations it does in one call."""
    a, b, ones = library.ones(4), library.ones(4), library.ones(4)
    leaf = library.ones(4, requires_grad=True)

    def add(x: Any) -> None:
        for _ in range(CHAIN):
            x + b

    def chain() -> None:
        z = leaf
        for _ in range(CHAIN):
            z = z + b
        z.backward(ones)
        leaf.grad = None

    calls = (lambda: add(a), CHAIN), (lambda: add(leaf), CHAIN), (chain, 1)
    return dict(zip(LIMITS, calls, strict=True))


def seconds(function: Callable[[], None]) -> float:
    """The time of one call."""
    start = perf_counter()
    function()
    return perf_counter() - start


def measure(ours: Callable[[], None], theirs: Callable[[], None] | None, operations: int) -> dict[str, Any]:
    """Median times in µs, and the quartiles of the pairs' ratios."""
    pairs = [(seconds(ours), seconds(theirs) if theirs else float("nan")) for _ in range(ROUNDS + 20)][20:]
    scale = 1e6 / operations
    found: dict[str, Any] = {"pyengine_us": statistics.median(p[0] for p in pairs) * scale}
    if theirs:
        found["torch_us"] = statistics.median(p[1] for p in pairs) * scale
        found["ratio"] = statistics.quantiles((p[0] / p[1] for p in pairs), n=4)
    return found


def main() -> None:
    """Measure, print a table, and fail where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="write the figures there, too")
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError:
        torch = None
    else:
        torch.set_num_threads(1)
    theirs = workloads(torch) if torch else {}
    results = {}
    print(f"{'':36}{'pyengine':>10}{'torch':>10}   ratio: median [quartiles]   limit")
    for name, (ours, operations) in workloads(pe).items():
        found = results[name] = measure(ours, theirs[name][0] if torch else None, operations)
        line = f"{name:36}{found['pyengine_us']:8.2f} µs"
        if torch:
            low, middle, high = found["ratio"]
            line += f"{found['torch_us']:8.2f} µs   {middle:13.3f} [{low:.3f}, {high:.3f}]   {LIMITS[name]:.2f}"
        print(line)
    if arguments.json:
        versions = {"pyengine": pe.__version__, "python": platform.python_version()}
        if torch:
            versions["torch"] = torch.__version__
        with open(arguments.json, "w") as file:
            json.dump({"versions": versions, "limits": LIMITS, "results": results}, file, indent=2)
    if torch and any(found["ratio"][1] > LIMITS[name] for name, found in results.items()):
        raise SystemExit("a limit is passed")


if __name__ == "__main__":
    main()
