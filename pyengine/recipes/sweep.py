"""Choosing settings: every combination of values is trained and ranked on validation data; test data stay unseen."""

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..train import Callback
from .recipe import Recipe, Settings
from .run import trainer_of

Trial = dict[str, Any]


def combinations(values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every way to pick one value for each name, in the order of the lists.

    >>> combinations({"lr": [0.1, 0.2], "hidden": [64]})
    [{'lr': 0.1, 'hidden': 64}, {'lr': 0.2, 'hidden': 64}]
    """
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def sweep(
    recipe: Recipe,
    base: Settings,
    values: Mapping[str, Sequence[Any]],
    seeds: Sequence[int],
    callbacks: Sequence[Callback] = (),
    done: Callable[[Trial], None] = lambda trial: None,
) -> list[Trial]:
    """Train every combination of `values` once for each seed, and rank by the mean validation loss of the best epochs.

    A trial has the changed settings under "changed", all of them under "settings", and as means over the seeds each
    val_<name> of the best epoch and best_epoch; "losses" has the loss of each seed. As a seed's data are the same for
    all trials, compare two of them seed by seed. One that diverged ranks last and says why under "failed". `done` hears
    of each trial as it ends. Ctrl-C ends the sweep with the trials that are complete.
    """
    trials = []
    for changed in combinations(values):
        trial = _trial(recipe, recipe.settings(changed, base), seeds, callbacks)
        if trial is None:
            break
        trials.append({"changed": changed, **trial})
        done(trials[-1])
    return sorted(trials, key=lambda trial: (trial["failed"] is not None, trial.get("val_loss", 0.0)))


def _trial(
    recipe: Recipe, settings: Settings, seeds: Sequence[int], callbacks: Sequence[Callback]
) -> dict[str, Any] | None:
    """The figures of one combination; None where it was interrupted."""
    bests = []
    fixed = {name: value for name, value in asdict(settings).items() if name != "seed"}
    for seed in seeds:
        seeded = settings.changed(seed=seed)
        job = recipe.build(seeded)
        trainer = trainer_of(job, seeded, callbacks)
        try:
            trainer.fit(job.train, job.val, seeded.epochs)
        except FloatingPointError as error:
            return {"settings": fixed, "failed": f"seed {seed}: {error}"}
        if trainer.interrupted or trainer.best is None:
            return None
        bests.append(trainer.history[trainer.best.epoch - 1])
    figures = {key: statistics.fmean(row[key] for row in bests) for key in bests[0] if key.startswith("val_")}
    epochs = statistics.fmean(row["epoch"] for row in bests)
    losses = [row["val_loss"] for row in bests]
    return {"settings": fixed, "failed": None, **figures, "best_epoch": epochs, "losses": losses}
