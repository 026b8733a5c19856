"""Convolution of images, and its two gradients, which are each other's: all three are linear in both operands.

y = conv2d(a, w) sums products a·w over a set of pairs (pixel of a, tap of w) that belong to a pixel of y. The gradient
of a sums dy·w over the same pairs, that of w sums dy·a. So each of the three has the other two as its derivatives.
"""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .matmul import ACTIVATIONS
from .op import Attrs, Op, Spec, nbytes, require_float, size

AXES = ("height", "width")


def pair(value: Any) -> tuple[int, int]:
    """An attribute that is one number or one for each axis, as two."""
    if isinstance(value, int):
        return value, value
    return (value[0], value[0]) if len(value) == 1 else (value[0], value[1])


def result_size(op: str, what: str, lengths: Sequence[int], window: Sequence[int], attrs: Attrs) -> tuple[int, ...]:
    """How many places a kernel takes along each axis; a ValueError that shows the arithmetic where there is none."""
    found = []
    for axis, (n, k) in enumerate(zip(lengths, window, strict=True)):
        name = AXES[axis] if len(lengths) == 2 else "length"
        s, p, d = (pair(attrs.get(key, least))[axis] for key, least in (("stride", 1), ("padding", 0), ("dilation", 1)))
        for key, value, least in (("stride", s, 1), ("padding", p, 0), ("dilation", d, 1), ("kernel size", k, 1)):
            if value < least:
                raise ValueError(f"{op}: {key} is {value} along the {name}; it is an int from {least} on")
        room = n + 2 * p - d * (k - 1) - 1
        if room < 0:
            raise ValueError(
                f"{op}: {what}: the {name} of the result would be ({n} + 2·{p} - {d}·({k}-1) - 1) / {s} + 1 = "
                f"{room // s + 1}, and must be at least 1: the input's {name} of {n} with {p} zeros on both sides is "
                f"smaller than the kernel's {d * (k - 1) + 1}. Take a smaller kernel, or "
                f"padding={(d * (k - 1) + 2 - n) // 2}"
            )
        found.append(room // s + 1)
    return tuple(found)


def check_operands(op: str, a: Spec, others: Sequence[tuple[str, Spec]]) -> None:
    """Dtypes."""
    require_float(op, a)
    for what, spec in others:
        if spec.dtype != a.dtype:
            raise TypeError(f"{op}: the input is {a.dtype}, the {what} {spec.dtype}; cast one with .to(…)")


def check_groups(op: str, groups: int, **channels: int) -> None:
    """Numbers of channels that `groups` divides."""
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"{op}: groups is {groups!r}; it is an int from 1 on")
    for what, count in channels.items():
        if count % groups:
            raise ValueError(
                f"{op}: groups={groups} does not divide the {count} {what.replace('_', ' ')}: "
                f"{count} / {groups} = {count / groups:.4g}"
            )


def check_bias(op: str, bias: Sequence[Spec], channels: int) -> None:
    """A bias has one element a channel."""
    if bias and bias[0].shape != (channels,):
        raise ValueError(f"{op}: the bias has shape {bias[0].shape}, the result has {channels} channels: ({channels},)")


def infer_conv(op: str, specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    """Of a convolution along as many axes as the weight has beyond its first two."""
    a, w = specs[:2]
    n, groups = len(w.shape), attrs.get("groups", 1)
    layout = "images, channels, height, width" if n == 4 else "samples, channels, length"
    if n < 3 or len(a.shape) != n:
        raise ValueError(f"{op}: the input has shape {a.shape} and the weight {w.shape}; both have the axes ({layout})")
    what = f"input {a.shape}, weight {w.shape}"
    check_operands(op, a, tuple(zip(("weight", "bias"), specs[1:], strict=False)))
    check_groups(op, groups, input_channels=a.shape[1], output_channels=w.shape[0])
    if a.shape[1] != w.shape[1] * groups:
        hint = "; did you mean x.permute(0, 3, 1, 2)? The channels come before height and width"
        raise ValueError(
            f"{op}: {what}: the weight sees {w.shape[1]} channels in each of {groups} groups, "
            f"{w.shape[1]}·{groups} = {w.shape[1] * groups}, and the input has {a.shape[1]}"
            + (hint if n == 4 and a.shape[-1] == w.shape[1] * groups else "")
        )
    check_bias(op, specs[2:], w.shape[0])
    if attrs.get("act") not in ACTIVATIONS:
        raise ValueError(f"{op}: unknown activation {attrs['act']!r}; there is 'relu'")
    return [Spec((a.shape[0], w.shape[0], *result_size(op, what, a.shape[2:], w.shape[2:], attrs)), a.dtype)]


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    if len(specs[1].shape) != 4:
        raise ValueError(f"conv2d: the weight has shape {specs[1].shape}; it is (out, in / groups, height, width)")
    return infer_conv("conv2d", specs, attrs)


def _conv2d(k: Kernels, a: Any, w: Any, b: Any = None, *, act: str | None = None, **geometry: Any) -> Any:
    y = k.conv2d(a, w, bias=b, act=act, **geometry)
    return y, (a, w, y if act else None)


def _vjp(
    k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], act: str | None = None, **geometry: Any
) -> tuple[Any, ...]:
    a, w, y = saved
    if act == "relu":
        grad = k.relu_backward(grad, y)
    da = k.conv2d_backward_input(grad, w, size=tuple(a.shape[2:]), **geometry) if needs[0] else None
    dw = k.conv2d_backward_weight(grad, a, size=tuple(w.shape[2:]), **geometry) if needs[1] else None
    return (da, dw, _sum_of_channels(k, grad) if needs[2] else None) if len(needs) == 3 else (da, dw)


