"""Gradients as functions: `grad`, and switching tracking off."""

from collections.abc import Callable, Sequence
from typing import Any

from .. import tape
from ..tape import grad_mode, kernels_of, wrap
from ..tensor import HookHandle, Tensor, upstream


def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """A block (or decorator) in which operations are not tracked: for evaluation and for updating parameters.

    >>> import pyengine as pe
    >>> w = pe.ones(2, requires_grad=True)
    >>> with no_grad():
    ...     (w * 2).requires_grad
    False
    >>> @no_grad
    ... def double(x):
    ...     return x * 2
    >>> double(w).requires_grad
    False
    """
    return grad_mode(False) if function is None else grad_mode(False)(function)


def set_grad_enabled(mode: bool) -> Any:
    """A block (or decorator) in which operations are tracked or not, as `mode` says.

    >>> import pyengine as pe
    >>> w = pe.ones(2, requires_grad=True)
    >>> for training in (True, False):
    ...     with set_grad_enabled(training):
    ...         (w * 2).requires_grad
    True
    False
    """
    return grad_mode(bool(mode))


def enable_grad() -> Any:
    """A block (or decorator) in which operations are tracked, also inside `no_grad()`.

    >>> import pyengine as pe
    >>> w = pe.ones(2, requires_grad=True)
    >>> with no_grad(), enable_grad():
    ...     (w * 2).requires_grad
    True
    """
    return grad_mode(True)


def is_grad_enabled() -> bool:
    """Whether operations of this thread are tracked.

    >>> is_grad_enabled()
    True
    """
    return tape.state.grad_enabled


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = True,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`, leaves or computed, without touching any `.grad`.

    grad_outputs  for each output the upstream gradient, of its shape; None for 1, where it is a single number
    allow_unused  None stands for an input on which no output depends; False makes that an error
    With create_graph the gradients can be differentiated again.
    ValueError for an input that requires no gradient, where grad_outputs do not match the outputs, and for an unused
    input that is not allowed.

    >>> import pyengine as pe
    >>> x = pe.tensor(2.0, requires_grad=True)
    >>> (dx,) = grad(x * x * x, x, create_graph=True)
    >>> (ddx,) = grad(dx, x)
    >>> dx.item(), ddx.item()
    (12.0, 12.0)
    """
    roots = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    leaves = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for i, leaf in enumerate(leaves):
        if not leaf.requires_grad:
            raise ValueError(f"grad: inputs[{i}] does not require a gradient; set requires_grad before it is used")
    if isinstance(grad_outputs, Tensor):
        grad_outputs = [grad_outputs]
    given = list(grad_outputs) if grad_outputs is not None else [None] * len(roots)
    if len(given) != len(roots):
        raise ValueError(f"grad: {len(roots)} outputs but {len(given)} grad_outputs")
    wanted: dict[int, Any] = {id(leaf): None for leaf in leaves}

    def deliver(leaf: Any, gradient: Any, shared: bool) -> None:
        if id(leaf) in wanted:
            before = wanted[id(leaf)]
            if before is not None:
                gradient = before + gradient if create_graph else kernels_of(leaf.device).add(before, gradient)
            wanted[id(leaf)] = gradient

    def catcher(key: int) -> Callable[[Tensor], None]:
        def catch(gradient: Tensor) -> None:
            wanted[key] = gradient if create_graph else gradient.data

        return catch

    handles = [HookHandle(t.node, catcher(id(t))) for t in leaves if t.node is not None]
    starts = [upstream(root, g) for root, g in zip(roots, given, strict=True)]
    try:
        tape.backward(
            roots,
            [s if create_graph else s.data for s in starts],
            deliver,
            retain_graph=create_graph if retain_graph is None else retain_graph,
            create_graph=create_graph,
        )
    finally:
        for handle in handles:
            handle.remove()
    found = [wanted[id(leaf)] for leaf in leaves]
    if not allow_unused and any(g is None for g in found):
        unused = next(i for i, g in enumerate(found) if g is None)
        raise ValueError(f"grad: no output depends on inputs[{unused}]; allow_unused=True gives None for it")
    if create_graph:
        return tuple(found)
    return tuple(
        None if g is None else wrap(kernels_of(leaf.device).copy(g, g.dtype), leaf.device)
        for g, leaf in zip(found, leaves, strict=True)
    )
