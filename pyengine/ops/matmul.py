"""Matrix products: matmul over batches, addmm that adds to one, and linear, the form in a layer of a network."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, broadcast_shapes, nbytes, require_float, size, sum_to

ACTIVATIONS = (None, "relu")


def swap_last(k: Kernels, a: Any) -> Any:
    """The transpose of the last two axes, as a view."""
    n = len(a.shape)
    return k.permute(a, axes=(*range(n - 2), n - 1, n - 2))


def _infer_matmul(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, b = specs
    for side, spec in (("first", a), ("second", b)):
        if len(spec.shape) < 2:
            raise ValueError(f"matmul: the {side} operand has shape {spec.shape}; both need at least two axes")
    if a.shape[-1] != b.shape[-2]:
        hint = ""
        if a.shape[-1] == b.shape[-1]:
            hint = "; did you mean a @ b.mT?"
        elif a.shape[-2] == b.shape[-2]:
            hint = "; did you mean a.mT @ b?"
        raise ValueError(
            f"matmul: shapes {a.shape} and {b.shape}: the first has {a.shape[-1]} columns, "
            f"the second {b.shape[-2]} rows, and these must be equal{hint}"
        )
    if a.dtype != b.dtype:
        raise TypeError(f"matmul: dtypes {a.dtype} and {b.dtype} differ; cast one with .to()")
    require_float("matmul", a)
    batch = broadcast_shapes("matmul (batch axes)", a.shape[:-2], b.shape[:-2])
    return [Spec((*batch, a.shape[-2], b.shape[-1]), a.dtype)]


def _matmul(k: Kernels, a: Any, b: Any) -> Any:
    return k.matmul(a, b), (a, b)


def _matmul_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    a, b = saved
    return (
        sum_to(k, k.matmul(grad, swap_last(k, b)), a.shape) if needs[0] else None,
        sum_to(k, k.matmul(swap_last(k, a), grad), b.shape) if needs[1] else None,
    )


def _cost_matmul(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    (out,) = _infer_matmul(specs, attrs)
    return 2 * size(out.shape) * specs[0].shape[-1], nbytes(*specs, out)


def _infer_addmm(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    c, a, b = specs
    (out,) = _infer_matmul((a, b), attrs)
    if c.shape != out.shape:
        raise ValueError(f"addmm: the first operand has shape {c.shape}, the product of the others {out.shape}")
    if c.dtype != out.dtype:
        raise TypeError(f"addmm: the first operand is {c.dtype}, the others {out.dtype}; cast one with .to()")
    return [out]


def _addmm(k: Kernels, c: Any, a: Any, b: Any) -> Any:
    return k.addmm(c, a, b), (a, b)


def _addmm_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    return (grad if needs[0] else None, *_matmul_vjp(k, saved, grad, needs=needs[1:]))


def _cost_addmm(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    flops, moved = _cost_matmul(specs[1:], attrs)
    return flops + size(specs[0].shape), moved + nbytes(specs[0])


def _infer_linear(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    x, w = specs[:2]
    if len(w.shape) != 2 or not x.shape or x.shape[-1] != w.shape[1]:
        raise ValueError(
            f"linear: input {x.shape} and weight {w.shape}: the input's last axis must be the weight's second "
            f"(out_features, in_features)" + flatten_hint(x.shape, w.shape)
        )
    if len(specs) == 3 and specs[2].shape != (w.shape[0],):
        raise ValueError(f"linear: bias has shape {specs[2].shape}, the weight {w.shape} needs ({w.shape[0]},)")
    for what, spec in zip(("weight", "bias"), specs[1:], strict=False):
        if spec.dtype != x.dtype:
            raise TypeError(f"linear: the input is {x.dtype}, the {what} {spec.dtype}; cast the input with .to()")
    require_float("linear", x)
    if attrs.get("act") not in ACTIVATIONS:
        raise ValueError(f"linear: unknown activation {attrs['act']!r}; there is 'relu'")
    return [Spec((*x.shape[:-1], w.shape[0]), x.dtype)]


def flatten_hint(x: tuple[int, ...], w: tuple[int, ...]) -> str:
    """The mend where images come to a layer that takes rows."""
    if len(w) == 2 and len(x) > 2 and size(x[1:]) == w[1]:
        return f". Flatten the input first: x.reshape({x[0]}, {w[1]})"
    return ""


def _rows(k: Kernels, a: Any) -> Any:
    """All leading axes as one, so that one matrix product serves any batch shape."""
    return a if len(a.shape) == 2 else k.reshape(a, shape=(size(a.shape[:-1]), a.shape[-1]))


def _linear(k: Kernels, x: Any, w: Any, b: Any = None, *, act: str | None = None) -> Any:
    y = k.matmul(_rows(k, x), k.permute(w, axes=(1, 0)), bias=b, act=act)
    if len(x.shape) != 2:
        y = k.reshape(y, shape=(*x.shape[:-1], w.shape[0]))
    return y, (x, w, y if act else None)


def _linear_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], act: str | None = None) -> Any:
    x, w, y = saved
    if act == "relu":
        grad = k.relu_backward(grad, y)
    g = _rows(k, grad)
    dx = k.matmul(g, w) if needs[0] else None
    if dx is not None and len(x.shape) != 2:
        dx = k.reshape(dx, shape=x.shape)
    dw = k.matmul(k.permute(g, axes=(1, 0)), _rows(k, x)) if needs[1] else None
    if len(needs) == 2:
        return dx, dw
    return dx, dw, k.sum(g, axis=(0,)) if needs[2] else None


def _cost_linear(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    (out,) = _infer_linear(specs, attrs)
    return 2 * size(out.shape) * specs[1].shape[1], nbytes(*specs, out)


MATMUL = Op("matmul", _infer_matmul, _matmul, _matmul_vjp, _cost_matmul, saves=(0, 1))
LINEAR = Op("linear", _infer_linear, _linear, _linear_vjp, _cost_linear, saves=(0, 1, ~0))
ADDMM = Op("addmm", _infer_addmm, _addmm, _addmm_vjp, _cost_addmm, saves=(1, 2))

OPS = (MATMUL, ADDMM, LINEAR)
