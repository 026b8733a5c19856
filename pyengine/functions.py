"""Tensor's methods as functions: `pe.exp(x)` is `x.exp()`.

>>> import pyengine as pe
>>> pe.exp(pe.zeros(2))
tensor([1., 1.])
"""

from .joining import cat, concat, concatenate, roll, stack
from .tensor import Tensor

__all__ = [
    "abs", "all", "amax", "amin", "any", "argmax", "argmin", "argsort", "bmm", "cat", "ceil", "chunk", "concat",
    "concatenate", "cos", "cumsum", "diag", "diagonal", "dot", "erf", "exp", "expm1", "flatten", "flip", "floor",
    "gather", "index_add", "index_select", "log", "log1p", "log_softmax", "logsumexp", "masked_select", "matmul",
    "max", "mean", "min", "mm", "movedim", "narrow", "nonzero", "outer", "permute", "prod", "ravel", "reciprocal",
    "relu", "repeat_interleave", "reshape", "roll", "round", "rsqrt", "scatter", "scatter_add", "select", "sigmoid",
    "sign", "sin", "softmax", "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "sum", "swapaxes", "t",
    "take", "tanh", "tile", "topk", "transpose", "tril", "triu", "trunc", "unbind", "unflatten", "unsqueeze", "var",
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
bmm = Tensor.bmm
dot = Tensor.dot
matmul = Tensor.matmul
mm = Tensor.mm
outer = Tensor.outer

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

# unary
abs = Tensor.abs
ceil = Tensor.ceil
cos = Tensor.cos
erf = Tensor.erf
expm1 = Tensor.expm1
floor = Tensor.floor
log = Tensor.log
log1p = Tensor.log1p
reciprocal = Tensor.reciprocal
round = Tensor.round
rsqrt = Tensor.rsqrt
sigmoid = Tensor.sigmoid
sign = Tensor.sign
sin = Tensor.sin
sqrt = Tensor.sqrt
tanh = Tensor.tanh
trunc = Tensor.trunc

# views
permute = Tensor.permute
reshape = Tensor.reshape
transpose = Tensor.transpose

# order
argsort = Tensor.argsort
sort = Tensor.sort
topk = Tensor.topk

# shapes
chunk = Tensor.chunk
diag = Tensor.diag
diagonal = Tensor.diagonal
flatten = Tensor.flatten
flip = Tensor.flip
movedim = Tensor.movedim
narrow = Tensor.narrow
ravel = Tensor.ravel
repeat_interleave = Tensor.repeat_interleave
select = Tensor.select
split = Tensor.split
squeeze = Tensor.squeeze
swapaxes = Tensor.swapaxes
t = Tensor.t
tile = Tensor.tile
tril = Tensor.tril
triu = Tensor.triu
unbind = Tensor.unbind
unflatten = Tensor.unflatten
unsqueeze = Tensor.unsqueeze
