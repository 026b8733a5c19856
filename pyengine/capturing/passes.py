"""What is done to a recorded step before it is replayed. Each pass takes a draft and leaves one that does the same."""

from collections import Counter
from collections.abc import Callable

from .draft import Draft, Key
from .fusion import fuse
from .trace import TracedCall, View


def drop_dead(draft: Draft) -> None:
    """Leave out calls whose results nobody reads."""
    needed = draft.returned() | {("made", number) for number in draft.held}
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
    fixed = {("made", number) for number in draft.held}
    versions: Counter[Key] = Counter()
    known: dict[object, TracedCall] = {}
    calls: list[TracedCall] = []
    for call in draft.calls:
        call = draft.renamed(call)
        uses = draft.uses(call)
        results = [operand.view for operand in call.operands if operand.access == "write"]
        pure = bool(results) and all(_is_whole(draft, view) and writes[draft.key(view)] == 1 for view in results)
        if pure and not uses.writes & (fixed | uses.reads):
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


def _is_whole(draft: Draft, view: View) -> bool:
    return view.kind == "made" and view.offset == 0 and draft.place(view.number)[1] > 0


# By the names that `capture(passes=…)` takes, in the order in which they run.
PASSES: dict[str, Callable[[Draft], None]] = {"dead": drop_dead, "shared": share, "fused": fuse}
