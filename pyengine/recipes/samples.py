"""Samples in files, as users have them, for a model to answer for."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..data.image_files import KINDS, read_image
from ..train import BadFileError
from ..train.metrics import Array


def read_samples(path: Path) -> Array:
    """The numbers in a file, one sample per row: .npy, .npz (its array `images` or `x`, or its only one), or text.

    Text is numbers separated by commas, tabs or blanks; a first line of names is passed over.
    BadFileError where it is none of these, OSError where it cannot be read.
    """
    try:
        if path.suffix == ".npy":
            array = np.load(path, allow_pickle=False)
        elif path.suffix == ".npz":
            array = _from_archive(path)
        else:
            array = _from_text(path)
    except (ValueError, EOFError, BadZipFile) as error:
        raise BadFileError(f"{path}: {error}") from None
    if array.dtype.kind not in "uifb" or array.size == 0:
        raise BadFileError(f"{path}: no numbers in it, but {array.dtype}{list(array.shape)}")
    return array


def _from_archive(path: Path) -> Array:
    with np.load(path, allow_pickle=False) as arrays:
        names = list(arrays)
        chosen = next((name for name in ("images", "x") if name in names), None)
        if chosen is None and len(names) == 1:
            chosen = names[0]
        if chosen is None:
            raise ValueError(f"which array? It has {', '.join(names)}; name the samples images or x")
        array: Array = arrays[chosen]
        return array


def _from_text(path: Path) -> Array:
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    rows = [line.replace(",", " ").replace(";", " ").split() for line in lines]
    if rows and not _is_number(rows[0][0]):
        rows = rows[1:]
    if not rows:
        raise ValueError("no numbers in it")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise ValueError(f"row {number} has {len(row)} values, the first has {len(rows[0])}")
    return np.array(rows, np.float64)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def read_pixels(path: Path, shape: tuple[int, int, int], ink: int) -> Array:
    """Images of that shape (channels, height, width), one or many, with values from 0 to 1.

    Image files (.png, .jpg, .bmp; needs Pillow) are brought to that size; numbers are pixels from 0 to `ink`, of that
    shape, flat, with the channels last, or of one channel without that axis.
    BadFileError where the samples in the file are no such images.
    """
    if path.suffix.lower() in KINDS:
        return _picture(path, shape)
    pixels = np.asarray(read_samples(path), np.float32)
    channels, height, width = shape
    size = channels * height * width
    last = (height, width, channels)
    plain = (height, width) if channels == 1 else shape
    if pixels.shape not in (plain, shape, last, (size,)) and (pixels.ndim < 2 or pixels[0].size != size):
        wanted = f"{height}x{width}" + (f" with {channels} channels" if channels > 1 else "")
        raise BadFileError(
            f"{path}: expected are images of {wanted} = {size} pixels; these samples are {list(pixels.shape)}"
        )
    if channels > 1 and pixels.shape[-3:] == last:
        pixels = np.moveaxis(pixels.reshape(-1, *last), 3, 1)
    pixels = pixels.reshape(-1, *shape)
    if not (pixels.min() >= 0 and pixels.max() <= ink):  # false for NaN too
        raise BadFileError(f"{path}: pixels go from 0 to {ink}; here from {pixels.min():g} to {pixels.max():g}")
    return pixels / np.float32(ink)


def _picture(path: Path, shape: tuple[int, int, int]) -> Array:
    try:
        image = read_image(path, shape[0], shape[1:])
    except ValueError as error:
        raise BadFileError(str(error)) from None
    return np.divide(image[None], 255, dtype=np.float32)
