"""Inputs and tolerances of every kernel and operation: one table for the tests, the oracle and the benchmark."""

from . import adam, clip, copy, cross_entropy, elementwise, index, matmul, random, reduce, rmsprop, sgd, softmax, views
from .case import Call, Cases, Operand, Pick, RandomPick

_MODULES = (elementwise, copy, reduce, views, matmul, softmax, cross_entropy, random, sgd, index, adam, rmsprop, clip)

KERNELS: dict[str, Cases] = {cases.name: cases for module in _MODULES for cases in module.KERNELS}
OPS: dict[str, Cases] = {cases.name: cases for module in _MODULES for cases in module.OPS}

__all__ = ["KERNELS", "OPS", "Call", "Cases", "Operand", "Pick", "RandomPick"]
