"""One run of a recipe, from settings to a folder of results."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..backend import device
from ..train import Callback, Checkpoints, EarlyStopping, Schedule, Trainer, checkpoint, environment, run_folder
from .config import check_data, config_of, what_stays
from .pictures import draw_all, tested
from .recipe import Job, Recipe, Settings
from .schedules import schedule_of


@dataclass(frozen=True)
class Result:
    """What a run came to: the content of metrics.json, the folder, and whether Ctrl-C ended it."""

    metrics: dict[str, Any]
    folder: Path
    interrupted: bool = False


def run(
    recipe: Recipe,
    settings: Settings,
    out: Path | None = None,
    callbacks: Sequence[Callback] = (),
    save_every: int | None = None,
    resume: bool = False,
    started: Callable[[Job], None] = lambda job: None,
    capture: bool | None = None,
) -> Result:
    """Build, train, test with the weights of the best epoch, write the run folder.

    out         as in `run_folder.claim`
    save_every  steps between checkpoints; without it only Ctrl-C leaves one
    resume      go on with the run in `out`, from its last checkpoint; start it where there is none yet
    started     hears of the job before the training begins
    capture     as in `Trainer`; None: wherever the device has native kernels
    A run stopped by Ctrl-C is tested and written too, and says so under "stopped".
    """
    start = time.perf_counter()
    job = recipe.build(settings)
    folder, point = reopen(out, recipe) if resume and out else (run_folder.claim(out, stem(recipe)), None)
    config = config_of(recipe, settings, job.checksum)
    if resume and (folder / run_folder.CONFIG).exists():
        check_data(folder, settings, job.checksum)
    with run_folder.held(folder):
        checkpoints = Checkpoints(folder / run_folder.CHECKPOINTS, save_every, what_stays(config))
        trainer = trainer_of(job, settings, [*callbacks, checkpoints], capture)
        if point is not None:
            checkpoint.resume(trainer, point, checkpoints.config)
        run_folder.write_config(folder, config)
        if job.vocab is not None:
            job.vocab.save(folder / run_folder.VOCAB)
        started(job)
        resumed_from = trainer.step if point is not None else None
        trainer.fit(job.train, job.val, settings.epochs)
        if trainer.best is not None:
            trainer.restore_best()
        figures, mistakes = tested(trainer, job)
        test = {f"test_{name}": value for name, value in figures.items()}
        times = {"resumed_from_step": resumed_from, "wall_seconds": time.perf_counter() - start}
        metrics = test | summary(trainer, settings) | times | {"history": trainer.history}
        headline = title(recipe, test)
        pictures = partial(draw_all, job, mistakes, headline, trainer.history)
        run_folder.write_run(folder, job.model.state_dict(), config, metrics, headline, pictures)
    return Result(metrics, folder, trainer.interrupted)


def reopen(out: Path, recipe: Recipe) -> tuple[Path, Path | None]:
    """The folder to go on in, and its last checkpoint; FileExistsError where a run ended that left none."""
    points = checkpoint.steps(out / run_folder.CHECKPOINTS)
    if points:
        return out, points[-1]
    if (out / run_folder.METRICS).exists():
        raise FileExistsError(f"{out} holds a finished run without checkpoints: there is nothing to resume")
    if (out / run_folder.CONFIG).exists():
        return out, None
    return run_folder.claim(out, recipe.name), None


def stem(recipe: Recipe) -> str:
    """What the names of folders begin with."""
    return recipe.name if recipe.plan is None else f"finetune-{recipe.name}"


def trainer_of(
    job: Job, settings: Settings, callbacks: Sequence[Callback] = (), capture: bool | None = None
) -> Trainer:
    """The trainer of a recipe's job; `callbacks` come last, `capture` as in `run`."""
    if capture is None:
        capture = device(settings.device).module is not None
    own: list[Callback] = []
    steps = settings.epochs * len(job.train)
    cycle = settings.momentum > 0 or "betas" in job.optimizer.param_groups[0]
    schedule = schedule_of(settings.schedule, job.optimizer, settings.lr, steps, cycle)
    if schedule is not None:
        own.append(Schedule(schedule, each="step"))
    if settings.patience is not None:
        own.append(EarlyStopping(settings.patience))
    monitor, mode = job.monitor
    return Trainer(
        job.model, job.loss_fn, job.optimizer, metrics=job.metrics, callbacks=[*own, *job.callbacks, *callbacks],
        monitor=monitor, mode=mode, capture=capture,
    )  # fmt: skip


def summary(trainer: Trainer, settings: Settings) -> dict[str, Any]:
    """What metrics.json says besides the test figures and the times of this process."""
    seconds = sum(row["seconds"] for row in trainer.history)
    samples = sum(row["seconds"] * row["samples_per_second"] for row in trainer.history)
    return {
        "best_epoch": trainer.best.epoch if trainer.best else None,
        "monitor": trainer.monitor,
        "epochs": trainer.epoch,
        "steps": trainer.step,
        "stopped": trainer.stopped,
        "seed": settings.seed,
        "device": settings.device,
        **environment.describe(),
        "samples_per_second": samples / seconds if seconds else None,
    }


def title(recipe: Recipe, test: dict[str, float]) -> str:
    """A line that says what was learned and how well."""
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in test.items())
    how = "" if recipe.plan is None else ", from scratch" if recipe.plan.scratch else ", fine-tuned"
    return f"{recipe.name}{how} · {figures}"
