"""Cases of pairs of columns that are turned."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import Call, Cases, Operand, Pick, Shape, wrong


def _call(a: Shape, tables: Shape, interleaved: bool, inverse: bool = False) -> Call:
    return Call((Operand(a), Operand(tables), Operand(tables)), {"interleaved": interleaved, "inverse": inverse})


def _draw(pick: Pick) -> Call:
    pairs = pick.length(1, 17)
    lead = pick.shape(most=3)
    while np.prod(lead, dtype=int) > 300:
        lead = lead[1:]
    width = 2 * pairs + pick.choice((0, 1, 2))
    return _call((*lead, width), (*pick.narrowed(lead), pairs), pick.flag(), pick.flag())


_SHAPES: tuple[tuple[Shape, Shape, bool], ...] = (
    ((12, 4, 64, 32), (64, 16), False),  # heads share the angles
    ((2, 3, 70, 40), (2, 1, 70, 16), True),  # each sequence has its own; 8 columns stay
    ((3, 40_010), (20_003,), False),
    ((3000, 2), (3000, 1), True),
    ((0, 4), (0, 2), False),
    ((7,), (3,), False),
)
_LISTED = tuple(
    _call(a, tables, interleaved, inverse) for a, tables, inverse in _SHAPES for interleaved in (False, True)
)


def _pairs(a: Array, pairs: int, interleaved: bool) -> tuple[Array, Array]:
    return (a[..., 0 : 2 * pairs : 2], a[..., 1 : 2 * pairs : 2]) if interleaved else (
        a[..., :pairs], a[..., pairs : 2 * pairs]
    )  # fmt: skip


def _error(
    outputs: Any, a: Array, cos: Array, sin: Array, interleaved: bool = False, inverse: bool = False
) -> tuple[Array]:
    # two roundings, of a product and of the sum, where the sum has cancelled at worst; what is copied is exact
    bound = np.zeros(a.shape)
    x, y = (np.abs(column) for column in _pairs(a, cos.shape[-1], interleaved))
    first, second = _pairs(bound, cos.shape[-1], interleaved)
    first[...] = 3 * (x * np.abs(cos) + y * np.abs(sin))
    second[...] = 3 * (y * np.abs(cos) + x * np.abs(sin))
    return (bound,)


def _torch(torch: Any, a: Any, cos: Any, sin: Any, interleaved: bool = False, inverse: bool = False) -> Any:
    """A pair as a complex number, whose product with cos + i·sin is the turned one."""
    pairs = cos.shape[-1]
    turned, rest = a[..., : 2 * pairs], a[..., 2 * pairs :]
    grid = turned.reshape(*a.shape[:-1], *((pairs, 2) if interleaved else (2, pairs)))
    x, y = grid.unbind(-1 if interleaved else -2)
    product = torch.complex(x, y) * torch.complex(cos, -sin if inverse else sin)
    joined = torch.stack((product.real, product.imag), -1 if interleaved else -2)
    return torch.cat((joined.reshape(turned.shape), rest), -1)


ROTARY_EMBEDDING = Cases(
    "rotary_embedding",
    _draw,
    _LISTED,
    error=_error,
    oracle=_torch,
    mistake=wrong(((2, 3), "f4"), ((2, 2), "f4"), ((2, 2), "f4")),
)

KERNELS = OPS = (ROTARY_EMBEDDING,)
