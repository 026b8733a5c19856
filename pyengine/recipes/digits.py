"""Handwritten digits: 1,797 images of 8x8 pixels, ten classes, a multi-layer perceptron with one hidden layer."""

import numpy as np

from .. import nn, optim, random
from ..data import DataLoader, TensorDataset, load_digits, random_split
from ..train import accuracy
from ..train.metrics import Array
from .recipe import Job, Recipe, Settings

SIDE, INK = 8, 16
PIXELS, CLASSES = SIDE * SIDE, 10
SPLIT = [0.70, 0.15, 0.15]


def build(settings: Settings) -> Job:
    """Data, model, loss and optimizer. The seed decides split, initial weights and the order of samples."""
    digits = TensorDataset(*(tensor.to(settings.device) for tensor in load_digits().tensors))
    train, val, test = random_split(digits, SPLIT, seed=settings.seed)
    random.manual_seed(settings.seed)
    model = nn.Sequential(nn.Linear(PIXELS, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, CLASSES))
    model.to(settings.device)
    optimizer = optim.SGD(
        model.parameters(), lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
    )
    return Job(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        train=DataLoader(train, batch_size=settings.batch_size, shuffle=True, seed=settings.seed),
        val=DataLoader(val, batch_size=256),
        test=DataLoader(test, batch_size=256),
        metrics={"accuracy": accuracy},
        classes=tuple("0123456789"),
    )


def prepare(samples: Array) -> Array:
    """Images of 8x8 pixels with ink from 0 to 16, one or many, flat or not, as the model's inputs: [n, 64], 0 to 1."""
    pixels = np.asarray(samples, np.float32)
    if pixels.shape == (SIDE, SIDE) or (pixels.ndim > 1 and pixels[0].size == PIXELS) or pixels.shape == (PIXELS,):
        pixels = pixels.reshape(-1, PIXELS)
    else:
        raise ValueError(
            f"digits are images of {SIDE}x{SIDE} = {PIXELS} pixels; these samples are {list(pixels.shape)}"
        )
    if not (pixels.min() >= 0 and pixels.max() <= INK):  # false for NaN too
        raise ValueError(f"pixels of digits go from 0 to {INK}; here from {pixels.min():g} to {pixels.max():g}")
    return pixels / np.float32(INK)


RECIPE = Recipe(
    name="digits",
    summary="handwritten digits, 8x8 pixels, ten classes: a multi-layer perceptron",
    # Chosen on the validation split, never on the test split: docs/recipes.md has the table of the search
    defaults=Settings(epochs=40, batch_size=32, lr=0.2, momentum=0.9, weight_decay=1e-4, hidden=256),
    build=build,
    prepare=prepare,
)
