"""Pooling: each window of an image, or of a sequence, brought down to one number."""

from typing import Any

from .. import dtypes
from ..ops.avg_pool import ADAPTIVE_AVG_POOL2D, AVG_POOL2D
from ..ops.max_pool import MAX_POOL2D
from ..tape import apply, located
from ..tensor import Tensor
from .windows import Size, as_images, from_images, pair, single


def _windows(op: str, axes: int, kernel_size: Size, stride: Size | None, padding: Size) -> dict[str, Any]:
    """The attributes that say which windows there are."""
    both = pair if axes == 2 else single
    kernel = both(op, "kernel_size", kernel_size)
    step = kernel if stride is None else both(op, "stride", stride)
    return {"kernel": kernel, "stride": step, "padding": both(op, "padding", padding)}


def _max_pool(
    input: Tensor,
    axes: int,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    dilation: Size,
    ceil_mode: bool,
    return_indices: bool,
) -> Tensor:
    op = f"max_pool{axes}d"
    if return_indices:
        raise located(ValueError(f"{op}: return_indices is not there; the gradient keeps places of its own"))
    windows = _windows(op, axes, kernel_size, stride, padding)
    apart = (pair if axes == 2 else single)(op, "dilation", dilation)
    images = as_images(op, input, axes)
    pooled = apply(MAX_POOL2D, (images,), {**windows, "dilation": apart, "ceil_mode": bool(ceil_mode)})
    return from_images(pooled[0], input, axes)


def max_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """The greatest element of each window of images; NaN where there is one.

    input        (n, c, rows, columns) or (c, rows, columns), float32 or float64
    kernel_size  of the windows: one int, or (rows, columns), as all that follow
    stride       from window to window; None: kernel_size, so that they do not overlap
    padding      around the image, of -inf; at most half of a window
    dilation     from element to element of a window
    ceil_mode    whether a last window may reach over the edge
    Returns (n, c, rows', columns') with rows' = ⌊(rows + 2·padding - dilation·(kernel_size - 1) - 1) / stride⌋ + 1, or
    ⌈…⌉ in ceil mode. The gradient goes to the first of the greatest elements. ValueError where no window fits.

    >>> import pyengine as pe
    >>> max_pool2d(pe.arange(16.0).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    return _max_pool(input, 2, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """`max_pool2d` of sequences (n, c, length) or (c, length), to (n, c, length') or (c, length').

    ValueError where no window fits.

    >>> import pyengine as pe
    >>> max_pool1d(pe.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
    tensor([[3., 5.]])
    """
    return _max_pool(input, 1, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _avg_pool(
    input: Tensor,
    axes: int,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: float | None = None,
) -> Tensor:
    op = f"avg_pool{axes}d"
    if divisor_override == 0:
        raise located(ValueError(f"{op}: divisor_override must not be 0"))
    if not isinstance(divisor_override, int | float | None):
        raise located(TypeError(f"{op}: divisor_override is a number or None, not {divisor_override!r}"))
    attrs = {
        **_windows(op, axes, kernel_size, stride, padding),
        "ceil_mode": bool(ceil_mode),
        "count_include_pad": bool(count_include_pad),
        "divisor": float(divisor_override or 0),
    }
    return from_images(apply(AVG_POOL2D, (as_images(op, input, axes),), attrs), input, axes)


def avg_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: float | None = None,
) -> Tensor:
    """The mean of each window of images.

    input              (n, c, rows, columns) or (c, rows, columns), float32 or float64
    kernel_size        of the windows: one int, or (rows, columns), as stride and padding
    stride             from window to window; None: kernel_size, so that they do not overlap
    padding            around the image, of zeros; at most half of a window
    ceil_mode          whether a last window may reach over the edge
    count_include_pad  whether the zeros count as elements
    divisor_override   what sums are divided by instead of their count
    Returns (n, c, rows', columns') with rows' as for `max_pool2d`. ValueError where no window fits, or for a divisor 0;
    TypeError for one that is no number.

    >>> import pyengine as pe
    >>> avg_pool2d(pe.arange(16.0).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 2.5,  4.5],
              [10.5, 12.5]]]])
    """
    return _avg_pool(input, 2, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool1d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """`avg_pool2d` of sequences (n, c, length) or (c, length), to (n, c, length') or (c, length').

    ValueError where no window fits, TypeError for sizes that are no ints.

    >>> import pyengine as pe
    >>> avg_pool1d(pe.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
    tensor([[2. , 3.5]])
    """
    return _avg_pool(input, 1, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _adaptive(input: Tensor, axes: int, parts: tuple[int | None, int | None]) -> Tensor:
    images = as_images(f"adaptive_avg_pool{axes}d", input, axes)
    wanted = tuple(n if part is None else part for n, part in zip(images.shape[2:], parts, strict=True))
    if wanted == (1, 1) and min(images.shape[2:]) > 0 and images.dtype in dtypes.COMPUTED_FLOATS:
        pooled = images.mean((2, 3), keepdim=True)
    else:
        pooled = apply(ADAPTIVE_AVG_POOL2D, (images,), {"size": wanted})
    return from_images(pooled, input, axes)


def adaptive_avg_pool2d(input: Tensor, output_size: int | tuple[int | None, int | None] | None) -> Tensor:
    """The means of images cut into output_size parts, whatever their size.

    input        (n, c, rows, columns) or (c, rows, columns), float32 or float64
    output_size  (rows, columns) of the result, or one int for both; None leaves an axis as long as it is
    Returns (n, c, *output_size). Part o of an axis goes from ⌊o · length / parts⌋ to ⌈(o + 1) · length / parts⌉, so
    parts overlap where the length is not a multiple. ValueError for an image or a size without elements, TypeError for
    a size of another kind.

    >>> import pyengine as pe
    >>> adaptive_avg_pool2d(pe.arange(16.0).reshape(1, 1, 4, 4), 1)
    tensor([[[[7.5]]]])
    """
    op = "adaptive_avg_pool2d"
    given = output_size if isinstance(output_size, tuple | list) else (output_size, output_size)
    if len(given) != 2 or not all(n is None or isinstance(n, int) for n in given):
        raise located(TypeError(f"{op}: output_size is an int, or two of them or None, not {output_size!r}"))
    return _adaptive(input, 2, (given[0], given[1]))


def adaptive_avg_pool1d(input: Tensor, output_size: Size) -> Tensor:
    """`adaptive_avg_pool2d` of sequences (n, c, length) or (c, length), to (n, c, output_size) or (c, output_size).

    ValueError for a sequence or a size without elements.

    >>> import pyengine as pe
    >>> adaptive_avg_pool1d(pe.arange(6.0).reshape(1, 6), 3)
    tensor([[0.5, 2.5, 4.5]])
    """
    return _adaptive(input, 1, single("adaptive_avg_pool1d", "output_size", output_size))
