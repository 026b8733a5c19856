"""Freezing parameters by name."""

from fnmatch import fnmatchcase

from ..module import Module

__all__ = ["freeze"]


def freeze(module: Module, *patterns: str, learn: bool = False) -> list[str]:
    """Keep the parameters whose names fit a pattern as they are while others are learned; returns their names.

    patterns  dotted names in which * stands for anything: "embedding.*", "h.[01].*", "*.bias"
    learn     learn them again
    A frozen parameter gets no gradient, so optimizers pass over it. ValueError for a pattern that no name fits.

    >>> from pyengine import nn
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    >>> freeze(model, "0.*")
    ['0.weight', '0.bias']
    >>> [p.requires_grad for p in model.parameters()]
    [False, False, True, True]
    """
    parameters = dict(module.named_parameters(remove_duplicate=False))
    found = [name for name in parameters if any(fnmatchcase(name, pattern) for pattern in patterns)]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in parameters):
            raise ValueError(f"freeze: no parameter fits the pattern {pattern!r}; there are {', '.join(parameters)}")
    for name in found:
        parameters[name].requires_grad_(learn)
        if not learn:
            parameters[name].grad = None
    return found
