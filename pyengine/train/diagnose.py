"""Where a loss that is not finite began."""

import contextlib
from typing import Any

import numpy as np

from ..autograd import no_grad
from ..nn import Module
from ..tensor import Tensor


def why_not_finite(model: Module, inputs: Tensor) -> str:
    """A sentence or two for the user: whether it began in the data, in the weights, or in which layer.

    Runs the model once more on `inputs`, and looks at what comes out of each layer.
    """
    if not len(inputs):
        return f"This batch has no samples, its inputs have the shape {inputs.shape}: a mean over nothing is NaN."
    if not _finite(inputs):
        return "The inputs of this batch already hold NaN or infinity: clean the data."
    for name, weight in model.state_dict().items():
        if not _finite(weight):
            return f"The parameter {name} is no longer finite: the steps were too large. Lower the learning rate."
    layer = first_not_finite(model, inputs)
    where = f"they begin in {layer}" if layer else "what the model gives is finite too, so they begin in the loss"
    return (
        f"Inputs and weights are finite; {where}, where numbers grew too large. "
        f"Lower the learning rate or scale the inputs."
    )


def first_not_finite(model: Module, inputs: Tensor) -> str | None:
    """The first layer, as `2 (Linear)`, whose output is not finite where its own layers' are; None where all are."""
    found: list[str] = []

    def hook(name: str) -> Any:
        def look(module: Module, _args: Any, output: Any) -> None:
            if not found and isinstance(output, Tensor) and not _finite(output):
                found.append(f"{name} ({type(module).__name__})" if name else type(module).__name__)

        return look

    with no_grad(), contextlib.ExitStack() as hooks:
        for name, module in model.named_modules():
            hooks.enter_context(module.register_forward_hook(hook(name)))
        model(inputs)
    return found[0] if found else None


def _finite(tensor: Tensor) -> bool:
    return bool(np.isfinite(tensor.detach().numpy()).all())
