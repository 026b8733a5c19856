"""Kernels against the same functions of other libraries, on the same values, each into memory that it was given."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend import Array
from ..cases import Call, Operand
from ..cases.case import Shape, Values, labels, nonzero, probabilities, real
from ..dtypes import float32
from ..ops import OPS
from ..ops import Spec as ArraySpec
from .peers import Peer
from .task import CPU, Place, Spec, Task

# m, k, n of a[m, k] · b[k, n]
PRODUCTS = (
    *((n, n, n) for n in (64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)),
    (64, 784, 128), (256, 512, 256), (4096, 3072, 768), (4096, 768, 3072), (1024, 768, 50257),
)  # fmt: skip
TURNED = (256, 1024)  # both kinds of transposed product at these sizes
BATCHES = ((64, 64, 64, 64), (48, 512, 64, 512))

# 256² numbers, a million, sixteen million: in the second-level cache, in the third or beyond, in memory.
SQUARES = ((256, 256), (1024, 1024), (4096, 4096))
NARROW = ((65536, 10),)  # rows as short as those of a classifier

# By kernel, how its operands are filled.
ELEMENTWISE: dict[str, tuple[Values, ...]] = {
    "add": (real, real),
    "mul": (real, real),
    "relu": (real,),
    "relu_backward": (real, real),
    "exp": (real,),
    "log": (probabilities,),
    "tanh": (real,),
    "erf": (real,),
    "sigmoid": (real,),
    "sqrt": (probabilities,),
    "gelu": (real,),
    "gelu_backward": (real, real),
}
ROWS: dict[str, tuple[Values, ...]] = {
    "sum": (real,),
    "max": (real,),
    "softmax": (real,),
    "softmax_backward": (real, probabilities),
    "log_softmax": (real,),
    "layer_norm": (real, nonzero, real),
    "layer_norm_backward": (real, real, nonzero),
    "rms_norm": (real, nonzero),
}


def _log_probabilities(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return np.asarray(np.log(probabilities(rng, shape, exact)))


# Everything else, at a million numbers: the operands, and the attributes of the call.
_SQUARE = (1024, 1024)
_FLAG, _WHOLE = np.dtype(np.bool_), np.dtype(np.int64)
OTHERS: dict[str, tuple[str, tuple[Operand, ...], dict[str, Any]]] = {
    "silu": ("elementwise", (Operand(_SQUARE, real),), {}),
    "sin": ("elementwise", (Operand(_SQUARE, real),), {}),
    "pow": ("elementwise", (Operand(_SQUARE, probabilities), Operand(_SQUARE, real)), {}),
    "remainder": ("elementwise", (Operand(_SQUARE, real), Operand(_SQUARE, nonzero)), {}),
    "floor_divide": ("elementwise", (Operand(_SQUARE, real), Operand(_SQUARE, nonzero)), {}),
    "where": ("elementwise", (Operand(_SQUARE, labels(2), _FLAG), Operand(_SQUARE, real), Operand(_SQUARE, real)), {}),
    "lt": ("elementwise", (Operand(_SQUARE, real), Operand(_SQUARE, real)), {}),
    "huber": ("elementwise", (Operand(_SQUARE, real),), {"delta": 1.0}),
    "cumsum": ("rows", (Operand(_SQUARE, real),), {}),
    "var": ("rows", (Operand(_SQUARE, real),), {}),
    "log_softmax_backward": ("rows", (Operand(_SQUARE, real), Operand(_SQUARE, _log_probabilities)), {}),
    "sort": ("rows", (Operand(_SQUARE, real),), {"axis": 1}),
    "topk": ("rows", (Operand(_SQUARE, real),), {"k": 5, "axis": 1}),
    "gather": ("rows", (Operand(_SQUARE, real), Operand((1024, 512), labels(1024), _WHOLE)), {"axis": 1}),
}
ATTRS: dict[str, dict[str, Any]] = {"sum": {"axis": -1}}
VECTORS = {"layer_norm": (1, 2), "layer_norm_backward": (2,), "rms_norm": (1,)}  # operands that are one row

UNITS = 16  # of float32's roundoff, relative to the largest number; √k times as many for sums of k products


class Sizes(NamedTuple):
    """The sizes of the rows; a kernel row by row is also measured on NARROW ones, and OTHERS have their own."""

    products: Sequence[Shape] = PRODUCTS
    turned: Sequence[int] = TURNED
    batches: Sequence[Shape] = BATCHES
    squares: Sequence[Shape] = SQUARES
    narrow: Sequence[Shape] = NARROW


def specs(place: Place = CPU, sizes: Sizes = Sizes()) -> list[Spec]:  # noqa: B008  (an immutable tuple)
    """All rows about single kernels."""
    found = [_product(place, f"{m}x{k}x{n}", (m, k), (k, n)) for m, k, n in sizes.products]
    found += [_product(place, f"{kind} {n}", (n, n), (n, n), kind) for n in sizes.turned for kind in ("AtB", "ABt")]
    found += [_product(place, f"{b} of {m}x{k}x{n}", (b, m, k), (b, k, n)) for b, m, k, n in sizes.batches]
    by_group = (("elementwise", ELEMENTWISE, sizes.squares), ("rows", ROWS, (*sizes.squares, *sizes.narrow)))
    for group, table, shapes in by_group:
        found += [
            _same_shape(place, group, kernel, shape, fills) for kernel, fills in table.items() for shape in shapes
        ]
    found += [_transposed_copy(place, shape) for shape in sizes.squares]
    found += [_other(place, kernel) for kernel in OTHERS]
    return [spec for spec in found if hasattr(place.kernels, spec.kernel)]


def _product(place: Place, shapes: str, a: Shape, b: Shape, kind: str = "") -> Spec:
    def make(peers: dict[str, Peer]) -> Task:
        operands = Call((Operand(a), Operand(b))).fill(0, float32)
        turned = {"AtB": 0, "ABt": 1}.get(kind)
        if turned is not None:  # the same values elsewhere in memory: a view of a matrix that lies the other way round
            operands[turned] = np.ascontiguousarray(operands[turned].T).T
        units = UNITS * math.sqrt(a[-1])
        return kernel_task(
            "matmul",
            f"matmul {shapes}",
            "matmul",
            operands,
            peers,
            units=units,
            want=_projected(operands),
            place=place,
        )

    return Spec("matmul", f"matmul {shapes}", "matmul", make)


def _projected(operands: Sequence[Array]) -> Callable[[], list[Array]]:
    """What the right product times a random vector is: as telling as the product, and n times as cheap in float64."""

    def want() -> list[Array]:
        a, b = (o.astype(np.float64) for o in operands)
        return [a @ (b @ direction(b.shape[-1])[:, None])]

    return want


def direction(length: int) -> Array:
    """The vector on which a product is compared."""
    return np.random.default_rng(1).choice([-1.0, 1.0], length)


def _same_shape(place: Place, group: str, kernel: str, shape: Shape, fills: tuple[Values, ...]) -> Spec:
    name = f"{kernel} {'x'.join(map(str, shape))}"

    def make(peers: dict[str, Peer]) -> Task:
        vectors = VECTORS.get(kernel, ())
        call = Call(
            tuple(Operand(shape[-1:] if i in vectors else shape, values) for i, values in enumerate(fills)),
            ATTRS.get(kernel, {}),
        )
        units = UNITS * math.sqrt(max(shape) if group == "rows" else 1)
        return kernel_task(group, name, kernel, call.fill(0, float32), peers, call.attrs, units, place=place)

    return Spec(group, name, kernel, make)


def _other(place: Place, kernel: str) -> Spec:
    group, operands, attrs = OTHERS[kernel]
    name = f"{kernel} {'x'.join(map(str, operands[-1].shape))}"

    def make(peers: dict[str, Peer]) -> Task:
        units = UNITS * math.sqrt(_SQUARE[-1] if group == "rows" else 1)
        return kernel_task(group, name, kernel, Call(operands).fill(0, float32), peers, attrs, units, place=place)

    return Spec(group, name, kernel, make)


def _transposed_copy(place: Place, shape: Shape) -> Spec:
    name = f"copy transposed {'x'.join(map(str, shape))}"

    def make(peers: dict[str, Peer]) -> Task:
        (a,) = Call((Operand(shape),)).fill(0, float32)
        return kernel_task("elementwise", name, "copy", [a.T], peers, {"dtype": float32}, units=0, place=place)

    return Spec("elementwise", name, "copy", make)


def kernel_task(
    group: str,
    name: str,
    kernel: str,
    operands: list[Array],
    peers: dict[str, Peer],
    attrs: Any = None,
    units: float = UNITS,
    want: Callable[[], Sequence[Array]] | None = None,
    place: Place = CPU,
) -> Task:
    """One kernel, and the peers that have it, each with operands and results in memory of its own."""
    attrs = attrs or {}
    run = getattr(place.kernels, kernel)
    own = [place.put(o) for o in operands]
    first = run(*own, **attrs)
    outs = [place.get(o) for o in (first if isinstance(first, tuple) else (first,))]

    def definition() -> Sequence[Array]:
        wide = [o.astype(np.float64) if o.dtype == np.float32 else o for o in operands]
        kept = {key: np.dtype(np.float64) if key == "dtype" else value for key, value in attrs.items()}
        with np.errstate(all="ignore"):
            right = getattr(backend.DEVICES["numpy"].kernels, kernel)(*wide, **kept)
        return right if isinstance(right, tuple) else (right,)

    def seen(results: Sequence[Array]) -> Sequence[Array]:
        if want is None:
            return results
        return [results[0].astype(np.float64) @ direction(results[0].shape[-1])[:, None]]

    def contender(call: Callable[..., Any], library: Any, given: list[Any], out: Any, back: Any) -> Any:
        def once() -> Any:
            return call(library, *given, out=out)

        def result() -> Sequence[Array]:
            made = once()
            made = out if made is None else made
            return seen([back(r) for r in (made if isinstance(made, tuple | list) else [made])])

        return once, result

    def ours(library: Any, *given: Any, out: Any) -> Any:  # one Python call deep, as the peers' functions are
        return run(*given, **attrs, out=out)

    once, result = contender(ours, None, own, first, place.get)
    flops, nbytes = _work(kernel, operands, outs, attrs)
    task = Task(group, name, once, result, want or definition, flops, nbytes, operands[0].dtype, units * 2.0**-24)
    for peer in peers.values():
        if kernel in peer.functions:
            out = [peer.convert(o) for o in outs]
            given = [peer.convert(o) for o in operands]
            task.peers[peer.name] = contender(
                peer.functions[kernel], peer.library, given, out[0] if len(out) == 1 else out, peer.back
            )
    return task


def _work(kernel: str, operands: Sequence[Array], outs: Sequence[Array], attrs: dict[str, Any]) -> tuple[int, int]:
    """The least number of operations and bytes."""
    if kernel in OPS and kernel not in OTHERS:
        return OPS[kernel].cost([ArraySpec(o.shape, o.dtype) for o in operands], attrs)
    return max(o.size for o in operands), sum(a.nbytes for a in (*operands, *outs))
