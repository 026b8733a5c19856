"""What the commands share: the app, how errors end, and how options are written."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import pyengine as pe

if TYPE_CHECKING:
    from rich.console import Console

    from ..recipes import Recipe, Settings

FAILED, INTERRUPTED = 1, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",  # the only mode that fills paragraphs of help to the terminal's width
    pretty_exceptions_enable=False,  # a traceback is for the authors of a bug; users get messages
)


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
        from ..train import BadFileError

        if not isinstance(error, BadFileError):
            raise
        fail(str(error))


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say why on the error stream, and end with that exit code."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


def find_recipe(name: str | None, data: Path | None = None) -> "Recipe":
    """The recipe of that name, or the one for tables where data are given; wrong usage, with a list, for others."""
    from ..recipes import RECIPES

    if name is None and data is not None:
        name = "table"
    if name is None:
        lines = "".join(f"\n  {recipe.name:13} {recipe.summary}" for recipe in RECIPES.values())
        raise typer.BadParameter(
            f"what is to be learned? Name a recipe, or give --data FILE --target COLUMN:{lines}", param_hint="RECIPE"
        )
    if name not in RECIPES:
        raise typer.BadParameter(f"there is no recipe {name!r}; there is: {', '.join(RECIPES)}", param_hint="RECIPE")
    return RECIPES[name]


def data_settings(
    data_dir: Path | None, data: Path | None, target: str | None, missing: str | None, ignore: str | None
) -> dict[str, Any]:
    """The settings that say what is read; paths made absolute, so that the run can be looked at from anywhere."""
    given: dict[str, Any] = {"target": target, "missing": missing, "ignore": ignore}
    paths = {"data_dir": data_dir, "data": data}
    return given | {name: None if path is None else str(path.resolve()) for name, path in paths.items()}


def known_settings(recipe: "Recipe", given: dict[str, Any], base: "Settings | None" = None) -> "Settings":
    """The recipe's settings with those that are given; wrong usage where one cannot be."""
    try:
        return recipe.settings({name: value for name, value in given.items() if value is not None}, base)
    except ValueError as error:
        text = str(error)
        for name in ("data_dir", "data"):
            text = text.replace(f"{recipe.name} needs {name}", f"{recipe.name} needs {option(name)}")
            text = text.replace(f"{name} means nothing", f"{option(name)} means nothing")
        raise typer.BadParameter(text) from None


def option(name: str) -> str:
    """How a setting is written on the command line."""
    return "--" + name.replace("_", "-")


def console() -> "Console":
    """The terminal, or whatever the output goes to."""
    from rich.console import Console

    return Console(highlight=False, emoji=False)  # no emoji: line 100 of a file is not :100:


def training(help: str, *names: str, **rules: Any) -> Any:
    """An option that decides what comes out of a training."""
    return typer.Option(*names, help=help, rich_help_panel="What is trained, and how", **rules)


def machine(help: str, *names: str, **rules: Any) -> Any:
    """An option that decides where it runs, and how fast."""
    return typer.Option(*names, help=help, rich_help_panel="Machine", **rules)


def output(help: str, *names: str, **rules: Any) -> Any:
    """An option that decides what is shown and written."""
    return typer.Option(*names, help=help, rich_help_panel="Output", **rules)


def source(help: str, **rules: Any) -> Any:
    """An option that says what is read."""
    return typer.Option(help=help, rich_help_panel="Data", **rules)


RecipeName = Annotated[
    str | None,
    typer.Argument(
        metavar="RECIPE",
        show_default=False,
        help="What to learn: digits, mnist (handwritten digits), glasses-rings (drawings), cifar10 (photos), "
        "autoencoder, sentiment (sentences), shakespeare (plays), next-word, clip-shapes, diabetes, "
        "tumour (tables of patients), or table.",
    ),
]
DataDir = Annotated[
    Path | None,
    source(
        "mnist, cifar10, autoencoder, sentiment, shakespeare: the folder with the files; else PYENGINE_DATA, else a "
        "download."
    ),
]
Data = Annotated[Path | None, source("A table of your own, .csv or .tsv; then RECIPE can be left out.")]
Target = Annotated[str | None, source("Its column to predict; else the last.")]
Missing = Annotated[str | None, source("Its empty cells: refuse them (as by default), or impute the median.")]
Ignore = Annotated[str | None, source("Its columns to leave out, such as names of rows: A,B,C.")]
DeviceName = Annotated[
    str | None,
    machine("cpu, cuda (a GPU), cudasim (its kernels on the CPU) or numpy (all kernels' definitions); else cpu."),
]
Threads = Annotated[int | None, machine("Threads of the kernels; else all cores. Never changes results.", min=1)]
AsJson = Annotated[bool, output("Print JSON, for programs.", "--json")]
