"""What must still be as it was when a step was recorded, for its recording to stand for it."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from .. import tape
from .._core import Watch
from ..tape import Value


class Guards:
    """Conditions on what a step takes from around it.

    They are asked before every replay, so all compare objects by identity, natively (csrc/core/watch_module.cpp). For
    each condition there is a function that says in words what was changed.
    """

    def __init__(self) -> None:
        self._watch = Watch()
        self._words: list[Callable[[], str]] = []  # one for each condition
        self._modules: dict[int, Any] = {}
        self._tensors: dict[int, Value] = {}
        self._containers: dict[int, Any] = {}
        self._had_none: list[bool] = []  # for each gradient

    def add_module(self, module: Any) -> None:
        """No attribute of the module is another object, and its tensors lie where they lie now."""
        if id(module) in self._modules:
            return
        attributes = vars(module)
        self._modules[id(module)] = module
        self._watch.members(attributes)
        self._words.append(partial(_changed_attribute, module, dict(attributes)))
        self.add_tensors(value for value in attributes.values() if isinstance(value, Value))

    def add_tensors(self, tensors: Iterable[Value]) -> None:
        """These tensors have the memory that they have now, and require gradients or not as now."""
        for tensor in tensors:
            if id(tensor) not in self._tensors:
                self._tensors[id(tensor)] = tensor
                self._add_attribute(tensor, "data", f"the memory of a tensor of shape {tensor.shape}")
                self._add_attribute(tensor, "requires_grad", f"requires_grad of a tensor of shape {tensor.shape}")

    def add_gradient(self, leaf: Value) -> None:
        """The leaf's gradient is the array that it is now, or there is none as there is none now."""
        self._add_attribute(leaf, "grad.data", f"the gradient that a tensor of shape {leaf.shape} has before the step")
        self._had_none.append(leaf.grad is None)

    def add_hooks(self, leaves: Iterable[Value]) -> None:
        """There are the hooks on the gradients of these that there are now."""
        for leaf in leaves:
            self._watch.item(tape.hooks, id(leaf))
            self._words.append(lambda: "a hook on a gradient")

    def add(self, what: str, source: Any) -> None:
        """The elements of a list or tuple, or the values of a dict, are the objects that they are now.

        source  the container, or a function that returns it
        what    names it
        """
        if id(source) not in self._containers:
            self._containers[id(source)] = source
            self._watch.members(source)
            self._words.append(lambda: what)

    def pattern(self) -> tuple[bool, ...]:
        """The conditions that a loop may well alternate between: which gradients there are, and modes of modules."""
        return (*self._had_none, *(module.training for module in self._modules.values()))

    def hold(self) -> bool:
        """Whether everything is as it was."""
        return self._watch.broken() is None

    def broken(self) -> str:
        """In words, what is no more as it was; empty where nothing is."""
        number = self._watch.broken()
        return "" if number is None else self._words[number]()

    def _add_attribute(self, owner: Any, path: str, what: str) -> None:
        self._watch.attribute(owner, path)
        self._words.append(lambda: what)


def _changed_attribute(module: Any, before: dict[str, Any]) -> str:
    now = vars(module)
    changed = (name for name in (*now, *before) if now.get(name, module) is not before.get(name, module))
    name = next(changed, None)
    kind = type(module).__name__
    return f"the order in which a {kind} has its attributes" if name is None else f"the attribute {name} of a {kind}"
