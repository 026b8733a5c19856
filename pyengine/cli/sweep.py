"""`pyengine sweep`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pyengine as pe

from .common import (
    INTERRUPTED,
    AsJson,
    Data,
    DataDir,
    DeviceName,
    Ignore,
    Missing,
    RecipeName,
    Target,
    Threads,
    console,
    data_settings,
    find_recipe,
    known_settings,
    messages,
    option,
    output,
    training,
)

if TYPE_CHECKING:
    from ..recipes import Recipe, Settings

NAME = "sweep.json"
TYPES: dict[str, type] = {
    "epochs": int, "batch_size": int, "lr": float, "momentum": float, "weight_decay": float, "hidden": int,
    "schedule": str, "model": str, "optimizer": str,
}  # fmt: skip


def sweep(
    recipe: RecipeName = None,
    data: Data = None,
    target: Target = None,
    missing: Missing = None,
    ignore: Ignore = None,
    data_dir: DataDir = None,
    model: Annotated[str | None, training("Models that the recipe knows.")] = None,
    epochs: Annotated[str | None, training("Passes over the training data.")] = None,
    batch_size: Annotated[str | None, training("Samples per step.")] = None,
    lr: Annotated[str | None, training("Learning rates.")] = None,
    optimizer: Annotated[str | None, training("sgd, adam, adamw, rmsprop, each with its usual --lr.")] = None,
    momentum: Annotated[str | None, training("Momenta.")] = None,
    weight_decay: Annotated[str | None, training("Weight decays.")] = None,
    hidden: Annotated[str | None, training("Widths of the model.")] = None,
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
    from ..files import write_json
    from ..recipes.sweep import sweep as run_sweep
    from ..train import run_folder
    from .tables import sweep_table

    chosen = find_recipe(recipe, data)
    given = {
        "model": model, "optimizer": optimizer,
        "epochs": epochs, "batch_size": batch_size, "lr": lr, "momentum": momentum, "weight_decay": weight_decay,
        "hidden": hidden, "schedule": schedule,
    }  # fmt: skip
    values = {name: _values(name, text) for name, text in given.items() if text is not None}
    seed_list = _seeds(seeds)
    base = _base(chosen, values, seed_list, data_settings(data_dir, data, target, missing, ignore) | {"device": device})
    with messages():
        if threads is not None:
            pe.set_num_threads(threads)
        folder = run_folder.claim(out, f"sweep-{chosen.name}")
        if (folder / NAME).exists():
            raise FileExistsError(f"{folder} already holds a sweep; choose another folder, or remove it first")
        trials: list[dict[str, Any]] = []

        def keep(trial: dict[str, Any]) -> None:
            trials.append(trial)
            write_json(folder / NAME, {"recipe": chosen.name, "seeds": seed_list, "trials": trials})
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
        raise typer.BadParameter(f"{text!r}: {kind} with commas between", param_hint=option(name)) from None


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


def _base(recipe: "Recipe", values: dict[str, list[Any]], seeds: list[int], fixed: dict[str, Any]) -> "Settings":
    """The settings that all combinations share, once every value is known to be possible."""
    base = known_settings(recipe, fixed)
    for name, several in (*values.items(), ("seed", seeds)):
        for value in several:
            known_settings(recipe, {name: value}, base)
    return base
