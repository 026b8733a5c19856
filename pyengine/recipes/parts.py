"""What recipes are made of: models and optimizers by name."""

from collections.abc import Iterable
from typing import Any

from .. import nn, optim

MODELS = ("mlp", "linear")
# What a step of each optimizer is usually like, for whoever names another than the recipe's
USUAL: dict[str, dict[str, float]] = {
    "sgd": {"lr": 0.1, "momentum": 0.9},
    "adam": {"lr": 1e-3},
    "adamw": {"lr": 1e-3},
    "rmsprop": {"lr": 1e-3, "momentum": 0.0},
}
OPTIMIZERS = tuple(USUAL)


def model_of(name: str, inputs: int, hidden: int, outputs: int) -> nn.Module:
    """The model of that name, with the random weights that are next.

    linear  x W + b: linear regression, or with cross-entropy logistic (softmax) regression
    mlp     a multi-layer perceptron: one hidden layer of ReLU

    >>> print(model_of("linear", 4, 16, 2))
    Linear(in_features=4, out_features=2, bias=True)  # 10 parameters
    """
    if name == "linear":
        return nn.Linear(inputs, outputs)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def optimizer_of(
    name: str, parameters: Iterable[Any], lr: float, momentum: float, weight_decay: float
) -> optim.Optimizer:
    """The optimizer of that name; Adam and AdamW have no momentum of this kind, so it is not theirs."""
    if name in ("adam", "adamw"):
        kind = optim.Adam if name == "adam" else optim.AdamW
        return kind(list(parameters), lr=lr, weight_decay=weight_decay)
    other = optim.SGD if name == "sgd" else optim.RMSprop
    return other(list(parameters), lr=lr, momentum=momentum, weight_decay=weight_decay)
