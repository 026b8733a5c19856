"""What recipes are made of: models and optimizers by name."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from .. import nn, optim
from ..models import VAE, Autoencoder, Forecaster, LeNet, ResNet

FLAT = ("mlp", "linear", "vae")  # take each sample as a row of numbers, whatever its shape
RESNETS = ("resnet20", "resnet32", "resnet44", "resnet56", "resnet110")
MODELS = ("mlp", "linear", "lenet", *RESNETS, "autoencoder", "vae", "lstm", "transformer", "gpt", "clip")
# What a step of each optimizer is usually like, for whoever names another than the recipe's
USUAL: dict[str, dict[str, float]] = {
    "sgd": {"lr": 0.1, "momentum": 0.9},
    "adam": {"lr": 1e-3},
    "adamw": {"lr": 1e-3},
    "rmsprop": {"lr": 1e-3, "momentum": 0.0},
}
OPTIMIZERS = tuple(USUAL)


def model_of(name: str, shape: Sequence[int], hidden: int, outputs: int) -> nn.Module:
    """The model of that name for samples of that shape, with the random weights that are next.

    linear            x W + b: linear regression, or with cross-entropy logistic (softmax) regression
    mlp               a multi-layer perceptron: one hidden layer of ReLU, `hidden` wide
    lenet, resnet<n>  `models.LeNet` and `models.ResNet` of n layers; their first convolution gives `hidden` channels
    lstm              `models.Forecaster`, for windows of a series; `hidden` numbers in its state
    autoencoder, vae  `models.Autoencoder`, `models.VAE`, for images; `hidden` numbers in the code

    >>> print(model_of("linear", (4,), 16, 2))
    Linear(in_features=4, out_features=2, bias=True)  # 10 parameters
    """
    features = math.prod(shape)
    if name == "linear":
        return nn.Linear(features, outputs)
    if name == "mlp":
        return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
    if name == "vae":
        return VAE(features, code=hidden)
    if name == "lstm":
        return Forecaster(hidden)
    channels, side, _ = shape
    if name == "autoencoder":
        return Autoencoder(hidden, channels, side)
    if name == "lenet":
        return LeNet(outputs, channels, side, hidden)
    return ResNet(int(name.removeprefix("resnet")), hidden, outputs, channels)


def optimizer_of(
    name: str, parameters: Iterable[Any], lr: float, momentum: float, weight_decay: float
) -> optim.Optimizer:
    """The optimizer of that name; Adam and AdamW have no momentum of this kind, so it is not theirs."""
    if name in ("adam", "adamw"):
        kind = optim.Adam if name == "adam" else optim.AdamW
        return kind(list(parameters), lr=lr, weight_decay=weight_decay)
    other = optim.SGD if name == "sgd" else optim.RMSprop
    return other(list(parameters), lr=lr, momentum=momentum, weight_decay=weight_decay)
