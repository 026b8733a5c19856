"""Figures of merit, computed in NumPy on a whole pass over a data set.

A metric is a function `metric(outputs, targets) -> float` of two arrays whose first axis counts samples.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
Metric: TypeAlias = Callable[[Array, Array], float]


def accuracy(outputs: Array, targets: Array) -> float:
    """The share of samples whose largest output is the target's.

    outputs  [n, classes], logits or probabilities
    targets  [n], integer class labels
    ValueError for other shapes, no samples or labels outside, TypeError for labels that are no integers.

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    _check_classes("accuracy", outputs, targets)
    return float(np.mean(outputs.argmax(axis=1) == targets))


def top_k_accuracy(outputs: Array, targets: Array, k: int = 5) -> float:
    """The share of samples whose target is among the `k` largest outputs; of equal outputs the first class counts more.

    outputs  [n, classes], logits or probabilities
    targets  [n], integer class labels
    ValueError for other shapes, no samples or labels outside, TypeError for labels that are no integers.

    >>> top_k_accuracy(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.array([1, 2]), k=2)
    0.5
    """
    _check_classes("top_k_accuracy", outputs, targets)
    classes = np.arange(outputs.shape[1])
    label = targets[:, None]
    own = np.take_along_axis(outputs, label, axis=1)
    ahead = ~(outputs <= own) | ((outputs == own) & (classes < label))  # ~(a <= b): a NaN is ahead of everything
    return float(np.mean(ahead.sum(axis=1) < k))


def confusion_matrix(outputs: Array, targets: Array) -> Array:
    """How often class i was taken for class j, as int64[classes, classes]; the diagonal is what was right.

    outputs  [n, classes], logits or probabilities
    targets  [n], integer class labels
    ValueError for other shapes, no samples or labels outside, TypeError for labels that are no integers.

    >>> confusion_matrix(np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]), np.array([1, 1, 1]))
    array([[0, 0],
           [1, 2]])
    """
    _check_classes("confusion_matrix", outputs, targets)
    counts = np.zeros((outputs.shape[1],) * 2, np.int64)
    np.add.at(counts, (targets, outputs.argmax(axis=1)), 1)
    return counts


def mean_absolute_error(outputs: Array, targets: Array) -> float:
    """The mean of |output - target|, in the units of the target; both of one shape, else ValueError.

    >>> mean_absolute_error(np.array([1.0, 2.0]), np.array([1.0, 5.0]))
    1.5
    """
    _check_numbers("mean_absolute_error", outputs, targets)
    return float(np.mean(np.abs(outputs - targets), dtype=np.float64))


def r2(outputs: Array, targets: Array) -> float:
    """The coefficient of determination, 1 - Σ(target - output)² / Σ(target - mean target)²; both of one shape.

    1 is perfect, 0 as good as always guessing the targets' mean, below 0 worse than that. ValueError where all targets
    are equal, as then it is not defined.

    >>> round(r2(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0, 6.0])), 2)
    0.71
    """
    _check_numbers("r2", outputs, targets)
    wanted = targets.astype(np.float64)
    spread = np.sum((wanted - wanted.mean()) ** 2)
    if spread == 0:
        raise ValueError(f"r2: all {targets.size} targets are equal, so there is no variation to explain")
    return float(1 - np.sum((wanted - outputs) ** 2) / spread)


def _check_classes(name: str, outputs: Array, targets: Array) -> None:
    if outputs.ndim != 2 or targets.shape != outputs.shape[:1]:
        raise ValueError(
            f"{name}: outputs of shape {outputs.shape} and targets of shape {targets.shape}: "
            f"expected [samples, classes] and [samples]"
        )
    if targets.dtype.kind not in "iu":
        raise TypeError(f"{name}: targets are class labels, integers, not {targets.dtype}")
    if len(targets) == 0:
        raise ValueError(f"{name}: no samples")
    if targets.min() < 0 or targets.max() >= outputs.shape[1]:
        raise ValueError(f"{name}: labels from {targets.min()} to {targets.max()} for {outputs.shape[1]} classes")


def _check_numbers(name: str, outputs: Array, targets: Array) -> None:
    if outputs.shape != targets.shape:  # NumPy would broadcast [n, 1] against [n] to a table of all pairs
        raise ValueError(
            f"{name}: outputs of shape {outputs.shape} and targets of shape {targets.shape}: they must be the same"
        )
    if targets.size == 0:
        raise ValueError(f"{name}: no samples")
