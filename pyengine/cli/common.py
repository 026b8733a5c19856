"""What the commands share: the app, how errors end, and how options are written."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import pyengine as pe

if TYPE_CHECKING:
    from rich.console import Console

    from ..recipes import Recipe

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


def find_recipe(name: str) -> "Recipe":
    """The recipe of that name; wrong usage, with a list, where there is none."""
    from ..recipes import RECIPES

    if name not in RECIPES:
        raise typer.BadParameter(f"there is no recipe {name!r}; there is: {', '.join(RECIPES)}", param_hint="RECIPE")
    return RECIPES[name]


def console() -> "Console":
    """The terminal, or whatever the output goes to."""
    from rich.console import Console

    return Console(highlight=False)


def training(help: str, **rules: Any) -> Any:
    """An option that decides what comes out of a training."""
    return typer.Option(help=help, rich_help_panel="What is trained, and how", **rules)


def machine(help: str, **rules: Any) -> Any:
    """An option that decides where it runs."""
    return typer.Option(help=help, rich_help_panel="Machine", **rules)


def output(help: str, *names: str, **rules: Any) -> Any:
    """An option that decides what is shown and written."""
    return typer.Option(*names, help=help, rich_help_panel="Output", **rules)


RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="What to learn: digits (handwritten digits).")]
DeviceName = Annotated[str | None, machine("cpu (native kernels) or numpy (their definitions, slower); else cpu.")]
Threads = Annotated[int | None, machine("Threads of the kernels; else all cores. Never changes results.", min=1)]
AsJson = Annotated[bool, output("Print JSON, for programs.", "--json")]
