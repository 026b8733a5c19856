"""What must still be as it was when a step was recorded, for its recording to stand for it."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import attrgetter, is_
from typing import Any

from ..tape import Value

_memory, _tracked = attrgetter("data"), attrgetter("requires_grad")


class Guards:
    """Conditions on what a step takes from around it.

    They are asked before every replay, so all compare objects by identity, in loops that run in C.
    """

    def __init__(self) -> None:
        self._modules: dict[int, Any] = {}
        self._attributes: list[dict[str, Any]] = []  # of the modules
        self._values: list[Any] = []  # of these attributes
        self._tensors: dict[int, Value] = {}
        self._data: list[Any] = []
        self._required: list[bool] = []
        self._gradients: list[tuple[Value, Any]] = []
        self._looks: list[tuple[str, Callable[[], Sequence[Any]], list[Any]]] = []

    def add_module(self, module: Any) -> None:
        """No attribute of the module is another object, and its tensors lie where they lie now."""
        if id(module) in self._modules:
            return
        attributes = vars(module)
        self._modules[id(module)] = module
        self._attributes.append(attributes)
        self._values += attributes.values()
        self.add_tensors(value for value in attributes.values() if isinstance(value, Value))

    def add_tensors(self, tensors: Iterable[Value]) -> None:
        """These tensors have the memory that they have now, and require gradients or not as now."""
        for tensor in tensors:
            if id(tensor) not in self._tensors:
                self._tensors[id(tensor)] = tensor
                self._data.append(tensor.data)
                self._required.append(tensor.requires_grad)

    def add_gradient(self, leaf: Value) -> None:
        """The leaf's gradient is the array that it is now, or there is none as there is none now."""
        self._gradients.append((leaf, None if leaf.grad is None else leaf.grad.data))

    def add(self, what: str, look: Callable[[], Sequence[Any]]) -> None:
        """`look()` gives the objects that it gives now; `what` names them."""
        self._looks.append((what, look, list(look())))

    def pattern(self) -> tuple[bool, ...]:
        """The conditions that a loop may well alternate between: which gradients there are, and modes of modules."""
        modes = [module.training for module in self._modules.values()]
        return (*(seen is None for _, seen in self._gradients), *modes)

    def hold(self) -> bool:
        """Whether everything is as it was."""
        for leaf, seen in self._gradients:
            grad = leaf.grad
            if (None if grad is None else grad.data) is not seen:
                return False
        tensors = self._tensors.values()
        if not all(map(is_, map(_memory, tensors), self._data)):
            return False
        if not all(map(is_, map(_tracked, tensors), self._required)):
            return False
        attributes = self._attributes
        if sum(map(len, attributes)) != len(self._values):
            return False
        if not all(map(is_, chain.from_iterable(map(dict.values, attributes)), self._values)):
            return False
        return all(_same(look(), objects) for _, look, objects in self._looks)

    def broken(self) -> str:
        """In words, what is no more as it was; empty where nothing is."""
        for leaf, seen in self._gradients:
            if (None if leaf.grad is None else leaf.grad.data) is not seen:
                return f"the gradient that a tensor of shape {leaf.shape} has before the step"
        for tensor, data, tracked in zip(self._tensors.values(), self._data, self._required, strict=True):
            if tensor.data is not data:
                return f"the memory of a tensor of shape {tensor.shape}"
            if tensor.requires_grad is not tracked:
                return f"requires_grad of a tensor of shape {tensor.shape}"
        before = iter(self._values)
        for module, attributes in zip(self._modules.values(), self._attributes, strict=True):
            for name, value in attributes.items():
                if value is not next(before, None):
                    return f"the attribute {name} of a {type(module).__name__}"
        if next(before, None) is not None:
            return "which attributes the modules have"
        return next((what for what, look, objects in self._looks if not _same(look(), objects)), "")


def _same(now: Sequence[Any], before: Sequence[Any]) -> bool:
    return len(now) == len(before) and all(map(is_, now, before))
