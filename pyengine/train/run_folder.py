"""The folder that a run leaves behind.

    config.json        what was asked for: recipe and settings; written first
    checkpoints/       from which it can be resumed, where they were asked for
    model.safetensors  the weights of the best epoch; names as in the model, config.json in its metadata
    vocab.json         of texts: which token has which id
    curves.png         loss and metrics by epoch
    mistakes.png       of images: the worst mistakes on the test data, and filters.png: the weights of the first layer
    metrics.json       what came out: test figures, history, seed, versions, processor, times

Each file is written whole or not at all. metrics.json is written last: where it is, the run is complete.
"""

import contextlib
import errno
import fcntl
import importlib.util
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..files import sweep, write_atomically, write_json
from ..tensor import Tensor
from ..tensor_file import write_tensors

CONFIG, METRICS, WEIGHTS, CURVES = "config.json", "metrics.json", "model.safetensors", "curves.png"
CHECKPOINTS = "checkpoints"
VOCAB = "vocab.json"


def claim(out: Path | None, recipe: str) -> Path:
    """Make the folder of a new run: `out`, or the first free one of runs/<recipe>-<date>-<time>[-2, -3, …].

    FileExistsError where `out` already holds a run, OSError where it cannot be made.
    """
    if out is not None:
        if any((out / name).exists() for name in (CONFIG, METRICS, WEIGHTS)):
            raise FileExistsError(f"{out} already holds a run; choose another folder, or remove it first")
        out.mkdir(parents=True, exist_ok=True)
        return out
    stem = f"{recipe}-{time.strftime('%Y%m%d-%H%M%S')}"
    number = 1
    while True:
        folder = Path("runs", stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1


def write_run(
    folder: Path,
    weights: Mapping[str, Tensor],
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    title: str,
    pictures: Callable[[], Mapping[str, bytes]] = dict,
) -> None:
    """Everything that is known at the end of a run; `metrics` has the "history".

    pictures  draws further ones, by the names of their files. Without matplotlib there are no pictures.
    """
    from .curves import draw

    write_tensors(folder / WEIGHTS, weights, config)
    if importlib.util.find_spec("matplotlib") is not None:
        if metrics["history"]:
            write_atomically(folder / CURVES, draw(metrics["history"], metrics.get("best_epoch"), title))
        for name, picture in pictures().items():
            write_atomically(folder / name, picture)
    write_json(folder / METRICS, metrics)


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """What was asked for; at the start of a run, so that a folder that cannot be written to is found out at once."""
    sweep(folder)
    write_json(folder / CONFIG, dict(config))


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes from writing to `folder` meanwhile; OSError where one already does.

    The lock is the system's, so it goes with the process, however that ends. Where the file system has no locks, none.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"{folder} is being written by another process") from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
                raise
        yield
    finally:
        os.close(handle)
