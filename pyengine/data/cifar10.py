"""CIFAR-10: 50,000 + 10,000 colour photos of 32 x 32 pixels in ten classes."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from ..backend import Array
from .archives import SUFFIXES, read_members
from .download import cache_dir, download, places
from .image_files import read_images
from .pixels import PixelDataset

NAME = "cifar10"
URL = "https://www.cs.toronto.edu/~kriz/"
BINARY = "cifar-10-binary.tar.gz"
HASH = "md5:c32a1d4ab5d03f1284b67883e8d87530"  # the one that its page gives
UNPACKED = "cifar-10-batches-bin"
BATCHES = {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]}
IN_A_BATCH = 10_000
SHAPE = (3, 32, 32)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load_cifar10(
    data_dir: str | Path | None = None, flatten: bool = False, url: str = URL
) -> tuple[PixelDataset, PixelDataset]:
    """CIFAR-10's photos: 50,000 to train and validate with, 10,000 to test with.

    data_dir  a folder, or a folder with a folder `cifar10`, that has the original binary archive
              (cifar-10-binary.tar.gz), or it unpacked (cifar-10-batches-bin), or an archive of image files whose name
              begins with cifar10 (train/<class>/… and test/<class>/…; needs Pillow). Without it they are looked for in
              `PYENGINE_DATA`, then among earlier downloads (`PYENGINE_CACHE`), then the first is downloaded (163 MB),
              which needs the extra `data`
    flatten   images of shape (3072,), for linear layers; otherwise (3, 32, 32): red, green and blue
    url       another place than the data set's own page to download from; the file must have the published hash
    Images are float32 in [0, 1], labels 0 to 9 with their names in `classes`. They are kept as bytes: 184 MB in all.
    FileNotFoundError where data_dir lacks the files, ValueError where one is damaged, DownloadError.

    >>> load_cifar10("an/empty/folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    FileNotFoundError: an/empty/folder: not the files of cifar10; looked for were cifar-10-binary.tar.gz, ...

    Credit: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).
    """
    path = _find(data_dir)
    if path is None:
        path = download(url.rstrip("/") + "/" + BINARY, HASH, cache_dir() / NAME)
    if path.name in (BINARY, UNPACKED):
        images, labels = _read_binary(path)
    else:
        images, labels = _read_pictures(path)
    train, test = (PixelDataset(images[part], labels[part], flatten, classes=CLASSES) for part in BATCHES)
    return train, test


def _find(data_dir: str | Path | None) -> Path | None:
    """The first file or folder that will do; None where there is none and no folder was named."""
    for place in places(NAME, data_dir):
        archives = sorted(p for p in place.glob(f"{NAME}*") if p.name.endswith(SUFFIXES))
        for path in (place / UNPACKED, place / BINARY, *archives):
            if path.exists():
                return path
    if data_dir is not None:
        raise FileNotFoundError(
            f"{data_dir}: not the files of {NAME}; looked for were {BINARY}, {UNPACKED} and archives of images whose "
            f"name begins with {NAME}, here or in a folder {NAME}"
        )
    return None


# --- the original form: records of a byte for the label, then the red, green and blue plane of the image, row by row


def _read_binary(path: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    images = {part: np.empty((len(names) * IN_A_BATCH, *SHAPE), np.uint8) for part, names in BATCHES.items()}
    labels = {part: np.empty(len(names) * IN_A_BATCH, np.uint8) for part, names in BATCHES.items()}
    missing = {name: (part, i * IN_A_BATCH) for part, names in BATCHES.items() for i, name in enumerate(names)}
    for name, content in _batches(path):
        if name in missing:
            part, start = missing.pop(name)
            records = _records(f"{path}, {name}", content)
            labels[part][start : start + IN_A_BATCH] = records[:, 0]
            images[part][start : start + IN_A_BATCH] = records[:, 1:].reshape(-1, *SHAPE)
    if missing:
        raise ValueError(f"{path}: {', '.join(missing)} is not in it")
    return images, labels


def _batches(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of the files in the folder or archive."""
    wanted = [name for names in BATCHES.values() for name in names]
    if path.is_dir():
        yield from ((name, (path / name).read_bytes()) for name in wanted if (path / name).exists())
        return
    for name, content in read_members(path, lambda name: PurePosixPath(name).name in wanted):
        yield PurePosixPath(name).name, content


def _records(name: str, content: bytes) -> Array:
    size = 1 + SHAPE[0] * SHAPE[1] * SHAPE[2]
    if len(content) != IN_A_BATCH * size:
        raise ValueError(
            f"{name}: {len(content):,} bytes; it must be {IN_A_BATCH:,} images of {size:,}, {IN_A_BATCH * size:,} bytes"
        )
    records: Array = np.frombuffer(content, np.uint8).reshape(IN_A_BATCH, size)
    if records[:, 0].max() >= len(CLASSES):
        raise ValueError(f"{name}: a label is {records[:, 0].max()}; labels go from 0 to {len(CLASSES) - 1}")
    return records


# --- image files by class


def _read_pictures(path: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    images, labels = {}, {}
    for part in BATCHES:
        found = read_images(path, part)
        if found.classes != CLASSES or found.images.shape[1:] != SHAPE:
            raise ValueError(
                f"{path}: images {list(found.images.shape[1:])} of the classes {', '.join(found.classes)}; those of "
                f"{NAME} are {list(SHAPE)}, of the classes {', '.join(CLASSES)}"
            )
        images[part], labels[part] = found.images, found.labels
    return images, labels
