"""A recipe that goes on from the model of a run, on other data: the same body, and a head that begins anew."""

import math
import zlib
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import random
from ..data import (
    CharVocab,
    PixelDataset,
    Splits,
    Subset,
    TensorDataset,
    TextDataset,
    TokenWindows,
    Vocab,
    load_and_split_dataset,
    load_sst2,
    load_tiny_shakespeare,
    load_vocab,
    random_split,
    read_text,
)
from ..data.archives import is_archive
from ..data.download import DownloadError
from ..data.image_files import with_channels
from ..data.text.files import holds_texts
from ..data.text.sets import CLASSES
from ..data.transforms import Normalize, channel_mean_std
from ..train import BadFileError, run_folder, transfer
from ..train.metrics import Array
from .job import IMAGE, for_model, job_of, training
from .next_word import CORPUS
from .parts import RESNETS
from .recipe import Job, Plan, Recipe, Settings
from .samples import read_pixels, read_samples
from .sentiment import job_of_sentences
from .shakespeare import job_of_windows
from .tables import read_rows

SPLIT = (0.70, 0.15, 0.15)
TEXT_SPLIT = (0.8, 0.9)  # of a text, where what validates begins, and what is tested with
# The layer of each model that says which class or value it is; a model that writes has its tokens' rows instead
HEADS: dict[str, tuple[str, ...]] = {
    "mlp": ("2.*",), "lenet": ("classifier.5.*",), **dict.fromkeys(RESNETS, ("fc.*",)), "lstm": ("head.*",),
    "transformer": ("classifier.*",), "gpt": (),
}  # fmt: skip
TOKENS = {"transformer": "embedding.weight", "gpt": "wte.weight"}  # rows by token, which new tokens add to


def continued(
    recipe: Recipe, plan: Plan, recipes: Mapping[str, Recipe], folder: Path, weights: Mapping[str, Any] | None = None
) -> Recipe:
    """The recipe of a run that goes on from one of `recipe`, by `plan`.

    folder   has the vocabulary of a model of texts
    weights  what it begins with; None: its model is as random as from scratch, to be filled by whoever reads the run
    """
    build = partial(_build, recipe, plan, recipes, folder, weights)
    return replace(recipe, build=build, own=("data_dir", "data", "target"), needs=(), plan=plan)


def _build(
    recipe: Recipe,
    plan: Plan,
    recipes: Mapping[str, Recipe],
    folder: Path,
    weights: Mapping[str, Any] | None,
    settings: Settings,
) -> Job:
    """Data as the plan says, the model of the run. The seed decides split, share, new weights and order of samples."""
    source = None if plan.on is None else recipes[plan.on]
    name = plan.on or settings.data
    if source is not None and source.needs:
        raise BadFileError(f"{name} has no data of its own; name the file itself")
    if source is not None and settings.model not in source.models:
        which = ", ".join(source.models)
        raise BadFileError(f"{name} is not for the model {settings.model} of {plan.run}; it goes with {which}")
    if source is not None and settings.data_dir is not None and "data_dir" not in source.own:
        raise BadFileError(f"{name} comes with the package or is drawn; --data-dir means nothing to it")
    try:
        if recipe.language is not None:
            job = _of_text(recipe, plan, folder, settings)
        elif settings.model in TOKENS:
            job = _of_sentences(plan, folder, settings)
        else:
            job = _of_file(recipe, settings) if source is None else source.build(settings)
            job = _share(job, settings, plan.fraction)
    except BadFileError:
        raise
    except (KeyError, ValueError, DownloadError, ModuleNotFoundError) as error:
        text = str(error.args[0]).removeprefix("load_and_split_dataset: ")
        raise BadFileError(text if str(name) in text else f"{name}: {text}") from None
    job = replace(job, checksum=_checksum(Path(settings.data)) if settings.data else None)
    return job if weights is None else _begin(job, settings, plan, weights)


