"""Convolutions as functions of tensors; `functional` shows them beside the layers."""

from collections.abc import Sequence
from typing import Any

from ..ops import Spec
from ..ops.conv2d import CONV2D, CONV_TRANSPOSE2D, infer_conv
from ..ops.join import PAD
from ..tape import apply, located, require_tensors
from ..tensor import Tensor


def numbers(function: str, name: str, value: Any, count: int) -> tuple[int, ...]:
    """An attribute that is one int or one for each of `count` axes, as one for each."""
    values = (value,) * count if isinstance(value, int) else tuple(value) if isinstance(value, Sequence) else ()
    if len(values) == 1:
        values *= count
    if len(values) != count or any(not isinstance(v, int) or isinstance(v, bool) for v in values):
        each = "one int" if count == 1 else f"one int, or {count} for height and width"
        raise located(ValueError(f"{function}: {name} is {each}, not {value!r}"))
    return values


def _padded(
    function: str, input: Tensor, padding: Any, window: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[Tensor, tuple[int, ...]]:
    """`input` and the padding for it. An odd number of zeros, as "same" may need, has one more at the end."""
    if not isinstance(padding, str):
        return input, numbers(function, "padding", padding, len(window))
    if padding == "valid":
        return input, (0,) * len(window)
    if padding != "same":
        raise located(ValueError(f"{function}: padding is numbers, 'same' or 'valid', not {padding!r}"))
    if any(s != 1 for s in stride):
        raise located(ValueError(f"{function}: padding='same' keeps the size, so the stride must be 1, not {stride}"))
    zeros = [d * (k - 1) for d, k in zip(dilation, window, strict=True)]
    if any(z % 2 for z in zeros):
        widths = ((0, 0),) * (input.ndim - len(zeros)) + tuple((0, z % 2) for z in zeros)
        input = apply(PAD, (input,), {"widths": widths, "value": 0.0})
    return input, tuple(z // 2 for z in zeros)


def _geometry(stride: Any, padding: Any, dilation: Any, groups: int) -> dict[str, Any]:
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def _operands(input: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, ...]:
    return (input, weight) if bias is None else (input, weight, bias)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Each pixel of the result is the sum of a window of the input times a kernel, for each kernel in `weight`.

    input     (images, channels, height, width), or one image without the first axis
    weight    (out, channels / groups, kernel height, kernel width)
    bias      (out,), added to every pixel of its channel, or None
    stride    pixels from window to window: one number, or one for the height and one for the width; so the next two
    padding   zeros on each side; or "same" for results of the input's size (stride 1 only), or "valid" for none
    dilation  pixels from tap to tap of a window
    groups    the channels are cut into so many groups, and each group of results sees its own
    Returns (images, out, height, width) with ⌊(height + 2·padding - dilation·(kernel height - 1) - 1) / stride⌋ + 1
    rows, and columns likewise. ValueError where a kernel does not fit or sizes do not match, TypeError where dtypes
    differ. In the terms of signal processing this is a cross-correlation; the kernel is not turned about.

    >>> import pyengine as pe
    >>> conv2d(pe.ones(1, 1, 3, 3), pe.ones(1, 1, 2, 2), padding=1)[0, 0]
    tensor([[1., 2., 2., 1.],
            [2., 4., 4., 2.],
            [2., 4., 4., 2.],
            [1., 2., 2., 1.]])
    """
    require_tensors("conv2d", input, weight)
    stride, dilation = numbers("conv2d", "stride", stride, 2), numbers("conv2d", "dilation", dilation, 2)
    if input.ndim == 3 and weight.ndim == 4:
        return conv2d(input.unsqueeze(0), weight, bias, stride, padding, dilation, groups).squeeze(0)
    given = input
    input, zeros = (
        _padded("conv2d", input, padding, weight.shape[2:], stride, dilation) if weight.ndim == 4 else (given, 0)
    )
    return apply(CONV2D, _operands(input, weight, bias), _geometry(stride, zeros, dilation, groups))


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` along one axis: sums of windows of a sequence times a kernel, for each kernel in `weight`.

    input     (samples, channels, length), or one sample without the first axis
    weight    (out, channels / groups, kernel)
    bias      (out,) or None
    stride, padding, dilation, groups  as in conv2d, one number each
    Returns (samples, out, ⌊(length + 2·padding - dilation·(kernel - 1) - 1) / stride⌋ + 1). ValueError and TypeError as
    in conv2d.

    >>> import pyengine as pe
    >>> conv1d(pe.tensor([[1.0, 2.0, 4.0, 8.0]]), pe.tensor([[[-1.0, 1.0]]]))
    tensor([[1., 2., 4.]])
    """
    require_tensors("conv1d", input, weight)
    if input.ndim == 2 and weight.ndim == 3:
        return conv1d(input.unsqueeze(0), weight, bias, stride, padding, dilation, groups).squeeze(0)
    steps, apart = numbers("conv1d", "stride", stride, 1), numbers("conv1d", "dilation", dilation, 1)
    if weight.ndim == 3:
        input, zeros = _padded("conv1d", input, padding, weight.shape[2:], steps, apart)
    else:
        zeros = (0,)
    operands = _operands(input, weight, bias)
    try:
        if all(isinstance(t, Tensor) for t in operands):
            attrs = _geometry(steps, zeros, apart, groups)
            infer_conv("conv1d", [Spec(t.shape, t.dtype) for t in operands], attrs)
    except (ValueError, TypeError) as error:
        raise located(error) from None
    rows = _operands(input.unsqueeze(2), weight.unsqueeze(2), bias)
    return apply(CONV2D, rows, _geometry((1, *steps), (0, *zeros), (1, *apart), groups)).squeeze(2)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """Each pixel of the input lays its multiple of a kernel into the result: the gradient of conv2d, as a layer.

    With a stride of 2 the result is about twice as large: decoders grow images with it.

    input           (images, channels, height, width), or one image without the first axis
    weight          (channels, out / groups, kernel height, kernel width)
    bias            (out,) or None
    padding         as many rows and columns are cut off on each side
    output_padding  below the stride: more rows at the bottom and columns at the right, of windows that do not fit whole
    stride, dilation, groups  as in conv2d
    Returns (images, out, height, width) with (height - 1)·stride - 2·padding + dilation·(kernel height - 1) +
    output_padding + 1 rows, and columns likewise. ValueError where that is below 1 or sizes do not match, TypeError
    where dtypes differ.

    >>> import pyengine as pe
    >>> conv_transpose2d(pe.tensor([[[[1.0, 2.0]]]]), pe.ones(1, 1, 1, 2), stride=(1, 2))
    tensor([[[[1., 1., 2., 2.]]]])
    """
    require_tensors("conv_transpose2d", input, weight)
    if input.ndim == 3 and weight.ndim == 4:
        whole = conv_transpose2d(input.unsqueeze(0), weight, bias, stride, padding, output_padding, groups, dilation)
        return whole.squeeze(0)
    named = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    attrs: dict[str, Any] = {name: numbers("conv_transpose2d", name, value, 2) for name, value in named.items()}
    return apply(CONV_TRANSPOSE2D, _operands(input, weight, bias), attrs | {"groups": groups})
