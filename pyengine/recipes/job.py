"""From parts of a data set to a job: the steps that all recipes share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .. import nn, random
from ..data import DataLoader
from ..train import accuracy, mean_absolute_error, r2
from ..train.metrics import Array, Metric
from .parts import model_of, optimizer_of
from .recipe import Job, Settings

EVALUATED_AT_ONCE = 256


def job_of(
    settings: Settings,
    parts: Sequence[Any],
    inputs: int,
    read: Callable[[Path], Array],
    classes: tuple[str, ...] = (),
    scale: tuple[float, float] = (0.0, 1.0),
    notes: tuple[str, ...] = (),
    checksum: str | None = None,
) -> Job:
    """The job of training, validation and test part, on the settings' device: a classifier where there are classes.

    The seed decides the initial weights and the order of samples.
    """
    random.manual_seed(settings.seed)
    model = model_of(settings.model, inputs, settings.hidden, len(classes) or 1)
    model.to(settings.device)
    optimizer = optimizer_of(
        settings.optimizer, model.parameters(), settings.lr, settings.momentum, settings.weight_decay
    )
    train, val, test = parts
    return Job(
        model=model,
        loss_fn=nn.CrossEntropyLoss() if classes else nn.MSELoss(),
        optimizer=optimizer,
        train=DataLoader(train, batch_size=settings.batch_size, shuffle=True, seed=settings.seed),
        val=DataLoader(val, batch_size=EVALUATED_AT_ONCE),
        test=DataLoader(test, batch_size=EVALUATED_AT_ONCE),
        metrics={"accuracy": accuracy} if classes else {"r2": r2, "mae": _absolute_error(scale[1])},
        inputs=read,
        classes=classes,
        scale=scale,
        notes=notes,
        checksum=checksum,
    )


def _absolute_error(std: float) -> Metric:
    """The mean absolute error in the target's own units."""

    def mae(outputs: Array, targets: Array) -> float:
        return std * mean_absolute_error(outputs, targets)

    return mae
