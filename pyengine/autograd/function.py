"""Operations with gradients of the user's own."""

from collections.abc import Callable, Sequence
from typing import Any

from .. import tape
from ..brain_float import FLOAT_KINDS
from ..ops import Op
from ..tape import Value, grad_mode, kernels_of, wrap
from ..tensor import Tensor


class Context:
    """What a `Function` keeps from its forward for its backward: `save_for_backward`, and any attribute you set.

    >>> import pyengine as pe
    >>> class Scale(Function):
    ...     @staticmethod
    ...     def forward(ctx, x, factor):
    ...         ctx.factor = factor
    ...         return x * factor
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         return grad * ctx.factor, None
    >>> x = pe.ones(2, requires_grad=True)
    >>> Scale.apply(x, 3.0).sum().backward()
    >>> x.grad
    tensor([3., 3.])
    """

    def __init__(self) -> None:
        self._saved: tuple[Tensor | None, ...] = ()
        self._time = 0

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors; a later write in place to one of them is found when backward reads them."""
        self._saved, self._time = tensors, next(tape.clock)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` was given; RuntimeError where one was changed in place since."""
        for i, tensor in enumerate(self._saved):
            if tensor is not None and tensor.version is not None and tensor.version.time > self._time:
                raise RuntimeError(f"saved_tensors[{i}] was changed in place after it was saved for the backward pass")
        return self._saved


class Function:
    """An operation with a gradient of your own: subclass it, write `forward` and `backward`, call `apply`.

    forward(ctx, *args) computes with tensors, untracked, and returns a tensor or a tuple of them.
    backward(ctx, *grads) gets one gradient for each output and returns one for each argument of forward, None for those
    that are not tensors.
    TypeError where forward returns no tensor; ValueError, in the backward pass, for a wrong number of gradients or one
    of a wrong shape.

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
        raise NotImplementedError(
            "a Function needs a static method forward(ctx, *args) that returns a tensor or several"
        )

    @staticmethod
    def backward(ctx: Context, *grads: Any) -> Any:
        """Compute the gradients; to be written by a subclass."""
        raise NotImplementedError(
            "a Function needs a static method backward(ctx, *grads) that returns a gradient for each argument"
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward` on `args` and remember how to go back."""
        ctx = Context()
        with grad_mode(False):
            result = cls.forward(ctx, *args)
        inputs = [a for a in args if isinstance(a, Tensor)]
        if not (tape.state.grad_enabled and any(t.requires_grad for t in inputs)):
            return result
        return link(cls.__name__, _call_backward(cls, ctx, args), inputs, result)


def _no_specs(*_: Any) -> Any:
    raise NotImplementedError("a Function of your own has no rule for shapes and no count of its operations to ask for")


def link(name: str, vjp: Callable[..., Any], inputs: Sequence[Tensor], result: Any) -> Any:
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
        if out.dtype.kind not in FLOAT_KINDS:  # bools and integers have no gradient
            linked.append(out)
            continue
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
