"""`pyengine inspect`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import FAILED, console, fail, messages

if TYPE_CHECKING:
    from ..cudasim import Finding, Kernel, Report

_MOSTLY = 0.9  # of the lanes of a warp: a line that they come to together is not worth a word


def inspect(
    what: Annotated[str, typer.Argument(metavar="FILE.cu|OP", help="A program of kernels, or an operation.")],
    case: Annotated[
        list[int] | None, typer.Option("--case", help="Only this case of an operation, counted from 0; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the order in which threads take turns.", min=1)] = 1,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report there as JSON; - is standard output.")
    ] = None,
) -> None:
    """Run CUDA kernels on the simulator, without a GPU, and say what is wrong with them and what they cost.

    Finds races, accesses out of bounds, reads of what nobody wrote, and barriers that not all threads come to, each
    with its line, its array and the threads. Then for each line that uses memory: the requests of its warps and how
    many sectors or wavefronts they took. Ends with 1 where anything was found.
    """
    from ..cudasim import ToolchainError
    from ..cudasim import inspect as inspected

    with messages():
        try:
            report = inspected(what, cases=case, seed=seed)
        except (ToolchainError, RuntimeError) as error:
            fail(str(error))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="FILE.cu|OP") from None
        if json_file is None:
            _show(report)
        elif str(json_file) == "-":
            typer.echo(json.dumps(report.data, indent=1))
        else:
            json_file.write_text(json.dumps(report.data, indent=1) + "\n")
    if report.findings:
        raise typer.Exit(FAILED)


def _show(report: "Report") -> None:
    terminal = console()
    for finding in report.findings:
        terminal.print(_finding(finding), soft_wrap=True)
    for kernel in report.kernels:
        launches = f"{kernel.launches} launch{'es' * (kernel.launches != 1)}"
        terminal.print(f"[bold]{_plain(kernel.name)}[/], {launches}", soft_wrap=True)
        if kernel.lines:
            table = _costs(kernel)
            wide = terminal.options.update(max_width=1000)
            terminal.width = max(terminal.width, terminal.measure(table, options=wide).maximum)  # no figure is cut off
            terminal.print(table)
        for branch in kernel.branches:
            if branch.lanes > _MOSTLY * branch.lanes_there:
                continue
            terminal.print(
                f"  {branch.place}: on average {branch.lanes / branch.times:.1f} of "
                f"{branch.lanes_there / branch.times:.0f} lanes together  [dim]{_plain(branch.place.text)}[/]",
                soft_wrap=True,
            )
        if kernel.partial:
            terminal.print("  [yellow]too long to count all of it: try a smaller problem[/]")
    count = len(report.findings)
    verdict = f"[red]{count} finding{'s' * (count != 1)}[/]" if count else "[green]nothing found[/]"
    names = {kernel.name for kernel in report.kernels}
    terminal.print(f"{verdict} in {len(names)} kernel{'s' * (len(names) != 1)}")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _finding(finding: "Finding") -> str:
    where = f" in {_plain(finding.kernel)}" if finding.kernel else ""
    lines = [f"[bold red]{finding.fault}[/]{where}: {_plain(finding.what)}"]
    for deed in finding.deeds:
        at = f" at [bold]{deed.place}[/]" if deed.place else ""
        lines.append(f"    {deed.who} {deed.what}{at}")
        if deed.place:
            lines.append(f"        [cyan]{_plain(deed.place.text)}[/]")
        lines += [f"        [dim]called from {place}: {_plain(place.text)}[/]" for place in deed.inlined_into[-1:]]
    lines.append(f"    [green]hint:[/] {_plain(finding.hint)}")
    if finding.count > 1:
        lines.append(f"    [dim]seen {finding.count} times[/]")
    return "\n".join(lines) + "\n"


def _costs(kernel: "Kernel") -> Any:
    from rich.table import Table

    table = Table()
    for name in ("line", "access"):
        table.add_column(name, no_wrap=True)
    for name in ("requests", "lanes each", "moved each", "ideal each", "× ideal"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("source", no_wrap=True, overflow="ellipsis", max_width=60)
    for line in kernel.lines:
        unit = "sectors" if line.space == "global" else "wavefronts"
        ratio = line.used / line.ideal
        table.add_row(
            str(line.place),
            f"{line.does} {_plain(line.array)} ({line.bytes} B)",
            str(line.requests),
            f"{line.lanes / line.requests:.1f}",
            f"{line.used / line.requests:.1f} {unit}",
            f"{line.ideal / line.requests:.1f}",
            f"[red]{ratio:.1f}[/]" if ratio > 1.5 else f"{ratio:.1f}",
            _plain(line.place.text),
        )
    return table
