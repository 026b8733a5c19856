"""Modules made of modules."""

from collections.abc import Iterator
from typing import Any, overload

from .module import Module


class Sequential(Module):
    """Modules one after the other, each called with what the one before returned.

    Takes modules, or one dict of names and modules. Indexing gives a module, a slice a Sequential that shares
    them; after a `del model[i]` they are numbered anew.

    >>> from pyengine import nn
    >>> model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> model
    Sequential(  # 46 parameters
      (0): Linear(in_features=8, out_features=4, bias=True)  # 36 parameters
      (1): ReLU()
      (2): Linear(in_features=4, out_features=2, bias=True)  # 10 parameters
    )
    >>> [name for name, _ in model.named_parameters()]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    >>> len(model[:2])
    2
    """

    _chain: tuple[Module, ...] = ()

    def __init__(self, *modules: "Module | dict[str, Module]") -> None:
        super().__init__()
        named: Any = {str(i): module for i, module in enumerate(modules)}
        if len(modules) == 1 and isinstance(modules[0], dict):
            named = modules[0]
        for name, module in named.items():
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        """What the last module returns."""
        for module in self._chain:
            input = module(input)
        return input

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name != "_chain":
            self._chain = tuple(self.children())

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._chain = tuple(self.children())

    def __len__(self) -> int:
        return len(self._chain)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._chain)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return Sequential(dict(list(self.named_children())[index]))
        return self._chain[self._position(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(self._name(index), module)

    def __delitem__(self, index: int) -> None:
        kept = [m for i, m in enumerate(self._chain) if i != self._position(index)]
        for name in dict(self.named_children()):
            delattr(self, name)
        for i, module in enumerate(kept):
            self.add_module(str(i), module)

    def append(self, module: Module) -> "Sequential":
        """Add a module at the end; returns the container."""
        self.add_module(str(len(self)), module)
        return self

    def _position(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"Sequential: there is no module {index}; it has {len(self)}, 0 to {len(self) - 1}")
        return index % len(self)

    def _name(self, index: int) -> str:
        return list(dict(self.named_children()))[self._position(index)]
