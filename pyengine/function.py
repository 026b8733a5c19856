"""Operations that users define, watching for NaN, and trading memory for a second forward pass."""

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import tape
from .ops import Op
from .random import default_generator
from .tape import Node, Value, grad_mode, kernels_of, wrap
from .tensor import Tensor


class Context:
    """What a `Function` keeps from its forward for its backward: `save_for_backward`, and any attribute you set."""

    def __init__(self) -> None:
        self._saved: tuple[Tensor | None, ...] = ()
        self._time = 0

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors; a later write in place to one of them is found when backward reads them."""
        self._saved, self._time = tensors, next(tape.clock)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` was given."""
        for i, tensor in enumerate(self._saved):
            if tensor is not None and tensor.version is not None and tensor.version.time > self._time:
                raise RuntimeError(f"saved_tensors[{i}] was changed in place after it was saved for the backward pass")
        return self._saved


class Function:
    """An operation with a gradient of your own: subclass it, write `forward` and `backward`, call `apply`.

    forward(ctx, *args) computes with tensors, untracked, and returns a tensor or a tuple of them.
    backward(ctx, *grads) gets one gradient for each output and returns one for each argument of forward, None for those
    that are not tensors.

    >>> import pyengine as pe
    >>> class Cube(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return grad * x * x * 3.0
    >>> x = pe.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad.item()
    12.0
    """

    @staticmethod
    def forward(ctx: Context, *args: Any) -> Any:
        """Compute the result; to be written by a subclass."""
        raise NotImplementedError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Context, *grads: Any) -> Any:
        """Compute the gradients; to be written by a subclass."""
        raise NotImplementedError("a Function needs a static method backward(ctx, *grads)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward` on `args` and remember how to go back."""
        ctx = Context()
        with grad_mode(False):
            result = cls.forward(ctx, *args)
        inputs = [a for a in args if isinstance(a, Tensor)]
        if not (tape.state.grad_enabled and any(t.requires_grad for t in inputs)):
            return result
        return _link(cls.__name__, _call_backward(cls, ctx, args), inputs, result)


def _no_specs(*_: Any) -> Any:
    raise NotImplementedError("an operation of the user's has no shape rule and no cost")


def _link(name: str, vjp: Callable[..., Any], inputs: Sequence[Tensor], result: Any) -> Any:
    """Make the tensors of `result` the outputs of one node over `inputs`."""
    outputs = result if isinstance(result, tuple) else (result,)
    for i, out in enumerate(outputs):
        if not isinstance(out, Tensor):
            raise TypeError(f"{name}: forward returned a {type(out).__name__} as output {i}; it must be a tensor")
    specs = [(out.shape, out.dtype, out.device) for out in outputs]

    def materialized(k: Any, saved: Any, *grads: Any, needs: Sequence[bool]) -> Any:
        complete = [
            wrap(kernels_of(device).full(shape, 0.0, dtype), device)
            if grad is None
            else grad
            if isinstance(grad, Value)
            else wrap(grad, device)
            for grad, (shape, dtype, device) in zip(grads, specs, strict=True)
        ]
        create_graph = any(isinstance(grad, Value) for grad in grads)
        found = vjp(*complete, needs=needs, create_graph=create_graph)
        return found if create_graph else tuple(None if g is None else g.data for g in found)

    op = Op(name, _no_specs, _no_specs, materialized, _no_specs)
    node = tape.make_node(op, inputs, tape.NO_ATTRS, (), outputs[0].device)
    if tape.tracer is not None:
        tape.tracer(node, tuple(out.data for out in outputs))
    linked = []
    for i, out in enumerate(outputs):
        own = wrap(out.data, out.device) if any(out is t for t in inputs) else out
        own.node = node if len(outputs) == 1 else tape.output_node(node, i, len(outputs))
        own.requires_grad = True
        linked.append(own)
    return tuple(linked) if isinstance(result, tuple) else linked[0]


def _call_backward(cls: type[Function], ctx: Context, args: Sequence[Any]) -> Callable[..., Any]:
    def vjp(*grads: Tensor, needs: Sequence[bool], create_graph: bool) -> list[Tensor | None]:
        with grad_mode(create_graph):
            returned = cls.backward(ctx, *grads)
        found = returned if isinstance(returned, tuple) else (returned,)
        if len(found) != len(args):
            raise ValueError(
                f"{cls.__name__}: backward returned {len(found)} gradients, forward has {len(args)} arguments"
            )
        pairs = [(g, a) for g, a in zip(found, args, strict=True) if isinstance(a, Tensor)]
        for i, (gradient, argument) in enumerate(pairs):
            if gradient is not None and gradient.shape != argument.shape:
                raise ValueError(
                    f"{cls.__name__}: backward returned shape {gradient.shape} for tensor argument {i} "
                    f"of shape {argument.shape}"
                )
        return [g if need else None for (g, _), need in zip(pairs, needs, strict=True)]

    return vjp


def checkpoint(function: Callable[..., Any], *inputs: Any) -> Any:
    """`function(*inputs)` without keeping what its operations save: the backward pass runs it a second time instead.

    Takes memory for one layer instead of all, for about a third more time. Random numbers (dropout) are drawn again as
    they were. Second derivatives through it raise.

    >>> import pyengine as pe
    >>> x = pe.tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: (x * x).sum(), x).backward()
    >>> x.grad
    tensor([2., 4.])
    """
    random_state = default_generator.state.copy()
    with grad_mode(False):
        result = function(*inputs)
    if not tape.state.grad_enabled:
        return result
    tensors = [t for t in inputs if isinstance(t, Tensor)]

    def vjp(*grads: Tensor, needs: Sequence[bool], create_graph: bool) -> list[Tensor | None]:
        if create_graph:
            raise NotImplementedError("checkpoint: has no second derivatives; call the function directly")
        return _recompute(function, inputs, random_state, grads)

    return _link("checkpoint", vjp, tensors, result)


def _recompute(
    function: Callable[..., Any], inputs: Sequence[Any], random_state: Any, grads: Sequence[Tensor]
) -> list[Tensor | None]:
    """Run `function` again, tracked, and its backward; gradients of other leaves go where the outer pass puts them."""
    fresh = [t.detach().requires_grad_(t.requires_grad) if isinstance(t, Tensor) else t for t in inputs]
    found: dict[int, Tensor | None] = {id(t): None for t in fresh if isinstance(t, Tensor)}
    outer = tape.state.deliver
    assert outer is not None, "runs within a backward pass only"
    deliver_outside = outer

    def deliver(leaf: Any, gradient: Any, shared: bool) -> None:
        if id(leaf) not in found:
            deliver_outside(leaf, gradient, shared)
            return
        before = found[id(leaf)]
        total = gradient if before is None else kernels_of(leaf.device).add(before.data, gradient)
        found[id(leaf)] = wrap(total, leaf.device)

    now = default_generator.state.copy()
    default_generator.state[...] = random_state
    try:
        with grad_mode(True):
            result = function(*fresh)
    finally:
        default_generator.state[...] = now
    outputs = result if isinstance(result, tuple) else (result,)
    pairs = [(o, g.data) for o, g in zip(outputs, grads, strict=True) if o.requires_grad]
    tape.backward([o for o, _ in pairs], [g for _, g in pairs], deliver)
    return list(found.values())


@contextlib.contextmanager
def detect_anomaly() -> Iterator[None]:
    """A block in which the first NaN raises, forward or backward, naming the operation and the line that called it.

    Slow: every result is looked through. For finding where a bad number began, not for training.

    >>> import pyengine as pe
    >>> x = pe.tensor([0.0], requires_grad=True)
    >>> with detect_anomaly():
    ...     y = x / x  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    RuntimeError: div: the result holds a NaN; called in <doctest ..., line 2
    """
    lines: weakref.WeakKeyDictionary[Node, str] = weakref.WeakKeyDictionary()

    def trace(node: Node, out: Any) -> None:
        lines[node] = tape.user_line()
        results = out if isinstance(out, tuple) else (out,)
        if any(_has_nan(r) for r in results):
            raise RuntimeError(f"{node.op.name}: the result holds a NaN; called in {lines[node]}")

    def check(node: Node, gradients: Sequence[Any]) -> None:
        for i, gradient in enumerate(gradients):
            data = gradient.data if isinstance(gradient, Value) else gradient
            if data is not None and _has_nan(data):
                where = lines.get(node, "a line before detect_anomaly()")
                raise RuntimeError(
                    f"{node.op.name}: the gradient of input {i} holds a NaN; the operation was called in {where}"
                )

    before = tape.tracer, tape.gradient_check
    tape.tracer, tape.gradient_check = trace, check
    try:
        yield
    finally:
        tape.tracer, tape.gradient_check = before


def _has_nan(data: Any) -> bool:
    return data is not None and data.dtype.kind == "f" and bool(np.isnan(data).any())
