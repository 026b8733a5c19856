"""`pyengine sweep`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pyengine as pe

from .common import (
    INTERRUPTED,
    AsJson,
    DeviceName,
    RecipeName,
    Threads,
    console,
    find_recipe,
    messages,
    output,
    training,
)

if TYPE_CHECKING:
    from ..recipes import Settings

NAME = "sweep.json"
TYPES: dict[str, type] = {
    "epochs": int, "batch_size": int, "lr": float, "momentum": float, "weight_decay": float, "hidden": int,
    "schedule": str,
}  # fmt: skip


def sweep(
    recipe: RecipeName,
    epochs: Annotated[str | None, training("Passes over the training data.")] = None,
    batch_size: Annotated[str | None, training("Samples per step.")] = None,
    lr: Annotated[str | None, training("Learning rates.")] = None,
    momentum: Annotated[str | None, training("Momenta.")] = None,
    weight_decay: Annotated[str | None, training("Weight decays.")] = None,
    hidden: Annotated[str | None, training("Widths of the hidden layer.")] = None,
    schedule: Annotated[str | None, training("Schedules: constant, cosine, warmup-cosine, one-cycle.")] = None,
    seeds: Annotated[str, training("Each combination is trained with each; as 0,1,2 or 0-2.")] = "0",
    device: DeviceName = None,
    threads: Threads = None,
    out: Annotated[Path | None, output("Folder for sweep.json; else runs/sweep-RECIPE-DATE-TIME.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train every combination of values, and rank them on validation data.

    Give each setting one value or several with commas: pyengine sweep digits --lr 0.1,0.3 --hidden 64,128. Test data
    are not looked at: choose here, then test once with pyengine train. sweep.json gets all figures, after each
    combination, so that Ctrl-C loses at most the one that runs.
    """
    from ..recipes.sweep import sweep as run_sweep
    from ..train import run_folder
    from ..train.files import write_json
    from .tables import sweep_table

    chosen = find_recipe(recipe)
    given = {
        "epochs": epochs, "batch_size": batch_size, "lr": lr, "momentum": momentum, "weight_decay": weight_decay,
        "hidden": hidden, "schedule": schedule,
    }  # fmt: skip
    values = {name: _values(name, text) for name, text in given.items() if text is not None}
    seed_list = _seeds(seeds)
    base = _base(chosen.defaults, values, seed_list, device)
    with messages():
        if threads is not None:
            pe.set_num_threads(threads)
        folder = run_folder.claim(out, f"sweep-{recipe}")
        if (folder / NAME).exists():
            raise FileExistsError(f"{folder} already holds a sweep; choose another folder, or remove it first")
        trials: list[dict[str, Any]] = []

        def keep(trial: dict[str, Any]) -> None:
            trials.append(trial)
            write_json(folder / NAME, {"recipe": recipe, "seeds": seed_list, "trials": trials})
            if not as_json:
                changed = " ".join(f"{name}={value}" for name, value in trial["changed"].items())
                typer.echo(f"{changed}  " + (trial["failed"] or f"val loss {trial['val_loss']:.4f}"))

        ranked = run_sweep(chosen, base, values, seed_list, done=keep)
        if as_json:
            typer.echo(json.dumps({"folder": str(folder), "trials": ranked}))
        elif ranked:
            console().print(sweep_table(ranked))
            typer.echo(f"folder  {folder}")
    if len(ranked) < _count(values):
        raise typer.Exit(INTERRUPTED)


def _count(values: dict[str, list[Any]]) -> int:
    count = 1
    for several in values.values():
        count *= len(several)
    return count


def _values(name: str, text: str) -> list[Any]:
    """The values of one option."""
    try:
        return [TYPES[name](word) for word in text.split(",")]
    except ValueError:
        kind = "whole numbers" if TYPES[name] is int else "numbers"
        raise typer.BadParameter(f"{text!r}: {kind} with commas between", param_hint=_option(name)) from None


def _seeds(text: str) -> list[int]:
    """The seeds of "0,1,2", of "0-2" or of both mixed."""
    try:
        seeds: list[int] = []
        for word in text.split(","):
            first, _, last = word.partition("-")
            seeds += range(int(first), int(last or first) + 1)
    except ValueError:
        raise typer.BadParameter(f"{text!r}: seeds as 0,1,2 or 0-2", param_hint="--seeds") from None
    if not seeds:
        raise typer.BadParameter(f"{text!r} names no seed", param_hint="--seeds")
    return seeds


def _base(defaults: "Settings", values: dict[str, list[Any]], seeds: list[int], device: str | None) -> "Settings":
    """The settings that all combinations share, once every value is known to be possible."""
    try:
        for name, several in (*values.items(), ("seed", seeds)):
            for value in several:
                defaults.changed(**{name: value})
        return defaults if device is None else defaults.changed(device=device)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
