"""Cases of convolution and its gradients."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import reference
from ..backend import Array
from ..ops.conv2d import pair
from .case import Call, Cases, Operand, Pick, Shape, wrong

_SIZES = (4, 1, 0, 7, 17, 34)  # of an image, beyond what the kernel needs
_CHANNELS = (1, 2, 3, 5, 8, 17)  # of a group: below, at and above the vectors and panels of each level
_PRODUCTS = 20000  # of a drawn call
_DEFAULTS = (("stride", 1), ("padding", 0), ("dilation", 1))


class _Geometry(NamedTuple):
    a: Shape
    weight: Shape
    attrs: Mapping[str, Any]

    @property
    def grad(self) -> Shape:
        """The shape of the result."""
        a, w = (np.broadcast_to(np.float32(0), shape) for shape in (self.a, self.weight))
        return reference.conv2d.conv2d(a, w, **self.attrs).shape


def _draw(pick: Pick) -> _Geometry:
    kernel = pick.choice((3, 1, 2, 5)), pick.choice((3, 1, 2))
    attrs: dict[str, Any] = {"groups": pick.choice((1, 1, 2, 3))}
    if pick.flag():
        for name, values in (("stride", (1, 2, 3)), ("padding", (1, 0, 2)), ("dilation", (1, 2))):
            attrs[name] = pick.choice(values), pick.choice(values)
    images, depthwise = pick.choice((1, 2, 0, 3)), pick.flag()
    inside, outside = (1 if depthwise else pick.choice(_CHANNELS) for _ in range(2))
    # So many pixels of the result that the reference, and finite differences of it, take no time
    room = _PRODUCTS // (max(images, 1) * attrs["groups"] * inside * outside * kernel[0] * kernel[1])
    lengths = []
    for axis in range(2):
        s, p, d = (attrs[name][axis] if name in attrs else least for name, least in _DEFAULTS)
        least = max(1, d * (kernel[axis] - 1) + 1 - 2 * p)
        more = pick.choice([n for n in _SIZES if n == 0 or n // s + 1 <= room])
        room //= more // s + 1
        lengths.append(least + more)
    groups = attrs["groups"]
    return _Geometry((images, groups * inside, *lengths), (groups * outside, inside, *kernel), attrs)


def _geometry(a: Shape, weight: Shape, **attrs: Any) -> _Geometry:
    return _Geometry(a, weight, attrs)


_LISTED = (
    _geometry((2, 64, 12, 13), (35, 64, 3, 3), padding=1),  # several blocks of steps, a panel that is not full
    _geometry((20, 3, 16, 16), (16, 3, 3, 3), padding=1),  # more images than tasks
    _geometry((1, 24, 41, 40), (32, 24, 1, 1)),  # one image in several bands
    _geometry((3, 1, 28, 28), (8, 1, 5, 5), stride=2, padding=2),
    _geometry((2, 20, 9, 17), (20, 1, 3, 3), padding=1, groups=20),  # depthwise
    _geometry((2, 6, 33, 8), (12, 1, 3, 5), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=6),
    _geometry((1, 2, 5, 5), (3, 2, 7, 7), padding=1),  # a kernel larger than the image
    _geometry((2, 3, 1, 1), (4, 3, 1, 1)),  # one pixel
    _geometry((2, 3, 9, 9), (4, 3, 2, 2), stride=4),  # pixels that no window sees
    _geometry((0, 3, 4, 4), (4, 3, 3, 3), padding=1),
)


def _forward(g: _Geometry, act: str | None = None, bias: bool = False) -> Call:
    operands = (Operand(g.a), Operand(g.weight)) + ((Operand(g.weight[:1]),) if bias else ())
    return Call(operands, dict(g.attrs) | ({"act": act} if act else {}))


def _backward_input(g: _Geometry, bias: bool = False) -> Call:
    operands = (Operand(g.grad), Operand(g.weight)) + ((Operand(g.a[1:2]),) if bias else ())
    return Call(operands, {"size": g.a[2:], **g.attrs})


def _backward_weight(g: _Geometry) -> Call:
    return Call((Operand(g.grad), Operand(g.a)), {"size": g.weight[2:], **g.attrs})


# n products summed: roundings of random sign grow as √n, each relative to a partial sum of sizes; c = 2 covers the
# largest of many results. A bias adds a rounding of the result. relu only makes errors smaller.
def _error(sizes: Array, terms: int, bias: Any) -> tuple[Array]:
    error = 2 * np.sqrt(terms) * sizes
    return (error if bias is None else error + sizes + np.abs(bias)[:, None, None],)


def _forward_error(outputs: Any, a: Array, w: Array, bias: Any = None, act: Any = None, **geometry: Any) -> Any:
    return _error(reference.conv2d.conv2d(np.abs(a), np.abs(w), **geometry), w[0].size, bias)


def _backward_input_error(outputs: Any, grad: Array, w: Array, bias: Any = None, **geometry: Any) -> Any:
    sizes = reference.conv2d.conv2d_backward_input(np.abs(grad), np.abs(w), **geometry)
    return _error(sizes, w[:, 0].size // geometry.get("groups", 1), bias)


def _backward_weight_error(outputs: Any, grad: Array, a: Array, **geometry: Any) -> Any:
    sizes = reference.conv2d.conv2d_backward_weight(np.abs(grad), np.abs(a), **geometry)
    return _error(sizes, grad[:, 0].size, None)


def _torch_geometry(stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    return stride, padding, dilation, groups


def _torch_forward(torch: Any, a: Any, w: Any, b: Any = None, act: Any = None, **geometry: Any) -> Any:
    y = torch.nn.functional.conv2d(a, w, b, *_torch_geometry(**geometry))
    return torch.relu(y) if act else y


def _torch_backward_input(torch: Any, grad: Any, w: Any, b: Any = None, size: Any = 1, **geometry: Any) -> Any:
    groups = geometry.get("groups", 1)
    shape = (grad.shape[0], w.shape[1] * groups, *size)
    a = torch.zeros(shape, dtype=grad.dtype, requires_grad=True)
    y = torch.nn.functional.conv2d(a, w, None, *_torch_geometry(**geometry))
    (da,) = torch.autograd.grad(y, a, grad, create_graph=True)
    return da if b is None else da + b[:, None, None]


def _torch_backward_weight(torch: Any, grad: Any, a: Any, size: Any = 1, **geometry: Any) -> Any:
    groups = geometry.get("groups", 1)
    w = torch.zeros((grad.shape[1], a.shape[1] // groups, *size), dtype=a.dtype, requires_grad=True)
    y = torch.nn.functional.conv2d(a, w, None, *_torch_geometry(**geometry))
    return torch.autograd.grad(y, w, grad, create_graph=True)[0]


def _transposed(g: _Geometry, bias: bool = False) -> Call:
    """With the output_padding that leads back to the image of g: the pixels at the end that no window reaches."""
    call = _backward_input(g, bias)
    attrs = dict(g.attrs)
    more = []
    for axis in range(2):
        s, p, d = (pair(attrs.get(name, least))[axis] for name, least in _DEFAULTS)
        more.append((g.a[2 + axis] + 2 * p - d * (g.weight[2 + axis] - 1) - 1) % s)
    return Call(call.operands, {**attrs, "output_padding": tuple(more)})


def _torch_transposed(torch: Any, a: Any, w: Any, b: Any = None, output_padding: Any = 0, **geometry: Any) -> Any:
    stride, padding, dilation, groups = _torch_geometry(**geometry)
    if a.shape[0] == 0:  # torch refuses a batch of none
        return torch.nn.functional.conv_transpose2d(
            torch.cat([a, torch.zeros((1, *a.shape[1:]), dtype=a.dtype)]),
            w, b, stride, padding, output_padding, groups, dilation,
        )[:0]  # fmt: skip
    return torch.nn.functional.conv_transpose2d(a, w, b, stride, padding, output_padding, groups, dilation)


def _transposed_error(
    outputs: Any, a: Array, w: Array, bias: Any = None, output_padding: Any = 0, **geometry: Any
) -> Any:
    return _backward_input_error(outputs, a, w, bias, size=outputs[0].shape[2:], **geometry)


def _draw_kernel(pick: Pick) -> Call:
    call = _draw_forward(pick)
    return call if len(call.operands) == 3 else Call((*call.operands, None), call.attrs)


def _draw_forward(pick: Pick) -> Call:
    return _forward(_draw(pick), pick.choice((None, "relu")), pick.flag())


CONV2D_KERNEL = Cases(
    "conv2d",
    _draw_kernel,
    tuple(_forward(g, (None, "relu")[i % 2], i % 3 > 0) for i, g in enumerate(_LISTED)),
    error=_forward_error,
)
CONV2D = Cases(
    "conv2d",
    _draw_forward,
    CONV2D_KERNEL.listed,
    error=_forward_error,
    oracle=_torch_forward,
    mistake=wrong(((1, 3, 4, 4), "f4"), ((2, 3, 5, 5), "f4")),
)
CONV2D_BACKWARD_INPUT = Cases(
    "conv2d_backward_input",
    lambda pick: _backward_input(_draw(pick), pick.flag()),
    tuple(_backward_input(g, i % 2 > 0) for i, g in enumerate(_LISTED)),
    error=_backward_input_error,
    oracle=_torch_backward_input,
    mistake=wrong(((1, 2, 4, 4), "f4"), ((2, 3, 3, 3), "f4"), size=(7, 7)),
)
CONV2D_BACKWARD_WEIGHT = Cases(
    "conv2d_backward_weight",
    lambda pick: _backward_weight(_draw(pick)),
    tuple(map(_backward_weight, _LISTED)),
    error=_backward_weight_error,
    oracle=_torch_backward_weight,
    mistake=wrong(((1, 2, 4, 4), "f4"), ((1, 3, 7, 7), "f4"), size=(3, 3)),
)

CONV_TRANSPOSE2D = Cases(
    "conv_transpose2d",
    lambda pick: _transposed(_draw(pick), pick.flag()),
    tuple(_transposed(g, i % 2 > 0) for i, g in enumerate(_LISTED)),
    error=_transposed_error,
    oracle=_torch_transposed,
    mistake=wrong(((1, 2, 4, 4), "f4"), ((3, 2, 3, 3), "f4")),
)

KERNELS = (CONV2D_KERNEL, CONV2D_BACKWARD_INPUT, CONV2D_BACKWARD_WEIGHT)
OPS = (CONV2D, CONV2D_BACKWARD_INPUT, CONV2D_BACKWARD_WEIGHT, CONV_TRANSPOSE2D)
