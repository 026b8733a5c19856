"""Checkpoints: files from which a training goes on, bit for bit, after a stop at any moment."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files import sweep
from ..tensor_file import BadFileError, read_tensors, write_tensors
from .callbacks import Callback
from .state import capture, restore
from .trainer import Trainer

FORMAT = 1
KEPT = 2
BEST = "best.safetensors"
_STEP = re.compile(r"step-(\d{1,18})\.safetensors")


class Checkpoints(Callback):
    """Writes checkpoints into `folder`: step-<step>.safetensors, of which the last two are kept, and best.safetensors.

    every   write one after so many steps, the best after the epoch that was it, and one at the end; None: only where
            Ctrl-C stopped the training
    config  what the run is, as JSON; resuming needs an equal one

    Must come after the callbacks that keep a state, such as `Schedule`: they must have moved on before it is written.
    ValueError for `every` below 1.

    >>> import tempfile
    >>> import pyengine as pe
    >>> from pyengine import nn, optim
    >>> from pyengine.train import Trainer
    >>> batches = [(pe.ones(4, 2), pe.zeros(4, dtype="int64"))] * 5
    >>> model = nn.Linear(2, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keep = Checkpoints(Path(folder), every=2)
    ...     trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1), callbacks=[keep])
    ...     _ = trainer.fit(batches, epochs=1)
    ...     [path.name for path in steps(Path(folder))]
    ['step-000000004.safetensors', 'step-000000005.safetensors']
    """

    def __init__(self, folder: Path, every: int | None = None, config: Mapping[str, Any] | None = None) -> None:
        if every is not None and every < 1:
            raise ValueError(f"Checkpoints: every is {every}; it must be 1 or more steps")
        self.folder = folder
        self.every = every
        self.config = dict(config or {})

    def on_fit_start(self, trainer: Trainer) -> None:
        """Remove what a process that died while it wrote has left."""
        sweep(self.folder)

    def on_step(self, trainer: Trainer) -> None:
        """Write one where it is time."""
        if self.every is not None and trainer.step % self.every == 0:
            self.save(trainer)

    def on_epoch(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """Write the best one where this epoch was."""
        if self.every is not None and trainer.best is not None and trainer.best.epoch == row["epoch"]:
            self._write(trainer, self.folder / BEST)

    def on_fit_end(self, trainer: Trainer, error: BaseException | None) -> None:
        """Write the last one; after an error the last good one stays."""
        if error is None and (self.every is not None or trainer.interrupted):
            self.save(trainer)

    def save(self, trainer: Trainer) -> Path:
        """Write a checkpoint of this step, then remove all but the last two."""
        path = self.folder / f"step-{trainer.step:09}.safetensors"
        self._write(trainer, path)
        for old in steps(self.folder)[:-KEPT]:
            old.unlink(missing_ok=True)
        return path

    def _write(self, trainer: Trainer, path: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors, state = capture(trainer)
        write_tensors(path, tensors, {"checkpoint": FORMAT, "config": self.config, **state})


def steps(folder: Path) -> list[Path]:
    """The checkpoints by step in `folder`, oldest first; best.safetensors is not among them."""
    if not folder.is_dir():
        return []
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := _STEP.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def resume(trainer: Trainer, path: Path, config: Mapping[str, Any] | None = None) -> None:
    """Put `trainer`, made as it was for the first start, where the checkpoint at `path` was written.

    `fit` then goes on, in the middle of an epoch where it was one. BadFileError, with nothing changed, where the file
    is damaged, is no checkpoint, or is one of another run: of another `config`, model or optimizer.
    """
    tensors, state = read_tensors(path)
    if state.get("checkpoint") != FORMAT:
        raise BadFileError(f"{path}: not a checkpoint of format {FORMAT}")
    if config is not None and state.get("config") != dict(config):
        raise BadFileError(f"{path}: a checkpoint of another run: {state.get('config')!r:.200}, not {dict(config)}")
    try:
        restore(trainer, tensors, state)
    except (ValueError, RecursionError) as error:
        raise BadFileError(f"{path}: does not fit this run: {error}") from None
