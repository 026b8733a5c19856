"""Reading the files in an archive (.zip, or .tar plain or compressed) without unpacking it to the disk."""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".zip")
LARGEST = 2**28  # bytes in one file: a small archive can hold one that fills any memory
_BLOCK = 512  # of a tar file, which ends with two blocks of zeros
_OPENERS: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ": lzma.open, b"BZh": bz2.open}
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError)


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive.

    >>> [is_archive(Path(name)) for name in ("pictures.tar.xz", "train-images-idx3-ubyte.gz")]
    [True, False]
    """
    return path.name.lower().endswith(SUFFIXES)


def read_members(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in the archive whose name is wanted, in the archive's order.

    Nothing is written anywhere, and yet an archive is refused that would write outside of its folder or that holds
    links: it is not what it pretends to be. ValueError for that, for a file larger than `LARGEST`, and for an archive
    that is damaged or cut off.
    """
    try:
        with path.open("rb") as file:
            start = file.read(6)
        yield from (_zip_members if start[:2] == b"PK" else _tar_members)(path, wanted, start)
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's; the readers' own errors have no number
            raise
        raise ValueError(f"{path}: not an archive, or it is damaged or cut off ({error})") from None


def _tar_members(path: Path, wanted: Callable[[str], bool], start: bytes) -> Iterator[tuple[str, bytes]]:
    opener = next((open_ for magic, open_ in _OPENERS.items() if start.startswith(magic)), None)
    with opener(path) if opener else path.open("rb") as raw:
        tail = _Tail(raw)
        with tarfile.open(fileobj=tail, mode="r|") as archive:  # type: ignore[call-overload]
            for member in archive:
                if member.isdir():
                    continue
                _check(path, member.name, member.size, link=not member.isfile())
                if wanted(member.name):
                    yield member.name, archive.extractfile(member).read()
        tail.drain()
    if any(tail.last):
        raise tarfile.ReadError("it does not end as a tar file does")


class _Tail:
    """A file that is read from front to back and remembers its last block: tarfile takes any end for the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.last = b"\1"

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        self.last = (self.last + data)[-_BLOCK:]
        return data

    def drain(self) -> None:
        """Read what is left, so that a compressed file's checksum is compared."""
        while self.read(1 << 20):
            pass


def _zip_members(path: Path, wanted: Callable[[str], bool], _start: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            link = stat.S_ISLNK(member.external_attr >> 16)
            _check(path, member.filename, member.file_size, link)
            if not wanted(member.filename):
                continue
            if member.flag_bits & 1:
                raise ValueError(f"{path}: {member.filename!r} is encrypted")
            yield member.filename, archive.read(member)


def _check(path: Path, name: str, size: int, link: bool) -> None:
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or "\\" in name or ":" in name.partition("/")[0]:
        raise ValueError(f"{path}: it holds a file {name!r}, which lies outside of the archive; nothing of it is read")
    if link:
        raise ValueError(f"{path}: {name!r} is a link or a device, not a file; nothing of the archive is read")
    if size > LARGEST:
        raise ValueError(f"{path}: {name!r} has {size:,} bytes; an image has {LARGEST:,} at most")
