"""How parameters start: functions that fill a tensor in place and return it.

A signal that passes many layers must neither die out nor blow up, so weights are drawn with a spread that keeps its
variance: forwards that depends on fan_in, how many inputs feed one output, backwards on fan_out, how many outputs one
input feeds. A weight has the shape (out, in, …kernel axes); each fan counts the kernel's elements too.

>>> import pyengine as pe
>>> from pyengine import nn
>>> model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
>>> def start(module):
...     if isinstance(module, nn.Linear):
...         nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
...         nn.init.zeros_(module.bias)
>>> model.apply(start)[2].bias
tensor([0., 0.], requires_grad=True)
"""

import math

import numpy as np

from ..creation import eye
from ..ops.op import size
from ..random import Generator, gaussian, uniform
from ..tape import grad_mode
from ..tensor import Tensor

GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0, "relu": math.sqrt(2.0), "selu": 0.75}


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element `val`.

    >>> import pyengine as pe
    >>> constant_(pe.zeros(2), 0.5)
    tensor([0.5, 0.5])
    """
    with grad_mode(False):
        return tensor.fill_(val)


def zeros_(tensor: Tensor) -> Tensor:
    """Every element 0.

    >>> import pyengine as pe
    >>> zeros_(pe.ones(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Every element 1.

    >>> import pyengine as pe
    >>> ones_(pe.zeros(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """All elements drawn evenly from [a, b), by the default generator unless given another. ValueError where b < a.

    >>> import pyengine as pe
    >>> drawn = uniform_(pe.zeros(1000), -2.0, 2.0, generator=pe.Generator(0))
    >>> round(drawn.mean().item())
    0
    """
    if not a <= b:
        raise ValueError(f"uniform_: draws from [a, b), which needs a ≤ b, not a={a} and b={b}")
    with grad_mode(False):
        drawn = uniform(tensor.shape, a, b, dtype=tensor.dtype, device=tensor.device, generator=generator)
        return tensor.copy_(drawn)


def eye_(tensor: Tensor) -> Tensor:
    """A matrix with ones on its diagonal and zeros elsewhere. ValueError for other than two axes.

    >>> import pyengine as pe
    >>> eye_(pe.ones(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndim != 2:
        raise ValueError(f"eye_: needs a matrix, not shape {tensor.shape}")
    with grad_mode(False):
        return tensor.copy_(eye(tensor.shape[0], tensor.shape[1], tensor.dtype, tensor.device))


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Rows at right angles, of length `gain`; where there are more rows than columns, the columns instead.

    Axes from the second on count as one. A signal keeps its length through such a layer. ValueError for fewer than two
    axes. A. M. Saxe, J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks" (2013), arXiv:1312.6120.

    >>> import pyengine as pe
    >>> w = orthogonal_(pe.zeros(2, 3))
    >>> pe.allclose(w @ w.T, pe.eye(2), atol=1e-6)
    True
    """
    fans("orthogonal_", tensor)
    rows, columns = tensor.shape[0], size(tensor.shape[1:])
    drawn = gaussian("orthogonal_", (max(rows, columns), min(rows, columns)), dtype="float64", generator=generator)
    q, r = np.linalg.qr(drawn.numpy())
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # QR leaves the signs open: fixed ones make all rotations alike
    with grad_mode(False):
        return tensor.copy_(Tensor(gain * (q if rows >= columns else q.T), device=tensor.device).reshape(tensor.shape))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Evenly from ±gain·√(6 / (fan_in + fan_out)): the variance 2 / (fan_in + fan_out), for gain 1.

    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010), eq. 16.

    >>> import pyengine as pe
    >>> bool(xavier_uniform_(pe.zeros(300, 300)).numpy().max() <= 0.1)
    True
    """
    fan_in, fan_out = fans("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Evenly from ±gain·√(3 / fan): the variance gain² / fan, which makes up for what the activation takes away.

    a             the negative slope of leaky_relu
    mode          "fan_in" keeps the variance forwards, "fan_out" backwards
    nonlinearity  the activation that follows; see `calculate_gain`
    ValueError for another mode or nonlinearity, and for a weight of fewer than two axes.

    K. He et al., "Delving deep into rectifiers" (2015), section 2.2.

    >>> import pyengine as pe
    >>> bool(kaiming_uniform_(pe.zeros(10, 600), nonlinearity="relu").numpy().max() <= 0.1)
    True
    """
    fan = _fan("kaiming_uniform_", tensor, mode)
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / fan)
    return uniform_(tensor, -bound, bound, generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """All elements drawn from the normal distribution of that mean and standard deviation.

    >>> import pyengine as pe
    >>> drawn = normal_(pe.zeros(1000), 2.0, 0.1, generator=pe.Generator(0))
    >>> round(drawn.mean().item())
    2
    """
    with grad_mode(False):
        drawn = gaussian("normal_", (tensor.shape,), mean, std, tensor.dtype, tensor.device, generator)
        return tensor.copy_(drawn)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """As `normal_`, but each element that falls outside of [a, b] is drawn again.

    ValueError where that would hardly ever end.

    >>> import pyengine as pe
    >>> drawn = trunc_normal_(pe.zeros(1000), a=-1.0, b=0.5)
    >>> -1.0 <= min(drawn.tolist()) and max(drawn.tolist()) <= 0.5
    True
    """
    inside = (math.erf((b - mean) / std / math.sqrt(2.0)) - math.erf((a - mean) / std / math.sqrt(2.0))) / 2.0
    if not inside > 1e-3:
        raise ValueError(f"trunc_normal_: too little of the distribution of mean {mean}, std {std} is in [{a}, {b}]")
    normal_(tensor, mean, std, generator)
    with grad_mode(False):
        while True:
            values = tensor.reshape(-1).detach().numpy()
            outside = Tensor(((values < a) | (values > b)).nonzero()[0], device=tensor.device)
            if not outside.numel():
                return tensor
            flat = tensor.reshape(-1)
            flat[outside] = gaussian(
                "trunc_normal_", (outside.shape,), mean, std, tensor.dtype, tensor.device, generator
            )
            tensor.copy_(flat.reshape(tensor.shape))


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """As `xavier_uniform_`, from the normal distribution of the same variance.

    >>> import pyengine as pe
    >>> xavier_normal_(pe.zeros(3, 2)).shape
    (3, 2)
    """
    fan_in, fan_out = fans("xavier_normal_", tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """As `kaiming_uniform_`, with its errors (ValueError), from the normal distribution of the same variance.

    >>> import pyengine as pe
    >>> kaiming_normal_(pe.zeros(3, 2), nonlinearity="relu").shape
    (3, 2)
    """
    fan = _fan("kaiming_normal_", tensor, mode)
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(fan), generator)


def _fan(name: str, tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name}: mode is 'fan_in' or 'fan_out', not {mode!r}")
    return fans(name, tensor)[mode == "fan_out"]


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights must be larger for the activation after them: linear, sigmoid 1, tanh 5/3, relu √2, selu 3/4,
    leaky_relu √(2 / (1 + slope²)) with its slope as `param` (0.01 by default). ValueError for others.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1.0 + slope * slope))
    if nonlinearity not in GAINS:
        raise ValueError(
            f"calculate_gain: unknown nonlinearity {nonlinearity!r}; there are leaky_relu, {', '.join(GAINS)}"
        )
    return GAINS[nonlinearity]


def fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """fan_in and fan_out of a weight; ValueError in the name of `name` where it has fewer than two axes or is empty.

    >>> import pyengine as pe
    >>> fans("init", pe.zeros(8, 3, 5, 5))
    (75, 200)
    """
    shape = tensor.shape
    if len(shape) < 2 or 0 in shape:
        raise ValueError(f"{name}: needs a weight of shape (out, in, …), not {shape}; start biases with zeros_")
    field = size(shape[2:])
    return shape[1] * field, shape[0] * field
