"""The arguments of layers that slide windows over images, as torch has them: one number, or one for each axis."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from ..tape import located, require_tensors
from ..tensor import Tensor
from ..windows import Pair

Size: TypeAlias = int | Sequence[int]


def pair(op: str, name: str, value: Any) -> Pair:
    """`value` for rows and columns."""
    if isinstance(value, int):
        return value, value
    if isinstance(value, Sequence) and len(value) == 2 and all(isinstance(v, int) for v in value):
        return value[0], value[1]
    raise located(TypeError(f"{op}: {name} is an int, or two of them for rows and columns, not {value!r}"))


def single(op: str, name: str, value: Any) -> Pair:
    """`value` for sequences, which are images of one row."""
    number = value[0] if isinstance(value, Sequence) and len(value) == 1 else value
    if not isinstance(number, int):
        raise located(TypeError(f"{op}: {name} is an int, not {value!r}"))
    return (0 if name == "padding" else 1), number


def as_images(op: str, input: Tensor, axes: int) -> Tensor:
    """Samples of `axes` axes behind the channels as (n, c, rows, columns); a sample alone is a batch of one."""
    require_tensors(op, input)
    if input.ndim not in (axes + 1, axes + 2):
        wanted = "(n, c, rows, columns) or (c, rows, columns)" if axes == 2 else "(n, c, length) or (c, length)"
        raise located(ValueError(f"{op}: the input is {wanted}, not of shape {input.shape}"))
    batch = input if input.ndim == axes + 2 else input.unsqueeze(0)
    return batch if axes == 2 else batch.unsqueeze(2)


def from_images(output: Tensor, input: Tensor, axes: int) -> Tensor:
    """The way back, for an output as large as it may be."""
    out = output if axes == 2 else output.squeeze(2)
    return out if input.ndim == axes + 2 else out.squeeze(0)
