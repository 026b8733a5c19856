"""Optimizers: how parameters follow their gradients.

>>> from pyengine import nn, optim
>>> optimizer = optim.SGD(nn.Linear(4, 2).parameters(), lr=0.1, momentum=0.9)
"""

from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Optimizer"]
