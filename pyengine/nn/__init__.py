"""Building blocks of networks: modules that own parameters, losses, and `functional`, the same without parameters.

>>> import pyengine as pe
>>> from pyengine import nn
>>> model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
>>> model(pe.zeros(32, 64)).shape
(32, 10)
"""

from . import functional
from .activation import ReLU
from .container import Sequential
from .linear import Linear
from .loss import CrossEntropyLoss
from .module import Module
from .parameter import Parameter

__all__ = ["CrossEntropyLoss", "Linear", "Module", "Parameter", "ReLU", "Sequential", "functional"]
