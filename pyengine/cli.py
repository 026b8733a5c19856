"""The command `pyengine`.

Exit codes: 0 done; 1 it could not be done (the message says why); 2 wrong usage; 130 stopped by Ctrl-C, what there was
is written. What a command needs is imported when it runs, so that help comes at once.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import pyengine as pe

if TYPE_CHECKING:
    from .recipes import Recipe, Settings

FAILED, INTERRUPTED = 1, 130

app = typer.Typer(
    help="Train small networks with kernels that you can read.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback is for the authors of a bug; users get messages
)


@contextlib.contextmanager
def messages() -> Iterator[None]:
    """Turn what can go wrong outside this program into a message and an exit code; a bug keeps its traceback."""
    try:
        yield
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except OSError as error:
        fail(f"{error.strerror}: {error.filename}" if error.filename and error.strerror else str(error))
    except (FloatingPointError, MemoryError) as error:
        fail(str(error) or "out of memory")
    except ValueError as error:
        from .train import BadFileError

        if not isinstance(error, BadFileError):
            raise
        fail(str(error))


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say why on the error stream, and end with that exit code."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"pyengine {pe.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Train small networks with kernels that you can read.

    Begin with: pyengine train digits
    """


def _training(help: str, **rules: Any) -> Any:
    return typer.Option(help=help, rich_help_panel="What is trained, and how", **rules)


def _machine(help: str, **rules: Any) -> Any:
    return typer.Option(help=help, rich_help_panel="Machine", **rules)


def _output(help: str, *names: str, **rules: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel="Output", **rules)


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="What to learn. There is: digits (handwritten digits, 8x8 pixels).")],
    epochs: Annotated[int | None, _training("Passes over the training data.", min=1)] = None,
    batch_size: Annotated[int | None, _training("Samples per step.", min=1)] = None,
    lr: Annotated[float | None, _training("Learning rate: the size of a step.")] = None,
    hidden: Annotated[int | None, _training("Width of the hidden layer.", min=1)] = None,
    patience: Annotated[
        int | None, _training("Stop when validation got no better for so many epochs; else never.", min=1)
    ] = None,
    seed: Annotated[
        int | None, _training("Decides split, initial weights and order of samples; else 0.", min=0)
    ] = None,
    device: Annotated[
        str | None, _machine("cpu (native kernels) or numpy (their definitions, slower); else cpu.")
    ] = None,
    threads: Annotated[
        int | None, _machine("Threads of the kernels; else all cores. Never changes results.", min=1)
    ] = None,
    out: Annotated[
        Path | None, _output("Folder for the results, holding no run yet; else runs/RECIPE-DATE-TIME.")
    ] = None,
    save_every: Annotated[
        int | None, _output("Steps between checkpoints; else only Ctrl-C leaves one.", "--save-every", min=1)
    ] = None,
    resume: Annotated[
        bool, _output("Go on with the run in --out where its last checkpoint is, or start it.", "--resume")
    ] = False,
    quiet: Annotated[bool, _output("Print only the folder's name.", "--quiet")] = False,
    as_json: Annotated[bool, _output("Print metrics.json and the folder as JSON, for programs.", "--json")] = False,
) -> None:
    """Train a network and write its run folder.

    Settings that are not given are the recipe's own, chosen on its validation data. The folder gets metrics.json (test
    figures, history, versions), curves.png, config.json and model.safetensors, the weights of the best epoch by
    validation loss. Ctrl-C stops after the current step and still tests and writes; a second one quits at once. A run
    that was stopped, or killed after --save-every, goes on with --resume as if it never had been.
    """
    from .recipes import run
    from .train.interrupt import REASON

    given = {
        "epochs": epochs, "batch_size": batch_size, "lr": lr, "hidden": hidden, "patience": patience, "seed": seed,
        "device": device,
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
    if result.metrics["stopped"] == REASON:
        raise typer.Exit(INTERRUPTED)


def _settings(name: str, given: dict[str, Any], resumed: Path | None) -> "tuple[Recipe, Settings]":
    """The recipe and its settings, with those that were given; a resumed run keeps its own, and may train longer."""
    from .recipes import RECIPES, read_config
    from .recipes.config import MAY_CHANGE
    from .train.run_folder import CONFIG

    if name not in RECIPES:
        raise typer.BadParameter(f"there is no recipe {name!r}; there is: {', '.join(RECIPES)}", param_hint="RECIPE")
    recipe, wanted = RECIPES[name], {key: value for key, value in given.items() if value is not None}
    base = recipe.defaults
    if resumed is not None and (resumed / CONFIG).exists():
        before, base = read_config(resumed, RECIPES)
        if before is not recipe:
            raise typer.BadParameter(f"the run in {resumed} is one of {before.name}", param_hint="RECIPE")
        for key, value in wanted.items():
            if key not in MAY_CHANGE and value != getattr(base, key):
                option = "--" + key.replace("_", "-")
                raise typer.BadParameter(f"{option} was {getattr(base, key)} when the run in {resumed} was started")
    try:
        return recipe, base.changed(**wanted)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


class Display:
    """What a training run shows to a human."""

    def __init__(self, name: str, summary: str) -> None:
        from rich.console import Console

        from .train.progress import progress

        self.console = Console()
        self.console.print(f"[bold]{name}[/]  {summary}", highlight=False)
        self.callbacks = (progress(self.console),)

    def close(self, metrics: dict[str, Any], folder: Path) -> None:
        """The closing table."""
        from .train.progress import closing_table

        self.console.print(closing_table(metrics, str(folder)), highlight=False)


@app.command()
def info(as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, for programs.")] = False) -> None:
    """Show what this installation is and what it runs on: worth pasting into a bug report."""
    with messages():
        facts = _facts()
        if as_json:
            typer.echo(json.dumps(facts))
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        for key, value in facts.items():
            table.add_row(key.replace("_", " "), _words(value))
        Console().print(table, highlight=False, soft_wrap=True)


def _facts() -> dict[str, Any]:
    from importlib import metadata

    from .train import environment

    packages = {}
    for name in ("safetensors", "typer", "rich", "matplotlib", "cupy"):
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = "not installed"
    return {
        **environment.describe(),
        "devices": list(pe.backend.DEVICES),
        "packages": packages,
        "memory": pe.memory_stats(),
        "location": str(Path(pe.__file__).parent),
    }


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {part}" for key, part in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
