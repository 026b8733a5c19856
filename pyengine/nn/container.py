"""Modules made of modules."""

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Self, overload

from .module import Module


class Chain(Module):
    """What Sequential and ModuleList share: numbered modules that are found by position."""

    _chain: tuple[Module, ...] = ()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name not in ("_chain", "training"):
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
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            part = type(self)()
            for name, module in list(self.named_children())[index]:
                part.add_module(name, module)
            return part
        return self._chain[self._position(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(self._names()[self._position(index)], module)

    def __delitem__(self, index: int) -> None:
        names = self._names()
        delattr(self, names[self._position(index)])
        if all(name.isdigit() for name in names):
            self._renumber(list(self._chain))

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns the container."""
        number = len(self)
        while str(number) in self.__dict__:  # a slice keeps the numbers of its modules
            number += 1
        self.add_module(str(number), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end; returns the container."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the one at `index`, as in a list; those after it are numbered anew."""
        modules = list(self._chain)
        modules.insert(index, module)
        self._renumber(modules)

    def _renumber(self, modules: list[Module]) -> None:
        for name in self._names():
            delattr(self, name)
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def _names(self) -> list[str]:
        return [name for name, _ in self.named_children()]

    def _position(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{type(self).__name__}: there is no module {index}; it has {len(self)}")
        return index % len(self)


class Sequential(Chain):
    """Modules one after the other, each called with what the one before returned.

    Takes modules, or one dict of names and modules. Indexing gives a module, a slice a Sequential that shares them.

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


class ModuleList(Chain):
    """A list of modules that are registered, unlike those in a Python list; how to call them is up to you.

    >>> from pyengine import nn
    >>> layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: a list of modules does not say how to combine them."""
        raise NotImplementedError("ModuleList only holds modules: call them one by one, or use Sequential")


class ModuleDict(Module):
    """Modules by name that are registered, unlike those in a Python dict; how to call them is up to you.

    >>> from pyengine import nn
    >>> heads = nn.ModuleDict({"digit": nn.Linear(4, 10), "parity": nn.Linear(4, 2)})
    >>> heads["parity"]
    Linear(in_features=4, out_features=2, bias=True)  # 10 parameters
    >>> "parity" in heads, list(heads.keys())
    (True, ['digit', 'parity'])
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: a dict of modules does not say how to combine them."""
        raise NotImplementedError("ModuleDict only holds modules: call one by its name, as in modules['name'](x)")

    def __getitem__(self, name: str) -> Module:
        if name not in self:
            raise KeyError(f"ModuleDict: there is no module {name!r}; there are {', '.join(self.keys())}")
        found: Module = self.__dict__[name]
        return found

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def __delitem__(self, name: str) -> None:
        self[name]
        delattr(self, name)

    def __contains__(self, name: object) -> bool:
        return isinstance(self.__dict__.get(str(name)), Module)

    def __len__(self) -> int:
        return len(self._held())

    def __iter__(self) -> Iterator[str]:
        return iter(self._held())

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._held().keys()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._held().values()

    def items(self) -> ItemsView[str, Module]:
        """Names and modules."""
        return self._held().items()

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add modules, replacing those of the same names."""
        for name, module in modules.items():
            self.add_module(name, module)

    def _held(self) -> dict[str, Module]:
        return dict(self.named_children())
