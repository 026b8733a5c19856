"""Max pooling: the greatest element of each window. Its place in the window is all that the gradient needs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Kernels
from ..windows import Pair
from .op import Attrs, Op, Spec, nbytes, require_float, size
from .windows import pooled_spec

_BYTE, _INT = np.dtype(np.uint8), np.dtype(np.int32)


def _places(kernel: Pair) -> np.dtype:
    return _BYTE if kernel[0] * kernel[1] <= 256 else _INT


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    out = pooled_spec("max_pool2d", specs[0], **attrs)
    return [out, Spec(out.shape, _places(attrs["kernel"]))]


def _max_pool(k: Kernels, a: Any, *, ceil_mode: bool = False, **windows: Pair) -> Any:
    y, places = k.max_pool2d(a, **windows, ceil_mode=ceil_mode)
    return (y, places), (places, a.shape[2:])


def _vjp(
    k: Kernels, saved: Any, dy: Any, dplaces: Any, *, needs: Sequence[bool], ceil_mode: bool = False, **windows: Pair
) -> Any:
    places, image = saved
    return (None if dy is None else k.max_pool2d_backward(dy, places, size=image, **windows),)


def _check_places(op: str, a: Spec, places: Spec, attrs: Attrs) -> None:
    require_float(op, a)
    if places.dtype != _places(attrs["kernel"]):
        raise TypeError(f"{op}: places in windows of {attrs['kernel']} are {_places(attrs['kernel'])}, not {places}")
    if len(a.shape) != 4 or len(places.shape) != 4 or places.shape[:2] != a.shape[:2]:
        raise ValueError(f"{op}: {a} and {places} are not images and the places in their windows")


def _infer_backward(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    grad, places = specs
    _check_places("max_pool2d_backward", grad, places, attrs)
    if grad.shape != places.shape:
        raise ValueError(f"max_pool2d_backward: the gradient is {grad}, the places {places}; their shapes must match")
    return [Spec((*grad.shape[:2], *attrs["size"]), grad.dtype)]


def _backward(k: Kernels, grad: Any, places: Any, *, size: Pair, **windows: Pair) -> Any:
    return k.max_pool2d_backward(grad, places, size=size, **windows), (places,)


def _backward_vjp(k: Kernels, saved: Any, u: Any, *, needs: Sequence[bool], size: Pair, **windows: Pair) -> Any:
    return k.max_pool2d_take(u, saved[0], **windows), None


def _infer_take(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, places = specs
    _check_places("max_pool2d_take", a, places, attrs)
    return [Spec(places.shape, a.dtype)]


def _take(k: Kernels, a: Any, places: Any, **windows: Pair) -> Any:
    return k.max_pool2d_take(a, places, **windows), (places, a.shape[2:])


def _take_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], **windows: Pair) -> Any:
    places, image = saved
    return k.max_pool2d_backward(grad, places, size=image, **windows), None


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    out = _infer(specs, attrs)
    return size(out[0].shape) * size(attrs["kernel"]), nbytes(*specs, *out)


def _cost_backward(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    out = _infer_backward(specs, attrs)
    return size(out[0].shape), nbytes(*specs, *out)


def _cost_take(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    out = _infer_take(specs, attrs)
    return size(out[0].shape), nbytes(*specs, *out)


MAX_POOL2D = Op("max_pool2d", _infer, _max_pool, _vjp, _cost, saves=(~1,))
MAX_POOL2D_BACKWARD = Op("max_pool2d_backward", _infer_backward, _backward, _backward_vjp, _cost_backward, saves=(1,))
MAX_POOL2D_TAKE = Op("max_pool2d_take", _infer_take, _take, _take_vjp, _cost_take, saves=(1,))

OPS = (MAX_POOL2D, MAX_POOL2D_BACKWARD, MAX_POOL2D_TAKE)
