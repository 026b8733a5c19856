"""Layers and losses as plain functions of tensors."""

from collections.abc import Sequence

from ..creation import full
from ..ops.activations import ELU, GELU, GELU_TANH, LEAKY_RELU, SILU, SOFTPLUS
from ..ops.dropout import DROPOUT
from ..ops.elementwise import RELU
from ..ops.index import EMBEDDING
from ..ops.layer_norm import LAYER_NORM
from ..ops.matmul import LINEAR
from ..ops.op import size
from ..ops.softmax import SOFTMAX
from ..ops.unary import SIGMOID, TANH
from ..random import Generator, default_generator
from ..tape import apply, kernels_of, located, wrap
from ..tensor import Tensor
from .attention_function import scaled_dot_product_attention
from .batch_norm_function import batch_norm
from .convolution_functions import conv1d, conv2d, conv_transpose2d
from .interpolation import interpolate
from .linear_cross_entropy import linear_cross_entropy
from .loss_functions import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    log_softmax,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from .padding_function import pad
from .pair_losses import contrastive_loss, info_nce_loss, triplet_margin_loss
from .pooling_functions import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from .rms_norm_function import rms_norm
from .rotary_function import rotary_embedding

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "batch_norm", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "contrastive_loss", "conv1d", "conv2d", "conv_transpose2d", "cosine_similarity",
    "cross_entropy", "dropout", "dropout2d", "elu", "embedding", "gelu", "hardtanh", "huber_loss", "info_nce_loss",
    "interpolate", "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear", "linear_cross_entropy", "log_softmax",
    "logsigmoid", "max_pool1d", "max_pool2d", "mse_loss", "nll_loss", "normalize", "one_hot", "pad", "relu", "rms_norm",
    "rotary_embedding", "scaled_dot_product_attention", "sigmoid", "silu", "smooth_l1_loss", "softmax", "softplus",
    "tanh", "triplet_margin_loss",
]  # fmt: skip


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input · weightᵀ + bias.

    input   (..., in_features)
    weight  (out_features, in_features)
    bias    (out_features,) or None
    Returns (..., out_features). ValueError where the sizes do not fit, TypeError where the dtypes differ.

    >>> import pyengine as pe
    >>> linear(pe.tensor([[1.0, 2.0]]), pe.tensor([[1.0, 1.0], [0.0, 3.0]]), pe.tensor([0.5, 0.0]))
    tensor([[3.5, 6. ]])
    """
    return apply(LINEAR, (input, weight) if bias is None else (input, weight, bias))


def relu(input: Tensor) -> Tensor:
    """max(x, 0) for each element.

    >>> import pyengine as pe
    >>> relu(pe.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return apply(RELU, (input,))


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x for each element x > 0, else negative_slope · x: a unit that is off still learns. Any shape.

    A. L. Maas, A. Y. Hannun and A. Y. Ng, "Rectifier nonlinearities improve neural network acoustic models" (2013).

    >>> import pyengine as pe
    >>> leaky_relu(pe.tensor([-1.0, 2.0]), 0.25)
    tensor([-0.25,  2.  ])
    """
    return apply(LEAKY_RELU, (input,), {"negative_slope": float(negative_slope)})


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """x for each element x > 0, else alpha · (exp(x) - 1), which levels off at -alpha. Any shape.

    D.-A. Clevert, T. Unterthiner and S. Hochreiter, "Fast and accurate deep network learning by exponential linear
    units" (2015), arXiv:1511.07289.

    >>> import pyengine as pe
    >>> elu(pe.tensor([-100.0, 2.0]))
    tensor([-1.,  2.])
    """
    return apply(ELU, (input,), {"alpha": float(alpha)})


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x · Phi(x) for each element x, where Phi(x) is the share of the normal distribution below x. Any shape.

    approximate  "none", or "tanh" for x · (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))) / 2, which is up to 0.0005 off
    ValueError for another word. D. Hendrycks and K. Gimpel, "Gaussian error linear units" (2016), arXiv:1606.08415.

    >>> import pyengine as pe
    >>> gelu(pe.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.15865526,  0.        ,  0.8413447 ])
    """
    if approximate not in ("none", "tanh"):
        raise located(ValueError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}"))
    return apply(GELU if approximate == "none" else GELU_TANH, (input,))


def silu(input: Tensor) -> Tensor:
    """x · sigmoid(x) for each element x, also called swish. Any shape.

    S. Elfwing, E. Uchibe and K. Doya, "Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning" (2017), arXiv:1702.03118.

    >>> import pyengine as pe
    >>> silu(pe.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.26894143,  0.        ,  0.7310586 ])
    """
    return apply(SILU, (input,))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta · x)) / beta for each element x: relu with its corner rounded off, and positive. Any shape.

    beta       how sharp the corner is
    threshold  where beta · x is greater, the result is x itself, to which it comes close
    ValueError for a beta that is not above 0.

    >>> import pyengine as pe
    >>> softplus(pe.tensor([0.0, 100.0]))
    tensor([  0.6931472, 100.       ])
    """
    if not beta > 0:
        raise located(ValueError(f"softplus: beta is a number greater than 0, not {beta}"))
    return apply(SOFTPLUS, (input,), {"beta": float(beta), "threshold": float(threshold)})


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)) for each element x: from 0 to 1. Any shape.

    >>> import pyengine as pe
    >>> sigmoid(pe.tensor([0.0, 100.0]))
    tensor([0.5, 1. ])
    """
    return apply(SIGMOID, (input,))


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent of each element: from -1 to 1. Any shape.

    >>> import pyengine as pe
    >>> tanh(pe.tensor([0.0, 20.0]))
    tensor([0., 1.])
    """
    return apply(TANH, (input,))


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Each element brought within [min_val, max_val]; (0, 6) makes ReLU6. Any shape. ValueError for an empty interval.

    >>> import pyengine as pe
    >>> hardtanh(pe.tensor([-3.0, 0.5]))
    tensor([-1. ,  0.5])
    """
    if not min_val < max_val:
        raise located(ValueError(f"hardtanh: min_val {min_val} must be below max_val {max_val}"))
    return input.clamp(min_val, max_val)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)) for each element x, right also where the sigmoid itself would be 0. Any shape.

    >>> import pyengine as pe
    >>> logsigmoid(pe.tensor([0.0, -200.0]))
    tensor([  -0.6931472, -200.       ])
    """
    return -softplus(-input, threshold=float("inf"))


def normalize(input: Tensor, p: float = 2.0, dim: int | tuple[int, ...] = 1, eps: float = 1e-12) -> Tensor:
    """input / max(its p-norm along the axis `dim`, eps): vectors of length 1; zeros stay zeros.

    (…) to the same shape. ValueError for an axis that does not exist or another p than `Tensor.norm` takes.

    >>> import pyengine as pe
    >>> normalize(pe.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6, 0.8],
            [0. , 0. ]])
    """
    return input / input.norm(p, dim, True).clamp(min=eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1·x2 / (max(|x1|, eps) · max(|x2|, eps)) along the axis `dim`: 1 for one direction, 0 for a right angle.

    The shapes broadcast; that axis is gone from the result. ValueError where it does not exist or shapes do not fit.

    >>> import pyengine as pe
    >>> cosine_similarity(pe.tensor([[1.0, 0.0]]), pe.tensor([[0.0, 2.0], [3.0, 0.0]]))
    tensor([0., 1.])
    """
    return (normalize(x1, dim=dim, eps=eps) * normalize(x2, dim=dim, eps=eps)).sum(dim)


