"""Recording operations and walking them backwards: the heart of automatic differentiation.

Each operation that must be differentiated leaves a `Node`: which operation, what it saved, and where its inputs came
from. The nodes point from results to inputs, so the last result holds the whole history, and dropping it frees it.

`backward` walks from a result to the leaves. A value used twice receives two gradients, which add up, and its own
operation may be differentiated only when both have arrived: that is why the walk takes consumers before their
producers. Take y = a + b with a = x * x and b = 2 * a: a gets gradient from y and from b. Going to x's product as soon
as y has delivered would use half of a's gradient. A consumer was always made after its producers, so the walk takes the
youngest node that has a gradient, again and again.
"""

import contextlib
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any, Protocol, TypeAlias

import numpy as np

from . import dtypes, ops
from .backend import Array, Device, Kernels
from .brain_float import FLOAT_KINDS
from .ops import Op, Spec
from .ops.copy import COPY

Edge: TypeAlias = "Node | Value"


class Value:
    """What the tape knows of a tensor; `pyengine.Tensor` adds the methods that users call."""

    __slots__ = ("__weakref__", "data", "device", "grad", "node", "requires_grad", "version")

    data: Array
    device: Device
    requires_grad: bool
    grad: Any  # a tensor or None
    node: "Node | None"  # the operation that made it; None for a leaf
    version: "Version | None"

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the elements, a NumPy dtype."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim


class Version:
    """When the memory behind a tensor and all its views was last written in place (by the clock below)."""

    __slots__ = ("time",)

    def __init__(self) -> None:
        self.time = 0


class Node:
    """One executed operation: an inner point of the graph."""

    __slots__ = ("__weakref__", "attrs", "device", "edges", "op", "saved", "time", "version")

    requires_grad = True

    op: Op
    attrs: dict[str, Any]
    saved: tuple[Any, ...] | None  # None once backward has used it up
    edges: Sequence[Edge]  # for each input the node that made it, or the leaf itself
    device: Device
    time: int  # when it ran, by the clock below
    version: Version | None  # that of its output

    def __repr__(self) -> str:
        return f"<{self.op.name} node>"


class OutputNode(Node):
    """One of several outputs of `edges[0]`: hands its gradient to that place."""

    __slots__ = ("index", "outputs")

    index: int
    outputs: int


class StepRecorder(Protocol):
    """What a captured step tells of itself, so that it can be replayed without running Python again."""

    def renewed(self, array: Array, renew: Callable[[], Any]) -> None:
        """`array` holds what the host knows; before each replay `renew()` writes the value of then into it."""

    def reads(self, what: str) -> None:
        """The host looks at data of a tensor, by `what`: a replay could not."""

    def grad_read(self, leaf: Value) -> None:
        """The step depends on what the leaf's gradient is."""

    def grad_dropped(self, leaf: Value) -> None:
        """The leaf's gradient was set to None, whatever it was."""

    def written(self, tensor: Value) -> None:
        """The tensor's memory was written in place."""

    def module(self, module: Any) -> None:
        """A module was called: its attributes and mode must be the same in a replay."""

    def hooked(self) -> None:
        """A hook looks at a gradient, in Python."""

    def uses(self, tensors: Sequence[Value]) -> None:
        """The step works on the memory that these tensors have now."""

    def same(self, what: str, source: Any) -> None:
        """The step depends on the objects in a dict, list or tuple: a replay needs the very same. `source` may also be
        a function that returns the container."""


class _State(threading.local):
    grad_enabled = True
    deliver: "Callable[[Value, Any, bool], None] | None" = None  # of the backward pass that is running


state = _State()
# The no_grad() blocks open in any thread; with none, apply need not ask for this thread's state, which is slow.
no_grad_blocks: set[object] = set()

# One clock for operations and in-place writes: orders the backward pass, and tells whether a saved value is still good.
clock = itertools.count(1)
last_write = 0
NO_ATTRS: dict[str, Any] = {}

# Wraps a device's kernels while a recorder or profiler watches; None, the usual case, costs one test.
observer: Callable[[Device], Kernels] | None = None

# Learns what a step does besides calling kernels, while it is captured (capturing/); None costs one test.
recorder: "StepRecorder | None" = None

# Sees each node and the array or arrays that it made, under detect_anomaly; None costs one test.
tracer: Callable[[Node, Any], None] | None = None
gradient_check: Callable[[Node, Sequence[Any]], None] | None = None

# Functions on the gradient of a node or leaf, by its id; empty, the usual case, costs one test.
hooks: dict[int, list[Callable[[Any], Any]]] = {}

# The class that results get. tensor.py puts its Tensor here; the tape itself needs no more than Value.
result_class: type[Value] = Value

