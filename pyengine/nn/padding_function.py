"""Padding: a border of a constant, or of the tensor's own elements."""

from collections.abc import Sequence

from ..creation import tensor
from ..dtypes import int64
from ..ops.join import PAD
from ..tape import apply, located
from ..tensor import Tensor

MODES = ("constant", "reflect", "replicate", "circular")


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """A border around the last axes: pad = (left, right) of the last one, then of the one before it, and so on.

    pad    how many elements; negative numbers cut off
    mode   "constant": `value`; "reflect": the elements from the edge inwards, but for the one at the edge;
           "replicate": the element at the edge; "circular": the elements from the other edge inwards
    ValueError for more widths than axes, for another mode, and where a border is wider than what it repeats.

    >>> import pyengine as pe
    >>> pad(pe.ones(1, 2), (1, 0, 0, 1))
    tensor([[0., 1., 1.],
            [0., 0., 0.]])
    >>> x = pe.tensor([1, 2, 3, 4])
    >>> pad(x, (2, 1), "reflect"), pad(x, (2, 1), "replicate"), pad(x, (2, 1), "circular")
    (tensor([3, 2, 1, 2, 3, 4, 3]), tensor([1, 1, 1, 2, 3, 4, 4]), tensor([3, 4, 1, 2, 3, 4, 1]))
    """
    if mode not in MODES:
        raise located(ValueError(f"pad: mode {mode!r} is not there; {', '.join(MODES)} are"))
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        error = f"pad: {tuple(pad)} must hold two widths for each of the last axes of shape {input.shape}"
        raise located(ValueError(error))
    pairs = [(0, 0)] * (input.ndim - len(pad) // 2)
    pairs += [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    for axis, (left, right) in enumerate(pairs):
        if min(left, right) < 0:
            start, end = max(-left, 0), input.shape[axis] - max(-right, 0)
            input = input.narrow(axis, start, end - start)
    widths = tuple((max(left, 0), max(right, 0)) for left, right in pairs)
    if mode == "constant":
        padded: Tensor = apply(PAD, (input,), {"widths": widths, "value": float(value)})
        return padded
    for axis, (left, right) in enumerate(widths):
        if left or right:
            positions = _positions(mode, axis, input.shape, left, right)
            input = input.index_select(axis, tensor(positions, dtype=int64, device=input.device))
    return input


def _positions(mode: str, axis: int, shape: tuple[int, ...], left: int, right: int) -> list[int]:
    """Which elements of an axis stand in the padded one."""
    n, widest = shape[axis], max(left, right)
    most = {"reflect": n - 1, "circular": n, "replicate": widest if n else 0}[mode]
    if widest > most:
        error = f"pad: axis {axis} of shape {shape} has {n} elements, of which a border in mode {mode!r} repeats "
        raise located(ValueError(error + f"{max(most, 0)} at most, not {widest}"))
    around = range(-left, n + right)
    if mode == "reflect":
        return [n - 1 - abs(n - 1 - abs(i)) for i in around]
    if mode == "circular":
        return [i % n for i in around]
    return [min(max(i, 0), n - 1) for i in around]
