"""Pooling layers: images, or sequences, made smaller window by window."""

from typing import Any

from ..tensor import Tensor
from .functional import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from .module import Module
from .windows import Size


class _MaxPool(Module):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        if return_indices:
            raise ValueError(f"{type(self).__name__}: return_indices is not there; the gradient keeps its own places")
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        """How the windows lie."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool2d(_MaxPool):
    """The greatest element of each window: (n, c, rows, columns) to (n, c, rows', columns'); see `max_pool2d`.

    ValueError for an input into which no window fits.

    >>> import pyengine as pe
    >>> MaxPool2d(2)(pe.zeros(32, 16, 28, 28)).shape
    (32, 16, 14, 14)
    """

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, rows, columns) or (c, rows, columns) to as many axes."""
        return max_pool2d(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class MaxPool1d(_MaxPool):
    """The greatest element of each window: (n, c, length) to (n, c, length'); see `max_pool1d`.

    ValueError for an input into which no window fits.

    >>> import pyengine as pe
    >>> MaxPool1d(3, stride=2)(pe.zeros(4, 16, 9)).shape
    (4, 16, 4)
    """

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, length) or (c, length) to as many axes."""
        return max_pool1d(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class _AvgPool(Module):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def extra_repr(self) -> str:
        """How the windows lie."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of each window: (n, c, rows, columns) to (n, c, rows', columns'); see `avg_pool2d`.

    ValueError for an input into which no window fits.

    >>> import pyengine as pe
    >>> AvgPool2d(3, stride=2, padding=1)(pe.zeros(32, 16, 28, 28)).shape
    (32, 16, 14, 14)
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: float | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, rows, columns) or (c, rows, columns) to as many axes."""
        return avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool1d(_AvgPool):
    """The mean of each window: (n, c, length) to (n, c, length'); see `avg_pool1d`.

    ValueError for an input into which no window fits.

    >>> import pyengine as pe
    >>> AvgPool1d(2)(pe.zeros(4, 16, 9)).shape
    (4, 16, 4)
    """

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, length) or (c, length) to as many axes."""
        return avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _AdaptiveAvgPool(Module):
    output_size: Any

    def extra_repr(self) -> str:
        """The size of the result."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of images cut into output_size parts, whatever their size; see `adaptive_avg_pool2d`.

    ValueError for an image without elements.

    >>> import pyengine as pe
    >>> AdaptiveAvgPool2d(1)(pe.zeros(32, 64, 8, 8)).shape
    (32, 64, 1, 1)
    """

    def __init__(self, output_size: int | tuple[int | None, int | None] | None) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, rows, columns) or (c, rows, columns) to as many axes."""
        return adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of sequences cut into output_size parts, whatever their length; see `adaptive_avg_pool1d`.

    ValueError for a sequence without elements.

    >>> import pyengine as pe
    >>> AdaptiveAvgPool1d(4)(pe.zeros(8, 16, 100)).shape
    (8, 16, 4)
    """

    def __init__(self, output_size: Size) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, length) or (c, length) to as many axes."""
        return adaptive_avg_pool1d(input, self.output_size)