def softmax(input: Tensor, dim: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along the axis `dim`: positive, and summing to 1.

    >>> import pyengine as pe
    >>> softmax(pe.tensor([0.0, 0.0]))
    tensor([0.5, 0.5])
    """
    return apply(SOFTMAX, (input,), {"axis": dim})


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / √(variance + eps) · weight + bias, with the mean and variance over the last axes.

    input             (…, *normalized_shape), float32 or float64
    normalized_shape  the lengths of the axes that are normalised together; an int for the last one alone
    weight, bias      of normalized_shape, or None for 1 and 0
    Returns the input's shape. ValueError where the shapes do not fit. (J. L. Ba, J. R. Kiros and G. E. Hinton, 2016,
    arXiv:1607.06450)

    >>> import pyengine as pe
    >>> layer_norm(pe.tensor([[1.0, 3.0], [5.0, 5.0]]), 2, eps=0.0001)
    tensor([[-0.99995005,  0.99995005],
            [ 0.        ,  0.        ]])
    """
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not wanted or input.shape[-len(wanted) :] != wanted:
        raise located(ValueError(f"layer_norm: an input of shape {input.shape} does not end in {wanted}"))
    count = size(wanted)
    columns = []
    for name, given, value in (("weight", weight, 1.0), ("bias", bias, 0.0)):
        if given is None:
            columns.append(wrap(kernels_of(input.device).full((count,), value, input.dtype), input.device))
        elif given.shape != wanted:
            raise located(ValueError(f"layer_norm: {name} {given.shape} is not of the normalised shape {wanted}"))
        else:
            columns.append(given if len(wanted) == 1 else given.reshape(count))
    rows = input if len(wanted) == 1 else input.reshape(*input.shape[: -len(wanted)], count)
    out: Tensor = apply(LAYER_NORM, (rows, *columns), {"eps": float(eps)})[0]
    return out if len(wanted) == 1 else out.reshape(input.shape)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """The rows of `weight` at the positions `input`.

    input        (...), int64, from 0 on
    weight       (rows, features)
    padding_idx  a row that is not learned: its gradient is 0; -1 is the last
    Returns (..., features). IndexError where there is no such row.

    >>> import pyengine as pe
    >>> embedding(pe.tensor([1, 0, 1]), pe.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    if padding_idx is not None and not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise IndexError(f"embedding: padding_idx {padding_idx} is outside of the {weight.shape[0]} rows")
    try:
        return apply(EMBEDDING, (weight, input), {"padding": padding_idx})
    except IndexError as error:
        raise located(IndexError(str(error).replace("index:", "embedding:").replace("axis 0", "the table"))) from None


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """Class numbers as rows of zeros with a one: (...) int64 to (..., num_classes) int64.

    num_classes  by default one more than the largest number, for which the program waits until the data is there
    IndexError where a number is outside of the classes, TypeError for another dtype.

    >>> import pyengine as pe
    >>> one_hot(pe.tensor([2, 0]))
    tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    if input.dtype.name != "int64":
        raise located(TypeError(f"one_hot: class numbers are int64, not {input.dtype}; cast with .to(pe.int64)"))
    if num_classes < 0:
        num_classes = 1 + max(input.reshape(-1).detach().numpy().tolist(), default=-1)
    zeros = full((*input.shape, num_classes), 0, input.dtype, input.device)
    try:
        return zeros.scatter(-1, input.reshape(*input.shape, 1), 1)
    except IndexError as error:
        place = str(error).removeprefix("scatter: position ").partition(" ")[0]
        raise located(IndexError(f"one_hot: class {place} is outside of the {num_classes} classes")) from None


def dropout(input: Tensor, p: float = 0.5, training: bool = True, generator: Generator | None = None) -> Tensor:
    """In training each element is 0 with probability p, else divided by 1 - p, which keeps the mean; else the input.

    The choice is made by the default generator unless given another. No mask is kept: going backwards makes the same
    choice again. ValueError for p outside [0, 1].
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).

    >>> import pyengine as pe
    >>> dropout(pe.ones(2), training=False)
    tensor([1., 1.])
    >>> sorted(set(dropout(pe.ones(100), 0.75).tolist()))
    [0.0, 4.0]
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is the probability to be dropped, from 0 to 1, not {p}")
    if not training or p == 0:
        return input
    words = (generator or default_generator).take(input.numel(), input.device)
    return apply(DROPOUT, (input, wrap(words, input.device)), {"p": float(p)})


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, generator: Generator | None = None) -> Tensor:
    """In training each channel is 0 with probability p, else divided by 1 - p; else the input.

    input  (n, c, …): neighbouring pixels resemble each other, so that a channel without some still tells what they were
    ValueError for p outside [0, 1], or an input without channels.
    J. Tompson et al., "Efficient object localization using convolutional networks" (2015), arXiv:1411.4280.

    >>> import pyengine as pe
    >>> dropped = dropout2d(pe.ones(10, 10, 4, 4), 0.75)
    >>> sorted(set(dropped.sum((2, 3)).reshape(-1).tolist()))
    [0.0, 64.0]
    """
    if not 0 <= p <= 1:
        raise located(ValueError(f"dropout2d: p is the probability to be dropped, from 0 to 1, not {p}"))
    if input.ndim < 2:
        raise located(ValueError(f"dropout2d: the input is (n, c, …), not of shape {input.shape}"))
    if not training or p == 0:
        return input
    channels = (*input.shape[:2], *(1,) * (input.ndim - 2))
    kept = dropout(full(channels, 1.0, input.dtype, input.device), p, True, generator)
    return input * kept
