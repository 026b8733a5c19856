"""Ctrl-C as a wish to stop, not as an exception in the middle of a step."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

REASON = "interrupted"  # what a trainer that was stopped so has in `stopped`


@contextlib.contextmanager
def finish_step_on_ctrl_c(stop: Callable[[str], None]) -> Iterator[None]:
    """While active, the first Ctrl-C calls `stop(REASON)`; a second one raises KeyboardInterrupt at once.

    An exception could fall between the optimizer's update and the count of it. The flag is looked at between steps, so
    what is written afterwards is whole. A program that handles SIGINT itself, or ignores it, keeps its way, and so do
    threads other than the main one, where Python delivers no signals.
    """
    default = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not default:
        yield
        return

    def first(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, default)
        stop(REASON)

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, default)
