"""Building blocks of networks: modules that own parameters, losses, and `functional`, the same without parameters.

>>> import pyengine as pe
>>> from pyengine import nn
>>> model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
>>> model(pe.zeros(32, 64)).shape
(32, 10)
"""

from . import functional, init, utils
from .activation import ReLU
from .container import ModuleDict, ModuleList, Sequential
from .linear import Linear
from .loss import CrossEntropyLoss
from .module import Module
from .parameter import Parameter
from .shape import Flatten, Identity

__all__ = [
    "CrossEntropyLoss", "Flatten", "Identity", "Linear", "Module", "ModuleDict", "ModuleList", "Parameter", "ReLU",
    "Sequential", "functional", "init", "utils",
]  # fmt: skip
