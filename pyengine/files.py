"""Writing files so that a reader, or a crash, never meets half of one."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path`: the old file, or the new one whole, whenever the power fails. OSError as of `replacing`."""
    with replacing(path) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to be written to that takes the place of `path` at the end, and not at all after an exception.

    It is written beside its place, forced to the disk, and renamed over it; then the folder's entry is forced too.
    OSError as the system words it, with the name of `path`, and nothing left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):  # where it could not even be made
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove the temporary files of `folder` that a process left which died while it wrote."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Force the entries of `folder` to the disk, where the system can open a folder (Windows cannot)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """`value` as readable JSON; ValueError where a number in it is not finite, which JSON cannot say."""
    write_atomically(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())
