"""Recording operations and walking them backwards: the heart of automatic differentiation.

Each operation that must be differentiated leaves a `Node`: which operation, what it saved, and where its inputs came
from. The nodes point from results to inputs, so the last result holds the whole history, and dropping it frees it.

`backward` walks from a result to the leaves. A value used twice receives two gradients, which add up, and its own
operation may be differentiated only when both have arrived: that is why the walk follows a topological order (every
consumer before its producer). Take y = a + b with a = x * x and b = 2 * a: a gets gradient from y and from b. Going to
x's product as soon as y has delivered would use half of a's gradient. So each node counts the consumers it still waits
for.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from . import dtypes
from .backend import Array, Device, Kernels
from .ops import OPS, Op, Spec
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
    """When the memory behind a tensor and all its views was last written in place (a tick of the clock below)."""

    __slots__ = ("tick",)

    def __init__(self) -> None:
        self.tick = 0


class Node:
    """One executed operation: an inner point of the graph."""

    __slots__ = ("__weakref__", "attrs", "clock", "device", "edges", "op", "saved", "version")

    requires_grad = True

    op: Op
    attrs: dict[str, Any]
    saved: tuple[Any, ...] | None  # None once backward has used it up
    edges: tuple[Edge, ...]  # for each input the node that made it, or the leaf itself
    device: Device
    clock: int  # the time of the last in-place write before it ran
    version: Version | None  # that of its output

    def __repr__(self) -> str:
        return f"<{self.op.name} node>"


class OutputNode(Node):
    """One of several outputs of `edges[0]`: hands its gradient to that place."""

    __slots__ = ("index", "outputs")

    index: int
    outputs: int


class _State(threading.local):
    grad_enabled = True
    deliver: "Callable[[Value, Any, bool], None] | None" = None  # of the backward pass that is running


class _Clock:
    """Counts in-place writes, so that using a value overwritten since it was saved is found."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0


state = _State()
clock = _Clock()
NO_ATTRS: dict[str, Any] = {}

# Wraps a device's kernels while a recorder or profiler watches; None, the usual case, costs one test.
observer: Callable[[Device], Kernels] | None = None

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
        raise located(_not_a_tensor(op, tensors)) from None
    try:
        out, saved = op.forward(device.kernels if observer is None else observer(device), *arrays, **attrs)
    except (ValueError, TypeError, IndexError) as error:
        return _explain(op, tensors, attrs, error)
    if not (track and state.grad_enabled):
        if out.__class__ is tuple:
            return tuple([None if o is None else wrap(o, device) for o in out])
        node = None
    else:
        node = make_node(op, tensors, attrs, saved, device)
        if tracer is not None:
            tracer(node, out)
        if out.__class__ is tuple:
            return tuple(
                [None if o is None else wrap(o, device, output_node(node, i, len(out))) for i, o in enumerate(out)]
            )
    # wrap(), written out: the call would cost a tenth of a small operation
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
    node.clock = clock.now
    node.version = None
    return node


def output_node(node: Node, index: int, outputs: int) -> OutputNode | None:
    """The node of one of several outputs."""
    out = OutputNode()
    out.op, out.attrs, out.saved, out.edges = node.op, NO_ATTRS, (), (node,)
    out.device, out.clock, out.version = node.device, node.clock, None
    out.index, out.outputs = index, outputs
    return out


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
        return _not_a_tensor(op, tensors)
    places = ", ".join(str(t.device) for t in tensors)
    return ValueError(f"{op.name}: operands live on different devices ({places}); move them to one with .to(device)")


def _not_a_tensor(op: Op, tensors: Sequence[Any]) -> Exception:
    i, other = next((i, t) for i, t in enumerate(tensors) if not isinstance(t, Value))
    return TypeError(f"{op.name}: operand {i} is a {type(other).__name__}, not a tensor; wrap it: pe.tensor(…)")


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
    clock.now += 1
    if tensor.version is None:
        tensor.version = Version()
    if tensor.node is not None:
        tensor.node.version = tensor.version
    tensor.version.tick = clock.now


