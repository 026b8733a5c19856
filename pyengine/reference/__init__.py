"""The kernels, defined in NumPy: what every native kernel must agree with.

Slow and plain on purpose, for any float dtype. Each function has the name and the signature of the native kernel
(csrc/kernels.h), takes arrays and returns a new array, or writes into `out`. The device "numpy" computes with these,
so a whole model can run on the definitions.
"""

from types import ModuleType

from . import copy, cross_entropy, elementwise, index, matmul, random, reduce, sgd, softmax

MODULES: tuple[ModuleType, ...] = (elementwise, copy, reduce, matmul, softmax, cross_entropy, random, sgd, index)


def kernels() -> dict[str, object]:
    """Every reference kernel by name.

    >>> sorted(kernels())[:3]
    ['add', 'copy', 'cross_entropy']
    """
    return {name: getattr(module, name) for module in MODULES for name in module.__all__}
