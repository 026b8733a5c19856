"""Handwritten digits: 1,797 images of 8x8 pixels, ten classes, a multi-layer perceptron with one hidden layer."""

from functools import partial

from ..data import TensorDataset, load_digits, random_split
from .job import job_of
from .recipe import Job, Recipe, Settings
from .samples import read_pixels

SHAPE, INK = (1, 8, 8), 16
SPLIT = [0.70, 0.15, 0.15]


def build(settings: Settings) -> Job:
    """Data, model, loss and optimizer. The seed decides split, initial weights and the order of samples."""
    digits = TensorDataset(*(tensor.to(settings.device) for tensor in load_digits().tensors))
    parts = random_split(digits, SPLIT, seed=settings.seed)
    return job_of(settings, parts, SHAPE, partial(read_pixels, shape=SHAPE, ink=INK), tuple("0123456789"))


RECIPE = Recipe(
    name="digits",
    summary="handwritten digits, 8x8 pixels, ten classes",
    # Chosen on the validation split, never on the test split: docs/recipes.md has the table of the search
    defaults=Settings(epochs=40, batch_size=32, lr=0.2, momentum=0.9, weight_decay=1e-4, hidden=256),
    build=build,
    image=SHAPE,
)
