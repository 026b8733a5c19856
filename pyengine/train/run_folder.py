"""The folder that a run leaves behind.

    config.json        what was asked for: recipe and settings; written first
    metrics.json       what came out: test figures, history, seed, versions, processor, times
    model.safetensors  the weights of the best epoch; names as in the model, settings in its metadata
    curves.png         loss and accuracy by epoch

Each file is written whole or not at all. metrics.json is written last: where it is, the run is complete.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..tensor import Tensor
from .files import write_atomically, write_json

CONFIG, METRICS, WEIGHTS, CURVES = "config.json", "metrics.json", "model.safetensors", "curves.png"


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


def write_weights(path: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """The tensors under their names as a safetensors file, with `metadata` as JSON under the key "pyengine"."""
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(tensor.detach().numpy()) for name, tensor in weights.items()}
    write_atomically(path, save(arrays, {"pyengine": json.dumps(metadata)}))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name; ValueError where it is not one, OSError where it cannot be read."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = path.read_bytes()
    try:
        return {name: Tensor(array) for name, array in load(data).items()}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole safetensors file ({error})") from None


def write_run(
    folder: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, Any], metrics: Mapping[str, Any], title: str
) -> None:
    """Everything that is known at the end of a run; `metrics` has the "history"."""
    from .curves import draw

    write_weights(folder / WEIGHTS, weights, metadata)
    if metrics["history"]:
        write_atomically(folder / CURVES, draw(metrics["history"], metrics.get("best_epoch"), title))
    write_json(folder / METRICS, metrics)


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """What was asked for; at the start of a run, so that a folder that cannot be written to is found out at once."""
    write_json(folder / CONFIG, dict(config))
