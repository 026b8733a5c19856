"""Batch normalisation as a function of tensors, which writes the running statistics that it is given."""

from ..ops.batch_norm import BATCH_NORM, BATCH_NORM_EVAL
from ..tape import apply, kernels_of, located, mark_written, require_tensors, wrap
from ..tensor import Tensor


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
    num_batches_tracked: Tensor | None = None,
) -> Tensor:
    """(input - mean) / √(variance + eps) · weight + bias for each channel, axis 1.

    input                (n, c) or (n, c, …), float32 or float64
    running_mean         (c,), as running_var; None to keep none. In training overwritten by (1 - momentum) · running
                         + momentum · the batch's, with the variance of a sample, divided by the values less one
    weight, bias         (c,), or None for 1 and 0
    training             whether mean and variance are the batch's, or the running ones
    momentum             None: the running statistics are the mean over all batches, counted by num_batches_tracked
    num_batches_tracked  int64, one element, in training counted up in place
    Returns the input's shape. ValueError where the shapes do not fit, or for one value a channel in training;
    TypeError for a momentum or an eps that is no number.
    S. Ioffe and C. Szegedy, "Batch normalization" (2015), arXiv:1502.03167.

    >>> import pyengine as pe
    >>> mean, var = pe.zeros(1), pe.ones(1)
    >>> batch_norm(pe.tensor([[1.0], [3.0]]), mean, var, training=True)
    tensor([[-0.999995],
            [ 0.999995]])
    >>> mean, var
    (tensor([0.2]), tensor([1.1]))
    """
    require_tensors("batch_norm", input)
    for name, value in (("eps", eps), ("momentum", momentum)):
        if not isinstance(value, int | float) and not (name == "momentum" and value is None):
            raise located(TypeError(f"batch_norm: {name} is a number, not {value!r}"))
    if (running_mean is None) != (running_var is None):
        raise located(ValueError("batch_norm: running_mean and running_var come together, or are both None"))
    if momentum is None and training and running_mean is not None and num_batches_tracked is None:
        raise located(ValueError("batch_norm: momentum=None is a mean over all batches and needs num_batches_tracked"))
    operands = [_filled(input, weight, 1.0), _filled(input, bias, 0.0)]
    attrs = {"eps": float(eps)}
    if not training:
        if running_mean is None or running_var is None:
            raise located(ValueError("batch_norm: without training=True it needs running_mean and running_var"))
        given: Tensor = apply(BATCH_NORM_EVAL, (input, *operands, running_mean, running_var), attrs)
        return given
    out: Tensor
    out, mean, variance = apply(BATCH_NORM, (input, *operands), attrs)
    if running_mean is not None and running_var is not None and input.numel():
        running = [running_mean, running_var] + ([] if num_batches_tracked is None else [num_batches_tracked])
        _track(running, mean, variance, input.numel() // input.shape[1], momentum)
    return out


def _filled(input: Tensor, given: Tensor | None, value: float) -> Tensor:
    """What was given for the channels, or `value` for each."""
    if given is not None:
        return given
    channels = input.shape[1:2] or (1,)
    filled: Tensor = wrap(kernels_of(input.device).full(channels, value, input.dtype), input.device)
    return filled


def _track(running: list[Tensor], mean: Tensor, variance: Tensor, count: int, momentum: float | None) -> None:
    """Move the running statistics towards those of the batch, in place."""
    for name, tensor in zip(("running_mean", "running_var"), running, strict=False):
        if tensor.requires_grad:
            raise located(ValueError(f"batch_norm: {name} is written in place and cannot require a gradient"))
    try:
        kernels_of(mean.device).batch_norm_track(
            [tensor.data for tensor in running],
            mean.data,
            variance.data,
            count=float(count),
            momentum=-1.0 if momentum is None else float(momentum),
        )
    except (TypeError, ValueError) as error:
        found = ", ".join(f"{tensor.dtype}{tensor.shape}" for tensor in running)
        raise located(
            type(error)(f"batch_norm: running statistics {found} do not fit {mean.dtype}{mean.shape} of the batch")
        ) from None
    for tensor in running:
        mark_written(tensor)
