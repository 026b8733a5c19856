"""What a recipe is."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from .. import backend
from ..data import DataLoader
from ..nn import Module
from ..train.metrics import Array, Metric
from .schedules import CONSTANT, SCHEDULES


@dataclass(frozen=True)
class Settings:
    """What may vary from run to run; each recipe has its own defaults.

    epochs, batch_size      passes over the training data; samples per step
    lr, momentum            step size, and how much of the last update the next one keeps, in [0, 1)
    weight_decay            pull of the weights towards 0 (L2 penalty)
    hidden                  width of the hidden layer
    schedule                how the learning rate changes: one of `schedules.SCHEDULES`
    patience                stop when the best epoch lies so many epochs back; None: never
    seed                    of the split, the initial weights and the order of samples
    device                  "cpu" or "numpy"
    """

    epochs: int
    batch_size: int
    lr: float
    momentum: float
    weight_decay: float
    hidden: int
    schedule: str = CONSTANT
    patience: int | None = None
    seed: int = 0
    device: str = "cpu"

    def changed(self, **values: Any) -> "Settings":
        """These settings with some values replaced; ValueError names a value that cannot be, or an unknown setting.

        >>> Settings(1, 32, 0.1, 0.9, 0.0, 64).changed(lr=0.0)
        Traceback (most recent call last):
            ...
        ValueError: lr is 0.0; it must be a positive number
        """
        known = {field.name for field in fields(self)}
        for name in values:
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; there are: {', '.join(sorted(known))}")
        return replace(self, **values)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "hidden"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience is {self.patience}; it must be 1 or more")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr is {self.lr}; it must be a positive number")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {self.momentum}; it must be in [0, 1)")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay is {self.weight_decay}; it must be 0 or more")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed is {self.seed}; it must be from 0 to 2**63 - 1")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule is {self.schedule!r}; there are: {', '.join(SCHEDULES)}")
        backend.device(self.device)


@dataclass(frozen=True)
class Job:
    """Everything that a run needs, built by a recipe from settings; `classes` names those of a classifier."""

    model: Module
    loss_fn: Any
    optimizer: Any
    train: DataLoader
    val: DataLoader
    test: DataLoader
    metrics: dict[str, Metric]
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """What `pyengine train NAME` runs.

    summary   a line that says what is learned
    build     makes the job of some settings
    prepare   makes the model's inputs of raw samples, as users have them; ValueError where they are not such samples
    """

    name: str
    summary: str
    defaults: Settings
    build: Callable[[Settings], Job]
    prepare: Callable[[Array], Array]
