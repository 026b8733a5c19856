"""Tensor's methods as functions: `pe.exp(x)` is `x.exp()`.

>>> import pyengine as pe
>>> pe.exp(pe.zeros(2))
tensor([1., 1.])
"""

from .tensor import Tensor

__all__ = ["exp", "matmul", "mean", "permute", "relu", "reshape", "softmax", "square", "sum", "transpose"]

# elementwise
exp = Tensor.exp
relu = Tensor.relu
square = Tensor.square

# products
matmul = Tensor.matmul

# reductions
mean = Tensor.mean
softmax = Tensor.softmax
sum = Tensor.sum

# views
permute = Tensor.permute
reshape = Tensor.reshape
transpose = Tensor.transpose
