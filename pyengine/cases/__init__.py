"""Inputs and tolerances of every kernel and operation: one table for the tests, the oracle and the benchmark."""

from . import (
    activations,
    adam,
    clip,
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
    moments,
    random,
    reduce,
    rmsprop,
    sgd,
    softmax,
    sort,
    unary,
    views,
)
from .case import Call, Cases, Operand, Pick, RandomPick

_MODULES = (
    elementwise,
    activations,
    copy,
    reduce,
    extremum,
    cumsum,
    moments,
    views,
    matmul,
    softmax,
    log_softmax,
    cross_entropy,
    cross_entropy_rows,
    losses,
    layer_norm,
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
)

KERNELS: dict[str, Cases] = {cases.name: cases for module in _MODULES for cases in module.KERNELS}
OPS: dict[str, Cases] = {cases.name: cases for module in _MODULES for cases in module.OPS}

__all__ = ["KERNELS", "OPS", "Call", "Cases", "Operand", "Pick", "RandomPick"]
