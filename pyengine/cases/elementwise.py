"""Cases of the elementwise kernels and operations. Where no bound is given, a result is rounded once: the same bits."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import NUMBERS, Call, Cases, Operand, Pick, Values, nonzero, real, wide, wrong


def _binary(left: Values = real, right: Values = real) -> Any:
    def draw(pick: Pick) -> Call:
        shape = pick.shape()
        a, b = pick.choice(
            ((shape, shape), (shape, pick.narrowed(shape)), (pick.narrowed(shape), pick.narrowed(shape)))
        )
        return Call((Operand(a, left), Operand(b, right)))

    return draw


def _listed_binary(right: Values = real) -> tuple[Call, ...]:
    pairs = (
        ((70_001,), (70_001,)),  # crosses the blocks that threads take
        ((257, 300), (300,)),
        ((257, 300), (257, 1)),
        ((70_001,), ()),
        ((3, 1, 5), (4, 1)),
        ((1, 129), (127, 1)),
        ((2, 1, 3, 1, 2, 1, 2, 3), (2, 3, 1, 2, 1, 2, 2, 1)),  # as many axes as arrays may have
        ((0, 4), (1, 4)),
    )
    return tuple(Call((Operand(a), Operand(b, right))) for a, b in pairs)


def _unary(values: Values = real) -> Any:
    return lambda pick: Call((Operand(pick.shape(), values),))


def _listed_unary(values: Values = real) -> tuple[Call, ...]:
    return tuple(Call((Operand(shape, values),)) for shape in ((70_001,), (257, 300), (3, 0, 2), ()))


def _gated(pick: Pick) -> Call:
    shape = pick.shape()
    return Call((Operand(shape), Operand(shape, nonzero)))


_LISTED_GATED = tuple(Call((Operand(s), Operand(s, nonzero))) for s in ((70_001,), (257, 300), (0,), ()))


def _torch_relu_backward(torch: Any, grad: Any, y: Any) -> Any:
    return torch.where(y > 0, grad, torch.zeros_like(grad))


def _two_ulp(outputs: Any, *operands: Array) -> tuple[Array]:
    return (4 * np.abs(outputs[0]),)  # csrc/cpu/vec_math.h is good to 2 ulp, which are at most 4 u of the result


ADD = Cases(
    "add",
    _binary(),
    _listed_binary(),
    dtypes=NUMBERS,
    aliases=(0, 1),
    oracle=lambda torch, a, b: torch.add(a, b),
    mistake=wrong(((2,), "f4"), ((3,), "f4")),
)
SUB = Cases(
    "sub",
    _binary(),
    _listed_binary(),
    dtypes=NUMBERS,
    aliases=(0, 1),
    oracle=lambda torch, a, b: torch.sub(a, b),
    mistake=wrong(((2,), "?"), ((2,), "?")),
)
MUL = Cases(
    "mul",
    _binary(),
    _listed_binary(),
    dtypes=NUMBERS,
    aliases=(0, 1),
    oracle=lambda torch, a, b: torch.mul(a, b),
    mistake=wrong(((2,), "f2"), ((2,), "f2")),
)
DIV = Cases(
    "div",
    _binary(right=nonzero),
    _listed_binary(nonzero),
    aliases=(0, 1),
    oracle=lambda torch, a, b: torch.div(a, b),
    mistake=wrong(((2,), "i8"), ((2,), "i8")),
)
NEG = Cases(
    "neg",
    _unary(),
    _listed_unary(),
    dtypes=NUMBERS,
    aliases=(0,),
    oracle=lambda torch, a: torch.neg(a),
    mistake=wrong(((2,), "?")),
)
RELU = Cases(
    "relu",
    _unary(nonzero),
    _listed_unary(),
    aliases=(0,),
    oracle=lambda torch, a: torch.relu(a),
    mistake=wrong(((2,), "i8")),
)
RELU_BACKWARD = Cases(
    "relu_backward",
    _gated,
    _LISTED_GATED,
    aliases=(0, 1),
    oracle=_torch_relu_backward,
    mistake=wrong(((2,), "f4"), ((3,), "f4")),
)
EXP_KERNEL = Cases(
    "exp", _unary(wide), (*_listed_unary(), *_listed_unary(wide)), error=_two_ulp, exact=False, aliases=(0,)
)
EXP = Cases(
    "exp",
    _unary(),
    _listed_unary(),
    error=_two_ulp,
    exact=False,
    aliases=(0,),
    oracle=lambda torch, a: torch.exp(a),
    mistake=wrong(((2,), "i8")),
)
SQUARE = Cases(
    "square",
    _unary(),
    _listed_unary(),
    aliases=(0,),
    oracle=lambda torch, a: torch.square(a),
    mistake=wrong(((2,), "i8")),
)

KERNELS = OPS = (ADD, SUB, MUL, DIV, NEG, RELU, RELU_BACKWARD, EXP, SQUARE)
