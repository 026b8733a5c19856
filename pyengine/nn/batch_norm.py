"""Batch normalisation: channels brought to one scale by the statistics of the batch, or of all batches so far."""

from typing import Any, ClassVar

from .. import dtypes
from ..backend import Device
from ..creation import ones, zeros
from ..tape import located, require_tensors
from ..tensor import Tensor
from .functional import batch_norm
from .module import Module
from .parameter import Parameter


class _BatchNorm(Module):
    _axes: ClassVar[tuple[int, ...]]  # how many an input may have
    _shapes: ClassVar[str]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: "str | Device | None" = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__()
        if not isinstance(num_features, int) or num_features < 1:
            name = type(self).__name__
            raise ValueError(f"{name}: num_features is the number of channels, from 1 on, not {num_features!r}")
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.weight = Parameter(ones(num_features, device=device, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros(num_features, device=device, dtype=dtype)) if affine else None
        tracked = track_running_stats
        self.running_mean: Tensor | None
        self.running_var: Tensor | None
        self.num_batches_tracked: Tensor | None
        self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", zeros(dtype=dtypes.int64, device=device) if tracked else None)

    def forward(self, input: Tensor) -> Tensor:
        """(n, c) or (n, c, …) to the same shape."""
        require_tensors(type(self).__name__, input)
        if input.ndim not in self._axes or input.shape[1] != self.num_features:
            what = f"{type(self).__name__}: the input is {self._shapes} with c = {self.num_features} channels"
            raise located(ValueError(f"{what}, not of shape {input.shape}"))
        return batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum,
            self.eps,
            self.num_batches_tracked,
        )

    def reset_running_stats(self) -> None:
        """Forget all batches: running mean 0, variance 1, no batch tracked."""
        for buffer, value in ((self.running_mean, 0.0), (self.running_var, 1.0), (self.num_batches_tracked, 0.0)):
            if buffer is not None:
                buffer.fill_(value)

    def reset_parameters(self) -> None:
        """Start anew: no statistics, weight 1, bias 0."""
        self.reset_running_stats()
        for parameter, value in ((self.weight, 1.0), (self.bias, 0.0)):
            if parameter is not None:
                parameter.detach().fill_(value)

    def extra_repr(self) -> str:
        """The channels and the settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Each feature or channel brought to mean 0 and variance 1 over the batch, then scaled by weight, shifted by bias.

    num_features         channels c of an input (n, c) or (n, c, length)
    eps                  added to the variance, so that a channel of equal values does no harm
    momentum             share of the newest batch in the running statistics; None: the mean over all batches
    affine               whether there are weight and bias, which start as 1 and 0
    track_running_stats  whether running_mean and running_var are kept, which `eval()` then uses instead of the batch's

    In training, one value for each channel is refused (ValueError): it would be its own mean. The running variance is
    that of a sample, divided by one less than the number of values. `batch_norm` has the formula.

    >>> import pyengine as pe
    >>> layer = BatchNorm1d(2)
    >>> layer(pe.tensor([[1.0, 10.0], [3.0, 10.0]]))
    tensor([[-0.999995,  0.      ],
            [ 0.999995,  0.      ]], made by batch_norm)
    >>> list(layer.state_dict())
    ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']
    >>> layer(pe.zeros(1, 2))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: batch_norm: an input of shape (1, 2) has one value for each channel, whose variance is 0: ...
    """

    _axes = (2, 3)
    _shapes = "(n, c) or (n, c, length)"


class BatchNorm2d(_BatchNorm):
    """Each channel of images brought to mean 0 and variance 1 over the batch and all pixels; see `BatchNorm1d`.

    num_features  channels c of an input (n, c, rows, columns)
    ValueError for one value for each channel in training.

    >>> import pyengine as pe
    >>> BatchNorm2d(16)(pe.randn(8, 16, 4, 4)).shape
    (8, 16, 4, 4)
    """

    _axes = (4,)
    _shapes = "(n, c, rows, columns)"
