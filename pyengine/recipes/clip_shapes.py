"""Pictures of shapes and their captions meet in one space: each picture finds its own among 360 captions."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from .. import nn, random
from ..autograd import no_grad
from ..backend import Array
from ..data import WordVocab, pad_sequences
from ..data.pixels import PixelDataset
from ..data.sampling import Indices
from ..data.shapes import CAPTIONS, draw_shapes
from ..models import CLIP, TransformerClassifier
from ..tensor import Tensor
from ..train import BadFileError
from ..train.pictures import Gallery
from .job import plain, training
from .parts import optimizer_of
from .recipe import Job, Recipe, Settings

SIDE = 24
SIZES = (4000, 500)  # to train and to validate with; to test with, one picture of each caption
SHOWN = 32


class Captioned:
    """Pictures with the ids of their captions: a batch is (images [n, 3, side, side], ids [n, tokens])."""

    def __init__(self, images: Array, captions: Array, device: str) -> None:
        self.pictures = PixelDataset(images, np.arange(len(images)), flatten=False, device=device)
        self.captions = Tensor(captions, device=device)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.pictures[index][0], self.captions[index]

    def gather(self, indices: Indices) -> tuple[Tensor, Tensor]:
        """The samples of these numbers as one batch."""
        return self.pictures.gather(indices)[0], self.captions[indices]


def build(settings: Settings) -> Job:
    """Data, model, loss and optimizer. The seed decides the drawings, initial weights and the order of pictures."""
    vocab = WordVocab.build(CAPTIONS)
    ids = np.asarray(pad_sequences([vocab.encode(caption) for caption in CAPTIONS], vocab.pad_id).data)
    images, numbers = draw_shapes(sum(SIZES), settings.seed, SIDE)
    tested, each = draw_shapes(len(CAPTIONS), settings.seed + 1, SIDE, each=True)
    end = SIZES[0]
    train, val, test = (
        Captioned(pictures, ids[which], settings.device)
        for pictures, which in ((images[:end], numbers[:end]), (images[end:], numbers[end:]), (tested, each))
    )
    random.manual_seed(settings.seed)
    model = model_of(settings.hidden, len(vocab)).to(settings.device)
    return Job(
        model=model,
        loss_fn=partial(_loss, model),
        optimizer=optimizer_of(
            settings.optimizer, model.parameters(), settings.lr, settings.momentum, settings.weight_decay
        ),
        train=training(train, settings),
        val=plain(val),
        test=plain(test),
        metrics={"recall_at_1": partial(recall_at_1, model)},
        inputs=_no_inputs,
        notes=("{:,} + {:,} pictures to train and validate with, one of each of {} captions to test with".format(
            *SIZES, len(CAPTIONS)),),
        gallery=partial(_gallery, model, test),
        vocab=vocab,
        monitor=("val_recall_at_1", "max"),
    )  # fmt: skip


def model_of(width: int, words: int) -> CLIP:
    """Three convolutions for pictures, one layer of a transformer for captions, both to `width` numbers."""
    left = SIDE // 8
    pictures = nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(64 * left * left, width),
    )  # fmt: skip
    captions = TransformerClassifier(words, width, 1, width, num_heads=1, dropout=0.0, max_length=len(CAPTIONS[0]))
    return CLIP(pictures, captions)


def _loss(model: CLIP, found: Tensor, ids: Tensor) -> Tensor:
    loss: Tensor = model.loss(found, model.encode_text(ids))
    return loss


def recall_at_1(model: CLIP, found: Array, ids: Array) -> float:
    """The share of pictures whose nearest caption, among those of all pictures given, is their own."""
    nearest = _nearest(model, found, ids)
    return float((ids[nearest] == ids).all(axis=1).mean())


def _nearest(model: CLIP, found: Array, ids: Array) -> Array:
    with no_grad():
        captions = model.encode_text(Tensor(ids, device=model.loss.logit_scale.device)).numpy()
    nearest: Array = (found @ captions.T).argmax(axis=1)
    return nearest


def _gallery(model: CLIP, test: Captioned) -> Mapping[str, Gallery]:
    """Some test pictures, each with the caption that it finds; where that is not its own, both."""
    model.eval()
    images, ids = test.gather(np.arange(len(test)))
    with no_grad():
        nearest = _nearest(model, model(images).numpy(), ids.numpy())
    every = len(test) // SHOWN
    shown = [i for i in range(len(test)) if nearest[i] != i] + list(range(0, len(test), every))
    shown = sorted(shown[:SHOWN])
    titles = [_broken(CAPTIONS[nearest[i]]) + ("" if nearest[i] == i else "\nWRONG") for i in shown]
    return {"retrieval.png": ([images[i].numpy() for i in shown], titles)}


def _broken(caption: str) -> str:
    words = caption.split()
    return " ".join(words[:3]) + "\n" + words[3] + "\n" + " ".join(words[4:])


def _no_inputs(path: Path) -> Array:
    raise BadFileError("clip-shapes finds captions for its own drawings; see retrieval.png in the run folder")


RECIPE = Recipe(
    name="clip-shapes",
    summary="pictures of shapes and their captions meet in one space: each finds its own",
    defaults=Settings(
        epochs=10, batch_size=64, lr=2e-3, momentum=0.0, weight_decay=1e-4, hidden=64, schedule="one-cycle",
        model="clip", optimizer="adamw",
    ),
    build=build,
    models=("clip",),
)  # fmt: skip
