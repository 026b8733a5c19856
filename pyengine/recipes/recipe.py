"""What a recipe is."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .. import backend
from ..data import DataLoader, Vocab
from ..nn import Module
from ..tensor import Tensor
from ..train.callbacks import Callback
from ..train.metrics import Array, Metric
from ..train.pictures import Gallery
from .parts import MODELS, OPTIMIZERS, USUAL
from .schedules import CONSTANT, SCHEDULES

MISSING = ("refuse", "impute")


@dataclass(frozen=True)
class Settings:
    """What may vary from run to run; each recipe has its own defaults.

    epochs, batch_size      passes over the training data; samples per step
    model                   one of `parts.MODELS`
    hidden                  how wide the model is: what of it, says `parts.model_of`
    optimizer               one of `parts.OPTIMIZERS`
    lr, momentum            step size, and how much of the last update the next one keeps, in [0, 1); momentum is for
                            "sgd" and "rmsprop"
    weight_decay            pull of the weights towards 0
    schedule                how the learning rate changes: one of `schedules.SCHEDULES`
    patience                stop when the best epoch lies so many epochs back; None: never
    seed                    of the split, the initial weights and the order of samples
    device                  "cpu", "numpy", "cuda" or "cudasim"
    data_dir                where the files of a known data set are, if not in PYENGINE_DATA
    data, target            a table of one's own, and the column to predict; for the recipes of tables
    missing, ignore         "refuse" or "impute" empty cells; columns to leave out, with commas between
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
    model: str = "mlp"
    optimizer: str = "sgd"
    data_dir: str | None = None
    data: str | None = None
    target: str | None = None
    missing: str = "refuse"
    ignore: str = ""

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
        for name, choices in (
            ("schedule", SCHEDULES), ("model", MODELS), ("optimizer", OPTIMIZERS), ("missing", MISSING)
        ):  # fmt: skip
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}; there are: {', '.join(choices)}")
        backend.device(self.device)


@dataclass(frozen=True)
class Job:
    """Everything that a run needs, built by a recipe from settings.

    inputs    makes the model's inputs, [samples, …], of a file of samples as users have them; BadFileError where it
              holds no such samples
    classes   names those of a classifier; () in regression
    scale     (mean, standard deviation) that lead from the outputs of a regression back to the target's units
    notes     lines on the data, for whoever watches
    checksum  of the user's own data, which tells whether the split is still the one that was trained with
    image     (channels, height, width) of the samples where they are images, flat or not; () elsewhere
    answer    what `predict` says of some inputs, given the model's outputs for them, where that is neither classes nor
              the outputs: a number for each, [n, 1]
    gallery   pictures for the run folder besides the usual ones: name of the file -> images and captions
    vocab     which token has which id, of recipes of texts; the run folder keeps it
    monitor   the value of the history by which the best epoch is chosen, and which way it is better: "min" or "max"
    callbacks what else is to happen while it trains
    drawings  pictures for the run folder that are drawn of the history: name of the file -> PNG
    """

    model: Module
    loss_fn: Any
    optimizer: Any
    train: DataLoader
    val: DataLoader
    test: DataLoader
    metrics: dict[str, Metric]
    inputs: Callable[[Path], Array]
    classes: tuple[str, ...] = ()
    scale: tuple[float, float] = (0.0, 1.0)
    notes: tuple[str, ...] = ()
    checksum: str | None = None
    image: tuple[int, ...] = ()
    answer: Callable[[Tensor, Any], Array] | None = None
    gallery: Callable[[], Mapping[str, Gallery]] = dict
    vocab: Vocab | None = None
    monitor: tuple[str, str] = ("val_loss", "min")
    callbacks: tuple[Callback, ...] = ()
    drawings: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, bytes]] = lambda history: {}


@dataclass(frozen=True)
class Plan:
    """How a run goes on from another one: what its config.json has under "finetune".

    run        the folder of the run that it begins with
    on         the recipe whose data it is trained on; None: those at the settings' `data`
    fraction   the share of the training data that is used
    freeze     patterns of names of the parameters that stay as they are
    keep_head  the last layer goes on too; else it begins anew
    lr         the step size from scratch; that of a run which goes on is the settings'
    scratch    nothing is taken over from the run: what going on is compared with
    """

    run: str
    on: str | None
    fraction: float
    freeze: tuple[str, ...]
    keep_head: bool
    lr: float
    scratch: bool = False


@dataclass(frozen=True)
class Recipe:
    """What `pyengine train NAME` runs.

    summary   a line that says what is learned
    build     makes the job of some settings; BadFileError or OSError where the data cannot be read
    own       settings that this recipe reads and others may not: "data_dir", or "data" and its like
    needs     those among them that must be given
    models    the models that it can be trained with
    usual     settings that a model brings along where it is not the default one
    language  makes the model of a run that writes text, of its settings and vocabulary
    image     (channels, height, width) of its samples where they are images; () elsewhere
    normalize its images are normalised by channel
    plan      how it goes on from a run; None where it does not
    """

    name: str
    summary: str
    defaults: Settings
    build: Callable[[Settings], Job]
    own: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    models: tuple[str, ...] = ("mlp", "linear")
    usual: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    language: Callable[[Settings, Any], Module] | None = None
    image: tuple[int, ...] = ()
    normalize: bool = False
    plan: Plan | None = None

    def settings(self, given: Mapping[str, Any], base: Settings | None = None) -> Settings:
        """The defaults, or `base`, with what is given; another model or optimizer brings its usual settings along.

        ValueError where the values cannot be, or mean nothing to this recipe.
        """
        base = base or self.defaults
        for name in ("data_dir", "data", "target", "missing", "ignore"):
            if name in given and name not in self.own:
                raise ValueError(f"{name} means nothing to {self.name}")
        model = given.get("model", base.model)
        if model not in self.models:
            raise ValueError(f"model is {model!r}; there are: {', '.join(self.models)}")
        usual = dict(self.usual.get(model, {}) if model != base.model else {})
        before = usual.get("optimizer", base.optimizer)
        chosen = given.get("optimizer", before)
        if chosen in USUAL and chosen != before:
            usual |= USUAL[chosen]
        settings = base.changed(**{**usual, **given})
        for name in self.needs:
            if getattr(settings, name) is None:
                raise ValueError(f"{self.name} needs {name}")
        return settings
