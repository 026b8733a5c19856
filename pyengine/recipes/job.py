"""From parts of a data set to a job: the steps that all recipes share."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from .. import nn, random
from ..data import DataLoader
from ..data.transforms import Compose, Transform
from ..random import Generator
from ..train import accuracy, mean_absolute_error, r2
from ..train.metrics import Array, Metric
from .parts import FLAT, model_of, optimizer_of
from .recipe import Job, Settings

EVALUATED_AT_ONCE = 256
IMAGE = 3  # axes of a sample that is an image


def job_of(
    settings: Settings,
    parts: Sequence[Any],
    shape: Sequence[int],
    read: Callable[[Path], Array],
    classes: tuple[str, ...] = (),
    scale: tuple[float, float] = (0.0, 1.0),
    notes: tuple[str, ...] = (),
    checksum: str | None = None,
    transform: Transform | None = None,
    augment: Sequence[Transform] = (),
) -> Job:
    """The job of training, validation and test part, on the settings' device: a classifier where there are classes.

    shape      of a sample as it is read; flat models take it as a row
    transform  of every batch of inputs, of all parts
    augment    what is done before that to batches that are trained on
    The seed decides the initial weights, the order of samples and what is drawn to augment them.
    """
    random.manual_seed(settings.seed)
    model = model_of(settings.model, shape, settings.hidden, len(classes) or 1)
    model.to(settings.device)
    optimizer = optimizer_of(
        settings.optimizer, model.parameters(), settings.lr, settings.momentum, settings.weight_decay
    )
    train, val, test = parts
    return Job(
        model=model,
        loss_fn=nn.CrossEntropyLoss() if classes else nn.MSELoss(),
        optimizer=optimizer,
        train=training(train, settings, transform, augment),
        val=plain(val, transform),
        test=plain(test, transform),
        metrics={"accuracy": accuracy} if classes else {"r2": r2, "mae": _absolute_error(scale[1])},
        inputs=partial(_inputs, read, settings.model in FLAT, transform),
        classes=classes,
        scale=scale,
        notes=notes,
        checksum=checksum,
        image=tuple(shape) if len(shape) == IMAGE else (),
    )


def training(
    part: Any, settings: Settings, transform: Transform | None = None, augment: Sequence[Transform] = ()
) -> DataLoader:
    """The loader of what is trained on: shuffled, augmented, by the settings' seed."""
    changes = [*augment, *([] if transform is None else [transform])]
    return DataLoader(
        part,
        batch_size=settings.batch_size,
        shuffle=True,
        seed=settings.seed,
        transform=Compose(changes) if changes else None,
    )


def plain(part: Any, transform: Transform | None = None) -> DataLoader:
    """A loader of what is measured: in order, not augmented."""
    return DataLoader(part, batch_size=EVALUATED_AT_ONCE, seed=0, transform=transform)


def for_model(settings: Settings, *transforms: Transform) -> Transform | None:
    """The transforms in one, which ends with images as rows where the model takes them so; None where nothing is left.

    The data set's samples are images [channels, height, width].
    """
    whole = [*transforms, *([_as_rows] if settings.model in FLAT else [])]
    return Compose(whole) if whole else None


def _as_rows(images: Array, generator: Generator | None) -> Array:
    return images.reshape(len(images), -1)


def _inputs(read: Callable[[Path], Array], flat: bool, transform: Transform | None, path: Path) -> Array:
    """The samples in a file as the model takes them."""
    samples = read(path)
    if transform is not None:
        samples = transform(samples, None)
    return samples.reshape(len(samples), -1) if flat else samples


def _absolute_error(std: float) -> Metric:
    """The mean absolute error in the target's own units."""

    def mae(outputs: Array, targets: Array) -> float:
        return std * mean_absolute_error(outputs, targets)

    return mae
