"""Mean and variance over axes."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size
from .reduce import axes_last, keep_axes, normalize_axes, reduced_shape


def _infer_var(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    (a,) = specs
    require_float("std" if attrs.get("root") else "var", a)
    axes = normalize_axes("var", attrs.get("axis", -1), len(a.shape))
    out = Spec(reduced_shape(a.shape, axes, attrs.get("keepdims", False)), a.dtype)
    return [out, out]


def _var(
    k: Kernels, a: Any, *, axis: Any = -1, correction: float = 1.0, root: bool = False, keepdims: bool = False
) -> Any:
    axes = normalize_axes("var", axis, len(a.shape))
    out, mean = k.var(axes_last(k, a, axes), correction=correction, root=root)
    if keepdims:
        out, mean = keep_axes(k, out, a.shape, axes), keep_axes(k, mean, a.shape, axes)
    return (out, mean), (a, out, mean)


def _var_vjp(
    k: Kernels,
    saved: Any,
    dout: Any,
    dmean: Any,
    *,
    needs: Sequence[bool],
    axis: Any = -1,
    correction: float = 1.0,
    root: bool = False,
    keepdims: bool = False,
) -> Any:
    # d var / da = 2 (a - mean) / (n - correction), d std = d var / (2 std), taken as 0 where std is 0
    a, out, mean = saved
    axes = normalize_axes("var", axis, len(a.shape))
    n = size(tuple(a.shape[i] for i in axes))
    da = None
    if dout is not None:
        degrees = max(n - correction, 0.0)
        scale = (1.0 if root else 2.0) / degrees if degrees else float("nan")
        if root:
            dout = k.relu_backward(k.div(dout, out), out)
        per_row = keep_axes(k, k.mul(dout, k.scalar(scale, dtype=a.dtype)), a.shape, axes)
        da = k.mul(k.sub(a, keep_axes(k, mean, a.shape, axes)), per_row)
    if dmean is not None:
        share = k.div(keep_axes(k, dmean, a.shape, axes), k.scalar(float(n), dtype=a.dtype))
        da = k.expand(share, shape=a.shape) if da is None else k.add(da, share)
    return (da,)


def _cost_var(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 4 * size(specs[0].shape), nbytes(*specs, *_infer_var(specs, attrs))


VAR = Op("var", _infer_var, _var, _var_vjp, _cost_var, saves=(0, ~0, ~1))

OPS = (VAR,)
