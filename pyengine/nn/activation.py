"""Activations: the bends between linear layers, without which a stack of them would be one linear layer."""

from ..ops.elementwise import RELU
from ..ops.unary import SIGMOID, TANH
from ..tape import apply
from ..tensor import Tensor
from . import functional
from .module import Module


class ReLU(Module):
    """max(x, 0) for each element; any shape.

    inplace  here and in the activations below: taken, so that scripts run, but the result is a tensor of its own anyway

    >>> import pyengine as pe
    >>> ReLU()(pe.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return apply(RELU, (input,))


class LeakyReLU(Module):
    """x for each element x > 0, else negative_slope · x; any shape. See `functional.leaky_relu`.

    >>> import pyengine as pe
    >>> LeakyReLU(0.25)(pe.tensor([-1.0, 2.0]))
    tensor([-0.25,  2.  ])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return functional.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        """The slope."""
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x for each element x > 0, else alpha · (exp(x) - 1); any shape. See `functional.elu`.

    >>> import pyengine as pe
    >>> ELU()(pe.tensor([-100.0, 2.0]))
    tensor([-1.,  2.])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return functional.elu(input, self.alpha)

    def extra_repr(self) -> str:
        """Where it levels off."""
        return f"alpha={self.alpha}"


class GELU(Module):
    """x · Phi(x) for each element x, with the normal distribution's Phi; any shape. See `functional.gelu`.

    approximate  "none", or "tanh"; ValueError for another word

    >>> import pyengine as pe
    >>> GELU()(pe.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.15865526,  0.        ,  0.8413447 ])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate is 'none' or 'tanh', not {approximate!r}")
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return functional.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        """The approximation."""
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x · sigmoid(x) for each element x; any shape. See `functional.silu`.

    >>> import pyengine as pe
    >>> SiLU()(pe.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.26894143,  0.        ,  0.7310586 ])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return functional.silu(input)


class Hardtanh(Module):
    """Each element brought within [min_val, max_val]; any shape. ValueError for an empty interval.

    >>> import pyengine as pe
    >>> Hardtanh()(pe.tensor([-3.0, 0.5]))
    tensor([-1. ,  0.5])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if not min_val < max_val:
            raise ValueError(f"{type(self).__name__}: min_val {min_val} must be below max_val {max_val}")
        self.min_val, self.max_val = min_val, max_val

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return functional.hardtanh(input, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        """The limits."""
        return f"min_val={self.min_val}, max_val={self.max_val}"


class ReLU6(Hardtanh):
    """min(max(x, 0), 6) for each element; any shape.

    >>> import pyengine as pe
    >>> ReLU6()(pe.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0)


class LogSigmoid(Module):
    """log(sigmoid(x)) for each element x; any shape. See `functional.logsigmoid`.

    >>> import pyengine as pe
    >>> LogSigmoid()(pe.tensor([0.0, -200.0]))
    tensor([  -0.6931472, -200.       ])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return functional.logsigmoid(input)


class Softplus(Module):
    """log(1 + exp(beta · x)) / beta for each element x, x itself where beta · x is above threshold; any shape.

    ValueError for a beta that is not above 0. See `functional.softplus`.

    >>> import pyengine as pe
    >>> Softplus()(pe.tensor([0.0, 100.0]))
    tensor([  0.6931472, 100.       ])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        if not beta > 0:
            raise ValueError(f"Softplus: beta is a number greater than 0, not {beta}")
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return functional.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The settings."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Sigmoid(Module):
    """1 / (1 + exp(-x)) for each element x; any shape.

    >>> import pyengine as pe
    >>> Sigmoid()(pe.tensor([0.0, 100.0]))
    tensor([0.5, 1. ])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return apply(SIGMOID, (input,))


class Tanh(Module):
    """The hyperbolic tangent of each element; any shape.

    >>> import pyengine as pe
    >>> Tanh()(pe.tensor([0.0, 20.0]))
    tensor([0., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return apply(TANH, (input,))


class Softmax(Module):
    """exp(x) / sum(exp(x)) along the axis `dim`. For showing probabilities: `CrossEntropyLoss` takes it itself.

    >>> import pyengine as pe
    >>> Softmax()(pe.tensor([0.0, 0.0]))
    tensor([0.5, 0.5])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Any shape with that axis to the same shape."""
        return functional.softmax(input, self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """log(softmax(x)) along the axis `dim`, right also where the softmax itself would be 0. `NLLLoss` takes it.

    >>> import pyengine as pe
    >>> LogSoftmax()(pe.tensor([0.0, 200.0]))
    tensor([-200.,    0.])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Any shape with that axis to the same shape."""
        return functional.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"
