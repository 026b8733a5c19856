"""Cases of matrix products."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import Call, Cases, Operand, Pick, wrong

ACTIVATIONS = (None, "relu")


def _factors(pick: Pick) -> tuple[Operand, Operand]:
    m, k, n = pick.length(), pick.length(), pick.length()
    batch = pick.choice(((), (), (2,), (3, 1), (0,), (2, 3)))
    a, b = batch, pick.narrowed(batch)
    if pick.flag():
        a, b = b, a
    return Operand((*a, m, k)), Operand((*b, k, n))


def _draw_kernel(pick: Pick) -> Call:
    a, b = _factors(pick)
    bias = Operand(b.shape[-1:]) if pick.flag() else None
    return Call((a, b, bias), {"act": pick.choice(ACTIVATIONS)})


def _draw_addmm(pick: Pick) -> Call:
    a, b = _factors(pick)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return Call((Operand((*batch, a.shape[-2], b.shape[-1])), a, b))


def _draw_matmul(pick: Pick) -> Call:
    return Call(_factors(pick))


def _draw_linear(pick: Pick) -> Call:
    rows, inner, outer = pick.choice(((3,), (), (0,), (2, 5), (17,), (2, 3, 2))), pick.length(), pick.length()
    operands = (Operand((*rows, inner)), Operand((outer, inner)), Operand((outer,)))
    return Call(operands[: 3 if pick.flag() else 2], {"act": pick.choice(ACTIVATIONS)})


def _product_error(sizes: Array, inner: int, bias: Any) -> tuple[Array]:
    # K products and additions: roundings of random sign grow as √K, each relative to a partial sum <= |A||B|; c = 2
    # covers the largest of many outputs. The bias adds one rounding of the result. relu only makes errors smaller.
    error = 2 * np.sqrt(inner) * sizes
    return (error if bias is None else error + sizes + np.abs(bias),)


def _matmul_error(outputs: Any, a: Array, b: Array, bias: Any = None, act: Any = None) -> tuple[Array]:
    return _product_error(np.matmul(np.abs(a), np.abs(b)), a.shape[-1], bias)


def _addmm_error(outputs: Any, c: Array, a: Array, b: Array) -> tuple[Array]:
    return _product_error(np.matmul(np.abs(a), np.abs(b)), a.shape[-1], c)


def _linear_error(outputs: Any, x: Array, w: Array, bias: Any = None, act: Any = None) -> tuple[Array]:
    return _product_error(np.matmul(np.abs(x), np.abs(w).T), x.shape[-1], bias)


def _sized(m: int, k: int, n: int) -> tuple[Operand, Operand]:
    return Operand((m, k)), Operand((k, n))


_LISTED = (
    Call(_sized(129, 300, 67)),  # more than one block in each direction
    Call(_sized(50, 1300, 50)),
    Call(_sized(2, 600, 3400)),  # more panels than are packed at once
    Call((Operand((2, 130, 1100)), Operand((2, 1100, 190)))),  # items large enough to be split
    Call((Operand((40, 30, 20)), Operand((40, 20, 50)))),  # many small ones
    Call(_sized(1, 513, 257)),  # a row times a matrix, and the reverse
    Call(_sized(257, 513, 1)),
    Call(_sized(4, 0, 5)),  # a sum over nothing is 0
    Call((Operand((5, 33, 17)), Operand((17, 40)))),
    Call((Operand((2, 1, 9, 4)), Operand((3, 4, 8)))),
)
_LISTED_KERNEL = (
    *_LISTED,
    Call((*_sized(200, 64, 130), Operand((130,))), {"act": "relu"}),
    Call((*_sized(7, 300, 20), Operand((20,))), {"act": None}),
    Call((*_sized(4, 0, 5), Operand((5,))), {"act": "relu"}),
    Call((Operand((3, 5, 9)), Operand((3, 9, 8)), Operand((8,))), {"act": "relu"}),
)
_LISTED_ADDMM = (
    *(Call((Operand((m, n)), *_sized(m, k, n))) for m, k, n in ((129, 300, 67), (50, 1300, 50), (1, 513, 257))),
    Call((Operand((4, 5)), *_sized(4, 0, 5))),  # nothing is added
    Call((Operand((2, 3, 9, 8)), Operand((2, 1, 9, 4)), Operand((3, 4, 8)))),
)
_LISTED_LINEAR = (
    Call((Operand((64, 300)), Operand((40, 300)), Operand((40,))), {"act": "relu"}),
    Call((Operand((2, 3, 33)), Operand((10, 33)), Operand((10,)))),
    Call((Operand((33,)), Operand((10, 33)))),
)


def _torch_linear(torch: Any, x: Any, w: Any, b: Any = None, act: Any = None) -> Any:
    y = torch.nn.functional.linear(x, w, b)
    return torch.relu(y) if act else y


MATMUL_KERNEL = Cases("matmul", _draw_kernel, _LISTED_KERNEL, error=_matmul_error)
MATMUL = Cases(
    "matmul",
    _draw_matmul,
    _LISTED,
    error=_matmul_error,
    oracle=lambda torch, a, b: torch.matmul(a, b),
    mistake=wrong(((2, 3), "f4"), ((2, 3), "f4")),
)
ADDMM = Cases(
    "addmm",
    _draw_addmm,
    _LISTED_ADDMM,
    error=_addmm_error,
    aliases=(0,),
    oracle=lambda torch, c, a, b: c + torch.matmul(a, b),
    mistake=wrong(((2, 3), "f4"), ((2, 3), "f4"), ((3, 2), "f4")),
)
LINEAR = Cases(
    "linear",
    _draw_linear,
    _LISTED_LINEAR,
    error=_linear_error,
    oracle=_torch_linear,
    mistake=wrong(((2, 3), "f4"), ((2, 3), "f8")),
)

KERNELS = (MATMUL_KERNEL, ADDMM)
OPS = (MATMUL, ADDMM, LINEAR)
