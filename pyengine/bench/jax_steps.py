"""Training steps of networks.py in JAX, which has no modules and no optimizers: functions from state to state."""

from collections.abc import Callable
from typing import Any

import pyengine

from .networks import Network, batch_of, weights_of
from .work import OPTIMIZERS, Step

BETAS, EPS = (0.9, 0.999), 1e-8  # of Adam, as everywhere


def jax_step(network: Network, optimizer: str, jax: Any) -> Step:
    """A step of a network of linear layers with ReLU between them, compiled whole; its state lies in given memory."""
    np = jax.numpy
    weights = list(map(np.asarray, weights_of(pyengine.nn.Sequential(*network.layers(pyengine.nn))).values()))
    layers = list(zip(weights[::2], weights[1::2], strict=True))
    start, change = _UPDATES[optimizer]

    def loss_of(layers: Any, images: Any, labels: Any) -> Any:
        y = images
        for weight, bias in layers[:-1]:
            y = jax.nn.relu(y @ weight.T + bias)
        weight, bias = layers[-1]
        return -np.take_along_axis(jax.nn.log_softmax(y @ weight.T + bias), labels[:, None], 1).mean()

    def whole(layers: Any, state: Any, images: Any, labels: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(layers, images, labels)
        return loss, *change(jax, layers, gradients, state, **OPTIMIZERS[optimizer])

    compiled = jax.jit(whole, donate_argnums=(0, 1))
    now = [layers, start(jax, layers)]

    def step(images: Any, labels: Any) -> Any:
        loss, *now[:] = compiled(*now, images, labels)
        return loss.block_until_ready()  # one program makes loss and weights: they are ready together

    return Step(step, tuple(map(np.asarray, batch_of(network))))


def jax_gradient(function: Callable[[Any, Any], Any], values: Any, jax: Any) -> Step:
    """The sum of function(jax's functions, values), and its gradient, as one compiled program."""
    functions = _Functions(jax)
    compiled = jax.jit(jax.value_and_grad(lambda x: function(functions, x).sum()))
    gradient: list[Any] = [None]

    def step(x: Any) -> Any:
        loss, gradient[0] = compiled(x)
        return loss.block_until_ready()

    return Step(step, (jax.numpy.asarray(values),), left=lambda: gradient)


class _Functions:
    """JAX's functions, in one place as those of other libraries."""

    def __init__(self, jax: Any) -> None:
        self._places = (jax.numpy, jax.nn)

    def __getattr__(self, name: str) -> Any:
        return next(getattr(place, name) for place in self._places if hasattr(place, name))


def _zeros(jax: Any, layers: Any) -> Any:
    return jax.tree.map(jax.numpy.zeros_like, layers)


def _sgd(jax: Any, layers: Any, gradients: Any, velocity: Any, lr: float, momentum: float) -> tuple[Any, Any]:
    velocity = jax.tree.map(lambda v, g: momentum * v + g, velocity, gradients)
    return jax.tree.map(lambda p, v: p - lr * v, layers, velocity), velocity


def _adam(jax: Any, layers: Any, gradients: Any, state: Any, lr: float) -> tuple[Any, Any]:
    means, squares, count = state
    count = count + 1
    means = jax.tree.map(lambda m, g: BETAS[0] * m + (1 - BETAS[0]) * g, means, gradients)
    squares = jax.tree.map(lambda s, g: BETAS[1] * s + (1 - BETAS[1]) * g * g, squares, gradients)
    rate, root = lr / (1 - BETAS[0] ** count), jax.numpy.sqrt(1 - BETAS[1] ** count)

    def update(p: Any, m: Any, s: Any) -> Any:
        return p - rate * m / (jax.numpy.sqrt(s) / root + EPS)

    return jax.tree.map(update, layers, means, squares), (means, squares, count)


# By optimizer: the state that it begins with, and the change of layers and state.
_UPDATES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "SGD": (_zeros, _sgd),
    "Adam": (lambda jax, p: (_zeros(jax, p), _zeros(jax, p), jax.numpy.zeros((), jax.numpy.float32)), _adam),
}