def _check_unwritten(node: Node) -> None:
    for source in node.op.saves:
        edge: Any = node.edges[source] if source >= 0 else node
        if edge.version is not None and edge.version.tick > node.clock:
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
    pending: dict[Node, Any] = {}
    hooked: dict[int, tuple[Value, Any]] = {}  # leaves whose hooks wait for the whole gradient
    waiting = _count_consumers([r.node for r in roots if r.node is not None])
    for root, grad in zip(roots, grads, strict=True):
        if root.node is None:
            deliver(root, grad, True)
        else:
            _accumulate(pending, root.node, grad, create_graph)
    ready = [node for node, consumers in waiting.items() if consumers == 0]
    while ready:
        node = ready.pop()
        arrived = pending.pop(node, None)
        if hooks and arrived is not None and id(node) in hooks:
            arrived = _run_hooks(node, arrived, create_graph)
        contributions = _differentiate(node, arrived, create_graph)
        if gradient_check is not None:
            gradient_check(node, contributions)
        for edge, grad in zip(node.edges, contributions, strict=True):
            if isinstance(edge, Node):
                if grad is not None:
                    if node.__class__ is OutputNode:
                        _place(pending, edge, node.index, node.outputs, grad)
                    else:
                        _accumulate(pending, edge, grad, create_graph)
                waiting[edge] -= 1
                if waiting[edge] == 0:
                    ready.append(edge)
            elif grad is not None and edge.requires_grad:
                if hooks and id(edge) in hooks:
                    before = hooked.get(id(edge))
                    hooked[id(edge)] = (edge, grad if before is None else _sum(before[1], grad, edge, create_graph))
                else:
                    deliver(edge, grad, grad is arrived or retain_graph)
        if not retain_graph:
            node.saved = None
            node.edges = ()
    for leaf, grad in hooked.values():
        deliver(leaf, _run_hooks(leaf, grad, create_graph), True)


def _count_consumers(roots: Sequence[Node]) -> dict[Node, int]:
    """How many gradients each reachable node waits for: one for each time that an operation used its result."""
    waiting = dict.fromkeys(roots, 0)
    stack = list(waiting)
    while stack:
        for edge in stack.pop().edges:
            if isinstance(edge, Node):
                if edge in waiting:
                    waiting[edge] += 1
                else:
                    waiting[edge] = 1
                    stack.append(edge)
    return waiting


def _differentiate(node: Node, arrived: Any, create_graph: bool) -> Sequence[Any]:
    """The gradients of one node's inputs, None for those that need none."""
    if node.saved is None:
        raise RuntimeError(
            f"{node.op.name}: backward() was called a second time on the same graph, whose saved values were freed "
            f"by the first; pass retain_graph=True to the first call if you need both"
        )
    if arrived is None:
        return [None] * len(node.edges)
    if node.__class__ is OutputNode:
        return (arrived,)
    if node.clock != clock.now and node.op.saves:
        _check_unwritten(node)
    needs = [edge.requires_grad for edge in node.edges]
    grads = arrived if arrived.__class__ is list else (arrived,)
    k, saved = kernels_of(node.device), node.saved
    if create_graph:
        k, saved = DifferentiableKernels(node.device), _saved_tensors(node, len(grads))
    return node.op.vjp(k, saved, *grads, needs=needs, **node.attrs)


def _accumulate(pending: dict[Node, Any], node: Node, grad: Any, create_graph: bool) -> None:
    before = pending.get(node)
    pending[node] = grad if before is None else _sum(before, grad, node, create_graph)


def _sum(a: Any, b: Any, at: Node | Value, create_graph: bool) -> Any:
    return a + b if create_graph else kernels_of(at.device).add(a, b)


def _run_hooks(target: Node | Value, grad: Any, create_graph: bool) -> Any:
    """What the hooks of a node or leaf make of its gradient: each may look at it or return another."""
    seen = grad if create_graph else wrap(grad, target.device)
    for hook in tuple(hooks[id(target)]):
        replaced = hook(seen)
        if replaced is not None:
            if replaced.shape != seen.shape or replaced.dtype != seen.dtype:
                raise ValueError(
                    f"hook: returned {replaced.dtype}{replaced.shape} for a gradient {seen.dtype}{seen.shape}"
                )
            seen = replaced
    return seen if create_graph else seen.data


def _place(pending: dict[Node, Any], node: Node, index: int, outputs: int, grad: Any) -> None:
    grads = pending.setdefault(node, [None] * outputs)
    grads[index] = grad


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
        op = OPS.get(name)
        if op is None:
            raise NotImplementedError(f"second derivatives: the kernel {name} has no gradient of its own")

        def call(*tensors: Any, **attrs: Any) -> Any:
            return apply(op, tensors, attrs)

        return call


def _saved_tensors(node: Node, outputs: int) -> tuple[Any, ...]:
    """What `node` saved, the arrays among it as tensors that are linked into the graph."""
    assert node.saved is not None
    linked = []
    for value, source in zip(node.saved, node.op.saves, strict=False):
        edge: Any = node.edges[source] if source >= 0 else node if outputs == 1 else output_node(node, ~source, outputs)
        if value is None or isinstance(edge, Value):
            linked.append(None if value is None else edge)
        else:
            linked.append(wrap(value, node.device, edge))
    return (*linked, *node.saved[len(linked) :])


@contextlib.contextmanager
def grad_mode(enabled: bool) -> Iterator[None]:
    """Within the block, operations of this thread are tracked for gradients or not."""
    before = state.grad_enabled
    state.grad_enabled = enabled
    try:
        yield
    finally:
        state.grad_enabled = before
