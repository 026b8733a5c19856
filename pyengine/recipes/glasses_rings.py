"""Glasses versus rings: drawn pictures of two classes, a first classifier of images."""

from functools import partial

import numpy as np

from ..data import Subset, draw_glasses_rings
from ..data.glasses_rings import CLASSES
from ..data.transforms import RandomCrop, RandomHorizontalFlip
from .job import for_model, job_of
from .recipe import Job, Recipe, Settings
from .samples import read_pixels

SIDE, WHITE = 32, 255
SHAPE = (1, SIDE, SIDE)
BORDER = 3  # pixels around a drawing from which it is cropped again
SIZES = (5000, 500, 1000)  # to train, validate and test with


def build(settings: Settings) -> Job:
    """Data, model, loss and optimizer. The seed decides the drawings, initial weights and the order of samples."""
    drawings = draw_glasses_rings(sum(SIZES), settings.seed, SIDE).to(settings.device)
    parts = [Subset(drawings, rows) for rows in np.split(np.arange(sum(SIZES)), np.cumsum(SIZES)[:-1])]
    notes = ("{:,} + {:,} + {:,} drawings to train, validate and test with".format(*SIZES),)
    read = partial(read_pixels, shape=SHAPE, ink=WHITE)
    return job_of(
        settings,
        parts,
        SHAPE,
        read,
        CLASSES,
        notes=notes,
        transform=for_model(settings),
        augment=(RandomCrop(SIDE, padding=BORDER), RandomHorizontalFlip()),  # glasses stay glasses
    )


RECIPE = Recipe(
    name="glasses-rings",
    summary="spectacles or rings? Drawn pictures, 32x32 pixels, a first classifier of images",
    # Chosen on the validation split, never on the test drawings: docs/recipes.md says how
    defaults=Settings(
        epochs=10, batch_size=64, lr=0.1, momentum=0.9, weight_decay=1e-4, hidden=12, schedule="one-cycle",
        model="lenet",
    ),
    build=build,
    image=SHAPE,
    models=("lenet", "mlp", "linear"),
    usual={"mlp": {"lr": 0.05, "hidden": 128}, "linear": {"lr": 0.05}},
)  # fmt: skip
