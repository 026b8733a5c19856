"""Is a sentence about a film for or against it? A small transformer that learns words and sentences from nothing."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from .. import nn, random
from ..data import (
    BucketBatchSampler,
    DataLoader,
    DropWords,
    TextDataset,
    TokenDataset,
    WordVocab,
    load_sst2,
    pad_sequences,
    read_text,
)
from ..data.text.sets import CLASSES
from ..models import TransformerClassifier
from ..train import BadFileError, accuracy
from ..train.metrics import Array
from .job import plain
from .parts import optimizer_of
from .recipe import Job, Recipe, Settings

LAYERS = 1
DROPOUT = 0.3  # in the model
UNKNOWN = 0.3  # of the words that are trained on become <unk>


def build(settings: Settings) -> Job:
    """Data, model, loss and optimizer. The seed decides initial weights, the order of sentences and what is dropped."""
    try:
        parts = load_sst2(settings.data_dir)
    except ValueError as error:
        raise BadFileError(str(error)) from None
    return job_of_sentences(settings, parts, CLASSES, WordVocab.build(parts[0].texts))


def job_of_sentences(
    settings: Settings, parts: Sequence[TextDataset], classes: tuple[str, ...], vocab: WordVocab
) -> Job:
    """The job of sentences to train, validate and test with, by these words and classes."""
    train, val, test = (
        TokenDataset([vocab.encode(text) for text in part.texts], part.labels, device=settings.device) for part in parts
    )
    random.manual_seed(settings.seed)
    model = TransformerClassifier(len(vocab), settings.hidden, LAYERS, len(classes), dropout=DROPOUT)
    model.to(settings.device)
    sampler = BucketBatchSampler(train.lengths, settings.batch_size, seed=settings.seed)
    sizes = "{:,} + {:,} + {:,}".format(*(len(part) for part in parts))
    return Job(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=optimizer_of(
            settings.optimizer, model.parameters(), settings.lr, settings.momentum, settings.weight_decay
        ),
        train=DataLoader(train, batch_sampler=sampler, transform=DropWords(UNKNOWN)),
        val=plain(val),
        test=plain(test),
        metrics={"accuracy": accuracy},
        inputs=partial(_inputs, vocab),
        classes=classes,
        notes=(f"{sizes} sentences to train, validate and test with; {len(vocab):,} words",),
        vocab=vocab,
        # what is right is settled when the loss already rises, as the model gets surer of what it has wrong
        monitor=("val_accuracy", "max"),
    )


def _inputs(vocab: WordVocab, path: Path) -> Array:
    """The sentences in a file, one a line, as ids [n, longest]; BadFileError where there are none."""
    try:
        lines = [vocab.encode(line) for line in read_text(path).splitlines() if line.strip()]
    except ValueError as error:
        raise BadFileError(str(error)) from None
    return np.asarray(pad_sequences(lines, vocab.pad_id).data)


RECIPE = Recipe(
    name="sentiment",
    summary="is a sentence about a film for or against it? A small transformer, from nothing",
    # Chosen on the validation sentences, never on the test sentences: docs/recipes.md says how
    defaults=Settings(
        epochs=4, batch_size=32, lr=2e-3, momentum=0.0, weight_decay=0.05, hidden=64, schedule="one-cycle",
        model="transformer", optimizer="adamw",
    ),
    build=build,
    own=("data_dir",),
    models=("transformer",),
)  # fmt: skip
