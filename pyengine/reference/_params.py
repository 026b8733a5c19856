"""What the reference kernels of the optimizers share."""

from collections.abc import Sequence

from ._common import Array, float_only


def alike(kernel: str, params: Sequence[Array], **lists: Sequence[Array]) -> None:
    """Each list has an array of the shape and dtype of each parameter."""
    for name, arrays in lists.items():
        if len(arrays) != len(params):
            raise ValueError(f"{kernel}: {len(params)} params, {len(arrays)} {name}")
        for i, (p, a) in enumerate(zip(params, arrays, strict=True)):
            float_only(kernel, p)
            if p.shape != a.shape or p.dtype != a.dtype:
                raise ValueError(f"{kernel}: params[{i}] is {p.dtype}{p.shape}, {name}[{i}] {a.dtype}{a.shape}")


def one_step_more(kernel: str, params: Sequence[Array], steps: Sequence[Array]) -> None:
    """Count one step for each parameter."""
    if len(steps) != len(params) or any(step.size != 1 for step in steps):
        raise ValueError(f"{kernel}: steps holds one element for each of the {len(params)} parameters")
    for step in steps:
        step += 1
