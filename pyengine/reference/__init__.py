"""The kernels, defined in NumPy: what every native kernel must agree with.

Slow and plain on purpose, for any float dtype. Each function has the name and the signature of the native kernel
(csrc/kernels.h), takes arrays and returns a new array, or writes into `out`. The device "numpy" computes with these,
so a whole model can run on the definitions.
"""

from types import ModuleType

from . import (
    activations,
    adam,
    attention,
    avg_pool,
    batch_norm,
    choose,
    clip,
    compare,
    conv2d,
    copy,
    cross_entropy,
    cross_entropy_rows,
    cumsum,
    dropout,
    elementwise,
    extremum,
    index,
    join,
    layer_norm,
    log_softmax,
    losses,
    matmul,
    max_pool,
    moments,
    power,
    quotient,
    random,
    recurrent,
    reduce,
    rms_norm,
    rmsprop,
    rotary_embedding,
    sgd,
    softmax,
    sort,
    unary,
    upsample,
)

MODULES: tuple[ModuleType, ...] = (
    elementwise,
    activations,
    copy,
    reduce,
    extremum,
    cumsum,
    moments,
    matmul,
    conv2d,
    softmax,
    log_softmax,
    cross_entropy,
    cross_entropy_rows,
    losses,
    layer_norm,
    rms_norm,
    attention,
    rotary_embedding,
    recurrent,
    max_pool,
    avg_pool,
    batch_norm,
    upsample,
    random,
    sgd,
    index,
    adam,
    rmsprop,
    clip,
    join,
    sort,
    dropout,
    unary,
    compare,
    choose,
    power,
    quotient,
)


def kernels() -> dict[str, object]:
    """Every reference kernel by name.

    >>> "matmul" in kernels()
    True
    """
    return {name: getattr(module, name) for module in MODULES for name in module.__all__}