_new = object.__new__
_PACKAGE = os.path.dirname(__file__) + os.sep


def kernels_of(device: Device) -> Kernels:
    """The kernel namespace of `device`, as seen through a recorder where one is active."""
    return device.kernels if observer is None else observer(device)


def wrap(data: Array, device: Device, node: Node | None = None) -> Any:
    """A tensor around `data`, without a copy."""
    out = _new(result_class)
    out.data = data
    out.device = device
    out.requires_grad = node is not None
    out.grad = None
    out.node = node
    out.version = None
    return out


def apply(op: Op, tensors: Sequence[Any], attrs: dict[str, Any] = NO_ATTRS) -> Any:
    """Run `op` on tensors: the one place where operations meet devices, autograd and recorders.

    Returns a tensor, or a tuple of tensors where the operation has several outputs. Errors are worded by `op.infer`.
    """
    arrays = []
    track = False
    try:
        device = tensors[0].device
        for t in tensors:
            arrays.append(t.data)
            if t.device is not device:
                raise located(_device_mismatch(op, tensors))
            if t.requires_grad:
                track = True
    except AttributeError:
        raise located(_not_a_tensor(op.name, tensors)) from None
    k = device.kernels if observer is None else observer(device)
    try:
        out, saved = op.forward(k, *arrays, **attrs) if attrs else op.forward(k, *arrays)
    except (ValueError, TypeError, IndexError) as error:
        return _explain(op, tensors, attrs, error)
    if not track or (no_grad_blocks and not state.grad_enabled):
        if out.__class__ is tuple:
            return tuple([None if o is None else wrap(o, device) for o in out])
        node = None
    else:
        # make_node() and wrap() are written out here: their calls would cost a tenth of a small operation
        node = _new(Node)
        node.op = op
        node.attrs = attrs
        node.saved = saved
        node.edges = edges = []
        for t in tensors:  # a comprehension is a call, too, before Python 3.12
            edges.append(t.node or t)
        node.device = device
        node.time = next(clock)
        node.version = None
        if tracer is not None:
            tracer(node, out)
        if out.__class__ is tuple:
            return tuple([None if o is None else wrap_output(o, device, node, i, len(out)) for i, o in enumerate(out)])
        if out.dtype.kind not in FLOAT_KINDS:  # bools and integers do not move with what they were made of
            node = None
    result = _new(result_class)
    result.data = out
    result.device = device
    result.requires_grad = node is not None
    result.grad = None
    result.node = node
    result.version = None
    return result


def make_node(op: Op, tensors: Sequence[Any], attrs: dict[str, Any], saved: tuple[Any, ...], device: Device) -> Node:
    """The node of an operation that ran on `tensors`."""
    node = _new(Node)
    node.op = op
    node.attrs = attrs
    node.saved = saved
    node.edges = tuple([t.node or t for t in tensors])
    node.device = device
    node.time = next(clock)
    node.version = None
    return node


def output_node(node: Node, index: int, outputs: int) -> OutputNode | None:
    """The node of one of several outputs."""
    out = OutputNode()
    out.op, out.attrs, out.saved, out.edges = node.op, NO_ATTRS, (), (node,)
    out.device, out.time, out.version = node.device, next(clock), None
    out.index, out.outputs = index, outputs
    return out


def wrap_output(data: Array, device: Device, node: Node, index: int, outputs: int) -> Any:
    """A tensor around one of several outputs; only real numbers have a gradient."""
    return wrap(data, device, output_node(node, index, outputs) if data.dtype.kind in FLOAT_KINDS else None)


# --- explaining errors, and promotion: the slow way through apply


def _explain(op: Op, tensors: Sequence[Any], attrs: dict[str, Any], error: Exception) -> Any:
    """The kernel refused: promote mixed dtypes where the operation does, else word the error for the user."""
    kinds = {t.data.dtype for t in tensors}
    if op.promotes and len(kinds) > 1:
        common = kinds.pop()
        for dtype in kinds:
            common = dtypes.promote(common, dtype)
        cast = [t if t.data.dtype == common else apply(COPY, (t,), {"dtype": common}) for t in tensors]
        return apply(op, cast, attrs)
    try:
        op.infer([Spec(t.data.shape, t.data.dtype) for t in tensors], attrs)
    except (ValueError, TypeError, IndexError) as worded:
        raise located(worded) from None
    raise located(error)


def _device_mismatch(op: Op, tensors: Sequence[Any]) -> Exception:
    if not all(isinstance(t, Value) for t in tensors):  # a NumPy array has a `.device` too
        return _not_a_tensor(op.name, tensors)
    places = ", ".join(str(t.device) for t in tensors)
    return ValueError(f"{op.name}: operands live on different devices ({places}); move them to one with .to(device)")


