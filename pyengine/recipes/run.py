"""One run of a recipe, from settings to a folder of results."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..train import Callback, Trainer, environment, run_folder
from .recipe import Recipe, Settings


@dataclass(frozen=True)
class Result:
    """What a run came to: the content of metrics.json, and the folder."""

    metrics: dict[str, Any]
    folder: Path


def run(recipe: Recipe, settings: Settings, out: Path | None = None, callbacks: Sequence[Callback] = ()) -> Result:
    """Build, train, test with the weights of the best epoch, write the run folder.

    `out` as in `run_folder.claim`. A run stopped by Ctrl-C is tested and written too, and says so under "stopped".
    """
    start = time.perf_counter()
    job = recipe.build(settings)
    folder = run_folder.claim(out, recipe.name)
    config = {"recipe": recipe.name, "settings": asdict(settings)}
    run_folder.write_config(folder, config)

    trainer = Trainer(job.model, job.loss_fn, job.optimizer, metrics=job.metrics, callbacks=callbacks)
    trainer.fit(job.train, job.val, settings.epochs)
    if trainer.best is not None:
        trainer.restore_best()
    test = {f"test_{name}": value for name, value in trainer.evaluate(job.test, "test").items()}
    metrics = test | summary(trainer, settings) | {"wall_seconds": time.perf_counter() - start}
    run_folder.write_run(folder, job.model.state_dict(), config, metrics, title(recipe, test))
    return Result(metrics, folder)


def summary(trainer: Trainer, settings: Settings) -> dict[str, Any]:
    """What metrics.json says besides the test figures and the time."""
    seconds = sum(row["seconds"] for row in trainer.history)
    samples = sum(row["seconds"] * row["samples_per_second"] for row in trainer.history)
    return {
        "best_epoch": trainer.best.epoch if trainer.best else None,
        "epochs": trainer.epoch,
        "steps": trainer.step,
        "stopped": trainer.stopped,
        "seed": settings.seed,
        "device": settings.device,
        **environment.describe(),
        "samples_per_second": samples / seconds if seconds else None,
        "history": trainer.history,
    }


def title(recipe: Recipe, test: dict[str, float]) -> str:
    """A line that says what was learned and how well."""
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in test.items())
    return f"{recipe.name} · {figures}"
