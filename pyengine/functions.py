"""Tensor's methods as functions: `pe.exp(x)` is `x.exp()`.

>>> import pyengine as pe
>>> pe.exp(pe.zeros(2))
tensor([1., 1.])
"""

from .joining import cat, concat, concatenate, roll, stack
from .operands import pow, where
from .tensor import Tensor

__all__ = [
    "abs", "add", "addmm", "all", "allclose", "amax", "amin", "any", "argmax", "argmin", "argsort", "bitwise_and",
    "bitwise_not", "bitwise_or", "bitwise_xor", "bmm", "broadcast_to", "cat", "ceil", "chunk", "clamp", "clip",
    "concat", "concatenate", "cos", "cumsum", "diag", "diagonal", "div", "dot", "eq", "equal", "erf", "exp", "expm1",
    "flatten", "flip", "floor", "floor_divide", "gather", "ge", "gt", "index_add", "index_select", "isclose",
    "isfinite", "isinf", "isnan", "le", "log", "log1p", "log_softmax", "logical_and", "logical_not", "logical_or",
    "logical_xor", "logsumexp", "lt", "masked_fill", "masked_select", "matmul", "max", "maximum", "mean", "min",
    "minimum", "mm", "movedim", "mul", "narrow", "ne", "neg", "nonzero", "norm", "numel",
    "outer", "permute", "pow", "prod", "ravel", "reciprocal",
    "relu", "remainder", "repeat_interleave", "reshape", "roll", "round", "rsqrt", "scatter",
    "scatter_add", "select", "sigmoid", "sign", "sin", "softmax", "sort", "split", "sqrt", "square", "squeeze",
    "stack", "std", "sub", "sum", "swapaxes", "t", "take", "tanh", "tile", "topk", "transpose", "tril", "triu",
    "trunc", "unbind", "unflatten", "unsqueeze", "var", "where",
]  # fmt: skip

# elementwise
add = Tensor.add
div = Tensor.div
exp = Tensor.exp
mul = Tensor.mul
neg = Tensor.neg
relu = Tensor.relu
square = Tensor.square
sub = Tensor.sub

# comparisons
allclose = Tensor.allclose
bitwise_and = Tensor.bitwise_and
bitwise_not = Tensor.bitwise_not
bitwise_or = Tensor.bitwise_or
bitwise_xor = Tensor.bitwise_xor
eq = Tensor.eq
equal = Tensor.equal
ge = Tensor.ge
gt = Tensor.gt
isclose = Tensor.isclose
isfinite = Tensor.isfinite
isinf = Tensor.isinf
isnan = Tensor.isnan
le = Tensor.le
logical_and = Tensor.logical_and
logical_not = Tensor.logical_not
logical_or = Tensor.logical_or
logical_xor = Tensor.logical_xor
lt = Tensor.lt
ne = Tensor.ne

# choices
clamp = Tensor.clamp
clip = Tensor.clip
masked_fill = Tensor.masked_fill
maximum = Tensor.maximum
minimum = Tensor.minimum

# quotients
floor_divide = Tensor.floor_divide
remainder = Tensor.remainder

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
addmm = Tensor.addmm
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
norm = Tensor.norm
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
broadcast_to = Tensor.broadcast_to
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
numel = Tensor.numel
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
