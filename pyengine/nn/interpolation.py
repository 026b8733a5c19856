"""Images, and sequences, made larger or smaller by interpolation."""

from collections.abc import Sequence
from typing import Any

from ..ops.upsample import UPSAMPLE2D
from ..tape import apply, located, require_tensors
from ..tensor import Tensor
from .windows import as_images, from_images

# By mode, how many axes behind the channels it works on
MODES = {"nearest": (1, 2), "linear": (1,), "bilinear": (2,)}


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Tensor:
    """Images, or sequences, of another size.

    input         (n, c, rows, columns) or (n, c, length), float32 or float64
    size          of the result: (rows, columns), or one int for both; or else
    scale_factor  how many times as large, one number or one for each axis, rounded down to whole pixels
    mode          "nearest": copies of pixels; "bilinear" ("linear" of sequences): means of the four (two) around
    align_corners whether the outermost pixels keep their places, not the outer edges of them; not for "nearest"
    recompute_scale_factor  whether places follow from the sizes alone, not from a scale_factor
    Returns (n, c, *size). ValueError for neither or both of size and scale_factor, for another mode, and for images or
    sizes without pixels; TypeError for sizes that are no numbers.

    >>> import pyengine as pe
    >>> x = pe.tensor([[[1.0, 2.0]]])
    >>> interpolate(x, scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    >>> interpolate(x, 3, mode="linear", align_corners=True)
    tensor([[[1. , 1.5, 2. ]]])
    """
    require_tensors("interpolate", input)
    axes = input.ndim - 2
    if mode not in MODES or axes not in MODES[mode]:
        known = "; ".join(f"{name!r} of {' or '.join(str(n + 2) for n in MODES[name])} axes" for name in MODES)
        raise located(ValueError(f"interpolate: there is {known}; not {mode!r} of shape {input.shape}"))
    if align_corners is not None and mode == "nearest":
        raise located(ValueError("interpolate: align_corners is for 'linear' and 'bilinear'; leave it out"))
    if (size is None) == (scale_factor is None):
        raise located(ValueError("interpolate: give either size or scale_factor"))
    lengths = input.shape[2:]
    scales = _each(scale_factor, axes, "scale_factor")
    if scale_factor is None:
        wanted = tuple(int(n) for n in _each(size, axes, "size"))
    else:
        wanted = tuple(int(n * scale) for n, scale in zip(lengths, scales, strict=True))
    if min(*lengths, *wanted) < 1:
        raise located(
            ValueError(f"interpolate: images of shape {input.shape} cannot become {wanted}: both need pixels")
        )
    given = scale_factor is not None and not recompute_scale_factor
    corners = bool(align_corners)
    steps = [
        _step(n, m, float(scale) if given else None, corners)
        for n, m, scale in zip(lengths, wanted, scales, strict=True)
    ]
    if axes == 1:
        wanted, steps = (1, *wanted), [1.0, *steps]
    attrs = {"size": wanted, "row_step": steps[0], "column_step": steps[1]}
    attrs |= {"bilinear": mode != "nearest", "align_corners": corners}
    return from_images(apply(UPSAMPLE2D, (as_images("interpolate", input, axes),), attrs), input, axes)


def _each(value: Any, axes: int, name: str) -> Sequence[Any]:
    """`value` for each axis."""
    values = value if isinstance(value, Sequence) else (value,) * axes
    if not all(isinstance(n, int | float | None) for n in values):
        raise located(TypeError(f"interpolate: {name} is a number, or one for each axis, not {value!r}"))
    if len(values) != axes:
        raise located(ValueError(f"interpolate: {name} has {len(values)} numbers, and the input {axes} such axes"))
    return values


def _step(length: int, count: int, scale: float | None, align_corners: bool) -> float:
    """How far apart in the input two neighbouring pixels of the result are."""
    if align_corners:
        return (length - 1) / (count - 1) if count > 1 else 0.0
    return length / count if scale is None else 1.0 / scale
