"""Root mean square normalisation as a function: any trailing axes as rows."""

from collections.abc import Sequence

import numpy as np

from ..ops.op import size
from ..ops.rms_norm import RMS_NORM
from ..tape import apply, kernels_of, located, wrap
from ..tensor import Tensor


def rms_norm(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """input / √(mean of input² + eps) · weight, with the mean over the last axes.

    input             (…, *normalized_shape), float32 or float64
    normalized_shape  the lengths of the axes that are normalised together; an int for the last one alone
    weight            of normalized_shape, or None for 1
    eps               None for the distance from 1 to the next number of the input's dtype
    Returns the input's shape. ValueError where the shapes do not fit. (B. Zhang, R. Sennrich, 2019, arXiv:1910.07467)

    >>> import pyengine as pe
    >>> rms_norm(pe.tensor([[3.0, 4.0], [0.0, 0.0]]), 2, eps=0.0)[0]
    tensor([0.84852815, 1.1313709 ])
    """
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not wanted or input.shape[-len(wanted) :] != wanted:
        raise located(ValueError(f"rms_norm: an input of shape {input.shape} does not end in {wanted}"))
    count = size(wanted)
    if weight is None:
        weight = wrap(kernels_of(input.device).full((count,), 1.0, input.dtype), input.device)
    elif weight.shape != wanted:
        raise located(ValueError(f"rms_norm: weight {weight.shape} is not of the normalised shape {wanted}"))
    else:
        weight = weight.reshape(count)
    rows = input if len(wanted) == 1 else input.reshape(*input.shape[: -len(wanted)], count)
    small = eps if eps is not None else np.finfo(input.dtype).eps if input.dtype.kind == "f" else 0.0
    out: Tensor = apply(RMS_NORM, (rows, weight), {"eps": float(small)})[0]
    return out if len(wanted) == 1 else out.reshape(input.shape)