def _sum_of_channels(k: Kernels, grad: Any) -> Any:
    return k.sum(grad, axis=(0, 2, 3))


def _flops(grad: Spec, w: Spec) -> int:
    return 2 * size(grad.shape) * size(w.shape[1:])


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    (out,) = _infer(specs, attrs)
    return max(_flops(out, specs[1]), size(out.shape)), nbytes(*specs, out)


def _check_gradient(op: str, grad: Spec, lengths: Sequence[int], window: Sequence[int], attrs: Attrs) -> None:
    want = result_size(op, f"gradient {grad.shape}", lengths, window, attrs)
    if grad.shape[2:] != want:
        raise ValueError(f"{op}: the gradient has shape {grad.shape}, but the result has {want} pixels")


def _infer_backward_input(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    op, (grad, w), groups = "conv2d_backward_input", specs[:2], attrs.get("groups", 1)
    check_operands(op, grad, tuple(zip(("weight", "bias"), specs[1:], strict=False)))
    if len(grad.shape) != 4 or len(w.shape) != 4 or grad.shape[1] != w.shape[0]:
        raise ValueError(f"{op}: a gradient {grad.shape} does not belong to a weight {w.shape}")
    check_groups(op, groups, output_channels=w.shape[0])
    lengths = pair(attrs.get("size", 1))
    _check_gradient(op, grad, lengths, w.shape[2:], attrs)
    check_bias(op, specs[2:], w.shape[1] * groups)
    return [Spec((grad.shape[0], w.shape[1] * groups, *lengths), grad.dtype)]


def _backward_input(k: Kernels, grad: Any, w: Any, b: Any = None, *, size: Any = 1, **geometry: Any) -> Any:
    return k.conv2d_backward_input(grad, w, bias=b, size=size, **geometry), (grad, w)


def _backward_input_vjp(
    k: Kernels, saved: Any, u: Any, *, needs: Sequence[bool], size: Any = 1, **geometry: Any
) -> tuple[Any, ...]:
    grad, w = saved
    dgrad = k.conv2d(u, w, **geometry) if needs[0] else None
    dw = k.conv2d_backward_weight(grad, u, size=tuple(w.shape[2:]), **geometry) if needs[1] else None
    return (dgrad, dw, _sum_of_channels(k, u) if needs[2] else None) if len(needs) == 3 else (dgrad, dw)


def _cost_backward_input(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    (out,) = _infer_backward_input(specs, attrs)
    return max(_flops(specs[0], specs[1]), size(out.shape)), nbytes(*specs, out)


def _infer_backward_weight(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    op, (grad, a), groups = "conv2d_backward_weight", specs, attrs.get("groups", 1)
    check_operands(op, a, (("gradient", grad),))
    if len(grad.shape) != 4 or len(a.shape) != 4 or grad.shape[0] != a.shape[0]:
        raise ValueError(f"{op}: a gradient {grad.shape} does not belong to images {a.shape}")
    check_groups(op, groups, input_channels=a.shape[1], output_channels=grad.shape[1])
    window = pair(attrs.get("size", 1))
    _check_gradient(op, grad, a.shape[2:], window, attrs)
    return [Spec((grad.shape[1], a.shape[1] // groups, *window), a.dtype)]


def _backward_weight(k: Kernels, grad: Any, a: Any, *, size: Any = 1, **geometry: Any) -> Any:
    return k.conv2d_backward_weight(grad, a, size=size, **geometry), (grad, a)


def _backward_weight_vjp(
    k: Kernels, saved: Any, u: Any, *, needs: Sequence[bool], size: Any = 1, **geometry: Any
) -> tuple[Any, ...]:
    grad, a = saved
    return (
        k.conv2d(a, u, **geometry) if needs[0] else None,
        k.conv2d_backward_input(grad, u, size=tuple(a.shape[2:]), **geometry) if needs[1] else None,
    )


def _cost_backward_weight(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    (out,) = _infer_backward_weight(specs, attrs)
    return max(_flops(specs[0], out), size(out.shape)), nbytes(*specs, out)


def transposed_size(op: str, lengths: Sequence[int], window: Sequence[int], attrs: Attrs) -> tuple[int, ...]:
    """The lengths of the images of which a transposed convolution's input could be the convolution."""
    found = []
    for axis, (n, kernel) in enumerate(zip(lengths, window, strict=True)):
        s, p, d, more = (
            pair(attrs.get(key, least))[axis]
            for key, least in (("stride", 1), ("padding", 0), ("dilation", 1), ("output_padding", 0))
        )
        for key, value, least in (("stride", s, 1), ("padding", p, 0), ("dilation", d, 1), ("output_padding", more, 0)):
            if value < least:
                raise ValueError(f"{op}: {key} is {value} along the {AXES[axis]}; it is an int from {least} on")
        if more >= s:
            raise ValueError(
                f"{op}: output_padding {more} must be smaller than the stride {s} along the {AXES[axis]}: it chooses "
                f"among the {s} sizes of which the convolution has {n} places"
            )
        length = (n - 1) * s - 2 * p + d * (kernel - 1) + more + 1
        if n < 1 or length < 1:
            raise ValueError(
                f"{op}: the {AXES[axis]} of the result would be ({n}-1)·{s} - 2·{p} + {d}·({kernel}-1) + {more} + 1 = "
                f"{length}, of an input of {n}; both must be at least 1"
            )
        found.append(length)
    return tuple(found)


def _infer_transposed(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    op, (a, w), groups = "conv_transpose2d", specs[:2], attrs.get("groups", 1)
    if len(a.shape) != 4 or len(w.shape) != 4:
        raise ValueError(f"{op}: the input has shape {a.shape} and the weight {w.shape}; both have four axes")
    check_operands(op, a, tuple(zip(("weight", "bias"), specs[1:], strict=False)))
    if a.shape[1] != w.shape[0]:
        raise ValueError(
            f"{op}: input {a.shape}, weight {w.shape}: the weight is (in, out / groups, height, width) and has "
            f"{w.shape[0]} input channels, the input {a.shape[1]}"
        )
    check_groups(op, groups, input_channels=w.shape[0])
    check_bias(op, specs[2:], w.shape[1] * groups)
    return [Spec((a.shape[0], w.shape[1] * groups, *transposed_size(op, a.shape[2:], w.shape[2:], attrs)), a.dtype)]


def _transposed(k: Kernels, a: Any, w: Any, b: Any = None, *, output_padding: Any = 0, **geometry: Any) -> Any:
    attrs = geometry | {"output_padding": output_padding}
    lengths = transposed_size("conv_transpose2d", a.shape[2:], w.shape[2:], attrs)
    return k.conv2d_backward_input(a, w, bias=b, size=lengths, **geometry), (a, w)


def _transposed_vjp(
    k: Kernels, saved: Any, u: Any, *, needs: Sequence[bool], output_padding: Any = 0, **geometry: Any
) -> tuple[Any, ...]:
    return _backward_input_vjp(k, saved, u, needs=needs, **geometry)


def _cost_transposed(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    (out,) = _infer_transposed(specs, attrs)
    return max(_flops(specs[0], specs[1]), size(out.shape)), nbytes(*specs, out)


CONV2D = Op("conv2d", _infer, _conv2d, _vjp, _cost, saves=(0, 1, ~0))
CONV2D_BACKWARD_INPUT = Op(
    "conv2d_backward_input",
    _infer_backward_input,
    _backward_input,
    _backward_input_vjp,
    _cost_backward_input,
    saves=(0, 1),
)
CONV2D_BACKWARD_WEIGHT = Op(
    "conv2d_backward_weight",
    _infer_backward_weight,
    _backward_weight,
    _backward_weight_vjp,
    _cost_backward_weight,
    saves=(0, 1),
)
CONV_TRANSPOSE2D = Op(
    "conv_transpose2d", _infer_transposed, _transposed, _transposed_vjp, _cost_transposed, saves=(0, 1)
)

OPS = (CONV2D, CONV2D_BACKWARD_INPUT, CONV2D_BACKWARD_WEIGHT, CONV_TRANSPOSE2D)
