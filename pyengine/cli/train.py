"""`pyengine train`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pyengine as pe

from .common import (
    INTERRUPTED,
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
    from ..recipes import Recipe, Settings


def train(
    recipe: RecipeName,
    epochs: Annotated[int | None, training("Passes over the training data.", min=1)] = None,
    batch_size: Annotated[int | None, training("Samples per step.", min=1)] = None,
    lr: Annotated[float | None, training("Learning rate: the size of a step.")] = None,
    momentum: Annotated[float | None, training("How much of the last step the next one keeps, in [0, 1).")] = None,
    weight_decay: Annotated[float | None, training("Pull of the weights towards 0.")] = None,
    hidden: Annotated[int | None, training("Width of the hidden layer.", min=1)] = None,
    schedule: Annotated[str | None, training("Learning rate: constant, cosine, warmup-cosine or one-cycle.")] = None,
    patience: Annotated[int | None, training("Stop when no epoch of so many got better; else never.", min=1)] = None,
    seed: Annotated[int | None, training("Decides split, first weights and order of samples; else 0.", min=0)] = None,
    device: DeviceName = None,
    threads: Threads = None,
    out: Annotated[Path | None, output("Folder for the run, holding none yet; else runs/RECIPE-DATE-TIME.")] = None,
    save_every: Annotated[int | None, output("Steps between checkpoints; else only Ctrl-C leaves one.", min=1)] = None,
    resume: Annotated[bool, output("Go on with the run in --out, or start it there.", "--resume")] = False,
    quiet: Annotated[bool, output("Print only the folder's name.", "--quiet")] = False,
    as_json: Annotated[bool, output("Print metrics.json and the folder as JSON, for programs.", "--json")] = False,
) -> None:
    """Train a network and write its run folder.

    Settings that are not given are the recipe's own, chosen on its validation data. The folder gets metrics.json (test
    figures, history, versions), curves.png, config.json and model.safetensors, the weights of the best epoch by
    validation loss. Ctrl-C stops after the current step and still tests and writes; a second one quits at once. A run
    that was stopped, or killed after --save-every, goes on with --resume as if it never had been.
    """
    from ..recipes import run

    given = {
        "epochs": epochs, "batch_size": batch_size, "lr": lr, "momentum": momentum, "weight_decay": weight_decay,
        "hidden": hidden, "schedule": schedule, "patience": patience, "seed": seed, "device": device,
    }  # fmt: skip
    if resume and out is None:
        raise typer.BadParameter("--resume needs --out, the folder of the run to go on with")
    with messages():
        chosen, settings = _settings(recipe, given, out if resume else None)
        if threads is not None:
            pe.set_num_threads(threads)
        display = None if quiet or as_json else Display(chosen.name, chosen.summary)
        result = run(chosen, settings, out, display.callbacks if display else (), save_every, resume)
        if display:
            display.close(result.metrics, result.folder)
        else:
            typer.echo(json.dumps(result.metrics | {"folder": str(result.folder)}) if as_json else result.folder)
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)


def _settings(name: str, given: dict[str, Any], resumed: Path | None) -> "tuple[Recipe, Settings]":
    """The recipe and its settings, with those that were given; a resumed run keeps its own, and may train longer."""
    from ..recipes import RECIPES
    from ..recipes.config import may_change, read_config
    from ..train.run_folder import CONFIG

    recipe, wanted = find_recipe(name), {key: value for key, value in given.items() if value is not None}
    base = recipe.defaults
    if resumed is not None and (resumed / CONFIG).exists():
        before, base = read_config(resumed, RECIPES)
        if before is not recipe:
            raise typer.BadParameter(f"the run in {resumed} is one of {before.name}", param_hint="RECIPE")
        for key, value in wanted.items():
            if key not in may_change(base.schedule) and value != getattr(base, key):
                option = "--" + key.replace("_", "-")
                raise typer.BadParameter(f"{option} was {getattr(base, key)} when the run in {resumed} was started")
    try:
        return recipe, base.changed(**wanted)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


class Display:
    """What a training run shows to a human."""

    def __init__(self, name: str, summary: str) -> None:
        from ..train.progress import progress

        self.console = console()
        self.console.print(f"[bold]{name}[/]  {summary}")
        self.callbacks = (progress(self.console),)

    def close(self, metrics: dict[str, Any], folder: Path) -> None:
        """The closing table."""
        from ..train.progress import closing_table

        self.console.print(closing_table(metrics, str(folder)))
