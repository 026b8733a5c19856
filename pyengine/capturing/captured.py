"""pe.capture: a step of Python turned into a list of native calls."""

import functools
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .. import tape
from ..tensor import Tensor
from .passes import GRAPH, PASSES
from .plan import CapturedPlan
from .recorder import CaptureError, Recorder
from .recording import Recording, detached, homes, settled_gradient, wrapped
from .structure import read, replaced, unknown_in

TRIES = 4  # runs in which a step must do the same twice


class Captured:
    """A step that is replayed natively; made by `capture`, which says how it behaves.

    `recordings` holds what was recorded and confirmed, the last used first. `warns_of_limit` may be set to False where
    calls of many shapes are expected, and those beyond the limit may run in Python without a word.
    """

    def __init__(self, step: Callable[..., Any], fallback: bool, limit: int, passes: Sequence[str]) -> None:
        functools.update_wrapper(self, step)
        self.step = step
        self.recordings: list[Recording] = []
        self._fallback = fallback
        self._limit = limit
        self._passes = passes
        self._by_call: dict[Any, list[Recording]] = {}
        self._candidates: dict[Any, tuple[Recording, int]] = {}  # recorded once, and how often that was tried
        self._eager: str | None = None  # why every call runs in Python from now on
        self._last: Recording | None = None
        self.warns_of_limit = True
        self._leaves: list[tape.Value] = []  # whose gradients the last recorded run used
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the step does with these arguments: replayed where a recording fits, else in Python."""
        if self._eager is not None or _watched():
            return self.step(*args, **kwargs)
        tracking = not tape.no_grad_blocks or tape.state.grad_enabled
        with self._lock:
            last = self._last
            if last is not None and not kwargs and last.tracking is tracking:
                inputs = last.match(args)
                if inputs is not None and last.guards.hold():
                    return last.replay(inputs)
            try:
                signed, inputs = read(args, kwargs)
                known = self._by_call.get((signed, tracking), ())
            except TypeError:
                return self._give_up(_bad_argument((args, kwargs)), args, kwargs)
            for recording in known:
                if recording.guards.hold():
                    self._last = recording
                    return recording.replay(inputs)
            return self._record((signed, tracking), args, kwargs, inputs)

    @property
    def plan(self) -> CapturedPlan:
        """The calls of the recording that was used last, to look at. CaptureError where nothing is recorded yet."""
        if self._last is None:
            why = self._eager or "the step has not been called twice with the same result"
            raise CaptureError(f"plan: there is no recording yet: {why}")
        return CapturedPlan(self._last)

    def _give_up(self, error: CaptureError, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run in Python, now and from now on; or raise, unless asked to fall back."""
        self._refuse(error)
        return self.step(*args, **kwargs)

    def _refuse(self, error: CaptureError) -> None:
        if not self._fallback:
            raise error
        where = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
        self._eager = f"{error}{where}"
        warnings.warn(f"{self._eager}. The step runs in Python from now on", RuntimeWarning, stacklevel=4)

    def _record(self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any], inputs: Sequence[Tensor]) -> Any:
        """Run the step in Python under a recorder; a recording that does as the one before is confirmed."""
        if any(tensor.requires_grad for tensor in inputs):
            return self._give_up(_tracked_input(), args, kwargs)
        if len(self.recordings) >= self._limit:
            self._warn_of_limit(key)
            return self._in_python(args, kwargs)
        own = [wrapped(t.device.kernels.copy(t.data, t.data.dtype), t) for t in inputs]
        copies = iter(own)
        own_args, own_kwargs = replaced((args, kwargs), lambda tensor: next(copies))
        with Recorder(self._fallback, self._leaves) as recorder:
            result = self.step(*own_args, **own_kwargs)
            unknown = unknown_in(result)
            if unknown is not None:
                recorder.refuse(
                    f"the step returns a {type(unknown).__name__}, which a replay could not make anew; return tensors, "
                    f"alone or in lists, tuples and dicts"
                )
        if recorder.failure is not None and not recorder.watched:
            self._refuse(recorder.failure)
            return result
        if recorder.watched:
            return replaced(result, Tensor.detach)
        self._leaves = list(recorder.leaves.values())
        given = None if own_kwargs else own_args
        recording, returned = Recording(recorder, own, result, given, key[1]), detached(result)
        del result, own_args, own_kwargs, given, recorder  # what is left of the step's Python
        self._confirm(key, recording)
        return returned

    def _in_python(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the step; its gradients go where replays leave them, as other captured functions expect them there."""
        result = self.step(*args, **kwargs)
        for leaf in self._leaves:
            home = homes.get(id(leaf))
            if home is not None and leaf.grad is not None and leaf.grad.data is not home.data:
                leaf.grad = settled_gradient(leaf)
        return result

    def _confirm(self, key: Any, recording: Recording) -> None:
        kind = key, recording.guards.pattern()
        before, tries = self._candidates.pop(kind, (None, 0))
        if before is None:
            recording.forget()
            self._candidates[kind] = recording, 1
            return
        changed = before.difference(recording)
        if not changed:
            try:
                recording.settle(self._passes)
            except CaptureError as error:
                self._refuse(error)
                return
            self.recordings.insert(0, recording)
            self._last = recording
            self._by_call.setdefault(key, []).insert(0, recording)
        elif tries + 1 < TRIES:
            recording.forget()
            self._candidates[kind] = recording, tries + 1
        else:
            self._refuse(
                CaptureError(
                    f"capture: the step does something else in every call: {changed}. What Python changes between "
                    f"calls must be an argument, or a tensor that is overwritten"
                )
            )

    def _warn_of_limit(self, key: Any) -> None:
        """Say once that calls run in Python because there are enough recordings, and why another was needed."""
        if not self.warns_of_limit:
            return
        self.warns_of_limit = False
        known = self._by_call.get(key)
        why = known[0].guards.broken() if known else "the shapes, dtypes or values of its arguments"
        warnings.warn(
            f"capture: the step was recorded {self._limit} times, as often as capture(limit=…) allows; calls that fit "
            f"none of them run in Python. This one differs in {why}",
            RuntimeWarning,
            stacklevel=4,
        )


def capture(
    step: Callable[..., Any] | None = None,
    *,
    fallback: bool = False,
    limit: int = 8,
    passes: Sequence[str] = (*PASSES, GRAPH),
) -> Any:
    """Make `step` a function whose kernel calls are recorded and then replayed with no Python between them.

    step      takes tensors, and other hashable values, in lists, tuples and dicts too; returns tensors, in these too.
              It may train: call a model, backward(), an optimizer
    fallback  where the step cannot be recorded: run it in Python from then on and warn, instead of raising CaptureError
    limit     how many recordings are kept; each set of shapes, dtypes and other arguments needs one
    passes    what is done to a recording: "dead" leaves out calls whose results nobody reads, "shared" computes once
              what several calls compute, "epilogues" lets products and convolutions end with the relu that follows,
              "fused" takes chains of elementwise calls through the cache block by block, "late" fills arrays with a
              number when they are needed first; on a GPU "graph" makes the calls one CUDA graph. None of them changes
              a bit of what the step does

    The first calls run in Python under a recorder, until two runs in a row have made the same calls; from then on
    calls are replayed. What the step writes into an argument it writes into a copy; results are new tensors, without
    history: whatever needs a gradient belongs into the step. Gradients of parameters keep their memory from replay to
    replay. A step is recorded anew when a guard finds something changed: an attribute or the mode of a module, the
    memory of a parameter, a setting of an optimizer that is no array. Learning rates, momentum, random numbers and
    step counts are followed.
    What Python does besides is done while recording only: printing, appending to a list. What it decides by the data
    of a tensor (item(), a boolean mask) cannot be recorded. CaptureError says what and in which line. TypeError for a
    step that is no function, ValueError for a limit below 1 and for an unknown pass.
    A Python value that the step reads from a variable of outside, and that changes only after the recording, goes
    unnoticed: make it an argument, or a tensor.

    >>> import pyengine as pe
    >>> from pyengine import nn, optim
    >>> model = nn.Linear(2, 1)
    >>> optimizer = optim.SGD(model.parameters(), lr=0.1)
    >>> @pe.capture
    ... def step(x, y):
    ...     optimizer.zero_grad()
    ...     loss = ((model(x) - y) ** 2).mean()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> x, y = pe.ones(4, 2), pe.zeros(4, 1)
    >>> losses = [step(x, y).item() for _ in range(10)]
    >>> losses[-1] < losses[0], len(step.recordings)
    (True, 1)
    """
    if step is None:
        return lambda function: capture(function, fallback=fallback, limit=limit, passes=passes)
    if not callable(step):
        raise TypeError(f"capture: takes a function, not a {type(step).__name__}")
    if limit < 1:
        raise ValueError(f"capture: limit is a number of recordings from 1 on, not {limit}")
    known = (*PASSES, GRAPH)
    unknown = [name for name in passes if name not in known]
    if unknown:
        raise ValueError(f"capture: there is no pass {unknown[0]!r}; there are {', '.join(known)}")
    return Captured(step, fallback, limit, tuple(name for name in known if name in passes))


def _watched() -> bool:
    """Whether something looks at each operation, as a profile or an outer recording: then Python must run."""
    return bool(tape.observer or tape.recorder or tape.tracer or tape.gradient_check)


def _bad_argument(given: Any) -> CaptureError:
    found = unknown_in(given)
    what = f"a {type(found).__name__}" if found is not None else "a value that is not hashable"
    return CaptureError(f"capture: {what} among the arguments; pass tensors, numbers and strings, or nests of these")


def _tracked_input() -> CaptureError:
    return CaptureError(
        "capture: an argument requires a gradient, but the step works on copies of its arguments; make it one of the "
        "variables that the step uses, or pass x.detach()"
    )