def _begin(job: Job, settings: Settings, plan: Plan, weights: Mapping[str, Any]) -> Job:
    """Give the model the body of the run."""
    rows, added = TOKENS.get(settings.model), 0
    if rows is not None and rows in weights:  # tokens that the run did not know begin as random as in a new model
        known, own = weights[rows], job.model.state_dict()[rows].cpu().numpy()
        weights = {**weights, rows: np.concatenate([known, own[len(known) :]])}
        added = len(own) - len(known)
    _check_shapes(job, settings, plan, weights)
    try:
        anew = () if plan.keep_head else HEADS[settings.model]
        done = transfer(job.model, weights, replace=anew, frozen=plan.freeze)
    except ValueError as error:
        raise BadFileError(f"--{error}") from None
    except RuntimeError as error:
        raise BadFileError(f"{plan.run}: not the weights of this run ({error})") from None
    if len(done.frozen) == sum(1 for _ in job.model.named_parameters()):
        raise BadFileError(f"--freeze {' '.join(plan.freeze)} freezes all parameters, so nothing would be learned")
    fresh = ", ".join([*done.fresh, *([f"{added:,} rows of {rows}"] if added else [])]) or "nothing"
    note = f"{len(done.loaded)} tensors go on from {plan.run}; anew: {fresh}"
    frozen = (f"frozen: {', '.join(done.frozen)}",) if done.frozen else ()
    return replace(job, notes=(*job.notes, note, *frozen))


def _check_shapes(job: Job, settings: Settings, plan: Plan, weights: Mapping[str, Any]) -> None:
    """BadFileError where the body does not fit the samples, or a head that is to be kept the classes."""
    patterns, name = HEADS[settings.model], plan.on or settings.data
    for key, tensor in job.model.state_dict().items():
        there, head = np.shape(weights.get(key, tensor)), any(fnmatchcase(key, pattern) for pattern in patterns)
        if there == tensor.shape or (head and not plan.keep_head):
            continue
        differ = f"{key} is {there} there, and {name} needs {tensor.shape}"
        if head:
            raise BadFileError(f"the head of {plan.run} cannot be kept: {differ}; leave out --keep-head")
        raise BadFileError(
            f"the body of {plan.run} does not fit: {differ}; its samples must have the size of those that the run was "
            f"trained on"
        )


# --- samples: images, tables, series


def _of_file(recipe: Recipe, settings: Settings) -> Job:
    """The job of a file or folder of images, of a table, or of arrays."""
    path = Path(settings.data or "")
    if path.is_dir() and holds_texts(path):
        raise ValueError(f"it holds texts, which the model {settings.model} does not read")
    size = (recipe.image[1], recipe.image[2]) if recipe.image and (path.is_dir() or is_archive(path)) else None
    splits = load_and_split_dataset(
        path, SPLIT, settings.target, settings.seed, scale_target=True, flatten=False, size=size
    )  # fmt: skip
    if splits.kind == "text":
        raise ValueError(f"it holds texts, which the model {settings.model} does not read")
    parts, shape, read = _samples(splits, recipe, settings)
    if settings.model not in ("mlp", "lstm") and len(shape) != IMAGE:
        raise ValueError(f"its samples are {list(shape)}, and the model {settings.model} reads images")
    if settings.model == "lstm" and (len(shape) != 1 or splits.classes):
        raise ValueError("the model lstm reads windows of a series [steps], each with the value that comes next")
    scale = [Normalize(*channel_mean_std(parts[0]))] if recipe.normalize and len(shape) == IMAGE else []
    sizes = " + ".join(f"{len(part):,}" for part in parts)
    notes = (f"{path.name}: {sizes} samples to train, validate and test with", *splits.notes[:2])
    return job_of(
        settings, parts, shape, read, splits.classes, splits.target_scale, notes, transform=for_model(settings, *scale)
    )


def _samples(splits: Splits, recipe: Recipe, settings: Settings) -> tuple[list[Subset], tuple[int, ...], Any]:
    """The parts on the settings' device, the shape of a sample, and what reads further ones."""
    whole: Any = splits[0].dataset
    if isinstance(whole, PixelDataset):
        channels = recipe.image[0] if recipe.image else whole.images.shape[1]
        images = with_channels(whole.images, channels)
        white = int(whole.white)
        whole = PixelDataset(images, whole.labels, False, white, settings.device, splits.classes)
        shape = images.shape[1:]
        read: Any = partial(read_pixels, shape=shape, ink=white)
    else:
        whole = TensorDataset(*(tensor.to(settings.device) for tensor in whole.tensors))
        shape = whole.tensors[0].shape[1:]
        read = read_samples if splits.encoder is None else partial(read_rows, splits.encoder)
    return [Subset(whole, part.indices) for part in splits], tuple(shape), read


