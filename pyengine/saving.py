"""Saving tensors and loading them again: safetensors files, whose reading runs no code, unlike that of pickles."""

from pathlib import Path
from typing import Any

import numpy as np

from .creation import from_numpy
from .tensor import Tensor
from .tensor_file import KEY, BadFileError, read_arrays, read_tensors, write_tensors

STATE = "saved"  # where the arrangement of the tensors is in the file's state


def save(obj: Any, path: str | Path) -> None:
    """Write tensors to a safetensors file: the file is replaced whole or not at all.

    obj  a tensor of any shape, or dicts, lists and tuples of tensors, numbers, words, bools and None, such as
         `model.state_dict()` or {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    Tensors are named by their keys, joined by dots, so other readers of safetensors find them too. TypeError for
    anything else in `obj`, OSError where the file cannot be written.

    >>> import tempfile
    >>> from pyengine import nn
    >>> model = nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save({"model": model.state_dict(), "epoch": 3}, f"{folder}/state.safetensors")
    ...     state = load(f"{folder}/state.safetensors")
    >>> model.load_state_dict(state["model"])
    LoadResult(missing_keys=[], unexpected_keys=[])
    >>> state["epoch"]
    3
    """
    tensors: dict[str, Tensor] = {}
    arrangement = _taken_apart(obj, "", tensors)
    write_tensors(Path(path), tensors, {STATE: arrangement})


def load(path: str | Path) -> Any:
    """What `save` wrote; of another safetensors file its tensors by name. No code in it is run.

    BadFileError, a ValueError that says what is wrong, for a file that is damaged, cut short or of another kind;
    OSError where it cannot be read. See `save` for an example.

    >>> load("nowhere.safetensors")
    Traceback (most recent call last):
        ...
    FileNotFoundError: No such file or directory: nowhere.safetensors
    """
    path = Path(path)
    arrays, metadata = read_arrays(path)
    state = read_tensors(path)[1] if KEY in metadata else {}
    tensors = {name: from_numpy(array) for name, array in arrays.items()}
    if STATE not in state:
        return tensors
    try:
        return _put_together(state[STATE], tensors)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadFileError(f"{path}: its tensors cannot be arranged as its state says ({error!r})") from None


def _taken_apart(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """`value` as JSON, its tensors put into `tensors`. What JSON has not is a dict of one entry that says its kind."""
    if isinstance(value, Tensor):
        name = name or "tensor"
        while name in tensors:
            name += "_"
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str | int):
                raise TypeError(f"save: the key {key!r} of {name or 'the dict'} is neither a word nor a whole number")
        return {"dict": [[key, _taken_apart(part, _joined(name, key), tensors)] for key, part in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_taken_apart(part, _joined(name, i), tensors) for i, part in enumerate(value)]}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return {"float": repr(value)}  # JSON has no infinity
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(
        f"save: {name or 'it'} is a {type(value).__name__}; tensors, numbers, words and None can be saved, and dicts, "
        f"lists and tuples of them. Of a model save model.state_dict()"
    )


def _joined(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)


def _put_together(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "float":
        return float(content)
    if kind == "dict":
        return {key: _put_together(part, tensors) for key, part in content}
    if kind not in ("list", "tuple"):
        raise ValueError(f"unknown kind {kind!r}")
    parts = [_put_together(part, tensors) for part in content]
    return parts if kind == "list" else tuple(parts)
