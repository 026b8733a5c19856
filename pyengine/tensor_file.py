"""Tensors and a JSON state in one safetensors file: weights and checkpoints. No pickle: reading one runs no code."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .backend import Array
from .brain_float import bfloat16, is_bfloat16
from .files import write_atomically
from .tensor import Tensor

KEY = "pyengine"  # where the state is in the file's metadata
READABLE = frozenset({"BF16", "F16", "F32", "F64", "I32", "I64", "U8", "BOOL"})


class BadFileError(ValueError):
    """A file that is not what it should be; the message names it and says what is wrong."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """`tensors` under their names and `state`, which JSON must be able to say, with a checksum; whole or not at all."""
    from safetensors.numpy import save

    arrays = {name: np.asarray(tensor.detach().numpy(), order="C") for name, tensor in tensors.items()}
    text = json.dumps({**state, "crc32": checksum(arrays)}, allow_nan=False)
    write_atomically(path, save(arrays, {KEY: text}))


def read_tensors(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """What `write_tensors` wrote: the arrays and the state.

    BadFileError where the file is cut short, damaged or none of ours; OSError where it cannot be read.
    """
    arrays, metadata = read_arrays(path)
    if KEY not in metadata:
        raise BadFileError(f"{path}: a safetensors file, but not written by pyengine: it has no state")
    state = _state(path, metadata)
    if state.pop("crc32", None) != checksum(arrays):
        raise BadFileError(f"{path}: the tensors are damaged: they do not match their checksum")
    return arrays, state


def read_arrays(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and the metadata of any safetensors file. Errors as of `read_tensors`, but no checksum is compared."""
    from safetensors import SafetensorError, safe_open

    if path.is_dir():
        raise BadFileError(f"{path}: a folder, not a file")
    try:
        with safe_open(path, "numpy") as file:
            names = file.keys()
            for name in names:
                kind = file.get_slice(name).get_dtype()
                if kind not in READABLE:
                    raise BadFileError(f"{path}: tensor {name} has the dtype {kind}, which is not supported")
                if kind == "BF16":
                    bfloat16()  # from now on NumPy, and so safetensors, knows the name
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except SafetensorError as error:
        raise BadFileError(f"{path}: not a whole safetensors file ({error})") from None


def checksum(arrays: Mapping[str, Array]) -> int:
    """CRC-32 of names and contents, in the order of names; finds damage, not malice."""
    crc = 0
    for name in sorted(arrays):
        bits = arrays[name].view(np.uint16) if is_bfloat16(arrays[name].dtype) else arrays[name]
        crc = zlib.crc32(bits.data, zlib.crc32(name.encode(), crc))
    return crc


def _state(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        state = json.loads(metadata[KEY])
    except (ValueError, RecursionError) as error:
        raise BadFileError(f"{path}: its state is not JSON ({error})") from None
    if not isinstance(state, dict):
        raise BadFileError(f"{path}: its state is not a JSON object")
    return state
