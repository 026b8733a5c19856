"""A plan as a CUDA graph: one launch for all its kernels."""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

from .._core import Plan


def graph_of(plan: Plan, cupy: Any) -> Any:
    """The calls of a plan, all on the GPU, as a CuPy Graph, whose `launch()` puts them on CuPy's current stream.

    The plan runs once on a stream that notes what is put on it instead of doing it; so nothing is computed here. What
    the calls read by address (inputs, weights, the learning rate, the state of random numbers) is read at each launch;
    only numbers that a kernel takes by value are fixed, and these are so in the plan, too. Scratch memory becomes part
    of the graph. Raises what CUDA says where that cannot be, as where a call waits for the GPU.
    """
    stream = cupy.cuda.Stream(non_blocking=True)  # the default stream, which waits for others, cannot note
    with stream:
        stream.begin_capture()
        try:
            plan.run()
        except BaseException:
            with contextlib.suppress(Exception):  # a consequence: the first error says what is wrong
                stream.end_capture()
            raise
        return stream.end_capture()


def launcher(plan: Plan, cupy: Any) -> Callable[[], Any]:
    """What does all calls of a plan: a graph's launch; after a warning the plan's own run where there can be none."""
    try:
        launch: Callable[[], Any] = graph_of(plan, cupy).launch
    except Exception as error:  # CUDA's own kinds, which need a CuPy to be named
        warnings.warn(
            f"capture: these calls cannot be a CUDA graph ({error}); they are launched one by one",
            RuntimeWarning,
            stacklevel=2,
        )
        return plan.run
    return launch
