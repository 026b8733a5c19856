"""`pyengine eval`, `predict` and `compare`: what to do with runs that are done."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pyengine as pe

from .common import AsJson, DataDir, DeviceName, Threads, console, known_settings, messages, output

if TYPE_CHECKING:
    from ..recipes import Job, Recipe, Settings


class Part(StrEnum):
    """A part of the data."""

    test = "test"
    val = "val"
    train = "train"


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that pyengine train wrote.")]


def evaluate(
    folder: RunFolder,
    part: Annotated[Part, typer.Option(help="Which part of the data.")] = Part.test,
    data_dir: DataDir = None,
    device: DeviceName = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Measure the weights of a run again.

    The split is made anew from the run's seed, so test data are those that it never saw. For a classifier also shows
    which class was taken for which.
    """
    from ..recipes import inspect
    from . import tables

    with messages():
        _set_threads(threads)
        _, settings, job = _load(folder, device, data_dir)
        figures, counts = inspect.evaluate(job, settings, part.value)
        if as_json:
            confusion = None if counts is None else counts.tolist()
            typer.echo(json.dumps({"part": part.value, **figures, "confusion": confusion}))
            return
        samples = len(getattr(job, part.value).dataset)
        console().print(tables.figures_table(figures, samples, part.value))
        if counts is not None:
            console().print(tables.confusion_table(counts, job.classes))


def predict(
    folder: RunFolder,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Samples: an image, .npy, .npz or text; of tables .csv or .tsv.")
    ],
    data_dir: DataDir = None,
    device: DeviceName = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Let the model of a run answer for samples in a file.

    Prints a line for each: its number, the answer and, for a classifier, how sure it is; of an autoencoder, how badly
    it draws the sample again. Samples are as the recipe's data are before anything is done to them. digits: 64 pixels,
    or 8x8, from 0 to 16. mnist: 784 pixels, or 28x28, from 0 to 255; glasses-rings 32x32; cifar10 32x32 in red, green
    and blue. For these also an image file, which is brought to that size. sentiment: a sentence a line.
    Tables: the columns that it was trained with, by their names; others do not matter.
    """
    from ..recipes import inspect

    with messages():
        _set_threads(threads)
        _, settings, job = _load(folder, device, data_dir)
        for number, answer in enumerate(inspect.predict(job, job.inputs(file), settings.device)):
            typer.echo(_line(number, answer, job.classes, as_json))


def _line(number: int, answer: Any, classes: tuple[str, ...], as_json: bool) -> str:
    """One prediction, as text or as a JSON object."""
    if not classes:
        return json.dumps({"sample": number, "value": answer.item()}) if as_json else f"{number}  {answer.item():.6g}"
    best = int(answer.argmax())
    if not as_json:
        return f"{number}  {classes[best]}  {answer[best]:.4f}"
    probabilities = dict(zip(classes, answer.tolist(), strict=True))
    return json.dumps({"sample": number, "label": classes[best], "probabilities": probabilities})


def compare(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders that pyengine train wrote.")],
    out: Annotated[Path, output("Where the picture with all curves goes.")] = Path("compare.png"),
    as_json: AsJson = False,
) -> None:
    """Compare runs: a table, the best test loss first, and a picture of their curves over each other."""
    from ..files import write_atomically
    from ..recipes import RECIPES, inspect
    from ..train.curves import overlay
    from . import tables

    with messages():
        found = [inspect.read_run(folder, RECIPES) for folder in folders]
        names = inspect.labels(found)
        histories = {name: run.metrics["history"] for name, run in zip(names, found, strict=True)}
        write_atomically(out, overlay(histories, f"{len(found)} run{'s' * (len(found) > 1)}"))
        if as_json:
            keep = [{"folder": str(r.folder), "settings": vars(r.settings), "test": r.tests} for r in found]
            typer.echo(json.dumps({"runs": keep, "curves": str(out)}))
            return
        tables.print_whole(console(), tables.comparison_table(found))
        typer.echo(f"curves  {out}")


def _set_threads(threads: int | None) -> None:
    if threads is not None:
        pe.set_num_threads(threads)


def _load(folder: Path, device: str | None, data_dir: Path | None) -> "tuple[Recipe, Settings, Job]":
    """The job of a run; wrong usage for a device or a folder of data that mean nothing to it."""
    from ..recipes import RECIPES, inspect
    from ..recipes.config import read_config

    recipe, settings = read_config(folder, RECIPES)
    if data_dir is not None:
        known_settings(recipe, {"data_dir": str(data_dir)}, settings)
    return inspect.load_job(folder, RECIPES, _known(device), None if data_dir is None else str(data_dir.resolve()))


def _known(device: str | None) -> str | None:
    """A device that there is; wrong usage where there is none of that name."""
    if device is not None:
        try:
            pe.device(device)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--device") from None
    return device
