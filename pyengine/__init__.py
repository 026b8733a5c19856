"""pyengine: a tensor engine to learn from and to be fast with.

>>> import pyengine as pe
>>> x = pe.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
>>> (x @ x).sum().backward()
>>> x.grad
tensor([[ 7., 11.],
        [ 9., 13.]])
"""

import importlib
from math import inf, nan, pi
from typing import TYPE_CHECKING, Any

from . import autograd, backend
from ._core import empty_cache, get_num_threads, memory_stats, set_num_threads
from .autograd import (
    Function,
    checkpoint,
    detect_anomaly,
    enable_grad,
    grad,
    gradcheck,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .backend import device
from .creation import (
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    tensor,
    tril_indices,
    triu_indices,
    zeros,
    zeros_like,
)
from .dtypes import bool_ as bool
from .dtypes import float16, float32, float64, int32, int64, uint8
from .dtypes import float16 as half
from .dtypes import float32 as float
from .dtypes import float64 as double
from .dtypes import int32 as int
from .dtypes import int64 as long
from .einsum import einsum
from .functions import *  # noqa: F403
from .functions import __all__ as _functions
from .random import (
    Generator,
    bernoulli,
    manual_seed,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    uniform,
)
from .record import record
from .tensor import Tensor, is_tensor

if TYPE_CHECKING:
    from . import cuda, cudasim, data, models, nn, optim, train
    from .capturing import CaptureError, capture
    from .data import DataLoader, load_and_split_dataset
    from .dtypes import bfloat16
    from .models import TransformerClassifier
    from .nn import CrossEntropyLoss
    from .optim import Adam
    from .profiler import profile
    from .saving import load, save
    from .train import evaluate

__version__ = "0.1.0"

__all__ = [
    "Adam", "CaptureError", "CrossEntropyLoss", "DataLoader", "Function", "Generator", "Tensor",
    "TransformerClassifier", "arange", "as_tensor", "autograd", "backend", "bernoulli", "bfloat16", "bool",
    "capture", "checkpoint", "cuda", "cudasim", "data", "detect_anomaly", "device", "double", "einsum", "empty",
    "empty_cache", "empty_like", "enable_grad", "evaluate", "eye", "float", "float16", "float32", "float64",
    "from_dlpack", "from_numpy", "full", "full_like", "get_num_threads", "grad", "gradcheck", "half", "inf", "int",
    "int32", "int64", "is_grad_enabled", "is_tensor", "linspace", "load", "load_and_split_dataset", "long",
    "manual_seed", "memory_stats", "models", "multinomial", "nan", "nn", "no_grad", "normal", "ones", "ones_like",
    "optim", "pi", "profile", "rand", "rand_like", "randint", "randn", "randn_like", "randperm", "record", "save",
    "set_grad_enabled", "set_num_threads", "tensor", "train", "tril_indices", "triu_indices", "uint8", "uniform",
    "zeros", "zeros_like",
    *_functions,
]  # fmt: skip

# By name, the module that holds or is it: all of these take as long to import as the rest.
_ON_FIRST_USE = {
    "CaptureError": "capturing", "bfloat16": "dtypes", "capture": "capturing", "cuda": "cuda", "cudasim": "cudasim",
    "data": "data", "load": "saving", "models": "models", "nn": "nn", "optim": "optim", "profile": "profiler",
    "save": "saving", "train": "train",
    # what a first program needs, in one line
    "Adam": "optim", "CrossEntropyLoss": "nn", "DataLoader": "data", "TransformerClassifier": "models",
    "evaluate": "train", "load_and_split_dataset": "data",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _ON_FIRST_USE.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{home}")
    found = globals()[name] = module if name == home else getattr(module, name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_FIRST_USE})
