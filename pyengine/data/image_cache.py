"""Decoded images kept as arrays of bytes, so that decoding is done once."""

import contextlib
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np

from ..backend import Array
from ..files import replacing
from .download import cache_dir

Picked = TypeVar("Picked")

FORMAT = 1  # of the files that are kept, and of how images are decoded: older files are then left alone


def cached(
    path: Path,
    kinds: tuple[str, ...],
    how: str,
    read: Callable[[], dict[str, Array]],
    pick: Callable[[Mapping[str, Array]], Picked],
) -> Picked:
    """`pick` of what `read()` makes of the files at `path`, which is kept in the cache folder for the next time.

    kinds  endings of the files that matter, where `path` is a folder
    how    the options that `read` depends on
    Known by the place of `path`, and by name, size and time of change of the files; what was kept of older ones is
    removed. What is damaged is made anew; where the cache folder cannot be written to, nothing is kept.
    FileNotFoundError where there is no such path.
    """
    stem = re.sub(r"[^\w.-]", "_", path.name)
    place = _hash(str(path.resolve()), how, FORMAT)
    file = cache_dir() / "images" / f"{stem}-{place}-{_hash(*_state(path, kinds))}.npz"
    try:
        with file.open("rb") as raw, np.load(raw, allow_pickle=False) as kept:
            return pick(kept)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        arrays = read()
    with contextlib.suppress(OSError):
        _keep(file, arrays, f"{stem}-{place}-*.npz")
    return pick(arrays)


def _keep(file: Path, arrays: dict[str, Array], older: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    for old in file.parent.glob(older):
        old.unlink(missing_ok=True)
    with replacing(file) as out:
        np.savez(out, allow_pickle=False, **arrays)


def _state(path: Path, kinds: tuple[str, ...]) -> list[Any]:
    """What tells whether the files are still the same."""
    files = sorted(f for f in path.rglob("*") if f.suffix.lower() in kinds) if path.is_dir() else [path]
    return [(f.relative_to(path).as_posix(), (s := f.stat()).st_size, s.st_mtime_ns) for f in files]


def _hash(*values: Any) -> str:
    return hashlib.blake2b(repr(values).encode(), digest_size=8).hexdigest()
