"""CIFAR-10: 60,000 photos, 32x32 pixels in colour, ten classes: a residual network."""

from functools import partial

from ..data import load_cifar10, random_split
from ..data.download import DownloadError
from ..data.transforms import Normalize, RandomCrop, RandomHorizontalFlip, channel_mean_std
from ..train import BadFileError
from .job import for_model, job_of
from .parts import RESNETS
from .recipe import Job, Recipe, Settings
from .samples import read_pixels

SHAPE, WHITE = (3, 32, 32), 255
SPLIT = [0.9, 0.1]  # of the 50,000 photos to train with: 45,000 and 5,000, as in the residual networks' paper
BORDER = 4  # pixels around a photo from which it is cropped again


def build(settings: Settings) -> Job:
    """Data, model, loss and optimizer. The seed decides what validates, initial weights, order and augmentation."""
    try:
        photos, test = load_cifar10(settings.data_dir)
    except (ValueError, DownloadError, ModuleNotFoundError) as error:
        raise BadFileError(str(error)) from None
    train, val = random_split(photos.to(settings.device), SPLIT, seed=settings.seed)
    parts = (train, val, test.to(settings.device))
    return job_of(
        settings,
        parts,
        SHAPE,
        partial(read_pixels, shape=SHAPE, ink=WHITE),
        photos.classes,
        transform=for_model(settings, Normalize(*channel_mean_std(train))),
        augment=(RandomCrop(SHAPE[1:], padding=BORDER), RandomHorizontalFlip()),
    )


RECIPE = Recipe(
    name="cifar10",
    summary="photos of ten kinds of things and animals, 32x32 pixels",
    # Chosen on the validation split, never on the test images: docs/recipes.md says how
    defaults=Settings(
        epochs=5, batch_size=128, lr=0.2, momentum=0.9, weight_decay=5e-4, hidden=16, schedule="one-cycle",
        model="resnet20",
    ),
    build=build,
    image=SHAPE,
    normalize=True,
    own=("data_dir",),
    models=(*RESNETS, "lenet", "mlp", "linear"),
    usual={
        "lenet": {"lr": 0.05},
        "mlp": {"lr": 0.05, "hidden": 512},
        "linear": {"lr": 0.01},
    },
)  # fmt: skip
