"""Layers that make images larger."""

from collections.abc import Sequence

from ..tensor import Tensor
from .functional import interpolate
from .module import Module


class Upsample(Module):
    """Images, or sequences, made larger: copies of pixels, or means of those around a place; see `interpolate`.

    size           of the result, or else scale_factor: how many times as large
    mode           "nearest", "linear" (of sequences) or "bilinear" (of images)
    align_corners  whether the outermost pixels keep their places
    (n, c, rows, columns) to (n, c, rows', columns'), (n, c, length) to (n, c, length'). ValueError for neither or both
    of size and scale_factor, and for images without pixels.

    >>> import pyengine as pe
    >>> Upsample(scale_factor=2)(pe.zeros(8, 16, 7, 7)).shape
    (8, 16, 14, 14)
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, rows, columns) or (n, c, length) to as many axes."""
        return interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        """The size or the factor, and the mode."""
        what = f"scale_factor={self.scale_factor}" if self.size is None else f"size={self.size}"
        return f"{what}, mode={self.mode!r}"
