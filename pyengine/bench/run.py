"""Starting the measurement in a process of its own, twice: peers as installed, and peers at their best."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from tempfile import TemporaryDirectory
from typing import Any

# OPENBLAS_CORETYPE and its kin can make NumPy several times slower than it is; a win over that would be none.
CLEARED = "OPENBLAS_"
# Memory that stays with the process: PyTorch on a CPU else gets fresh pages from the system for each large result.
RETAINED_HEAP = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "1000000000000",
    "MALLOC_TOP_PAD_": "268435456",
}
MODES = {"installed": {}, "best": RETAINED_HEAP}

Record = dict[str, Any]


def environment_for(mode: str, threads: int) -> dict[str, str]:
    """The environment of the measuring process.

    >>> environment_for("best", 2)["MALLOC_MMAP_MAX_"], environment_for("installed", 2)["OMP_NUM_THREADS"]
    ('0', '2')
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith((CLEARED, "MALLOC_"))}
    # OpenBLAS's idle workers else spin for a second, through the turns of others; OpenMP's for some milliseconds
    return {**kept, "OPENBLAS_THREAD_TIMEOUT": "4", "OMP_NUM_THREADS": str(threads), **MODES[mode]}


def run(
    asked: Sequence[str],
    against: Sequence[str],
    threads: int,
    rounds: int,
    mode: str,
    busy: bool = False,
    seen: Callable[[Record], None] = lambda record: None,
) -> Record:
    """Measure in a child process; `seen` gets each record as it comes. RuntimeError where the child fails.

    The result has "settings" and "rows"; settings["mode"] is the mode.
    """
    command = [sys.executable, "-P", "-m", "pyengine.bench.measure", *asked, "--against", ",".join(against)]
    command += ["--threads", str(threads), "--rounds", str(rounds), *(["--busy"] if busy else [])]
    records: list[Record] = []
    # torch.compile else finds what an earlier run has compiled, and its first call would be none
    with (
        TemporaryDirectory() as cache,
        subprocess.Popen(  # noqa: S603  (this program itself)
            command,
            stdout=subprocess.PIPE,
            text=True,
            env={**environment_for(mode, threads), "TORCHINDUCTOR_CACHE_DIR": cache},
        ) as child,
    ):
        assert child.stdout is not None
        for line in child.stdout:
            records.append(json.loads(line))
            if len(records) == 1:
                records[0]["mode"] = mode
            seen(records[-1])
    if child.returncode or not records:
        raise RuntimeError(f"the measuring process ended with exit code {child.returncode}")
    return {"settings": records[0], "rows": records[1:]}


MOST_WHEN_BUSY = 4.0  # times the quiet time, with another program on every core: twice is a fair share


def complaints(rows: Sequence[Record]) -> list[str]:
    """What makes a run worthless, in words: wrong results, figures above the roof, a machine that others used.

    >>> complaints([{"name": "add", "group": "elementwise", "wrong": [], "share": 1.3, "seconds": {"pyengine": 1.0}}])
    ['add: 130 % of its roof cannot be: a measuring error']
    """
    found = []
    for row in rows:
        found += row["wrong"]
        if row.get("busy", 0.0) > MOST_WHEN_BUSY:
            found.append(f"{row['name']}: {row['busy']:.1f} times as long while other programs keep all cores busy")
        if row["seconds"]["pyengine"] != row["seconds"]["pyengine"]:
            found.append(f"{row['name']}: other programs used the processor in every round")
        elif row["group"] != "overhead" and row["share"] > 1.05:  # a roof itself is good to some per cent
            found.append(
                f"{row['name']}: {row['share']:.0%} of its roof cannot be: a measuring error".replace("%", " %")
            )
    return found
