"""The operations: one record each, found by name in `OPS`."""

from . import copy, cross_entropy, elementwise, index, matmul, reduce, softmax, views
from .op import Op, Spec

OPS: dict[str, Op] = {
    op.name: op
    for module in (elementwise, copy, reduce, views, matmul, softmax, cross_entropy, index)
    for op in module.OPS
}

__all__ = ["OPS", "Op", "Spec"]
