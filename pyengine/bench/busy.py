"""The same call on a machine whose every core has another program to run.

With one other program on each core a fair share of the time is a half, so about twice the quiet time is what there is
to be had. A library whose threads wait for each other at every step can be a hundred times slower instead: each barrier
then waits until the system has given the last thread its turn.
"""

import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from .timing import WARM_UP

SAMPLES = 7
SAMPLE_SECONDS = 0.1  # many turns of the scheduler, which are some milliseconds each
# A program that is killed cannot end its children. They look now and then whether they still have their parent.
SPINNING = """
import os, sys
print(flush=True)
while os.getppid() == int(sys.argv[1]):
    for _ in range(100_000):
        pass
"""


@contextmanager
def busy_cores() -> Iterator[None]:
    """While this lasts, one other program for each core that this process may use runs without a pause."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    command = [sys.executable, "-c", SPINNING, str(os.getpid())]
    programs = [
        subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603  (this program itself)
        for _ in range(count)
    ]
    try:
        for program in programs:
            assert program.stdout is not None
            program.stdout.readline()  # it has started
        yield
    finally:
        for program in programs:
            program.send_signal(signal.SIGKILL)
            program.communicate()


def slowdown(work: Callable[[], object]) -> float:
    """How many times as long a call takes while all cores are busy with other programs: the ratio of two medians."""
    quiet = _seconds(work)
    with busy_cores():
        return _seconds(work) / quiet


def _seconds(work: Callable[[], object]) -> float:
    for _ in range(WARM_UP):
        work()
    return statistics.median(_sample(work) for _ in range(SAMPLES))


def _sample(work: Callable[[], object]) -> float:
    calls, start = 0, perf_counter()
    while (now := perf_counter()) - start < SAMPLE_SECONDS:
        work()
        calls += 1
    return (now - start) / calls
