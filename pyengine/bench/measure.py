"""Measuring the rows: `python -m pyengine.bench.measure` runs in a process of its own, with a clean environment.

Prints one JSON object per line: first the settings, then each row as soon as it is known.
"""

import argparse
import gc
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import get_num_threads, roof, set_num_threads
from ..train import environment
from . import attention, captured, convolution, kernels, sequences, training
from .busy import slowdown
from .peers import NAMES, Peer, find
from .task import Spec, Task, UnavailableError
from .timing import median_interval, take_turns

GROUPS = (
    "matmul",
    "conv",
    "attention",
    "elementwise",
    "rows",
    "function",
    "loss",
    "optimizer",
    "step",
    "captured",
    "overhead",
)


def all_specs() -> list[Spec]:
    """Every row that there is, by group."""
    found = [*kernels.specs(), *convolution.specs(), *attention.specs(), *sequences.specs(), *training.specs()]
    found += captured.specs()
    return sorted(found, key=lambda spec: GROUPS.index(spec.group))


def measure(
    asked: Sequence[str], against: Sequence[str], threads: int, rounds: int, busy: bool = False
) -> Iterator[dict[str, Any]]:
    """The settings, then the rows that were asked for; with `busy` also how much slower each is on busy cores."""
    set_num_threads(threads)
    peers = {name: peer for name in against if (peer := find(name, threads)) is not None}
    yield settings(peers, threads)
    for spec in all_specs():
        if spec.matches(asked):
            try:
                task = spec.make(peers)
            except UnavailableError as error:
                print(f"{spec.name}: left out. {error}", file=sys.stderr)
                continue
            record = {"kernel": spec.kernel, **row(task, rounds)}
            if busy:
                record["busy"] = slowdown(task.ours)
            yield record
            del task
            gc.collect()


def settings(peers: dict[str, Peer], threads: int) -> dict[str, Any]:
    """What the figures depend on."""
    limit = roof.roof()
    return {
        **environment.describe(),
        "commit": _commit(),
        "threads": threads,
        "peers": {name: {"version": peer.version(), "uses": _uses(peer)} for name, peer in peers.items()},
        "roof_gflops": limit.flops / 1e9,
        "roof_paces": [[size, pace / 1e9] for size, pace in limit.paces],
    }


def _commit() -> str | None:
    """Of the checkout that this package is used from, "-dirty" behind it where files were changed; else None."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (a fixed command)
    except OSError:  # no git
        return None
    return found.stdout.strip() or None


def _uses(peer: Peer) -> str:
    """Which BLAS, and which instruction set, a peer computes with."""
    if peer.name == "numpy":
        built: Any = np.show_config(mode="dicts")
        blas = built["Build Dependencies"]["blas"]
        return f"{blas['name']} {blas['version']}"
    if peer.name == "torch":
        blas = "MKL" if peer.library.backends.mkl.is_available() else "a BLAS of its own"
        return f"{blas}, {peer.library.backends.cpu.get_cpu_capability()}"
    return "XLA"


def row(task: Task, rounds: int) -> dict[str, Any]:
    """Time one task, check its results, and put the figures into a record."""
    contenders = {"pyengine": task.ours, **{name: once for name, (once, _) in task.peers.items()}}
    timing = take_turns(contenders, rounds)
    seconds = timing.seconds["pyengine"]
    limit = roof.roof()
    record: dict[str, Any] = {
        "group": task.group,
        "name": task.name,
        "flops": task.flops,
        "bytes": task.bytes,
        "seconds": timing.seconds,
        "ratios": {name: median_interval(values) for name, values in timing.ratios.items()},
        "kept": rounds if timing.ratios or rounds else 0,
        "dropped": timing.dropped,
        "wrong": task.wrong(),
        **task.more(),
    }
    record["share"] = limit.seconds(task.flops, task.bytes, task.dtype) / seconds
    if record["share"] > 1 and task.group != "overhead":  # a slow moment while the roof was measured? Look again
        limit = roof.roof(again=True)
        record["share"] = limit.seconds(task.flops, task.bytes, task.dtype) / seconds
    record["gflops"], record["gbytes"] = task.flops / seconds / 1e9, task.bytes / seconds / 1e9
    return record


def main() -> None:
    """Measure what the arguments say, a JSON object on each line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("asked", nargs="*")
    parser.add_argument("--against", default=",".join(NAMES))
    parser.add_argument("--threads", type=int, default=get_num_threads())
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--busy", action="store_true")
    arguments = parser.parse_args()
    against = [name for name in arguments.against.split(",") if name]
    for record in measure(arguments.asked, against, arguments.threads, arguments.rounds, arguments.busy):
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
