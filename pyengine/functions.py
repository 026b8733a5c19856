"""Tensor's methods as functions: `pe.exp(x)` is `x.exp()`.

>>> import pyengine as pe
>>> pe.exp(pe.zeros(2))
tensor([1., 1.])
"""

from .tensor import Tensor

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "cumsum", "exp", "gather", "index_add", "index_select",
    "log_softmax", "logsumexp", "masked_select", "matmul", "max", "mean", "min", "nonzero", "permute", "prod",
    "relu", "reshape", "scatter", "scatter_add", "softmax", "square", "std", "sum", "take", "transpose", "var",
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
all = Tensor.all
amax = Tensor.amax
amin = Tensor.amin
any = Tensor.any
argmax = Tensor.argmax
argmin = Tensor.argmin
cumsum = Tensor.cumsum
log_softmax = Tensor.log_softmax
logsumexp = Tensor.logsumexp
max = Tensor.max
mean = Tensor.mean
min = Tensor.min
prod = Tensor.prod
softmax = Tensor.softmax
std = Tensor.std
sum = Tensor.sum
var = Tensor.var

# views
permute = Tensor.permute
reshape = Tensor.reshape
transpose = Tensor.transpose
