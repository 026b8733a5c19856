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

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    _check_classes("accuracy", outputs, targets)
    return float(np.mean(outputs.argmax(axis=1) == targets))


def _check_classes(name: str, outputs: Array, targets: Array) -> None:
    if outputs.ndim != 2 or targets.shape != outputs.shape[:1]:
        raise ValueError(
            f"{name}: outputs of shape {outputs.shape} and targets of shape {targets.shape}: "
            f"expected [samples, classes] and [samples]"
        )
    if len(targets) == 0:
        raise ValueError(f"{name}: no samples")
