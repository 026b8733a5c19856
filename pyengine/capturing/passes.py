"""What is done to a recorded step before it is replayed. Each pass takes a draft and leaves one that does the same."""

from collections import Counter
from collections.abc import Callable

from .._core import append_relu
from .draft import Draft, Key, is_dense
from .fusion import fuse
from .trace import TracedCall, View


def drop_dead(draft: Draft) -> None:
    """Leave out calls whose results nobody reads."""
    needed = draft.fixed()
    kept: list[TracedCall] = []
    for call in reversed(draft.calls):
        uses = draft.uses(call)
        if not uses.writes or any(kind != "made" for kind, _ in uses.writes) or uses.writes & needed:
            kept.append(call)
            needed |= uses.reads
    draft.calls = kept[::-1]


def share(draft: Draft) -> None:
    """Compute once what several calls compute from the same memory, as the same transposed copy.

    A result that is written again later, or must lie where it lies, is not shared.
    """
    writes = Counter(key for call in draft.calls for key in draft.uses(call).writes)
    versions: Counter[Key] = Counter()
    known: dict[object, TracedCall] = {}
    calls: list[TracedCall] = []
    for call in draft.calls:
        call = draft.renamed(call)
        uses = draft.uses(call)
        results = [operand.view for operand in call.operands if operand.access == "write"]
        pure = bool(results) and all(_is_whole(draft, view) and writes[draft.key(view)] == 1 for view in results)
        if pure and not uses.writes & (draft.held | uses.reads):
            read = [operand.view for operand in call.operands if operand.access != "write"]
            what = call.kernel, call.settings, tuple((view, versions[draft.key(view)]) for view in read)
            same = known.setdefault(what, call)
            if same is not call:
                draft.rename(results, [o.view for o in same.operands if o.access == "write"])
                continue
        versions.update(uses.writes)
        calls.append(call)
    draft.calls = calls
    draft.outputs = [draft.renamed_view(view) for view in draft.outputs]


def append(draft: Draft) -> None:
    """Let products and convolutions end with the relu that follows them."""
    counts = draft.counts()
    fixed = draft.fixed()
    makers: dict[Key, int] = {}  # where each result is made, by the position in `calls`
    calls: list[TracedCall] = []
    for call in draft.calls:
        result = call.operands[-1].view
        if call.kernel == "relu" and _is_whole(draft, result) and is_dense(result):
            key = draft.key(call.operands[0].view)
            at = makers.get(key)
            alone = at is not None and counts[key] == 2 and key not in fixed and is_dense(call.operands[0].view)
            if at is not None and alone and append_relu(calls[at].kept, draft.place(result.number)[0]):
                calls[at] = _ending(calls[at], call)
                continue
        makers.update(dict.fromkeys(draft.uses(call).writes, len(calls)))
        calls.append(call)
    draft.calls = calls


def _ending(call: TracedCall, relu: TracedCall) -> TracedCall:
    """The call with the result of the relu in place of its own."""
    given = [part for part in call.settings.split(", ") if part and part != "act=None"]
    settings = ", ".join([*given, "act='relu'"])
    operands = (*call.operands[:-1], relu.operands[-1])
    return call._replace(settings=settings, operands=operands)


def delay(draft: Draft) -> None:
    """Fill arrays with a number when they are needed first, not before: until then they take no memory."""
    waiting: dict[Key, TracedCall] = {}
    calls: list[TracedCall] = []
    for call in draft.calls:
        uses = draft.uses(call)
        for key in uses.reads | uses.writes:
            if key in waiting:
                calls.append(waiting.pop(key))
        if not uses.reads and len(uses.writes) == 1 and _is_whole(draft, call.operands[-1].view):
            waiting[next(iter(uses.writes))] = call
        else:
            calls.append(call)
    draft.calls = [*calls, *waiting.values()]


def _is_whole(draft: Draft, view: View) -> bool:
    """Whether it is a result from its first byte on, and has elements."""
    return view.kind == "made" and view.offset == 0 and draft.place(view.number)[1] > 0


# By the names that `capture(passes=…)` takes, in the order in which they run.
PASSES: dict[str, Callable[[Draft], None]] = {
    "dead": drop_dead,
    "shared": share,
    "epilogues": append,
    "fused": fuse,
    "late": delay,
}

# No change of the calls, but another name that `capture(passes=…)` takes: on a GPU they become a CUDA graph (graph.py).
GRAPH = "graph"
