"""Looking at runs that are done: measuring them again, using them, comparing them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..autograd import no_grad
from ..tensor import Tensor
from ..tensor_file import read_tensors
from ..train import BadFileError, Trainer, confusion_matrix, run_folder
from ..train.metrics import Array
from .config import check_data, read_config
from .job import plain
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


def load_job(
    folder: Path, recipes: dict[str, Recipe], device: str | None = None, data_dir: str | None = None
) -> tuple[Recipe, Settings, Job]:
    """The job of the run in `folder`, with its data, and its model with the weights that it learned.

    device, data_dir  other ones than those it was trained with
    BadFileError or OSError where weights or data cannot be read, or the data have changed.
    """
    recipe, settings = read_config(folder, recipes)
    changes = {"device": device, "data_dir": data_dir}
    settings = recipe.settings({name: value for name, value in changes.items() if value is not None}, settings)
    job = recipe.build(settings)
    check_data(folder, settings, job.checksum)
    path = folder / run_folder.WEIGHTS
    weights, _ = read_tensors(path)
    try:
        job.model.load_state_dict(weights)
    except RuntimeError as error:
        raise BadFileError(f"{path}: not the weights of this run ({error})") from None
    return recipe, settings, job


def evaluate(job: Job, settings: Settings, part: str = "test") -> tuple[dict[str, float], Array | None]:
    """Loss and metrics on one part of the data; for a classifier also the table of what was taken for what."""
    loader = {"test": job.test, "val": job.val, "train": plain(job.train.dataset, job.val.transform)}[part]
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


def predict(job: Job, inputs: Array, device: str) -> Array:
    """The model's answers: probabilities [n, classes] of a classifier, else [n, 1] in the target's units."""
    job.model.eval()
    with no_grad():
        given = Tensor(inputs, device=device)
        outputs = job.model(given)
        if job.answer is not None:
            return job.answer(given, outputs)
        answers = (outputs.softmax() if job.classes else outputs).numpy()
    mean, std = job.scale
    return answers if job.classes else answers * std + mean


def differing(runs: Sequence[Run]) -> list[str]:
    """The names of the settings that are not the same in all runs."""
    names = list(vars(runs[0].settings))
    return [name for name in names if len({getattr(run.settings, name) for run in runs}) > 1]


def labels(runs: Sequence[Run]) -> list[str]:
    """What to call each run in a picture: its differing settings where they tell all runs apart, else its folder."""
    names = differing(runs)
    told = [", ".join(f"{name}={getattr(run.settings, name)}".replace("_", " ") for name in names) for run in runs]
    return told if len(set(told)) == len(runs) else [str(run.folder) for run in runs]
