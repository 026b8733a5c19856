"""Clipping gradients, between `loss.backward()` and `optimizer.step()`."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...backend import Array, Device
from ...tape import kernels_of, mark_written, wrap
from ...tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients by one factor so that their norm, taken over all elements together, is at most `max_norm`.

    Returns the norm from before, a tensor without axes. A shorter gradient stays as it is: the factor is
    min(1, max_norm / (norm + 1e-6)). Where the norm is infinite or NaN, a RuntimeError under `error_if_nonfinite`, with
    gradients as they were; else they become NaN, and the next loss will show it. ValueError for a negative `max_norm`
    and for a `norm_type` other than 2, TypeError for what is no tensor. Norms of parameters on several devices are
    brought together on the first one's.

    R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks" (ICML 2013).

    >>> import pyengine as pe
    >>> w = pe.tensor([1.0, 1.0], requires_grad=True)
    >>> (w * pe.tensor([30.0, 40.0])).sum().backward()
    >>> clip_grad_norm_(w, max_norm=5.0)
    tensor(50.)
    >>> w.grad
    tensor([3., 4.])
    """
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must be ≥ 0, not {max_norm}")
    if norm_type != 2:
        raise ValueError(f"clip_grad_norm_: knows the 2-norm, not norm_type={norm_type}")
    groups = _gradients("clip_grad_norm_", parameters)
    if not groups:
        return Tensor(np.zeros((), np.float32))
    norms = [kernels_of(device).global_norm([g.data for g in grads]) for (device, _), grads in groups.items()]
    (device, dtype), *_ = groups
    k = kernels_of(device)
    norm = norms[0] if len(norms) == 1 else k.global_norm([_cast(k, n, dtype) for n in norms])
    if error_if_nonfinite and not math.isfinite(norm.item()):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of the gradients is {norm.item()}, so no factor can bring it to {max_norm}; "
            f"detect_anomaly() finds the operation where it began"
        )
    factor = k.clip_factor(norm, float(max_norm))
    for (place, _), grads in groups.items():
        kernels_of(place).scale_all([g.data for g in grads], factor)
        for grad in grads:
            mark_written(grad)
    out: Tensor = wrap(norm, device)
    return out


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of every gradient to [-clip_value, clip_value]. NaN stays.

    ValueError for a negative limit, TypeError for what is no tensor.

    >>> import pyengine as pe
    >>> w = pe.tensor([1.0, 1.0, 1.0], requires_grad=True)
    >>> (w * pe.tensor([-3.0, 0.25, 3.0])).sum().backward()
    >>> clip_grad_value_(w, 1.0)
    >>> w.grad
    tensor([-1.  ,  0.25,  1.  ])
    """
    if not clip_value >= 0:
        raise ValueError(f"clip_grad_value_: clip_value must be ≥ 0, not {clip_value}")
    for (device, _), grads in _gradients("clip_grad_value_", parameters).items():
        kernels_of(device).clamp_all([g.data for g in grads], float(clip_value))
        for grad in grads:
            mark_written(grad)


def _gradients(name: str, parameters: Tensor | Iterable[Tensor]) -> dict[tuple[Device, np.dtype], list[Tensor]]:
    """The gradients that there are, by device and dtype."""
    groups: dict[tuple[Device, np.dtype], list[Tensor]] = {}
    for i, p in enumerate([parameters] if isinstance(parameters, Tensor) else parameters):
        if not isinstance(p, Tensor):
            raise TypeError(f"{name}: parameter {i} must be a tensor, not a {type(p).__name__}")
        if p.grad is not None:
            groups.setdefault((p.grad.device, p.grad.dtype), []).append(p.grad)
    return groups


def _cast(k: Any, norm: Array, dtype: np.dtype) -> Array:
    return norm if norm.dtype == dtype else k.copy(norm, dtype)
