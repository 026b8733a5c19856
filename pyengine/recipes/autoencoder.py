"""Digits squeezed through a code of a few numbers and drawn again: a convolutional autoencoder, or a VAE."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import random
from ..autograd import no_grad
from ..data.collate import fetch
from ..data.dataset import check_index
from ..data.sampling import Indices
from ..models import VAE, reconstruction_loss, vae_loss
from ..nn import Module
from ..nn.functional import binary_cross_entropy_with_logits
from ..random import Generator
from ..tensor import Tensor
from ..train.metrics import Array
from ..train.pictures import Gallery
from .job import plain, training
from .mnist import SHAPE, WHITE, splits_of
from .parts import FLAT, model_of, optimizer_of
from .recipe import Job, Recipe, Settings
from .samples import read_pixels

PAIRS, SAMPLES = 16, 32  # pictures in the run folder


class ToItself:
    """The samples of a data set of (image, label) as (image, image): what goes in is what should come out."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        check_index(self, index)
        image = self.dataset[index][0]
        return image, image

    def gather(self, indices: Indices) -> tuple[Tensor, Tensor]:
        """The samples of these numbers as one batch."""
        images = fetch(self.dataset, indices)[0]
        return images, images


def build(settings: Settings) -> Job:
    """Data, model, loss and optimizer. The seed decides what validates, initial weights, order and drawn codes."""
    train, val, test = splits_of(settings)
    random.manual_seed(settings.seed)
    model = model_of(settings.model, SHAPE, settings.hidden, 0)
    model.to(settings.device)
    optimizer = optimizer_of(
        settings.optimizer, model.parameters(), settings.lr, settings.momentum, settings.weight_decay
    )
    testing = ToItself(test)
    return Job(
        model=model,
        loss_fn=vae_loss if isinstance(model, VAE) else reconstruction_loss,
        optimizer=optimizer,
        train=training(ToItself(train), settings),
        val=plain(ToItself(val)),
        test=plain(testing),
        metrics={},
        inputs=partial(_inputs, settings.model in FLAT),
        image=SHAPE,
        answer=_nats,
        gallery=partial(_gallery, model, testing),
    )


def _inputs(flat: bool, path: Path) -> Array:
    images = read_pixels(path, SHAPE, WHITE)
    return images.reshape(len(images), -1) if flat else images


def _nats(images: Tensor, outputs: Any) -> Array:
    """How badly each image is drawn again, [n, 1]: large for what is no digit."""
    logits = outputs[0] if isinstance(outputs, tuple) else outputs
    losses = binary_cross_entropy_with_logits(logits, images, reduction="none").numpy()
    return losses.reshape(len(losses), -1).sum(axis=1, keepdims=True)


def _gallery(model: Module, test: ToItself) -> Mapping[str, Gallery]:
    """Test images each above what is left of it; of a variational autoencoder digits that nobody wrote, too."""
    model.eval()
    images, _ = test.gather(np.arange(min(PAIRS, len(test))))
    with no_grad():
        outputs = model(images)
        drawn = (outputs[0] if isinstance(outputs, tuple) else outputs).sigmoid().numpy()
        pairs = np.concatenate([images.numpy().reshape(-1, *SHAPE), drawn.reshape(-1, *SHAPE)], axis=2)
        pictures: dict[str, Gallery] = {"reconstructions.png": (list(pairs), [""] * len(pairs))}
        if isinstance(model, VAE):
            samples = model.sample(SAMPLES, Generator(0)).numpy().reshape(-1, *SHAPE)
            pictures["samples.png"] = (list(samples), [""] * SAMPLES)
    return pictures


RECIPE = Recipe(
    name="autoencoder",
    summary="MNIST's digits squeezed through a code of a few numbers and drawn again",
    # Chosen on the validation split, never on the test images: docs/recipes.md says how
    defaults=Settings(
        epochs=5, batch_size=128, lr=2e-3, momentum=0.0, weight_decay=0.0, hidden=16, schedule="one-cycle",
        model="autoencoder", optimizer="adam",
    ),
    build=build,
    own=("data_dir",),
    models=("autoencoder", "vae"),
    usual={"vae": {"hidden": 20}},
)  # fmt: skip