def require_tensors(name: str, *operands: Any) -> None:
    """TypeError where one is no tensor: for functions that ask for shapes before `apply` would find out."""
    if not all(isinstance(t, Value) for t in operands):
        raise located(_not_a_tensor(name, operands))


def _not_a_tensor(name: str, operands: Sequence[Any]) -> Exception:
    i, other = next((i, t) for i, t in enumerate(operands) if not isinstance(t, Value))
    return TypeError(f"{name}: operand {i} is a {type(other).__name__}, not a tensor; wrap it: pe.tensor(…)")


def located(error: Exception) -> Exception:
    """Add the line of the user's program that led here."""
    error.add_note(f"in {user_line()}")
    return error


def user_line() -> str:
    """File and line of the user's program that is running: the innermost frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"


# --- in-place writes


def share_version(view: Any, base: Any) -> None:
    """`view` sees `base`'s memory: a write to either must be known to both."""
    if base.version is None:
        base.version = Version()
        if base.node is not None:
            base.node.version = base.version
    view.version = base.version
    if view.node is not None:
        view.node.version = base.version


def mark_written(tensor: Any) -> None:
    """Note that the memory behind `tensor` was written in place: operations that saved it cannot go backwards."""
    global last_write
    last_write = next(clock)
    if tensor.version is None:
        tensor.version = Version()
    if tensor.node is not None:
        tensor.node.version = tensor.version
    tensor.version.time = last_write
    if recorder is not None:
        recorder.written(tensor)


def mark_all_written(versions: Sequence[Version]) -> None:
    """Note that the memory that has these versions was written in place, all at once."""
    global last_write
    last_write = time = next(clock)
    for version in versions:
        version.time = time


def _check_unwritten(node: Node) -> None:
    for source in node.op.saves_of(len(node.edges)):
        edge: Any = node.edges[source] if source >= 0 else node
        if edge.version is not None and edge.version.time > node.time:
            what = f"input {source}" if source >= 0 else "the result"
            raise RuntimeError(
                f"{node.op.name}: {what} was changed in place after it was saved for the backward pass; "
                f"change a copy (x.clone()), or change it after backward()"
            )


# --- backward


