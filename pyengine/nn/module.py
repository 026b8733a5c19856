"""Module: what owns parameters and knows how to compute with them."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import numpy as np

from .. import dtypes, tape
from ..backend import Array
from ..tensor import Tensor
from .hooks import Hooks, RemovableHandle
from .parameter import Parameter, clear_grad, convert, overwrite, parse_targets


class LoadResult(NamedTuple):
    """The names that `load_state_dict(strict=False)` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """A part of a network. Subclass it, make parameters and other modules attributes in `__init__`, define `forward`.

    Its attributes are all there is: a `Parameter` among them is a parameter, a `Module` a child, and what
    `register_buffer` put there a buffer (saved and moved with the parameters, not learned).

    >>> import pyengine as pe
    >>> from pyengine import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self, features):
    ...         super().__init__()
    ...         self.factor = nn.Parameter(pe.ones(features))
    ...
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale(2)(pe.tensor([[1.0, 2.0]])).shape
    (1, 2)
    >>> Scale(2)
    Scale()  # 2 parameters
    """

    # On the class, so that a subclass works that forgets super().__init__()
    training = True
    _buffers: Mapping[str, bool] = MappingProxyType({})  # name: whether state_dict holds it
    _hooks: Hooks | None = None

    def __init__(self) -> None:
        self.training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What calling the module computes; defined by each subclass."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`forward(*args, **kwargs)`, with the hooks around it where there are any."""
        if tape.recorder is not None:
            tape.recorder.module(self)
        if self._hooks is None:
            return self.forward(*args, **kwargs)
        return self._hooks.call(self, args, kwargs)

    def register_forward_pre_hook(self, hook: Callable[[Any, tuple[Any, ...]], Any]) -> RemovableHandle:
        """Call `hook(module, args)` before each forward; what it returns, unless None, replaces the arguments."""
        self._hooks = self._hooks or Hooks()
        return RemovableHandle(self._hooks.before, hook)

    def register_forward_hook(self, hook: Callable[[Any, tuple[Any, ...], Any], Any]) -> RemovableHandle:
        """Call `hook(module, args, output)` after each forward; what it returns, unless None, replaces the output.

        >>> from pyengine import nn
        >>> import pyengine as pe
        >>> layer = nn.ReLU()
        >>> with layer.register_forward_hook(lambda module, args, output: print(output)):
        ...     y = layer(pe.tensor([-1.0, 1.0]))
        tensor([0., 1.])
        """
        self._hooks = self._hooks or Hooks()
        return RemovableHandle(self._hooks.after, hook)

    # --- attributes

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__.get(name)
        if isinstance(held, Parameter) and not (value is None or isinstance(value, Parameter)):
            raise TypeError(
                f"{type(self).__name__}.{name} is a parameter and cannot become a {type(value).__name__}, which would "
                f"not be learned; wrap a tensor in nn.Parameter(…), or assign None first"
            )
        if name in self._buffers and not (value is None or isinstance(value, Tensor)):
            raise TypeError(f"{type(self).__name__}.{name} is a buffer: a tensor or None, not a {type(value).__name__}")
        object.__setattr__(self, name, value)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make `tensor` the attribute `name`: moved with the module, in `state_dict` if persistent; not learned."""
        self._check_name("register_buffer", name)
        self.__dict__.setdefault("_buffers", {})[name] = persistent
        setattr(self, name, tensor)

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Make `parameter` the attribute `name`, as an assignment does, where the name is computed.

        TypeError for what is no Parameter, ValueError for a name that cannot be or is taken.
        """
        self._check_name("register_parameter", name)
        if not (parameter is None or isinstance(parameter, Parameter)):
            raise TypeError(f"register_parameter: {name} must be an nn.Parameter, not a {type(parameter).__name__}")
        setattr(self, name, parameter)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Make `module` the child `name`, as an assignment does, where the name is computed.

        TypeError for what is no Module, ValueError for a name that cannot be or is taken.
        """
        if not (module is None or isinstance(module, Module)):
            hint = f"; call it: {module.__name__}()" if isinstance(module, type) else ""
            raise TypeError(f"{type(self).__name__}: child {name} must be a Module, not {module!r}{hint}")
        if name not in self.__dict__ or not isinstance(self.__dict__[name], Module):
            self._check_name("add_module", name)
        setattr(self, name, module)

    def _check_name(self, what: str, name: str) -> None:
        if not name or "." in name:
            raise ValueError(f"{what}: {name!r} is no name for an attribute; it may be neither empty nor hold a dot")
        if hasattr(type(self), name) or (name in self.__dict__ and name not in self._buffers):
            raise ValueError(f"{what}: {type(self).__name__} already has an attribute {name}")

    # --- walking

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules that are attributes of this one, with their names."""
        for name, value in self.__dict__.items():
            if isinstance(value, Module):
                yield name, value

    def children(self) -> Iterator["Module"]:
        """The modules that are attributes of this one."""
        for _, child in self.named_children():
            yield child

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, "Module"]]:
        """This module and all below it, parents first, with dotted names; each once unless told otherwise."""
        yield from self._walk(prefix, set() if remove_duplicate else None)

    def _walk(self, prefix: str, seen: set[int] | None) -> Iterator[tuple[str, "Module"]]:
        if seen is not None:
            if id(self) in seen:
                return
            seen.add(id(self))
        yield prefix, self
        for name, child in self.named_children():
            yield from child._walk(f"{prefix}.{name}" if prefix else name, seen)

    def modules(self) -> Iterator["Module"]:
        """This module and all below it, parents first, each once."""
        for _, module in self.named_modules():
            yield module

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names, such as `0.weight`; a shared one once unless told otherwise."""
        return self._members(lambda m: _own_parameters(m), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and of those below it, each once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted names; a shared one once unless told otherwise."""
        return self._members(lambda m: _own_buffers(m), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and of those below it, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _members(
        self, own: Callable[["Module"], Iterator[tuple[str, Any]]], prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]:
            for name, member in own(module):
                if remove_duplicate:
                    if id(member) in seen:
                        continue
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def apply(self, fn: Callable[["Module"], Any]) -> Self:
        """Call `fn` with every module, children first, this one last: to initialise, for example."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # --- modes

    def train(self, mode: bool = True) -> Self:
        """Put this module and all below it into training mode, or with mode=False into evaluation mode."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Evaluation mode: what behaves differently in training (dropout, for example) behaves as in use."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Learn all parameters, or freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with set_to_none=False fill them with zeros."""
        for parameter in self.parameters():
            clear_grad(parameter, set_to_none)

    def to(self, *targets: Any, device: Any = None, dtype: Any = None) -> Self:
        """Move parameters and buffers to a device, and cast those of a float dtype to a float dtype, in place.

        >>> from pyengine import nn
        >>> nn.Linear(2, 1).to("float64").weight.dtype
        dtype('float64')
        """
        where, kind = parse_targets((*targets, *(named for named in (device, dtype) if named is not None)))
        for tensor in [*self.parameters(), *self.buffers()]:
            convert(tensor, where, kind)
        return self

    def cpu(self) -> Self:
        """Move parameters and buffers to the device "cpu", in place."""
        return self.to("cpu")

    def float(self) -> Self:
        """Cast float parameters and buffers to float32, in place."""
        return self.to(dtypes.float32)

    def double(self) -> Self:
        """Cast float parameters and buffers to float64, in place."""
        return self.to(dtypes.float64)

    # --- state

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters and persistent buffers by dotted name, detached.

        They share the module's memory, so they change as it learns: `clone()` what must stay.
        """
        return {name: tensor.detach() for name, tensor in self._state()}

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        for path, module in self.named_modules(remove_duplicate=False):
            persistent = ((n, b) for n, b in _own_buffers(module) if module._buffers[n])
            for name, tensor in [*_own_parameters(module), *persistent]:
                yield (f"{path}.{name}" if path else name), tensor

    def load_state_dict(self, state_dict: Mapping[str, "Tensor | Array"], strict: bool = True) -> LoadResult:
        """Copy values by name into parameters and buffers, cast to their dtype; addresses stay.

        RuntimeError lists what is missing, unexpected (only if strict) or of another shape; then nothing was copied.
        """
        own = dict(self._state())
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        faults = []
        if strict and missing:
            faults.append("missing: " + ", ".join(missing))
        if strict and unexpected:
            faults.append("unexpected: " + ", ".join(unexpected))
        for name, tensor in own.items():
            if name in state_dict and np.shape(state_dict[name]) != tensor.shape:
                faults.append(f"{name} has shape {tensor.shape} here and {np.shape(state_dict[name])} in the state")
        if faults:
            raise RuntimeError(f"{type(self).__name__}.load_state_dict: " + "; ".join(faults))
        for name, tensor in own.items():
            if name in state_dict:
                overwrite(tensor, state_dict[name])
        return LoadResult(missing, unexpected)

    # --- printing

    def extra_repr(self) -> str:
        """What stands between the parentheses when a module without children is printed."""
        return ""

    def __repr__(self) -> str:
        count = sum(parameter.numel() for parameter in self.parameters())
        note = f"  # {count:,} parameter{'s' * (count != 1)}" if count else ""
        children = [f"({name}): {child!r}" for name, child in self.named_children()]
        if not children:
            return f"{type(self).__name__}({self.extra_repr()}){note}"
        lines = [
            line for text in ([self.extra_repr()] if self.extra_repr() else []) + children for line in text.split("\n")
        ]
        return "\n".join([f"{type(self).__name__}({note}", *("  " + line for line in lines), ")"])


def _own_parameters(module: Module) -> Iterator[tuple[str, Parameter]]:
    for name, value in module.__dict__.items():
        if isinstance(value, Parameter):
            yield name, value


def _own_buffers(module: Module) -> Iterator[tuple[str, Tensor]]:
    for name in module._buffers:
        value = module.__dict__.get(name)
        if value is not None:
            yield name, value
