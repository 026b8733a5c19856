"""Looking at runs that are done: measuring them again, using them, comparing them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ..autograd import no_grad
from ..tensor import Tensor
from ..train import BadFileError, Trainer, confusion_matrix, run_folder
from ..train.metrics import Array
from ..train.tensor_file import read_tensors
from .config import read_config
from .recipe import Job, Recipe, Settings
from .run import trainer_of

PARTS = ("test", "val", "train")


@dataclass(frozen=True)
class Run:
    """A run folder, read: recipe and settings, and the content of metrics.json."""

    folder: Path
    recipe: Recipe
    settings: Settings
    metrics: dict[str, Any]

    @property
    def tests(self) -> dict[str, float]:
        """The figures on the test data, by their names without "test_"."""
        return {key.removeprefix("test_"): value for key, value in self.metrics.items() if key.startswith("test_")}

    @property
    def best_row(self) -> dict[str, Any]:
        """The best epoch's line of the history; empty where no epoch was finished."""
        best = self.metrics["best_epoch"]
        return next((row for row in self.metrics["history"] if row["epoch"] == best), {})


def read_run(folder: Path, recipes: dict[str, Recipe]) -> Run:
    """The run in `folder`; BadFileError or OSError where it cannot be read."""
    recipe, settings = read_config(folder, recipes)
    path = folder / run_folder.METRICS
    try:
        metrics = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadFileError(f"{path}: not JSON ({error})") from None
    if not isinstance(metrics, dict) or not isinstance(metrics.get("history"), list) or "best_epoch" not in metrics:
        raise BadFileError(f"{path}: not the figures of a run")
    return Run(folder, recipe, settings, metrics)


def load_job(folder: Path, recipes: dict[str, Recipe], device: str | None = None) -> tuple[Recipe, Settings, Job]:
    """The job of the run in `folder`, with its data, and its model with the weights that it learned."""
    recipe, settings = read_config(folder, recipes)
    settings = settings if device is None else settings.changed(device=device)
    job = recipe.build(settings)
    path = folder / run_folder.WEIGHTS
    weights, _ = read_tensors(path)
    try:
        job.model.load_state_dict(weights)
    except RuntimeError as error:
        raise BadFileError(f"{path}: not the weights of this run ({error})") from None
    return recipe, settings, job


def evaluate(job: Job, settings: Settings, part: str = "test") -> tuple[dict[str, float], Array | None]:
    """Loss and metrics on one part of the data; for a classifier also the table of what was taken for what."""
    loader = {"test": job.test, "val": job.val, "train": job.train}[part]
    tables = []

    def keep_table(outputs: Array, targets: Array) -> float:
        tables.append(confusion_matrix(outputs, targets))
        return 0.0

    trainer: Trainer = trainer_of(job, settings)
    if job.classes:
        trainer.metrics["table"] = keep_table
    figures = trainer.evaluate(loader, part)
    figures.pop("table", None)
    return figures, tables[0] if tables else None


def predict(recipe: Recipe, job: Job, samples: Array, device: str) -> Array:
    """The model's answers for raw samples: probabilities [n, classes] of a classifier, else its outputs."""
    inputs = Tensor(recipe.prepare(samples), device=device)
    job.model.eval()
    with no_grad():
        outputs: Tensor = job.model(inputs)
        return (outputs.softmax() if job.classes else outputs).numpy()


def read_samples(path: Path) -> Array:
    """The numbers in a file, one sample per row: .npy, .npz (its array `images` or `x`, or its only one), or text.

    Text is numbers separated by commas, tabs or blanks; a first line of names is passed over.
    BadFileError where it is none of these, OSError where it cannot be read.
    """
    try:
        if path.suffix == ".npy":
            array = np.load(path, allow_pickle=False)
        elif path.suffix == ".npz":
            array = _from_archive(path)
        else:
            array = _from_text(path)
    except (ValueError, EOFError, BadZipFile) as error:
        raise BadFileError(f"{path}: {error}") from None
    if array.dtype.kind not in "uifb" or array.size == 0:
        raise BadFileError(f"{path}: no numbers in it, but {array.dtype}{list(array.shape)}")
    return array


def _from_archive(path: Path) -> Array:
    with np.load(path, allow_pickle=False) as arrays:
        names = list(arrays)
        chosen = next((name for name in ("images", "x") if name in names), None)
        if chosen is None and len(names) == 1:
            chosen = names[0]
        if chosen is None:
            raise ValueError(f"which array? It has {', '.join(names)}; name the samples images or x")
        array: Array = arrays[chosen]
        return array


def _from_text(path: Path) -> Array:
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    rows = [line.replace(",", " ").replace(";", " ").split() for line in lines]
    if rows and not _is_number(rows[0][0]):
        rows = rows[1:]
    if not rows:
        raise ValueError("no numbers in it")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise ValueError(f"row {number} has {len(row)} values, the first has {len(rows[0])}")
    return np.array(rows, np.float64)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def differing(runs: Sequence[Run]) -> list[str]:
    """The names of the settings that are not the same in all runs."""
    names = list(vars(runs[0].settings))
    return [name for name in names if len({getattr(run.settings, name) for run in runs}) > 1]


def labels(runs: Sequence[Run]) -> list[str]:
    """What to call each run in a picture: its differing settings where they tell all runs apart, else its folder."""
    names = differing(runs)
    told = [", ".join(f"{name}={getattr(run.settings, name)}".replace("_", " ") for name in names) for run in runs]
    return told if len(set(told)) == len(runs) else [str(run.folder) for run in runs]
