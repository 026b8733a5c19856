"""Convolutional layers: the same small kernel at every place of an image or a sequence."""

import math
from collections.abc import Sequence
from typing import Any

from .. import dtypes
from ..backend import Device
from ..ops.conv2d import transposed_size
from ..random import uniform
from ..tape import require_tensors
from ..tensor import Tensor
from .convolution_functions import conv1d, conv2d, conv_transpose2d, numbers
from .module import Module
from .parameter import Parameter


class _Convolution(Module):
    """What the layers share: sizes, weight and bias."""

    axes = 2
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: "str | Device | None" = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        for what, count in (("in_channels", in_channels), ("out_channels", out_channels), ("groups", groups)):
            if not isinstance(count, int) or isinstance(count, bool) or count < 1:
                raise ValueError(f"{name}: {what} is an int from 1 on, not {count!r}")
        for what, count in (("in_channels", in_channels), ("out_channels", out_channels)):
            if count % groups:
                raise ValueError(f"{name}: {what}={count} does not divide into groups={groups}: {count / groups:.4g}")
        if padding_mode != "zeros":
            raise ValueError(f"{name}: padding_mode {padding_mode!r} is not there; 'zeros' is")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = self._sizes("kernel_size", kernel_size, 1)
        self.stride = self._sizes("stride", stride, 1)
        self.padding = self._padding(padding)
        self.dilation = self._sizes("dilation", dilation, 1)
        self.padding_mode = padding_mode
        outer, inner = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (outer, inner // groups, *self.kernel_size)
        bound = 1.0 / math.sqrt(math.prod(shape[1:]))
        self.weight = Parameter(uniform(shape, -bound, bound, device=device, dtype=dtype))
        self.bias = Parameter(uniform((out_channels,), -bound, bound, device=device, dtype=dtype)) if bias else None

    def _sizes(self, what: str, value: Any, least: int) -> tuple[int, ...]:
        name = type(self).__name__
        values = numbers(name, what, value, self.axes)
        if min(values) < least:
            raise ValueError(f"{name}: {what} is from {least} on, not {value!r}")
        return values

    def _padding(self, padding: Any) -> tuple[int, ...] | str:
        if not isinstance(padding, str):
            return self._sizes("padding", padding, 0)
        if padding not in ("same", "valid"):
            raise ValueError(f"{type(self).__name__}: padding is numbers, 'same' or 'valid', not {padding!r}")
        if padding == "same" and any(s != 1 for s in self.stride):
            raise ValueError(f"{type(self).__name__}: padding='same' keeps the size, so the stride must be 1")
        return padding

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        plain: dict[str, Any] = {"padding": (0,) * self.axes, "dilation": (1,) * self.axes, "groups": 1}
        plain["output_padding"] = (0,) * self.axes
        for name, default in plain.items():
            value = getattr(self, name, default)
            text += "" if value == default else f", {name}={value!r}"
        return text + ("" if self.bias is not None else ", bias=False")


class Conv2d(_Convolution):
    """Each pixel of the result: a window of the image times a kernel, for each of out_channels kernels, plus a bias.

    in_channels, out_channels  of the images and of the results
    kernel_size   the height and width of a window, or one number for both; so stride, padding and dilation
    stride        pixels from window to window
    padding       zeros on each side; "same" for results of the size of the image (stride 1 only), "valid" for none
    dilation      pixels from tap to tap in a window
    groups        the channels are cut into so many groups, and each group of results sees its own
    padding_mode  "zeros", which is the only one
    weight        (out_channels, in_channels / groups, kernel height, kernel width)
    bias          (out_channels,), or None with bias=False

    Both start evenly drawn from ±1/√(weights of one kernel) by the default generator (PyTorch starts them the same
    way). The height of a result is ⌊(height + 2·padding - dilation·(kernel height - 1) - 1) / stride⌋ + 1. ValueError
    for numbers that make no sense, and for images that the kernel does not fit.

    >>> import pyengine as pe
    >>> layer = Conv2d(3, 16, kernel_size=3, padding=1)
    >>> layer(pe.zeros(8, 3, 32, 32)).shape
    (8, 16, 32, 32)
    >>> Conv2d(3, 16, 5)(pe.zeros(8, 3, 4, 32))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: conv2d: input (8, 3, 4, 32), weight (16, 3, 5, 5): the height of the result would be \
(4 + 2·0 - 1·(5-1) - 1) / 1 + 1 = 0, and must be at least 1: ...
    """

    def forward(self, input: Tensor) -> Tensor:
        """(images, in_channels, height, width) to (images, out_channels, …, …); the first axis may be missing."""
        return conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv1d(_Convolution):
    """`Conv2d` along one axis: (samples, channels, length), for sequences and signals.

    The parameters are those of Conv2d, with one number for each; weight is (out_channels, in_channels / groups,
    kernel_size), the length of a result ⌊(length + 2·padding - dilation·(kernel_size - 1) - 1) / stride⌋ + 1.
    ValueError as in Conv2d.

    >>> import pyengine as pe
    >>> Conv1d(4, 6, 3, stride=2)(pe.zeros(2, 4, 11)).shape
    (2, 6, 5)
    """

    axes = 1

    def forward(self, input: Tensor) -> Tensor:
        """(samples, in_channels, length) to (samples, out_channels, …); the first axis may be missing."""
        return conv1d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class ConvTranspose2d(_Convolution):
    """Each pixel lays its multiple of a kernel into the result: the gradient of a Conv2d as a layer; images grow.

    in_channels, out_channels, kernel_size, stride, groups, dilation  of the convolution whose gradient it is, from
                    out_channels to in_channels
    padding         as many rows and columns are cut off on each side
    output_padding  below the stride: more rows at the bottom and columns at the right
    weight          (in_channels, out_channels / groups, kernel height, kernel width)
    bias            (out_channels,), or None with bias=False

    The height of a result is (height - 1)·stride - 2·padding + dilation·(kernel height - 1) + output_padding + 1.
    ValueError for numbers that make no sense.

    >>> import pyengine as pe
    >>> ConvTranspose2d(8, 3, 3, stride=2, padding=1, output_padding=1)(pe.zeros(4, 8, 7, 7)).shape
    (4, 3, 14, 14)
    """

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        padding_mode: str = "zeros",
        device: "str | Device | None" = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        if isinstance(padding, str):
            raise ValueError(f"ConvTranspose2d: padding is numbers, not {padding!r}")
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )
        self.output_padding = self._sizes("output_padding", output_padding, 0)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(images, in_channels, height, width) to (images, out_channels, …, …); the first axis may be missing.

        output_size  the height and width of the result, instead of output_padding; ValueError where it cannot be.
        """
        more = self.output_padding if output_size is None else self._missing(input, output_size)
        padding = numbers("ConvTranspose2d", "padding", self.padding, 2)
        return conv_transpose2d(input, self.weight, self.bias, self.stride, padding, more, self.groups, self.dilation)

    def _missing(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output_padding that leads to a result of that size."""
        last = output_size[-2:] if isinstance(output_size, Sequence) else output_size
        wanted = numbers("ConvTranspose2d", "output_size", last, 2)
        require_tensors("ConvTranspose2d", input)
        attrs = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        least = transposed_size("ConvTranspose2d", input.shape[-2:], self.kernel_size, attrs)
        more = tuple(n - m for n, m in zip(wanted, least, strict=True))
        if any(not 0 <= m < s for m, s in zip(more, self.stride, strict=True)):
            raise ValueError(
                f"ConvTranspose2d: output_size {wanted} must be from {least} on, by less than the stride {self.stride}"
            )
        return more
