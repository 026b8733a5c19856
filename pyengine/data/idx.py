"""IDX, the format of MNIST: two zero bytes, a byte for the type, one for the number of axes, their lengths, the data.

Numbers are big-endian. The format is described at the foot of the MNIST page, http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..backend import Array

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_LARGEST = 2**40  # bytes; a corrupt header must not ask for all memory


def read_idx(path: str | Path) -> Array:
    """The array in an IDX file, plain or compressed with gzip (told by its first bytes, not its name).

    ValueError where it is not one: a wrong magic number, an unknown type, data that end early or go on too long.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3]) + bytes([5, 0, 4]))
    ...     read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            if not packed:
                return _read(path, raw)
            with gzip.GzipFile(fileobj=raw) as file:
                return _read(path, file)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path}: the gzip archive is damaged or cut off ({error})") from None


def _read(path: Path, file: "IO[bytes] | gzip.GzipFile") -> Array:
    magic = file.read(4)
    if not magic:
        raise ValueError(f"{path}: the file is empty")
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise ValueError(
            f"{path}: not an IDX file: its magic number is 0x{magic.hex()}; that of images is 0x00000803, of labels "
            f"0x00000801"
        )
    axes = file.read(4 * magic[3])
    if len(axes) < 4 * magic[3]:
        raise ValueError(f"{path}: the file ends in its header, which should give the lengths of {magic[3]} axes")
    shape = tuple(np.frombuffer(axes, ">u4").tolist())
    kind = np.dtype(_TYPES[magic[2]])
    size = math.prod(shape) * kind.itemsize
    if size > _LARGEST:
        raise ValueError(f"{path}: its header asks for {list(shape)} numbers, {size} bytes: it is damaged")
    return _fill(path, file, shape, kind)


def _fill(path: Path, file: "IO[bytes] | gzip.GzipFile", shape: tuple[int, ...], kind: "np.dtype[Any]") -> Array:
    """Read straight into the array: the images of MNIST are then in memory once, not twice."""
    out = np.empty(shape, kind)
    room = out.reshape(-1).view(np.uint8).data
    done = 0
    while done < len(room) and (got := file.readinto(room[done:])):  # type: ignore[union-attr]
        done += got
    if done < len(room):
        raise ValueError(
            f"{path}: the data end after {done} of the {len(room)} bytes that its header promises, shape {list(shape)}"
        )
    if file.read(1):
        raise ValueError(f"{path}: more data than the {len(room)} bytes that its header promises, shape {list(shape)}")
    return out.astype(kind.newbyteorder("="), copy=False)
