"""Tensor's methods as functions: `pe.exp(x)` is `x.exp()`.

>>> import pyengine as pe
>>> pe.exp(pe.zeros(2))
tensor([1., 1.])
"""

from .tensor import Tensor

__all__ = [
    "exp", "gather", "index_add", "index_select", "masked_select", "matmul", "mean", "nonzero", "permute", "relu",
    "reshape", "scatter", "scatter_add", "softmax", "square", "sum", "take", "transpose",
]  # fmt: skip

# elementwise
exp = Tensor.exp
relu = Tensor.relu
square = Tensor.square

# index
gather = Tensor.gather
index_add = Tensor.index_add
index_select = Tensor.index_select
masked_select = Tensor.masked_select
nonzero = Tensor.nonzero
scatter = Tensor.scatter
scatter_add = Tensor.scatter_add
take = Tensor.take

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
