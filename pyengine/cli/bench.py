"""`pyengine bench`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from .common import FAILED, console, fail, machine, messages, output


def bench(
    ops: Annotated[
        list[str] | None, typer.Argument(metavar="[OP]...", help="Groups, kernels or rows; else all.")
    ] = None,
    against: Annotated[
        str, machine("Libraries to compare with; one that is not installed is left out.")
    ] = "numpy,torch,jax",
    threads: Annotated[int | None, machine("Threads of everybody; else all cores.", min=1)] = None,
    peers: Annotated[
        str, machine("Peers as 'installed', at their 'best' (heap retained), or 'both' in turn.")
    ] = "both",
    rounds: Annotated[int, machine("Rounds kept for each row.", min=5)] = 30,
    busy: Annotated[bool, machine("Also time each with every core kept busy by another program.")] = False,
    json_file: Annotated[Path | None, output("Write all figures there.", "--json")] = None,
    plot: Annotated[Path | None, output("Draw a roofline there, as PNG or SVG.")] = None,
) -> None:
    """Measure kernels and training steps, and how many times as long other libraries take.

    A column "× torch" says how many times as fast as torch this is: the median over the rounds, and where it lies with
    95 % certainty. All libraries take turns within one process, with as many threads each.
    """
    from .. import get_num_threads
    from ..bench import run as bench_run
    from ..bench.measure import all_specs
    from ..bench.peers import NAMES

    if peers not in (*bench_run.MODES, "both"):
        raise typer.BadParameter("it is 'installed', 'best' or 'both'", param_hint="--peers")
    names = [name for name in against.split(",") if name]
    if unknown := set(names) - set(NAMES):
        raise typer.BadParameter(
            f"no peer {', '.join(sorted(unknown))}; there is {', '.join(NAMES)}", param_hint="--against"
        )
    specs = all_specs()
    if strange := [word for word in ops or [] if not any(spec.matches([word]) for spec in specs)]:
        groups = ", ".join(dict.fromkeys(spec.group for spec in specs))
        raise typer.BadParameter(
            f"nothing is called {', '.join(strange)}; there are the groups {groups}, and the kernels and rows in them",
            param_hint="OP",
        )
    results = []
    with messages():
        for mode in bench_run.MODES if peers == "both" else [peers]:
            try:
                results.append(_run(ops or [], names, threads or get_num_threads(), rounds, mode, busy))
            except RuntimeError as error:
                fail(str(error))
        if json_file is not None:
            json_file.write_text(json.dumps({"runs": results}, indent=1) + "\n")
        if plot is not None:
            from ..bench.plot import roofline

            roofline(results[-1], str(plot))
    wrong = [complaint for result in results for complaint in bench_run.complaints(result["rows"])]
    for complaint in wrong:
        typer.echo(f"error: {complaint}", err=True)
    if wrong:
        raise typer.Exit(FAILED)


def _run(ops: list[str], against: list[str], threads: int, rounds: int, mode: str, busy: bool) -> dict[str, Any]:
    from ..bench import report
    from ..bench.run import run

    terminal = console()

    def seen(record: dict[str, Any]) -> None:  # no spinner: it would run beside what is measured
        if terminal.is_terminal:
            terminal.print(f"{record.get('name', ''):60}", end="\r")

    result = run(ops, against, threads, rounds, mode, busy, seen)
    tables = [report.table(result)]
    if recorded := [row for row in result["rows"] if "first" in row]:
        tables.append(report.first_table(recorded))
    for table in tables:
        terminal.width = max(terminal.width, report.width(table))  # a figure cut off is worse than a long line
        terminal.print(table)
    for name in set(against) - set(result["settings"]["peers"]):
        terminal.print(f"{name} is not installed: left out")
    for group, peer, mean, rows in report.geometric_means(result["rows"]):
        terminal.print(f"{group}: geometric mean {mean:.2f} × {peer} ({rows} rows)")
    dropped = sum(row["dropped"] for row in result["rows"])
    if dropped:
        terminal.print(f"{dropped} rounds were dropped, because other programs were running")
    return result
