"""The cross-entropy of a linear layer's scores, which are never all in memory.

With a vocabulary of 50,257 words the scores of 4,096 tokens take 824 MB, their gradient as much again. Here a block of
rows goes all the way, from scores to gradients, before the next begins; the gradients are made with the loss, so that
nothing is computed twice. The sums over blocks of rows go on in place (`addmm`), in their order.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ..backend import Kernels
from .cross_entropy_rows import CROSS_ENTROPY_ROWS_BACKWARD
from .matmul import flatten_hint
from .op import Attrs, Op, Spec, nbytes, require_float, size

_BLOCK_BYTES = 8 << 20  # of scores: about what stays in the last cache together with their gradient
_LEAST_ROWS = 256  # each block reads the weight twice and adds to its gradient: many rows must share that


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    x, weight, target = specs[:3]
    require_float("linear_cross_entropy", x)
    if len(x.shape) != 2 or len(weight.shape) != 2 or x.shape[1] != weight.shape[1]:
        raise ValueError(
            f"linear_cross_entropy: input {x.shape} and linear_weight {weight.shape} must be (rows, features) and "
            f"(classes, features)" + flatten_hint(x.shape, weight.shape)
        )
    if target.dtype.name != "int64":
        raise TypeError(f"linear_cross_entropy: labels are class numbers, int64, not {target.dtype}")
    if target.shape != x.shape[:1]:
        raise ValueError(f"linear_cross_entropy: input {x.shape} needs labels {x.shape[:1]}, got {target.shape}")
    if len(specs) > 3 and specs[3].shape != weight.shape[:1]:
        raise ValueError(f"linear_cross_entropy: {weight.shape[0]} classes need as many biases, got {specs[3].shape}")
    for what, spec in zip(("linear_weight", "linear_bias"), (weight, *specs[3:]), strict=False):
        if spec.dtype != x.dtype:
            raise TypeError(
                f"linear_cross_entropy: the input is {x.dtype}, {what} is {spec.dtype}; cast one with .to()"
            )
    number = Spec((), x.dtype)
    return [number, number, *((x, weight, *specs[3:]) if attrs.get("with_grad") else ())]


def _blocks(rows: int, classes: int, itemsize: int) -> Iterator[slice]:
    step = max(_LEAST_ROWS, _BLOCK_BYTES // max(classes * itemsize, 1))
    yield from (slice(begin, begin + step) for begin in range(0, max(rows, 1), step))


def _forward(
    k: Kernels,
    x: Any,
    weight: Any,
    target: Any,
    bias: Any = None,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    with_grad: bool = False,
) -> Any:
    losses, masses, dxs, dw, db = [], [], [], None, None
    for block in _blocks(x.shape[0], weight.shape[0], x.dtype.itemsize):
        rows, labels = k.getitem(x, index=(block,)), k.getitem(target, index=(block,))
        scores = k.matmul(rows, k.permute(weight, axes=(1, 0)), bias=bias)
        loss, mass = k.cross_entropy_rows(scores, labels, label_smoothing=label_smoothing, ignore_index=ignore_index)
        losses.append(loss)
        masses.append(mass)
        if not with_grad:
            continue
        ones = k.expand(k.scalar(1.0, dtype=x.dtype), shape=loss.shape)
        slope = k.cross_entropy_rows_backward(
            ones, scores, labels, label_smoothing=label_smoothing, ignore_index=ignore_index
        )
        dxs.append(k.matmul(slope, weight))
        columns = k.permute(slope, axes=(1, 0))
        dw = k.matmul(columns, rows) if dw is None else k.addmm(dw, columns, rows, out=dw)
        if bias is not None:
            part = k.sum(slope, axis=(0,))
            db = part if db is None else k.add(db, part, out=db)
    total, mass = (k.sum(parts[0] if len(parts) == 1 else k.concat(parts, axis=0)) for parts in (losses, masses))
    dx = None if not dxs else dxs[0] if len(dxs) == 1 else k.concat(dxs, axis=0)
    if bias is None:
        return (total, mass, dx, dw), (x, weight, target, dx, dw)
    return (total, mass, dx, dw, db), (x, weight, target, dx, dw, bias, db)


def _vjp(
    k: Kernels,
    saved: Any,
    dtotal: Any,
    dmass: Any,
    ddx: Any,
    ddw: Any,
    ddb: Any = None,
    *,
    needs: Sequence[bool],
    with_grad: bool = False,
    **attrs: Any,
) -> Any:
    x, weight, target, dx, dw, bias, db = (*saved, None, None)[:7]
    wanted = (needs[0], needs[1], len(needs) > 3 and needs[3])
    made = [None] * 3
    if dtotal is not None:
        if with_grad:
            made = [k.mul(grad, dtotal) if want else None for grad, want in zip((dx, dw, db), wanted, strict=True)]
        else:
            upstream = k.expand(dtotal, shape=target.shape)
            scores = _scores(k, x, weight, bias)
            slope = k.cross_entropy_rows_backward(upstream, scores, target, **attrs)
            made = _through_scores(k, slope, x, weight, wanted)
    if not (ddx is None and ddw is None and ddb is None):
        second = _of_gradients(k, x, weight, target, bias, ddx, ddw, ddb, wanted, attrs)
        made = [_added(k, a, b) for a, b in zip(made, second, strict=True)]
    return (made[0], made[1], None, made[2])[: len(needs)]


def _scores(k: Kernels, x: Any, weight: Any, bias: Any) -> Any:
    scores = k.matmul(x, k.permute(weight, axes=(1, 0)))
    return scores if bias is None else k.add(scores, bias)


def _through_scores(k: Kernels, dscores: Any, x: Any, weight: Any, wanted: Sequence[bool]) -> list[Any]:
    """The wanted gradients of input, weight and bias from that of the scores."""
    return [
        k.matmul(dscores, weight) if wanted[0] else None,
        k.matmul(k.permute(dscores, axes=(1, 0)), x) if wanted[1] else None,
        k.sum(dscores, axis=(0,)) if wanted[2] else None,
    ]


def _added(k: Kernels, a: Any, b: Any) -> Any:
    return a if b is None else b if a is None else k.add(a, b)


def _of_gradients(
    k: Kernels,
    x: Any,
    weight: Any,
    target: Any,
    bias: Any,
    ddx: Any,
    ddw: Any,
    ddb: Any,
    wanted: Sequence[bool],
    attrs: Attrs,
) -> list[Any]:
    """Second derivatives, with all scores in memory: the outputs dx, dw and db are differentiated.

    With s = slope(scores): dx = s · w, dw = sᵀ · x and db = Σ s, so that s gets ddx · wᵀ + x · ddwᵀ + ddb.
    """
    turned, scores = k.permute(weight, axes=(1, 0)), _scores(k, x, weight, bias)
    ones = k.expand(k.scalar(1.0, dtype=x.dtype), shape=target.shape)
    slope = k.cross_entropy_rows_backward(ones, scores, target, **attrs)
    of_slope = None if ddx is None else k.matmul(ddx, turned)
    if ddw is not None:
        of_slope = _added(k, of_slope, k.matmul(x, k.permute(ddw, axes=(1, 0))))
    if ddb is not None:
        of_slope = _added(k, of_slope, k.expand(ddb, shape=scores.shape))
    _, dscores, _ = CROSS_ENTROPY_ROWS_BACKWARD.vjp(
        k, (ones, scores, target), of_slope, needs=(False, True, False), **attrs
    )
    made = _through_scores(k, dscores, x, weight, wanted)
    if ddw is not None and wanted[0]:
        made[0] = k.add(made[0], k.matmul(slope, ddw))
    if ddx is not None and wanted[1]:
        made[1] = k.add(made[1], k.matmul(k.permute(slope, axes=(1, 0)), ddx))
    return made


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    products = 2 * size(specs[0].shape) * specs[1].shape[0]
    return (3 if attrs.get("with_grad") else 1) * products, nbytes(*specs, *_infer(specs, attrs))


LINEAR_CROSS_ENTROPY = Op("linear_cross_entropy", _infer, _forward, _vjp, _cost, saves=(0, 1, 2, ~2, ~3, 3, ~4))

OPS = (LINEAR_CROSS_ENTROPY,)
