"""Nested lists, tuples and dicts of tensors, taken apart and put together again."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..tensor import Tensor

PLAIN = (type(None), bool, int, float, complex, str, bytes)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in a nested structure, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors_in(part)


def replaced(value: Any, replace: Callable[[Tensor], Any]) -> Any:
    """The structure with replace(tensor) in place of every tensor; named tuples stay what they are.

    >>> import pyengine as pe
    >>> replaced({"a": [pe.ones(2), 3]}, lambda tensor: tensor.shape)
    {'a': [(2,), 3]}
    """
    if isinstance(value, Tensor):
        return replace(value)
    if isinstance(value, dict):
        return type(value)((key, replaced(part, replace)) for key, part in value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(replaced(part, replace) for part in value))
    if isinstance(value, list | tuple):
        return type(value)(replaced(part, replace) for part in value)
    return value


def unknown_in(value: Any) -> Any:
    """The first part that is neither a tensor, a plain value nor a container of these; None where there is none.

    >>> unknown_in([1, {"a": range(3)}])
    range(0, 3)
    """
    if isinstance(value, (Tensor, *PLAIN)):
        return None
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return value
    return next((found for part in value if (found := unknown_in(part)) is not None), None)


def read(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Sequence[Tensor]]:
    """The signature of a call's arguments, and the tensors in them. TypeError for what is not hashable."""
    return signature((args, kwargs)), list(tensors_in((args, kwargs)))


def signature(value: Any) -> Any:
    """What two structures have in common that one recording can serve: hashable.

    Of a tensor shape, dtype, device and whether it requires a gradient; of anything else the value itself.

    >>> signature(0.0) == signature(-0.0), signature(float("nan")) == signature(float("nan"))
    (False, True)
    """
    if isinstance(value, Tensor):
        return value.data.shape, value.data.dtype, value.device, value.requires_grad
    if isinstance(value, dict):
        return dict, tuple((key, signature(part)) for key, part in value.items())
    if isinstance(value, list | tuple):
        return type(value), tuple([signature(part) for part in value])
    return type(value), repr(value) if isinstance(value, float | complex) else value
