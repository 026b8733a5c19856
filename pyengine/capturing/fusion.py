"""Fusing elementwise calls: a chain of them goes through the cache block by block, not through memory one by one.

The native half is csrc/cpu/fusion.cpp: it runs the loops of the kernels themselves, so results have the same bits.
Here is decided which calls go together. Calls need not follow each other: one that lies between two members runs
before them if it needs none of their results, and after them otherwise, unless a later member needs it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from .draft import Draft, Key, is_dense, itemsize, size
from .trace import Operand, TracedCall, View

# Kernels that are one loop over elements on the CPU (csrc/cpu/elementwise.h), where they compute in these dtypes.
_NAMES = """
abs add bce_with_logits bce_with_logits_slope ceil clamp clip_size copy cos div elu elu_backward eq erf exp expm1
floor floor_divide ge gelu gelu_backward gelu_tanh gelu_tanh_backward gt huber isfinite isinf isnan le
leaky_relu leaky_relu_backward log log1p lt maximum minimum mul ne neg pow reciprocal relu relu_backward
remainder round rsqrt sigmoid sign silu silu_backward sin small_size softplus softplus_backward sqrt square sub
tanh trunc where
"""
ELEMENTWISE = frozenset(_NAMES.split())
REDUCTIONS = frozenset(["amax", "amin", "prod", "sum"])  # of all elements
DTYPES = frozenset(["float32", "float64", "bool"])
WINDOW = 32  # calls that are looked at behind the last member of a group


def fuse(draft: Draft) -> None:
    """Make one call of those that can go through the cache together."""
    if draft.native_fuse is None:  # kernels for a GPU have no loops to run block by block
        return
    groups = list(_grouped(draft))
    counts = draft.counts()
    fixed = draft.fixed()
    draft.calls = [_fused(draft, members, counts, fixed) if len(members) > 1 else members[0] for members in groups]


def _grouped(draft: Draft) -> Iterator[list[TracedCall]]:
    """The calls in an order that does the same, those to be fused together."""
    rest = draft.calls
    while rest:
        first, *rest = rest
        if elements(first) and first.kernel in ELEMENTWISE:
            group = _Group(draft, first)
            before, later = group.grow(rest)
            if len(group.members) > 1:
                yield from ([call] for call in before)
                yield group.members
                rest = later
                continue
        yield [first]


def _fused(draft: Draft, members: list[TracedCall], counts: Counter[Key], fixed: set[Key]) -> TracedCall:
    own = Counter(draft.key(operand.view) for call in members for operand in call.operands)
    inner = [key for key, count in own.items() if key[0] == "made" and key not in fixed and counts[key] == count]
    written = {draft.key(call.operands[-1].view): call for call in members}
    places = [draft.place(key[1]) for key in inner if written[key].kernel in ELEMENTWISE]
    assert draft.native_fuse is not None
    kept = draft.native_fuse([call.kept for call in members], places)
    return draft.traced(kept, members, "fused", ", ".join(call.kernel for call in members))


def elements(call: TracedCall) -> int:
    """How many elements the call's loop goes over; 0 where it is none that can be fused."""
    *inputs, out = call.operands
    if out.access != "write" or any(operand.access != "read" for operand in inputs):
        return 0
    if any(operand.view.dtype not in DTYPES for operand in call.operands) or not is_dense(out.view):
        return 0
    if not all(_has_rows(operand.view) for operand in inputs):
        return 0
    if call.kernel in ELEMENTWISE:
        return size(out.view)
    if call.kernel in REDUCTIONS and size(out.view) == 1 and is_dense(inputs[0].view):
        return size(inputs[0].view) if size(inputs[0].view) > 1 else 0
    return 0


def _has_rows(view: View) -> bool:
    """Whether neighbours along the innermost axis lie side by side, or are one element: gathering others is slow."""
    strides = [stride for length, stride in zip(view.shape, view.strides, strict=True) if length != 1]
    return not strides or strides[-1] in (0, itemsize(view))


class _Group:
    """Calls that will be one, and the memory that they touch."""

    def __init__(self, draft: Draft, first: TracedCall) -> None:
        self.members: list[TracedCall] = []
        self._draft = draft
        self._elements = elements(first)
        self._touched: set[Key] = set()
        self._written: set[Key] = set()
        self._streams: dict[Key, int] = {}  # memory that is walked from end to end only, and where it starts
        self._add(first)

    def grow(self, rest: Sequence[TracedCall]) -> tuple[list[TracedCall], list[TracedCall]]:
        """Take what can join; the others, by whether they run before the group or after it."""
        before: list[TracedCall] = []
        later: list[TracedCall] = []
        later_touched: set[Key] = set()
        later_written: set[Key] = set()
        last = 0
        for i, call in enumerate(rest):
            if i - last > WINDOW:
                return before, later + list(rest[i:])
            uses = self._draft.uses(call)
            waits = uses.writes & later_touched or uses.reads & later_written
            if not waits and self._accepts(call):
                self._add(call)
                last = i
            elif waits or uses.writes & self._touched or uses.reads & self._written:
                later.append(call)
                later_touched |= uses.reads | uses.writes
                later_written |= uses.writes
            else:
                before.append(call)
        return before, later

    def _accepts(self, call: TracedCall) -> bool:
        """Whether it goes over the same elements, some of which are here, and needs no others of what is written.

        One that reads single elements only, as a constant gradient times a number, costs nothing here.
        """
        if elements(call) != self._elements:
            return False
        shares = not any(self._is_stream(operand) for operand in call.operands[:-1])
        for operand in call.operands:
            key, start = self._draft.key(operand.view), self._draft.start(operand.view)
            same = self._is_stream(operand) and self._streams.get(key) == start
            shares = shares or same
            if not same and key in (self._touched if operand.access == "write" else self._written):
                return False
        return shares

    def _add(self, call: TracedCall) -> None:
        self.members.append(call)
        for operand in call.operands:
            key, start = self._draft.key(operand.view), self._draft.start(operand.view)
            if not self._is_stream(operand) or self._streams.get(key, start) != start:
                self._streams.pop(key, None)
            elif key not in self._touched:
                self._streams[key] = start
            self._touched.add(key)
            if operand.access == "write":
                self._written.add(key)

    def _is_stream(self, operand: Operand) -> bool:
        return is_dense(operand.view) and size(operand.view) == self._elements
