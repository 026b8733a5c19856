"""Convolutions as a user writes them, forward alone and with both gradients, against torch in both of its layouts."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import pyengine

from .. import backend
from ..backend import Array
from ..nn import functional
from .peers import Peer
from .task import Spec, Task

UNITS = 16  # of float32's roundoff for each √(products of a sum), relative to the largest result


class Layer(NamedTuple):
    """A square convolution of stride 1 that keeps the size."""

    images: int
    channels: int
    size: int
    out: int
    kernel: int
    groups: int = 1

    @property
    def name(self) -> str:
        """Images, channels, size, results and kernel."""
        kind = "depthwise" if self.groups > 1 else f"to {self.out}"
        return f"{self.images}x{self.channels}x{self.size}x{self.size} {kind}, {self.kernel}x{self.kernel}"

    @property
    def flops(self) -> int:
        """Of the forward pass."""
        taps = self.channels // self.groups * self.kernel**2
        return 2 * self.images * self.out * self.size**2 * taps


LAYERS = (
    Layer(32, 64, 32, 64, 3), Layer(32, 128, 16, 128, 3), Layer(8, 256, 14, 256, 3), Layer(32, 64, 56, 64, 1),
    Layer(64, 1, 28, 32, 3), Layer(64, 32, 14, 64, 3), Layer(32, 3, 32, 64, 3), Layer(32, 128, 28, 128, 3, 128),
)  # fmt: skip

# A function to time, and one that gives the numbers to compare.
Contender = tuple[Callable[[], object], Callable[[], Sequence[Array]]]


def specs() -> list[Spec]:
    """Two rows for each layer."""
    return [
        Spec("conv", f"conv {layer.name}{', f+b' if backward else ''}", "conv2d", _maker(layer, backward))
        for layer in LAYERS
        for backward in (True, False)
    ]


def _maker(layer: Layer, backward: bool) -> Callable[[dict[str, Peer]], Task]:
    def make(peers: dict[str, Peer]) -> Task:
        rng = np.random.default_rng(0)
        side, per_group = (layer.size, layer.size), layer.channels // layer.groups
        shapes = (
            (layer.images, layer.channels, *side),
            (layer.out, per_group, layer.kernel, layer.kernel),
            (layer.images, layer.out, *side),
        )
        a, w, grad = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
        numbers = a.nbytes + w.nbytes + grad.nbytes
        terms = layer.images * layer.size**2 if backward else per_group * layer.kernel**2
        once, result = _ours(layer, backward, a, w, grad)
        task = Task(
            "conv",
            f"conv {layer.name}{', f+b' if backward else ''}",
            once,
            result,
            lambda: _definition(layer, backward, a, w, grad),
            layer.flops * (3 if backward else 1),
            numbers * (3 if backward else 1),
            a.dtype,
            UNITS * math.sqrt(terms) * 2.0**-24,
        )
        if "torch" in peers:
            torch = peers["torch"].library
            task.peers["torch"] = _torch(torch, torch.contiguous_format, layer, backward, a, w, grad)
            task.peers["torch, channels last"] = _torch(torch, torch.channels_last, layer, backward, a, w, grad)
        return task

    return make


def _work(conv2d: Callable[..., Any], layer: Layer, backward: bool, a: Any, w: Any, grad: Any) -> Callable[[], Any]:
    """The same lines for any library with PyTorch's names."""

    def once() -> Any:
        a.grad = w.grad = None
        y = conv2d(a, w, None, 1, layer.kernel // 2, 1, layer.groups)
        if backward:
            y.backward(grad)
        return y

    return once


def _ours(layer: Layer, backward: bool, a: Array, w: Array, grad: Array) -> Contender:
    x, weight = (pyengine.tensor(t, requires_grad=backward) for t in (a, w))
    once = _work(functional.conv2d, layer, backward, x, weight, pyengine.tensor(grad))
    return once, lambda: [t.detach().numpy() for t in (once(), *((x.grad, weight.grad) if backward else ()))]


def _torch(torch: Any, layout: Any, layer: Layer, backward: bool, a: Array, w: Array, grad: Array) -> Contender:
    x, weight, g = (torch.tensor(t).contiguous(memory_format=layout) for t in (a, w, grad))
    for t in (x, weight):
        t.requires_grad_(backward)
    once = _work(torch.nn.functional.conv2d, layer, backward, x, weight, g)

    def result() -> Sequence[Array]:
        y = once()
        return [t.detach().contiguous().numpy() for t in (y, *((x.grad, weight.grad) if backward else ()))]

    return once, result


def _definition(layer: Layer, backward: bool, a: Array, w: Array, grad: Array) -> Sequence[Array]:
    """The reference's results in float64."""
    k = backend.DEVICES["numpy"].kernels
    x, weight, g = (t.astype(np.float64) for t in (a, w, grad))
    attrs = {"padding": layer.kernel // 2, "groups": layer.groups}
    y = k.conv2d(x, weight, **attrs)
    if not backward:
        return [y]
    da = k.conv2d_backward_input(g, weight, size=a.shape[2:], **attrs)
    return [y, da, k.conv2d_backward_weight(g, x, size=w.shape[2:], **attrs)]
