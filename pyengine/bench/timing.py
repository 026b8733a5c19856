"""Taking turns: times of several ways to do the same work, interleaved, so that whatever the machine does meets all."""

import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter, sleep
from typing import NamedTuple

SAMPLE_SECONDS = 2e-3  # the least time of a sample: shorter calls are repeated, so that the clock's grain is nothing
WARM_SECONDS = 2e-3  # of calls before the clock starts: caches refill, sleeping threads and a slowed clock come back
LONG_SECONDS = 2e-2  # a call as long as that warms itself up
WARM_UP = 3
SETTLE_SECONDS = 0.05
PATIENCE = 4  # rounds tried for each round wanted, before a busy machine is given up on


class Timing(NamedTuple):
    """What came out of taking turns.

    seconds  for each contender, the median time of one call
    ratios   for each peer, its time over the first contender's in each kept round
    dropped  rounds that were not kept, because other programs wanted the processor
    """

    seconds: dict[str, float]
    ratios: dict[str, list[float]]
    dropped: int


def take_turns(
    contenders: Mapping[str, Callable[[], object]], rounds: int = 30, others: Callable[[], int] | None = None
) -> Timing:
    """Time each contender once in each of `rounds` rounds, in turn; the first one is what the others are compared with.

    Before and after each sample `others()` must be 0: else the machine was not this program's own, and the round is
    dropped. After four times `rounds` rounds it stops with what there is, which may be nothing.

    >>> timing = take_turns({"one": lambda: sum(range(1000)), "two": lambda: sum(range(4000))}, 5, others=lambda: 0)
    >>> len(timing.ratios["two"]), timing.dropped
    (5, 0)
    """
    others = others_running if others is None else others
    names = list(contenders)
    calls = {name: _calls(function) for name, function in contenders.items()}
    kept: list[dict[str, float]] = []
    tried = 0
    while len(kept) < rounds and tried < PATIENCE * rounds:
        turn = tried % len(names)
        tried += 1
        times, own = {}, others() == 0
        for name in (*names[turn:], *names[:turn]):
            _settle()
            times[name] = _sample(contenders[name], calls[name])
            own = own and others() == 0
        if own:
            kept.append(times)
    seconds = {name: statistics.median([t[name] for t in kept]) if kept else math.nan for name in names}
    ratios = {name: [t[name] / t[names[0]] for t in kept] for name in names[1:]}
    return Timing(seconds, ratios, tried - len(kept))


class Calls(NamedTuple):
    """How many calls there are in a sample: before the clock starts, and while it runs."""

    warm: int
    timed: int


def _calls(function: Callable[[], object]) -> Calls:
    for _ in range(WARM_UP):
        function()
    once = max(min(_sample(function, Calls(0, 1)) for _ in range(WARM_UP)), 1e-9)
    if once >= LONG_SECONDS:
        return Calls(0, 1)
    return Calls(math.ceil(WARM_SECONDS / once), math.ceil(SAMPLE_SECONDS / once))


def _settle() -> None:
    """Wait until the workers of whoever was last have gone to sleep, so that they do not run beside the next one."""
    deadline = perf_counter() + SETTLE_SECONDS
    while _own_running() > 1 and perf_counter() < deadline:
        sleep(1e-4)


def _sample(function: Callable[[], object], calls: Calls) -> float:
    for _ in range(calls.warm):
        function()
    start = perf_counter()
    for _ in range(calls.timed):
        function()
    return (perf_counter() - start) / calls.timed


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, and an interval that holds the true one 95 times in 100.

    By order statistics: of n values, the number below the true median is binomial with n and ½; no distribution is
    assumed (W. J. Conover, Practical Nonparametric Statistics, 3rd ed., 1999, section 3.2).

    >>> median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    (5.0, 2.0, 8.0)
    """
    ordered, n = sorted(values), len(values)
    if not n:
        return math.nan, math.nan, math.nan
    reach = 0.98 * math.sqrt(n)
    low, high = math.floor((n - 1) / 2 - reach), math.ceil((n - 1) / 2 + reach)
    return statistics.median(ordered), ordered[max(low, 0)], ordered[min(high, n - 1)]


def others_running() -> int:
    """How many tasks outside this process want a processor right now; 0 where the system does not say."""
    try:
        running = int(Path("/proc/loadavg").read_text().split()[3].split("/")[0])
        return max(0, running - _own_running())
    except OSError:
        return 0


def _own_running() -> int:
    """The threads of this process that run or want to."""
    count = 0
    for thread in os.listdir("/proc/self/task") if os.path.isdir("/proc/self/task") else ():
        try:
            status = Path(f"/proc/self/task/{thread}/stat").read_text()
        except OSError:  # it has just ended
            continue
        count += status.rpartition(")")[2].split()[0] == "R"
    return count
