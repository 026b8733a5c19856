"""Training steps of networks, as a user writes them: the same code for any library with PyTorch's names."""

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import pyengine

from ..backend import Array
from .work import OPTIMIZERS, Contender, Step, Work, checked_by_losses, leaves_of


class Network(NamedTuple):
    """A model to train, as code for any library.

    image     the shape of one example
    layers    from `library.nn`, the layers of a Sequential
    products  multiplications of one example's forward pass, by layer; the first layer's input needs no gradient
    modes     of torch that are timed beside the plain one
    """

    name: str
    image: tuple[int, ...]
    classes: int
    batch: int
    layers: Callable[[Any], list[Any]]
    products: tuple[int, ...]
    modes: tuple[str, ...] = ("fused", "compiled")


def mlp(*widths: int, batch: int) -> Network:
    """Linear layers of these widths with ReLU between them."""

    def layers(nn: Any) -> list[Any]:
        found: list[Any] = []
        for m, n in itertools.pairwise(widths):
            found += [nn.Linear(m, n), nn.ReLU()]
        return found[:-1]

    products = tuple(m * n for m, n in itertools.pairwise(widths))
    return Network(f"{'-'.join(map(str, widths))}, {batch}", widths[:1], widths[-1], batch, layers, products)


def cnn(batch: int) -> Network:
    """Two convolutions and two linear layers, for digits."""

    def layers(nn: Any) -> list[Any]:
        convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
        return [*convolutions, nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Linear(128, 10)]

    products = (26 * 26 * 9 * 32, 24 * 24 * 9 * 32 * 64, 64 * 12 * 12 * 128, 128 * 10)
    # not compiled: on a CPU torch.compile of 2.13 finds other gradients here than torch without it, so that the loss
    # after one step of SGD is 2.692, and 2.686 everywhere else
    return Network(f"a CNN on 28x28, {batch}", (1, 28, 28), 10, batch, layers, products, modes=("fused",))


NETWORKS = (mlp(784, 256, 128, 10, batch=64), mlp(64, 32, 10, batch=32), cnn(batch=64))


def training_step(network: Network, optimizer: str) -> Work:
    """A step of a new network, on a batch of random images."""

    def contender(library: Any, array: Callable[[Array], Any], mode: str = "") -> Contender:
        return checked_by_losses(partial(network_step, network, optimizer, library, array, mode))

    return Work(contender, step_flops(network), step_bytes(network), 1e-4)


def network_step(network: Network, optimizer: str, library: Any, array: Callable[[Array], Any], mode: str) -> Step:
    """By torch as `mode` says: "fused", "compiled" (model and loss, the optimizer fused), "whole" (all of the step)."""
    images, labels = map(array, batch_of(network))
    nn = library.nn
    model, loss_fn = nn.Sequential(*network.layers(nn)), nn.CrossEntropyLoss()
    model.load_state_dict({key: array(value) for key, value in weights_of(model).items()})
    if library is pyengine:
        model.to(images.device)
    options = {**OPTIMIZERS[optimizer], **({"fused": True} if mode else {})}
    stepper = getattr(library.optim, optimizer)(model.parameters(), **options)

    def loss_of(images: Any, labels: Any) -> Any:
        return loss_fn(model(images), labels)

    forward = library.compile(loss_of) if mode == "compiled" else loss_of

    def step(images: Any, labels: Any) -> Any:
        stepper.zero_grad()
        loss = forward(images, labels)
        loss.backward()
        stepper.step()
        return loss

    return Step(library.compile(step) if mode == "whole" else step, (images, labels), leaves_of(stepper))


def batch_of(network: Network) -> tuple[Array, Array]:
    """Random images and labels."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((network.batch, *network.image), dtype=np.float32)
    return images, rng.integers(0, network.classes, network.batch)


def weights_of(model: Any) -> dict[str, Array]:
    """The weights that every library begins with, by their names in the model."""
    return {key: starting_weights(i, value) for i, (key, value) in enumerate(model.state_dict().items())}


def step_flops(network: Network) -> int:
    """Forward, and for all but the first layer both gradients."""
    return 2 * network.batch * (3 * sum(network.products) - network.products[0])


def step_bytes(network: Network) -> int:
    """Each parameter, its gradient and Adam's two averages: all are read, all but the gradient written."""
    layers = pyengine.nn.Sequential(*network.layers(pyengine.nn))
    return 28 * sum(math.prod(value.shape) for value in layers.state_dict().values())


RECURRENT = {"RNN": 1, "LSTM": 4, "GRU": 3}  # gates


def recurrent_step(kind: str, width: int = 128, length: int = 64, batch: int = 32) -> Work:
    """A layer that learns to put out a given sequence."""
    shape = (length, batch, width)

    def fresh(library: Any, array: Callable[[Array], Any], mode: str) -> Step:
        rng = np.random.default_rng(0)
        inputs, targets = (array(rng.standard_normal(shape, dtype=np.float32)) for _ in range(2))
        options = {**OPTIMIZERS["Adam"], **({"fused": True} if mode else {})}
        model, loss_fn = getattr(library.nn, kind)(width, width), library.nn.MSELoss()
        model.load_state_dict({key: array(value) for key, value in weights_of(model).items()})
        if library is pyengine:
            model.to(inputs.device)
        stepper = library.optim.Adam(model.parameters(), **options)

        def step(inputs: Any, targets: Any) -> Any:
            stepper.zero_grad()
            loss = loss_fn(model(inputs)[0], targets)
            loss.backward()
            stepper.step()
            return loss

        return Step(step, (inputs, targets))

    def contender(library: Any, array: Callable[[Array], Any], mode: str = "") -> Contender:
        return checked_by_losses(partial(fresh, library, array, mode))

    # forward, back through the hidden states, and the gradients of both weights
    weights = RECURRENT[kind] * width * width
    return Work(contender, 2 * length * batch * 5 * weights, 28 * 2 * weights, 1e-4)


def starting_weights(seed: int, like: Any) -> Array:
    """For a weight random numbers that keep the size of what passes through; zeros for a bias."""
    shape = tuple(like.shape)
    if len(shape) == 1:
        return np.zeros(shape, np.float32)
    drawn = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return drawn / np.float32(math.sqrt(math.prod(shape[1:])))
