"""Tables for the terminal: what a measurement, a comparison and a sweep came to."""

import statistics
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from ..recipes.finetune import Comparison
from ..recipes.inspect import Run, differing
from ..recipes.sweep import Trial
from ..train.metrics import Array


def figures_table(figures: dict[str, float], samples: int, part: str) -> Table:
    """The loss and the metrics on one part of the data."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("data", f"{part}, {samples:,} samples")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"[bold]{value:.4f}[/]")
    return table


def confusion_table(counts: Array, classes: Sequence[str]) -> Table:
    """Rows: what it was; columns: what it was taken for; then the share that was right. Mistakes stand out."""
    table = Table(title="what it was (rows) and was taken for (columns)", title_justify="left", box=None)
    table.add_column("")
    for name in classes:
        table.add_column(name, justify="right")
    table.add_column("right", justify="right")
    for i, name in enumerate(classes):
        row = counts[i].tolist()
        cells = ["[dim]·[/]" if n == 0 else str(n) if i == j else f"[bold red]{n}[/]" for j, n in enumerate(row)]
        table.add_row(f"[bold]{name}[/]", *cells, f"{row[i] / sum(row):.3f}" if sum(row) else "")
    return table


def comparison_table(runs: Sequence[Run]) -> Table:
    """A run per row: what differs in its settings, and what came out, the best test loss first."""
    changed = differing(runs)
    names = list(dict.fromkeys(name for run in runs for name in run.tests))
    table = Table(box=None, padding=(0, 2, 0, 0))
    short = len({run.folder.name for run in runs}) == len(runs)
    table.add_column("run", no_wrap=short, overflow="fold")
    headings = [*changed, *(f"test {name}" for name in names), "val loss", "best", "time"]
    for heading in headings:
        table.add_column(heading.replace("_", " ").replace(" ", "\n"), justify="right", vertical="bottom", no_wrap=True)
    for run in sorted(runs, key=lambda run: run.tests.get("loss", float("inf"))):
        table.add_row(
            run.folder.name if short else str(run.folder),
            *(str(getattr(run.settings, name)) for name in changed),
            *(_number(run.tests.get(name)) for name in names),
            _number(run.best_row.get("val_loss")),
            f"{run.metrics['best_epoch']}/{run.metrics.get('epochs')}",
            f"{run.metrics['wall_seconds']:.1f} s" if "wall_seconds" in run.metrics else "",
        )
    return table


def finetune_table(compared: Comparison) -> Table:
    """The fine-tuned run, the one from scratch, and how far they are apart."""
    assert compared.scratch is not None
    tuned, scratch = compared.tuned.metrics, compared.scratch.metrics
    names = [name for name in tuned if name.startswith("test_")]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", *names, "lr", "best epoch", "steps", "time"):
        table.add_column(heading.replace("_", " "), justify="right" if heading else "left")
    rows = zip(("fine-tuned", "from scratch"), (tuned, scratch), compared.rates, strict=True)
    for label, metrics, lr in rows:
        history, best = metrics["history"], metrics["best_epoch"]
        table.add_row(
            label,
            *(_number(metrics[name]) for name in names),
            f"{lr:g}",
            f"{best}/{len(history)}",
            f"{metrics['steps']:,}",
            f"{metrics['wall_seconds']:.1f} s",
        )
    table.add_row("difference", *(f"{tuned[name] - scratch[name]:+.4f}" for name in names), style="bold")
    return table


def print_whole(console: Console, table: Table) -> None:
    """Print a table with all that its cells say: lines longer than the terminal are better than cells cut short."""
    needed = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    console.width = max(console.width, needed)
    console.print(table)


def sweep_table(trials: Sequence[Trial]) -> Table:
    """A combination per row, the best first, with how far behind the best it is, by the mean over seeds."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("", justify="right")
    for name in trials[0]["changed"]:
        table.add_column(name.replace("_", " "), justify="right")
    figures = next((list(_figures(trial)) for trial in trials if not trial["failed"]), [])
    for name in [*figures, "behind"] if figures else []:
        table.add_column(name.replace("_", " "), justify="right")
    for rank, trial in enumerate(trials, start=1):
        changed = [str(value) for value in trial["changed"].values()]
        if trial["failed"]:
            table.add_row(str(rank), *changed, "[red]diverged[/]")
        else:
            figures = [*_figures(trial).values(), behind(trial, trials[0])]
            table.add_row(str(rank), *changed, *figures, style="bold" if rank == 1 else None)
    return table


def behind(trial: Trial, best: Trial) -> str:
    """The mean difference of the losses seed by seed, ± its standard error where there are seeds enough to tell."""
    differences = [a - b for a, b in zip(trial["losses"], best["losses"], strict=True)]
    if trial is best or len(differences) < 2:
        return "" if trial is best else f"{differences[0]:.4f}"
    error = statistics.stdev(differences) / len(differences) ** 0.5
    return f"{statistics.fmean(differences):.4f} ± {error:.4f}"


def _figures(trial: Trial) -> dict[str, str]:
    figures = {key: f"{value:.4f}" for key, value in trial.items() if key.startswith("val_")}
    return {**figures, "best_epoch": f"{trial['best_epoch']:.0f}"}


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.4f}"
