"""Preparing batches ahead in a thread."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Job = TypeVar("Job")

_END = object()


class _Failure:
    """An exception on its way from the thread to the reader."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def prefetched(make: Callable[[Job], Any], jobs: Iterable[Job], ahead: int) -> Iterator[Any]:
    """`make(job)` for each job, in order, computed by a thread that works up to `ahead` results in advance.

    Helps where making takes long and lets go of the interpreter meanwhile: reading files, decoding, NumPy.
    An exception in the thread is raised where its result would have come. The thread ends with the iterator.
    """
    results: queue.Queue[Any] = queue.Queue(maxsize=ahead)
    stopped = threading.Event()
    thread = threading.Thread(
        target=_produce, args=(make, jobs, results, stopped), name="pyengine-prefetch", daemon=True
    )
    thread.start()
    try:
        while (result := results.get()) is not _END:
            if isinstance(result, _Failure):
                raise result.error
            yield result
    finally:
        stopped.set()
        while thread.is_alive():  # it may be waiting for room
            _drain(results)
            thread.join(timeout=0.01)


def _produce(
    make: Callable[[Any], Any], jobs: Iterable[Any], results: queue.Queue[Any], stopped: threading.Event
) -> None:
    try:
        for job in jobs:
            if stopped.is_set():
                return
            results.put(make(job))
    except BaseException as error:
        results.put(_Failure(error))
    else:
        results.put(_END)


def _drain(results: queue.Queue[Any]) -> None:
    while True:
        try:
            results.get_nowait()
        except queue.Empty:
            return
