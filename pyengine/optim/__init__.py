"""Optimizers: how parameters follow their gradients; and schedules, how the learning rate changes.

>>> from pyengine import nn, optim
>>> optimizer = optim.SGD(nn.Linear(4, 2).parameters(), lr=0.1, momentum=0.9)
>>> schedule = optim.lr_scheduler.StepLR(optimizer, step_size=10)
"""

from . import lr_scheduler
from .adam import Adam, AdamW
from .lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = [
    "SGD", "Adam", "AdamW", "RMSprop", "CosineAnnealingLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR",
    "MultiStepLR", "OneCycleLR", "Optimizer", "ReduceLROnPlateau", "SequentialLR", "StepLR", "lr_scheduler",
]  # fmt: skip
