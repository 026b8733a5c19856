"""The pictures of a run on images: its worst mistakes, and what its first layer looks for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..train import Trainer
from ..train.metrics import Array
from ..train.pictures import Gallery, draw_filters, draw_gallery
from .recipe import Job

MISTAKES, FILTERS = "mistakes.png", "filters.png"
SHOWN = 32  # mistakes
MOST_FILTERS = 64


@dataclass(frozen=True)
class Mistake:
    """A test sample by its number, its class, the class that it was taken for, and how sure the model was of that."""

    sample: int
    true: int
    taken: int
    sure: float


def tested(trainer: Trainer, job: Job) -> tuple[dict[str, float], list[Mistake]]:
    """The figures on the test data, and of a classifier of images its worst mistakes, the worst first."""
    found: list[Mistake] = []

    def look(outputs: Array, targets: Array) -> float:
        found.extend(worst_mistakes(outputs, targets))
        return 0.0

    if not (job.classes and job.image):
        return trainer.evaluate(job.test, "test"), found
    trainer.metrics["mistakes"] = look
    try:
        figures = trainer.evaluate(job.test, "test")
    finally:
        del trainer.metrics["mistakes"]
    del figures["mistakes"]
    return figures, found


def worst_mistakes(outputs: Array, targets: Array, most: int = SHOWN) -> list[Mistake]:
    """Those of wrongly classified samples whose own class was given the least probability.

    >>> outputs = np.array([[0.0, 3.0], [2.0, 0.0], [0.0, 1.0]])
    >>> [(m.sample, m.true, m.taken) for m in worst_mistakes(outputs, np.array([0, 0, 0]))]
    [(0, 0, 1), (2, 0, 1)]
    """
    scores = outputs.astype(np.float64)
    logs = scores - scores.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    taken = outputs.argmax(axis=1)
    wrong = np.flatnonzero(taken != targets)
    order = wrong[np.argsort(logs[wrong, targets[wrong]], kind="stable")][:most]
    return [Mistake(int(i), int(targets[i]), int(taken[i]), math.exp(logs[i, taken[i]])) for i in order]


def draw_all(
    job: Job, mistakes: list[Mistake], title: str, history: Sequence[Mapping[str, Any]] = ()
) -> dict[str, bytes]:
    """The pictures by the names of their files; none of mistakes or filters where there are none."""
    pictures = {
        name: draw_gallery(gallery, f"{name.removesuffix('.png')} · {title}") for name, gallery in job.gallery().items()
    }
    if history:
        pictures |= job.drawings(history)
    if mistakes:
        pictures[MISTAKES] = draw_gallery(_mistakes(job, mistakes), f"worst mistakes · {title}")
    filters = first_filters(job)
    if filters is not None:
        pictures[FILTERS] = draw_filters(filters, f"first layer · {title}")
    return pictures


def _mistakes(job: Job, mistakes: list[Mistake]) -> Gallery:
    names = [str(name) for name in job.classes]
    images = [job.test.dataset[m.sample][0].numpy().reshape(job.image) for m in mistakes]
    captions = [f"{names[m.true]}, taken for\n{names[m.taken]} ({m.sure:.0%})" for m in mistakes]
    return images, captions


def first_filters(job: Job) -> Array | None:
    """The first weights that meet the image, [n, channels, h, w]; of a linear layer as images. None for others."""
    weight = next((p.detach().numpy() for p in job.model.parameters() if p.ndim > 1), None)
    if weight is None or not job.image or job.image[0] not in (1, 3):
        return None
    if weight.ndim == 2 and weight.shape[1] == math.prod(job.image):
        weight = weight.reshape(-1, *job.image)
    if weight.ndim != 4 or weight.shape[1] != job.image[0]:
        return None
    return weight[:MOST_FILTERS]
