"""Folders and archives of images: a subfolder for each class, perhaps below one for each part (train and test)."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import numpy as np

from ..backend import Array
from .archives import read_members
from .image_cache import cached

KINDS = (".png", ".jpg", ".jpeg", ".bmp")
FORMATS = ("PNG", "JPEG", "BMP")
MOST_PIXELS = 2**26  # a file of a few bytes can promise an image that fills any memory
CLASS_LEVEL, PART_LEVEL = 2, 3  # class/file, part/class/file

Size = tuple[int, int] | None


@dataclass(frozen=True)
class ImageSet:
    """Images as bytes [n, channels, height, width], their class numbers [n], and the names of the classes."""

    images: Array
    labels: "np.ndarray[Any, np.dtype[np.int64]]"
    classes: tuple[str, ...]


def read_images(path: str | Path, part: str | None = None, size: Size = None) -> ImageSet:
    """The images of a folder or archive, by class; decoded once and kept as bytes in the cache folder.

    part  which one, where there is a folder for each part with the classes below it: "train"
    size  (height, width) that images of another size are brought to; without it all must be of one size
    Classes and files come in the order of their names. Images are grey (one channel) where all are, otherwise red,
    green and blue; transparency is left out. Names that begin with a dot are passed over. What was kept is known by
    place, size and time of change of the files; `cached` has more.
    ValueError where there is no class, a class has no image, an image or the archive cannot be read or is not to be
    trusted, where sizes differ, and for a part that there is not. ModuleNotFoundError without Pillow.
    """
    path = Path(path)
    return cached(path, KINDS, f"size {size}", lambda: _read_tree(path, size), lambda kept: _pick(path, kept, part))


def _pick(path: Path, kept: Mapping[str, Array], part: str | None) -> ImageSet:
    parts = kept["parts"].tolist()
    chosen = part if part is not None else parts[0] if len(parts) == 1 else None
    if chosen not in parts:
        asked = "which part is to be read?" if part is None else f"there is no part {part!r}."
        raise ValueError(f"{path}: {asked} It holds {', '.join(parts) or 'classes only'}")
    i = parts.index(chosen)
    return ImageSet(kept[f"images{i}"], kept[f"labels{i}"], tuple(kept["classes"].tolist()))


def _read_tree(path: Path, size: Size) -> dict[str, Array]:
    """All parts, as arrays with names: what the cache keeps."""
    _pillow()
    decoded = dict(_folder(path, size) if path.is_dir() else _archive(path, size))
    places = _places(path, list(decoded))
    classes = sorted({place[-2] for place in places.values()})
    numbers = {name: i for i, name in enumerate(classes)}
    parts: dict[str, list[str]] = {}
    for name in sorted(places, key=lambda name: places[name]):
        parts.setdefault("/".join(places[name][:-2]), []).append(name)
    _check_sizes(path, decoded)
    channels = max(len(image) for image in decoded.values())
    out: dict[str, Array] = {"parts": np.array(list(parts)), "classes": np.array(classes)}
    for i, names in enumerate(parts.values()):
        images = np.empty((len(names), channels, *decoded[names[0]].shape[1:]), np.uint8)
        for row, name in zip(images, names, strict=True):
            row[:] = decoded.pop(name)  # a grey one goes into all three channels
        out[f"images{i}"] = images
        out[f"labels{i}"] = np.array([numbers[places[name][-2]] for name in names], np.int64)
    return out


def _folder(path: Path, size: Size) -> Iterator[tuple[str, Array]]:
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if _is_image(name) and file.is_file():
            yield name, _decoded(str(file), file, size)
        elif file.is_dir() and not _hidden(name) and not any(_is_image(f.name) or f.is_dir() for f in file.iterdir()):
            raise ValueError(f"{file}: there is no image here; known are {', '.join(KINDS)}")


def _archive(path: Path, size: Size) -> Iterator[tuple[str, Array]]:
    for name, content in read_members(path, _is_image):
        yield name, _decoded(f"{path}, {name}", io.BytesIO(content), size)


def _is_image(name: str) -> bool:
    return name.lower().endswith(KINDS) and not _hidden(name)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _places(path: Path, names: list[str]) -> dict[str, tuple[str, ...]]:
    """Each file's part (if any), class and name, without the folders that all of them are in."""
    places = {name: PurePosixPath(name).parts for name in names}
    while places and all(len(p) > CLASS_LEVEL for p in places.values()) and len({p[0] for p in places.values()}) == 1:
        places = {name: p[1:] for name, p in places.items()}
    levels = {len(p) for p in places.values()}
    if levels not in ({CLASS_LEVEL}, {PART_LEVEL}):
        found = "this one has none" if levels <= {1} else f"in this one images lie {sorted(levels)} levels down"
        raise ValueError(
            f"{path}: a folder or archive of images has a subfolder for each class, or one for each part with the "
            f"classes below; {found}"
        )
    return places


def _check_sizes(path: Path, decoded: dict[str, Array]) -> None:
    height, width = next(iter(decoded.values())).shape[1:]
    for name, image in decoded.items():
        if image.shape[1:] != (height, width):
            h, w = image.shape[1:]
            raise ValueError(
                f"{path / name}: {h} x {w} pixels, others have {height} x {width}; all must be of one size, or "
                f"size=(height, width) brings them to one"
            )


def read_image(path: Path, channels: int, size: tuple[int, int]) -> Array:
    """One image file as bytes [channels, *size], with one channel (grey) or three. ValueError where it is no image."""
    _pillow()
    return with_channels(_decoded(str(path), path, size), channels)


def with_channels(images: Array, channels: int) -> Array:
    """Bytes [..., 1 or 3, height, width] with one channel (grey) or three."""
    if images.shape[-3] == channels:
        return images
    if channels > 1:
        return np.repeat(images, channels, axis=-3)
    # the weights of brightness in ITU-R BT.601, as Pillow has them
    return np.round(np.tensordot(images, [0.299, 0.587, 0.114], (-3, 0))).astype(np.uint8)[..., None, :, :]


def _decoded(name: str, source: Any, size: Size) -> Array:
    """Of shape (channels, height, width), with one channel or three."""
    from PIL import Image, ImageOps

    try:
        with Image.open(source, formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise ValueError(f"{opened.height} x {opened.width} pixels are more than {MOST_PIXELS:,}")
            ImageOps.exif_transpose(opened, in_place=True)  # photos lie on their side and say so
            image = _plain(opened)
            if size is not None and (image.height, image.width) != tuple(size):
                image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            pixels = np.asarray(image)
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow's readers raise whatever the damage leads them to
        raise ValueError(f"{name}: not an image that can be read ({error})") from None
    if pixels.dtype != np.uint8:  # 16 bits of grey
        pixels = np.round(pixels / 257).astype(np.uint8)
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)


def _plain(image: Any) -> Any:
    """Grey of 8 or 16 bits, or red, green and blue."""
    if image.mode in ("L", "I;16", "RGB"):
        return image
    return image.convert("I;16" if image.mode in ("I", "I;16B") else "L" if image.mode in ("1", "LA") else "RGB")


def _pillow() -> ModuleType:
    try:
        import PIL
    except ModuleNotFoundError:
        raise ModuleNotFoundError('reading images needs Pillow: pip install "pyengine[images]"') from None
    return PIL
