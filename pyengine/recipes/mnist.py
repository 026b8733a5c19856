"""MNIST: 70,000 images of handwritten digits, 28x28 pixels, ten classes: a multi-layer perceptron, or LeNet."""

from functools import partial

from ..data import PixelDataset, Subset, load_mnist, random_split
from ..data.download import DownloadError
from ..train import BadFileError
from .job import job_of
from .parts import FLAT
from .recipe import Job, Recipe, Settings
from .samples import read_pixels

SHAPE, WHITE = (1, 28, 28), 255
SPLIT = [55_000, 5_000]  # of the 60,000 images to train with; the test images are MNIST's own


def splits_of(settings: Settings) -> tuple[Subset, Subset, PixelDataset]:
    """The digits to train with, to validate with and to test with, as the model takes them and on its device."""
    try:
        images, test = load_mnist(settings.data_dir, flatten=settings.model in FLAT)
    except (ValueError, DownloadError) as error:
        raise BadFileError(str(error)) from None
    train, val = random_split(images.to(settings.device), SPLIT, seed=settings.seed)
    return train, val, test.to(settings.device)


def build(settings: Settings) -> Job:
    """Data, model, loss and optimizer. The seed decides what validates, initial weights and the order of samples."""
    parts = splits_of(settings)
    return job_of(settings, parts, SHAPE, partial(read_pixels, shape=SHAPE, ink=WHITE), parts[-1].classes)


RECIPE = Recipe(
    name="mnist",
    summary="MNIST's handwritten digits, 28x28 pixels, ten classes",
    # Chosen on the validation split, never on the test images: docs/recipes.md has the table of the search
    defaults=Settings(
        epochs=15, batch_size=128, lr=0.2, momentum=0.9, weight_decay=1e-4, hidden=512, schedule="one-cycle"
    ),
    build=build,
    image=SHAPE,
    own=("data_dir",),
    models=("mlp", "linear", "lenet"),
    usual={"lenet": {"epochs": 5, "batch_size": 64, "hidden": 16, "lr": 0.05}},
)
