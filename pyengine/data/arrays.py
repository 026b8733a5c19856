"""Arrays of inputs and targets, from .npz and IDX files and from folders of images, as the parts of a data set."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ..backend import Array
from .dataset import TensorDataset
from .idx import read_idx
from .image_files import Size, read_images
from .pixels import PixelDataset
from .sampling import Indices
from .splits import CLASSIFICATION, REGRESSION, Splits
from .tables import class_note, class_numbers, guess_task, split_rows, subsets

INPUTS = ("x", "X", "inputs", "images", "features", "data")
TARGETS = ("y", "Y", "targets", "target", "labels", "label")


def split_npz(
    path: Path,
    splits: Sequence[int] | Sequence[float],
    seed: int,
    target: str | None,
    task: str | None,
    normalize: bool,
    scale_target: bool,
    flatten: bool,
) -> Splits:
    """An .npz file with an array of inputs and one of targets, known by their names, or by `target`."""
    arrays = _read_npz(path)
    names = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
    if target is not None and target not in arrays:
        raise KeyError(f"{path}: there is no array {target!r}; it holds {names}")
    outputs = target or _the_one(arrays, TARGETS)
    rest = [name for name in arrays if name != outputs]
    inputs = rest[0] if len(rest) == 1 else _the_one({name: arrays[name] for name in rest}, INPUTS)
    if outputs is None or inputs is None:
        raise ValueError(
            f"{path}: which array is what? It holds {names}. Expected are one of inputs, named {' or '.join(INPUTS)}, "
            f"and one of targets, named {' or '.join(TARGETS)} or by target="
        )
    x, y = arrays[inputs], arrays[outputs]
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1 or not x.ndim or len(x) != len(y) or not len(y):
        raise ValueError(
            f"{path}: inputs {inputs} {list(x.shape)} and targets {outputs} {list(y.shape)} do not fit; they need the "
            f"same first length, and a number or word for each target"
        )
    parts = split_rows(len(y), splits, seed)
    targets, classes, scale, found = _targets(path, outputs, y, parts[0], task, scale_target)
    if classes and x.dtype == np.uint8 and x.ndim in (3, 4):
        white = max(1, int(x[parts[0]].max()))
        dataset: Any = PixelDataset(_channels_first(x), targets, flatten, white)
        note = f"inputs {inputs}: bytes {list(x.shape[1:])}, divided by {white}, the largest of the training samples"
    else:
        values, note = _values(path, inputs, x, parts[0], normalize)
        dataset = TensorDataset(values, targets)
    task = CLASSIFICATION if classes else REGRESSION
    return Splits(
        subsets(dataset, parts), path, "npz", task, outputs, classes, target_scale=scale, notes=(note, found)
    )  # fmt: skip


def split_idx(path: Path, splits: Sequence[int] | Sequence[float], seed: int, flatten: bool) -> Splits:
    """An IDX file of images, with the file of labels that lies beside it under the usual name."""
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    images = read_idx(path)
    if images.ndim not in (3, 4) or images.dtype != np.uint8:
        raise ValueError(
            f"{path}: {images.dtype} of shape {list(images.shape)}; name the file of the images, uint8 [n, h, w]"
        )
    others = [beside, beside.with_name(beside.name.removesuffix(".gz")), beside.with_name(beside.name + ".gz")]
    labels_path = next((other for other in others if other != path and other.is_file()), None)
    if labels_path is None:
        raise FileNotFoundError(f"{path}: its labels are looked for in {beside.name} beside it, which is not there")
    labels = read_idx(labels_path)
    if labels.shape != images.shape[:1]:
        raise ValueError(f"{labels_path}: labels of shape {list(labels.shape)} for {len(images)} images")
    parts = split_rows(len(images), splits, seed)
    numbers, classes = class_numbers([str(label) for label in labels.tolist()])
    dataset = PixelDataset(images, numbers, flatten)
    notes = (_image_note(dataset), class_note(labels_path.name, classes))
    return Splits(subsets(dataset, parts), path, "idx", CLASSIFICATION, labels_path.name, classes, notes=notes)


def split_images(path: Path, splits: Sequence[int] | Sequence[float], seed: int, flatten: bool, size: Size) -> Splits:
    """A folder or archive with a subfolder of images for each class."""
    found = read_images(path, size=size)
    parts = split_rows(len(found.images), splits, seed)
    dataset = PixelDataset(found.images, found.labels, flatten, classes=found.classes)
    notes = (_image_note(dataset), class_note("subfolder", found.classes))
    return Splits(subsets(dataset, parts), path, "images", CLASSIFICATION, "subfolder", found.classes, notes=notes)


def _read_npz(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (ValueError, TypeError, OSError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path}: not an .npz file of plain arrays ({error})") from None


def _the_one(arrays: dict[str, Array], known: Sequence[str]) -> str | None:
    found = [name for name in arrays if name in known]
    return found[0] if len(found) == 1 else None


def _targets(
    path: Path, name: str, values: Array, rows: Indices, task: str | None, scale: bool
) -> tuple[Any, tuple[str, ...], tuple[float, float], str]:
    """Targets, class names, (mean, std) of the training rows that they were scaled by, and what to say of them."""
    cells = [str(value) for value in values.tolist()]
    if (task or guess_task(cells)) == CLASSIFICATION:
        numbers, classes = class_numbers(cells)
        return numbers, classes, (0.0, 1.0), class_note(name, classes)
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise ValueError(f"{path}: targets {name} of regression must be finite numbers, not {values.dtype}")
    mean, std = (float(values[rows].mean()), float(values[rows].std()) or 1.0) if scale else (0.0, 1.0)
    return ((values - mean) / std).astype(np.float32)[:, None], (), (mean, std), f"target {name}: number, {REGRESSION}"


def _values(path: Path, name: str, values: Array, rows: Indices, normalize: bool) -> tuple[Array, str]:
    """Inputs as float32, normalised by the training rows: by column where there are columns, else all alike."""
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{path}: inputs {name} must be numbers, not {values.dtype}")
    values = values.astype(np.float64).reshape(len(values), *(values.shape[1:] or (1,)))
    bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
    if bad.size:
        raise ValueError(f"{path}: inputs {name}[{bad[0]}] hold a value that is not finite")
    found = f"inputs {name}: numbers {list(values.shape[1:])}"
    if not normalize:
        return values.astype(np.float32), found
    axes = 0 if values.ndim == 2 else None
    mean, std = values[rows].mean(axis=axes), values[rows].std(axis=axes)
    how = "column by column" if axes == 0 else "all alike"
    scaled = (values - mean) / np.where(std > 0, std, 1.0)
    return scaled.astype(np.float32), f"{found}, normalised {how} by the {len(rows)} training samples alone"


def _channels_first(images: Array) -> Array:
    last = images.ndim == 4 and images.shape[3] in (1, 3, 4) and images.shape[1] not in (1, 3)
    return np.ascontiguousarray(np.moveaxis(images, 3, 1)) if last else images


def _image_note(dataset: PixelDataset) -> str:
    channels, height, width = dataset.images.shape[1:]
    size = math.prod((channels, height, width))
    shape = f"[{size}]" if dataset.flatten else f"[{channels}, {height}, {width}]"
    return f"images of {height} x {width} pixels, {channels} channel{'s' * (channels > 1)}, 0 to 1: inputs {shape}"
