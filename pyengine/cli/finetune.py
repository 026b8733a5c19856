"""`pyengine finetune`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import pyengine as pe

from .common import (
    INTERRUPTED,
    AsJson,
    DataDir,
    DeviceName,
    Target,
    Threads,
    console,
    messages,
    output,
    training,
)
from .runs import RunFolder, _known

if TYPE_CHECKING:
    from ..recipes import Job, Recipe, Settings
    from ..recipes.finetune import Comparison


def finetune(
    folder: RunFolder,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="What it is taught now: a recipe's data by its name, or a file or folder: images, a table, .npz, "
            "sentences with labels, or for a model that writes any text.",
        ),
    ],
    fraction: Annotated[float, training("The share of the training data that is used.")] = 1.0,
    freeze: Annotated[
        list[str] | None,
        training("Parameters that stay as they are, by a pattern of names: 'features.*'; repeatable.", metavar="NAMES"),
    ] = None,
    keep_head: Annotated[
        bool, training("Go on with the last layer too: the classes are the same.", "--keep-head")
    ] = False,
    epochs: Annotated[int | None, training("Passes over the training data; else as many as RUN made.", min=1)] = None,
    batch_size: Annotated[int | None, training("Samples per step; else RUN's.", min=1)] = None,
    lr: Annotated[
        float | None, training("Learning rate of the fine-tuned model; else a fifth of RUN's, which scratch has.")
    ] = None,
    seed: Annotated[
        int | None, training("Decides split, share, new weights and order of samples; else RUN's.", min=0)
    ] = None,
    target: Target = None,
    data_dir: DataDir = None,
    device: DeviceName = None,
    threads: Threads = None,
    out: Annotated[
        Path | None, output("Folder for the run, holding none yet; else runs/finetune-RECIPE-DATE-TIME.")
    ] = None,
    quiet: Annotated[bool, output("Print only the folder's name.", "--quiet")] = False,
    as_json: AsJson = False,
) -> None:
    """Go on from a trained model on other data, and report it against training from scratch.

    The body of RUN's model is taken over, its head (the last layer) begins anew, and both go on learning. A model that
    writes keeps all it has, and gets a row for each character or word that is new. Then the same model is trained from
    random weights: on the same samples, in the same order, for as many steps. Data are split by the seed, 70 / 15 /
    15, or as the recipe has them; running text 80 / 10 / 10.

    The folder is that of a run, for pyengine eval, predict, sample and compare, and of the next finetune; in it lie
    scratch/, the run from scratch, and finetune.json with the figures of both.
    """
    from ..recipes import RECIPES
    from ..recipes import finetune as tuning
    from ..train import BadFileError

    if not 0 < fraction <= 1:
        raise typer.BadParameter(f"{fraction}: a share above 0 and at most 1", param_hint="--fraction")
    given = {
        "epochs": epochs, "batch_size": batch_size, "lr": lr, "seed": seed, "target": target, "device": _known(device),
        "data_dir": None if data_dir is None else str(data_dir.resolve()),
    }  # fmt: skip
    with messages():
        if threads is not None:
            pe.set_num_threads(threads)
        try:
            changes = {name: value for name, value in given.items() if value is not None}
            planned = tuning.plan_of(folder, data, RECIPES, changes, fraction, freeze or (), keep_head)
        except LookupError as error:
            raise typer.BadParameter(error.args[0], param_hint="DATA") from None
        except BadFileError:
            raise
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        display = None if quiet or as_json else Display(data)
        if display is None:
            compared = tuning.finetune(*planned, RECIPES, out)
            typer.echo(json.dumps(compared.to_json()) if as_json else compared.tuned.folder)
        else:
            compared = tuning.finetune(*planned, RECIPES, out, display.callbacks, display.start)
            display.close(compared)
    if compared.scratch is None or compared.scratch.interrupted:
        raise typer.Exit(INTERRUPTED)


class Display:
    """What a human sees of it."""

    def __init__(self, data: str) -> None:
        from ..train.progress import progress

        self.data = data
        self.console = console()
        self.callbacks = (progress(self.console),)

    def start(self, recipe: "Recipe", settings: "Settings", job: "Job") -> None:
        """What was found in the data and taken over, before the first run; a line before the second."""
        scratch = recipe.plan is not None and recipe.plan.scratch
        if not scratch:
            self.console.print(f"[bold]{recipe.name}[/] on {self.data}", soft_wrap=True)
            for line in job.notes:
                self.console.print(line, markup=False, soft_wrap=True)
        title = "from scratch" if scratch else "fine-tuning"
        self.console.print(f"[bold]{title}[/]  {settings.optimizer} lr {settings.lr:g}, {settings.epochs} epochs")

    def close(self, compared: "Comparison") -> None:
        """Both runs, their difference, and what it means."""
        from .tables import finetune_table, print_whole

        if compared.scratch is not None:
            print_whole(self.console, finetune_table(compared))
            self.console.print(verdict(compared), soft_wrap=True)
        self.console.print(f"folder  {compared.tuned.folder}", soft_wrap=True)


def verdict(compared: "Comparison") -> str:
    """A sentence that says which way was better."""
    assert compared.scratch is not None
    name, _ = compared.figure
    tuned, scratch = (result.metrics[f"test_{name}"] for result in (compared.tuned, compared.scratch))
    steps, others = compared.tuned.metrics["steps"], compared.scratch.metrics["steps"]
    spent = f"after {steps:,} steps" + ("" if steps == others else f", and {others:,} from scratch")
    figures = f"test {name} {tuned:.4f} against {scratch:.4f} {spent}"
    if compared.gain > 0:
        return (
            f"[bold green]Fine-tuning beats training from scratch[/]: {figures}. What the run had learned helps here."
        )
    if compared.gain == 0:
        return f"[bold]Fine-tuning is as good as training from scratch[/]: {figures}."
    return (
        f"[bold yellow]Fine-tuning is worse than training from scratch[/]: {figures}. What the run had learned does "
        f"not help here; another --lr may, or fewer frozen parameters."
    )
