"""Checking gradients against finite differences."""

from collections.abc import Callable, Sequence

import numpy as np

from ..backend import Array
from ..tensor import Tensor
from .gradients import grad


def gradcheck(
    function: Callable[..., Tensor | Sequence[Tensor]],
    inputs: Tensor | Sequence[Tensor],
    *,
    eps: float = 1e-6,
    atol: float = 1e-7,
    rtol: float = 1e-5,
    seed: int = 0,
    raise_exception: bool = True,
) -> bool:
    """Whether the gradients of `function` agree with finite differences; AssertionError shows the first that does not.

    With raise_exception=False the answer is False instead.

    Draws a random direction v for the inputs and a random upstream u for the outputs and compares
    u·(f(x+εv) - f(x-εv))/2ε with v·(the gradient of u·f): one comparison sees every entry of every gradient. Inputs
    of any shape must be float64 (in float32 the difference would be rounding noise) and away from kinks. TypeError for
    another dtype, ValueError where none requires a gradient.

    >>> import pyengine as pe
    >>> gradcheck(lambda x: x * x, [pe.tensor([1.0, -2.0], dtype="float64", requires_grad=True)])
    True
    """
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    tracked = [t for t in inputs if t.requires_grad]
    for t in tracked:
        if t.dtype != np.float64:
            raise TypeError(f"gradcheck: inputs must be float64, not {t.dtype}: differences would drown in rounding")
    if not tracked:
        raise ValueError("gradcheck: no input has requires_grad=True")
    rng = np.random.default_rng(seed)
    outputs = _as_list(function(*inputs))
    ups = [rng.standard_normal(o.shape) for o in outputs]
    given = [Tensor(u, device=o.device) for u, o in zip(ups, outputs, strict=True)]
    gradients = grad(outputs, tracked, given)
    # the outputs themselves are rounded, and the division by 2ε magnifies that
    rounding = (
        np.finfo(np.float64).eps
        / eps
        * sum(float(np.abs(u * _host(o)).sum()) for u, o in zip(ups, outputs, strict=True))
    )
    # every input on its own, so that a failure names it
    for index, (leaf, gradient) in enumerate(zip(tracked, gradients, strict=True)):
        direction = rng.standard_normal(leaf.shape)
        at = _host(leaf).copy()
        values = []
        for sign in (1.0, -1.0):
            leaf.data[...] = leaf.device.memory.at(at + sign * eps * direction)
            moved = _as_list(function(*inputs))
            values.append(sum(float((u * _host(o)).sum()) for u, o in zip(ups, moved, strict=True)))
        leaf.data[...] = leaf.device.memory.at(at)
        numeric = (values[0] - values[1]) / (2 * eps)
        analytic = 0.0 if gradient is None else float((_host(gradient) * direction).sum())
        if not abs(analytic - numeric) <= atol + rounding + rtol * abs(numeric):
            if not raise_exception:
                return False
            raise AssertionError(
                f"gradcheck: input {index} of shape {leaf.shape}: along a random direction the gradient gives "
                f"{analytic:.9g}, finite differences {numeric:.9g}"
            )
    return True


def _host(tensor: Tensor) -> Array:
    return tensor.device.memory.get(tensor.data)


def _as_list(outputs: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)
