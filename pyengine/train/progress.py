"""Seeing a training run in the terminal: a live bar where there is one, a line for each epoch elsewhere."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from .callbacks import Callback
from .trainer import Trainer

REFRESH_SECONDS = 0.1
FIGURES_WIDTH = 74  # what stands beside the bar, for a loss and one metric


class _ProgressBar(Callback):
    """One live line: epoch, bar, loss so far, validation figures of the last epoch, samples per second, time left."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.validation = ""
        self.next_refresh = 0.0

    def on_fit_start(self, trainer: Trainer) -> None:
        self.progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=max(4, min(32, self.console.width - FIGURES_WIDTH))),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            refresh_per_second=1 / REFRESH_SECONDS,
        )
        steps = None if trainer.batches is None else -(-trainer.batches // trainer.accumulate)
        total = None if steps is None else steps * trainer.epochs
        self.task: TaskID = self.progress.add_task("", total=total, completed=trainer.step, epoch="", figures="")
        self.progress.start()

    def on_step(self, trainer: Trainer) -> None:
        now = time.perf_counter()
        if now >= self.next_refresh and trainer.running:  # drawing each step would cost more than a small step does
            self.next_refresh = now + REFRESH_SECONDS
            self._show(trainer, trainer.epoch + 1, trainer.running.mean, trainer.running.rate)

    def on_epoch(self, trainer: Trainer, row: dict[str, Any]) -> None:
        names = {key: "val" if key == "val_loss" else key.removeprefix("val_") for key in row if key.startswith("val_")}
        self.validation = "".join(f"{name.replace('_', ' ')} {row[key]:.3f}  " for key, name in names.items())
        self._show(trainer, row["epoch"], row["train_loss"], row["samples_per_second"])
        if "says" in row:  # a line of the recipe's own, above the bar
            self.console.print(row["says"], highlight=False, markup=False)

    def on_fit_end(self, trainer: Trainer, error: BaseException | None) -> None:
        self.progress.stop()
        if trainer.stopped:
            self.console.print(f"[yellow]{_why_stopped(trainer)}[/]", highlight=False)

    def _show(self, trainer: Trainer, epoch: int, loss: float, rate: float) -> None:
        speed = f"{rate / 1000:,.0f}k" if rate >= 10_000 else f"{rate:,.0f}"
        figures = f"loss {loss:.3f}  {self.validation}{speed} samples/s"
        self.progress.update(self.task, completed=trainer.step, epoch=f"{epoch}/{trainer.epochs}", figures=figures)


class _ProgressLines(Callback):
    """A plain line for each epoch, for files and pipes."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def on_epoch(self, trainer: Trainer, row: dict[str, Any]) -> None:
        number = f"{row['epoch']:>{len(str(trainer.epochs))}}/{trainer.epochs}"
        validated = "".join(f"{k.replace('_', ' ')} {v:.4f} · " for k, v in row.items() if k.startswith("val_"))
        rate = f"{row['samples_per_second']:,.0f} samples/s"
        self._print(f"epoch {number} · loss {row['train_loss']:.4f} · {validated}{rate}")
        if "says" in row:  # a line of the recipe's own
            self._print(f"  {row['says']}")

    def on_fit_end(self, trainer: Trainer, error: BaseException | None) -> None:
        if trainer.stopped:
            self._print(_why_stopped(trainer))

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)


def progress(console: Console) -> Callback:
    """The display that fits where `console` writes to."""
    return _ProgressBar(console) if console.is_terminal else _ProgressLines(console)


def _why_stopped(trainer: Trainer) -> str:
    if trainer.running:
        return f"{trainer.stopped} in epoch {trainer.epoch + 1} of {trainer.epochs}"
    return f"stopped after epoch {trainer.epoch} of {trainer.epochs}: {trainer.stopped}"


def closing_table(metrics: dict[str, Any], folder: str) -> Table:
    """What a run came to: the test figures, how it was chosen, how long it took, where everything is."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for key in sorted(key for key in metrics if key.startswith("test_")):
        table.add_row(key.replace("_", " "), f"[bold]{metrics[key]:.4f}[/]")
    if metrics["best_epoch"] is not None:
        by = metrics["monitor"].replace("val_", "validation ").replace("train_", "training ")
        table.add_row("best epoch", f"{metrics['best_epoch']} of {len(metrics['history'])}, by {by}")
    rate = metrics["samples_per_second"]
    table.add_row("time", f"{metrics['wall_seconds']:.1f} s" + (f", {rate:,.0f} samples/s in training" if rate else ""))
    table.add_row("device", f"{metrics['device']} ({metrics['isa']}, {metrics['threads']} threads)")
    table.add_row("folder", folder)
    return table
