"""`pyengine train`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pyengine as pe

from .common import (
    INTERRUPTED,
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
    machine,
    messages,
    option,
    output,
    training,
)

if TYPE_CHECKING:
    from ..recipes import Job, Recipe, Settings


def train(
    recipe: RecipeName = None,
    data: Data = None,
    target: Target = None,
    missing: Missing = None,
    ignore: Ignore = None,
    data_dir: DataDir = None,
    model: Annotated[str | None, training("linear, mlp, lenet, resnet20 and more: see the recipe.")] = None,
    epochs: Annotated[int | None, training("Passes over the training data.", min=1)] = None,
    batch_size: Annotated[int | None, training("Samples per step.", min=1)] = None,
    lr: Annotated[float | None, training("Learning rate: the size of a step.")] = None,
    optimizer: Annotated[str | None, training("sgd, adam, adamw or rmsprop, each with its usual --lr.")] = None,
    momentum: Annotated[float | None, training("How much of the last step the next one keeps, in [0, 1).")] = None,
    weight_decay: Annotated[float | None, training("Pull of the weights towards 0.")] = None,
    hidden: Annotated[
        int | None, training("How wide the model is: its hidden layer, first convolution or code.", min=1)
    ] = None,
    schedule: Annotated[str | None, training("Learning rate: constant, cosine, warmup-cosine or one-cycle.")] = None,
    patience: Annotated[int | None, training("Stop when no epoch of so many got better; else never.", min=1)] = None,
    seed: Annotated[int | None, training("Decides split, first weights and order of samples; else 0.", min=0)] = None,
    device: DeviceName = None,
    threads: Threads = None,
    capture: Annotated[
        bool | None,
        machine("Replay each step's kernels without Python between them; so it is. Never changes results."),
    ] = None,
    out: Annotated[Path | None, output("Folder for the run, holding none yet; else runs/RECIPE-DATE-TIME.")] = None,
    save_every: Annotated[int | None, output("Steps between checkpoints; else only Ctrl-C leaves one.", min=1)] = None,
    resume: Annotated[bool, output("Go on with the run in --out, or start it there.", "--resume")] = False,
    quiet: Annotated[bool, output("Print only the folder's name.", "--quiet")] = False,
    as_json: Annotated[bool, output("Print metrics.json and the folder as JSON, for programs.", "--json")] = False,
) -> None:
    """Train a model and write its run folder.

    Recipes are digits (8x8 pixels, comes with the package), glasses-rings (drawings, a first classifier of images),
    mnist (28x28 pixels; --model lenet for a convolutional network), cifar10 (photos; --model resnet20 to resnet110),
    autoencoder (digits drawn again from a short code; --model vae), sentiment (is a sentence for or against a film?),
    shakespeare (a GPT that writes plays), next-word (a GPT on fifty sentences), clip-shapes (pictures find their
    captions), diabetes (linear regression), tumour (logistic regression), and table, which reads a CSV file: pyengine
    train --data FILE --target COLUMN. Words in the target column, or a few whole numbers, make it a classification;
    other numbers a regression.

    Settings that are not given are the recipe's own, chosen on its validation data. The folder gets metrics.json (test
    figures, history, versions), curves.png, config.json and model.safetensors, the weights of the best epoch by
    validation loss; of images also mistakes.png, the worst mistakes, and filters.png, the first layer's weights. Ctrl-C
    stops after the current step and still tests and writes; a second one quits at once. A run that was stopped, or
    killed after --save-every, goes on with --resume as if it never had been.
    """
    from ..recipes import run

    given = data_settings(data_dir, data, target, missing, ignore) | {
        "model": model, "optimizer": optimizer, "epochs": epochs, "batch_size": batch_size, "lr": lr,
        "momentum": momentum, "weight_decay": weight_decay, "hidden": hidden, "schedule": schedule,
        "patience": patience, "seed": seed, "device": device,
    }  # fmt: skip
    if resume and out is None:
        raise typer.BadParameter("--resume needs --out, the folder of the run to go on with")
    with messages():
        chosen = find_recipe(recipe, data)
        settings = _settings(chosen, given, out if resume else None)
        if threads is not None:
            pe.set_num_threads(threads)
        display = None if quiet or as_json else Display(chosen, settings)
        if display:
            result = run(chosen, settings, out, display.callbacks, save_every, resume, display.start, capture)
            display.close(result.metrics, result.folder)
        else:
            result = run(chosen, settings, out, (), save_every, resume, capture=capture)
            typer.echo(json.dumps(result.metrics | {"folder": str(result.folder)}) if as_json else result.folder)
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)


def _settings(recipe: "Recipe", given: dict[str, Any], resumed: Path | None) -> "Settings":
    """The recipe's settings, with those that were given; a resumed run keeps its own, and may train longer."""
    from ..recipes import RECIPES
    from ..recipes.config import may_change, read_config
    from ..train.run_folder import CONFIG

    base = None
    if resumed is not None and (resumed / CONFIG).exists():
        before, base = read_config(resumed, RECIPES)
        if before.plan is not None:
            raise typer.BadParameter(f"the run in {resumed} was fine-tuned; begin it anew by pyengine finetune")
        if before is not recipe:
            raise typer.BadParameter(f"the run in {resumed} is one of {before.name}", param_hint="RECIPE")
        for key, value in given.items():
            if value is not None and key not in may_change(base.schedule) and value != getattr(base, key):
                raise typer.BadParameter(
                    f"{option(key)} was {getattr(base, key)} when the run in {resumed} was started"
                )
    return known_settings(recipe, given, base)


class Display:
    """What a training run shows to a human."""

    def __init__(self, recipe: "Recipe", settings: "Settings") -> None:
        from ..train.progress import progress

        self.settings = settings
        self.console = console()
        self.console.print(f"[bold]{recipe.name}[/]  {recipe.summary}")
        self.callbacks = (progress(self.console),)

    def start(self, job: "Job") -> None:
        """What was found in the data, and what is trained."""
        s = self.settings
        parameters = sum(p.numel() for p in job.model.parameters())
        momentum = f" momentum {s.momentum:g}" if "momentum" in job.optimizer.param_groups[0] and s.momentum else ""
        schedule = "" if s.schedule == "constant" else f" {s.schedule}"
        model = f"{s.model} of {parameters:,} parameters"
        steps = f"{s.optimizer} lr {s.lr:g}{schedule}{momentum}, batches of {s.batch_size}, {s.epochs} epochs"
        for line in (*job.notes, f"{model}; {steps}"):
            self.console.print(line, markup=False, soft_wrap=True)

    def close(self, metrics: dict[str, Any], folder: Path) -> None:
        """The closing table."""
        from ..train.progress import closing_table

        self.console.print(closing_table(metrics, str(folder)))
