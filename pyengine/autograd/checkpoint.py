"""Trading memory for a second forward pass."""

from collections.abc import Callable, Sequence
from typing import Any

from .. import tape
from ..random import default_generator
from ..tape import grad_mode, kernels_of, wrap
from ..tensor import Tensor
from .function import link


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

    return link("checkpoint", vjp, tensors, result)


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
