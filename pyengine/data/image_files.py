"""Folders of images: a subfolder for each class."""

from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Array

KINDS = (".png", ".jpg", ".jpeg", ".bmp")


def read_image_folder(folder: str | Path) -> "tuple[Array, np.ndarray[Any, np.dtype[np.int64]], tuple[str, ...]]":
    """Images as bytes [n, channels, height, width], their class numbers [n], and the classes: the subfolders' names.

    Classes and files come in the order of their names. Images are grey (one channel) where all are, otherwise red,
    green and blue; transparency is left out. Names that begin with a dot are passed over.
    ValueError where there is no class, a class has no image, one cannot be read, or sizes differ.
    """
    folder = Path(folder)
    classes = [path for path in _sorted(folder) if path.is_dir()]
    if not classes:
        raise ValueError(f"{folder}: a folder of images has a subfolder for each class; this one has none")
    images: list[Array] = []
    labels: list[int] = []
    for number, place in enumerate(classes):
        paths = [path for path in _sorted(place) if path.suffix.lower() in KINDS]
        if not paths:
            raise ValueError(f"{place}: there is no image here; known are {', '.join(KINDS)}")
        for path in paths:
            images.append(_read(path))
            labels.append(number)
            if images[-1].shape[1:] != images[0].shape[1:]:
                (height, width), (h, w) = images[0].shape[1:], images[-1].shape[1:]
                raise ValueError(f"{path}: {h} x {w} pixels, others have {height} x {width}; all must be of one size")
    channels = max(len(image) for image in images)
    out = np.empty((len(images), channels, *images[0].shape[1:]), np.uint8)
    for i, image in enumerate(images):
        out[i] = image  # a grey one goes into all three channels
    return out, np.array(labels, np.int64), tuple(place.name for place in classes)


def _read(path: Path) -> Array:
    """Of shape (channels, height, width), with one channel or three."""
    import matplotlib.image  # slow to import; it reads PNG itself and the others by Pillow, which it brings along

    try:
        image: Array = matplotlib.image.imread(path)
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"{path}: not an image that can be read ({error})") from None
    if image.dtype.kind == "f":
        image = np.round(image * 255)
    image = image.astype(np.uint8)
    return image[None] if image.ndim == 2 else np.moveaxis(image[:, :, :3], 2, 0)


def _sorted(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