def _share(job: Job, settings: Settings, fraction: float) -> Job:
    """The job with a share of the training data, drawn by the seed; the rest of them is not used."""
    whole = job.train.dataset
    count = _count(len(whole), fraction)
    if count == len(whole):
        return job
    part = random_split(whole, [count, len(whole) - count], seed=settings.seed)[0]
    note = f"{count:,} of the {len(whole):,} samples to train with are used"
    return replace(job, train=training(part, settings, job.train.transform), notes=(*job.notes, note))


def _count(length: int, fraction: float) -> int:
    return max(1, math.floor(length * fraction + 0.5))


# --- sentences


def _of_sentences(plan: Plan, folder: Path, settings: Settings) -> Job:
    """The job of texts with labels; words that the run did not know are added to its vocabulary."""
    classes: tuple[str, ...] = CLASSES
    if plan.on is not None:
        parts = list(load_sst2(settings.data_dir))
    else:
        path = Path(settings.data or "")
        splits = load_and_split_dataset(path, SPLIT, settings.target, settings.seed, tokenize=False)
        if splits.kind != "text":
            raise ValueError(f"it holds no texts ({splits.kind}), and the model of {plan.run} reads sentences")
        parts, classes = [_chosen(splits[0].dataset, part.indices) for part in splits], splits.classes
    sizes = " + ".join(f"{len(part):,}" for part in parts)
    count = _count(len(parts[0]), plan.fraction)
    if count < len(parts[0]):
        first = random_split(parts[0], [count, len(parts[0]) - count], seed=settings.seed)[0]
        parts[0] = _chosen(parts[0], first.indices)
    before: Any = load_vocab(folder / run_folder.VOCAB)
    vocab = _joined(before, type(before).build(parts[0].texts))
    job = job_of_sentences(settings, parts, classes, vocab)
    notes = (f"{sizes} sentences to train, validate and test with; {count:,} are trained on", _words(before, vocab))
    return replace(job, notes=notes)


def _chosen(texts: Any, indices: Array) -> TextDataset:
    return TextDataset([texts.texts[i] for i in indices], [texts.labels[i] for i in indices])


def _joined(vocab: Vocab, further: Vocab) -> Any:
    """The vocabulary, then the tokens that only the other one has."""
    return type(vocab)([*vocab.tokens, *(token for token in further.tokens if token not in vocab)])


def _words(before: Vocab, vocab: Vocab) -> str:
    return f"{len(before):,} {before.kind} are known, {len(vocab) - len(before):,} are new"


# --- running text


def _of_text(recipe: Recipe, plan: Plan, folder: Path, settings: Settings) -> Job:
    """The job of running text: its beginning to train with, then what validates, then what is tested with."""
    if settings.data is not None:
        text = read_text(settings.data)
    else:
        text = read_text(CORPUS) if plan.on == "next-word" else "".join(load_tiny_shakespeare(settings.data_dir))
    ends = [round(len(text) * share) for share in TEXT_SPLIT]
    train = text[: _count(ends[0], plan.fraction)]
    before: Any = load_vocab(folder / run_folder.VOCAB)
    # characters cannot be unknown, words can: those of the held-out text are not looked at
    vocab = _joined(before, type(before).build(text if isinstance(before, CharVocab) else train))
    random.manual_seed(settings.seed)
    model: Any = recipe.language(settings, vocab) if recipe.language is not None else None
    parts = (train, text[ends[0] : ends[1]], text[ends[1] :])
    context = model.n_positions
    windows = [
        TokenWindows(vocab.encode(part), context, stride, settings.device)
        for part, stride in zip(parts, (1, context, context), strict=True)
    ]
    counts = " + ".join(f"{len(part):,}" for part in parts)
    notes = (f"{counts} characters of text to train, validate and test with", _words(before, vocab))
    return job_of_windows(settings, model, windows, vocab, notes)


def _checksum(path: Path) -> str:
    """Of a file's bytes; of a folder's names and sizes, as there may be many."""
    if path.is_dir():
        found = sorted((p.relative_to(path).as_posix(), p.stat().st_size) for p in path.rglob("*") if p.is_file())
        return f"{zlib.crc32(repr(found).encode()):08x}"
    return f"{zlib.crc32(path.read_bytes()):08x}"