def backward(
    roots: Sequence[Value],
    grads: Sequence[Any],
    deliver: Callable[[Value, Any, bool], None],
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> None:
    """Differentiate `roots`, each with its upstream gradient, and `deliver(leaf, gradient, shared)` to every leaf.

    Gradients are arrays, or tensors under create_graph. `shared` says that the gradient's memory may be somebody else's
    too, so that it must be copied before it is kept. Iterative, so a chain of any length works.
    """
    outer, state.deliver = state.deliver, deliver
    try:
        _walk(roots, grads, deliver, retain_graph, create_graph)
    finally:
        state.deliver = outer


def _walk(
    roots: Sequence[Value],
    grads: Sequence[Any],
    deliver: Callable[[Value, Any, bool], None],
    retain_graph: bool,
    create_graph: bool,
) -> None:
    pending: dict[Node, Any] = {}  # gradients that have arrived, of the nodes in the queue
    queue: list[tuple[int, Node]] = []
    hooked: dict[int, tuple[Value, Any]] = {}  # leaves whose hooks wait for the whole gradient

    for root, grad in zip(roots, grads, strict=True):
        node = root.node
        if node is None:
            deliver(root, grad, True)
        elif node in pending:
            pending[node] = _sum(pending[node], grad, node, create_graph)
        else:
            pending[node] = grad
            heappush(queue, (-node.time, node))
    while queue:
        node = heappop(queue)[1]
        arrived = pending.pop(node)
        if hooks and id(node) in hooks:
            arrived = _run_hooks(node, arrived, create_graph)
        if node.__class__ is OutputNode:
            _place(pending, queue, node, arrived)
            continue
        if node.saved is None:
            raise _used_up(node)
        if last_write > node.time and node.op.saves:
            _check_unwritten(node)
        needs = []
        for edge in node.edges:
            needs.append(edge.requires_grad)
        if create_graph or arrived.__class__ is list:
            contributions = _differentiate(node, arrived, needs, create_graph)
        else:  # the usual case is written out here, like make_node() in apply
            k = node.device.kernels if observer is None else observer(node.device)
            if node.attrs:
                contributions = node.op.vjp(k, node.saved, arrived, needs=needs, **node.attrs)
            else:
                contributions = node.op.vjp(k, node.saved, arrived, needs=needs)
        if gradient_check is not None:
            gradient_check(node, contributions)
        for edge, grad in zip(node.edges, contributions):  # noqa: B905  (a vjp returns one gradient for each input)
            if grad is None or not edge.requires_grad:
                continue
            if isinstance(edge, Node):
                if edge in pending:
                    pending[edge] = _sum(pending[edge], grad, edge, create_graph)
                else:
                    pending[edge] = grad
                    heappush(queue, (-edge.time, edge))
            elif hooks and id(edge) in hooks:
                before = hooked.get(id(edge))
                hooked[id(edge)] = (edge, grad if before is None else _sum(before[1], grad, edge, create_graph))
            else:
                deliver(edge, grad, grad is arrived or retain_graph)
        if not retain_graph:
            node.saved = None
            node.edges = ()
    for leaf, grad in hooked.values():
        deliver(leaf, _run_hooks(leaf, grad, create_graph), True)


def _place(pending: dict[Node, Any], queue: list[tuple[int, Node]], output: Node, grad: Any) -> None:
    """Put the gradient of one of several outputs into its place in the list that its operation waits for."""
    assert isinstance(output, OutputNode)
    node = output.edges[0]
    assert isinstance(node, Node)
    if node not in pending:
        pending[node] = [None] * output.outputs
        heappush(queue, (-node.time, node))
    pending[node][output.index] = grad


def _differentiate(node: Node, arrived: Any, needs: Sequence[bool], create_graph: bool) -> Sequence[Any]:
    """The gradients of one node's inputs, None for those that need none: several outputs, or with create_graph."""
    grads = arrived if arrived.__class__ is list else [arrived]
    k, saved = kernels_of(node.device), node.saved
    if create_graph:
        k, saved = DifferentiableKernels(node.device), _saved_tensors(node, len(grads))
    return node.op.vjp(k, saved, *grads, needs=needs, **node.attrs)


def _used_up(node: Node) -> Exception:
    return RuntimeError(
        f"{node.op.name}: backward() was called a second time on the same graph, whose saved values were freed "
        f"by the first; pass retain_graph=True to the first call if you need both"
    )


def _sum(a: Any, b: Any, at: Node | Value, create_graph: bool) -> Any:
    return a + b if create_graph else kernels_of(at.device).add(a, b)


def _run_hooks(target: Node | Value, grad: Any, create_graph: bool) -> Any:
    """What the hooks of a node or leaf make of its gradient: each may look at it or return another."""
    seen = grad if create_graph else wrap(grad, target.device)
    if recorder is not None:
        recorder.hooked()
    for hook in tuple(hooks[id(target)]):
        replaced = hook(seen)
        if replaced is not None:
            if replaced.shape != seen.shape or replaced.dtype != seen.dtype:
                raise ValueError(
                    f"hook: returned {replaced.dtype}{replaced.shape} for a gradient {seen.dtype}{seen.shape}"
                )
            seen = replaced
    return seen if create_graph else seen.data


# --- second derivatives: the same vjp functions, run on tensors


class DifferentiableKernels:
    """The kernel namespace under create_graph: each kernel is the operation of its name, applied to tensors.

    A vjp passes arrays first and everything else by keyword, so it need not know which namespace it got.
    """

    def __init__(self, device: Device) -> None:
        self._device = device

    def scalar(self, value: float, dtype: Any) -> Any:
        """A constant, which has no gradient."""
        return wrap(self._device.kernels.scalar(value, dtype), self._device)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        op = ops.OPS.get(name)
        if op is None:
            raise NotImplementedError(f"second derivatives: the kernel {name} has no gradient of its own")

        def call(*operands: Any, **attrs: Any) -> Any:
            tensors = [t for operand in operands for t in (operand if isinstance(operand, list) else [operand])]
            return apply(op, tensors, attrs)

        return call


def _saved_tensors(node: Node, outputs: int) -> tuple[Any, ...]:
    """What `node` saved, the arrays among it as tensors that are linked into the graph."""
    assert node.saved is not None
    linked = []
    for value, source in zip(node.saved, node.op.saves_of(len(node.edges)), strict=False):
        edge: Any = node.edges[source] if source >= 0 else node if outputs == 1 else output_node(node, ~source, outputs)
        if value is None or isinstance(edge, Value):
            linked.append(None if value is None else edge)
        else:
            linked.append(wrap(value, node.device, edge if value.dtype.kind in FLOAT_KINDS else None))
    return (*linked, *node.saved[len(linked) :])


@contextlib.contextmanager
def grad_mode(enabled: bool) -> Iterator[None]:
    """Within the block, operations of this thread are tracked for gradients or not."""
    before, block = state.grad_enabled, object()
    state.grad_enabled = enabled
    if not enabled:
        no_grad_blocks.add(block)
    try:
        yield
    finally:
        state.grad_enabled = before
        no_grad_blocks.discard(block)
