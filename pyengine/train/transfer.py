"""Fine-tuning: a model that begins with what another one learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ..nn import Module
from ..nn.utils import freeze
from ..tensor_file import read_arrays


@dataclass(frozen=True)
class Transferred:
    """What `transfer` did: the names of the tensors that were loaded, that begin anew, and that are frozen.

    >>> Transferred(loaded=("0.weight",), fresh=("1.weight",), frozen=()).fresh
    ('1.weight',)
    """

    loaded: tuple[str, ...]
    fresh: tuple[str, ...]
    frozen: tuple[str, ...]


def transfer(
    model: Module,
    weights: Module | Mapping[str, Any] | str | Path,
    *,
    replace: Sequence[str] = (),
    frozen: Sequence[str] = (),
) -> Transferred:
    """Give `model` the weights of a trained one, all but a new head; and freeze what is not to be learned again.

    weights  a model, what its `state_dict()` gives, or a safetensors file, such as a run folder's model.safetensors
    replace  patterns of names, such as "classifier.*": these tensors begin anew, and may have other shapes
    frozen   patterns of names of parameters that keep their values while the rest is trained
    Then train as usual, with a learning rate a few times smaller than the first one's.
    RuntimeError where a tensor that is not replaced is missing or of another shape, or the weights hold one that the
    model has not; ValueError for a pattern that no name fits.

    >>> from pyengine import nn
    >>> trained = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 10))
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> transfer(model, trained, replace=["2.*"], frozen=["0.*"])
    Transferred(loaded=('0.weight', '0.bias'), fresh=('2.weight', '2.bias'), frozen=('0.weight', '0.bias'))
    """
    found: Mapping[str, Any]
    if isinstance(weights, Module):
        found = weights.state_dict()
    elif isinstance(weights, Mapping):
        found = weights
    else:
        found, _ = read_arrays(Path(weights))
    own = model.state_dict()
    fresh = tuple(name for name in own if any(fnmatchcase(name, pattern) for pattern in replace))
    for pattern in replace:
        if not any(fnmatchcase(name, pattern) for name in own):
            raise ValueError(
                f"transfer: no tensor of the model fits the pattern {pattern!r}; there are {', '.join(own)}"
            )
    kept = {
        name: tensor for name, tensor in found.items() if not any(fnmatchcase(name, pattern) for pattern in replace)
    }
    try:
        # its own values stand for those that begin anew, so that all others must be there
        model.load_state_dict({**kept, **{name: own[name] for name in fresh}})
    except RuntimeError as error:
        raise RuntimeError(f"transfer: {error}. What is to begin anew is named by replace=[…]") from None
    return Transferred(tuple(name for name in own if name not in fresh), fresh, tuple(freeze(model, *frozen)))
