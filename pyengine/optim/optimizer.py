"""What all optimizers share: groups of parameters with their settings, and state for each parameter."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any, TypeAlias

import numpy as np

from .. import tape
from ..backend import Array, Device
from ..nn.parameter import clear_grad, overwrite
from ..tape import kernels_of, mark_written, wrap
from ..tensor import Tensor

Group: TypeAlias = dict[str, Any]
Params: TypeAlias = Iterable[Tensor] | Iterable[Group]


class Bucket:
    """The parameters of a group that one kernel call updates: those with a gradient, on one device, of one dtype."""

    __slots__ = ("arrays", "device", "dtype", "grads", "params")

    def __init__(self, device: Device, dtype: np.dtype) -> None:
        self.device = device
        self.dtype = dtype
        self.params: list[Tensor] = []
        self.arrays: list[Array] = []
        self.grads: list[Array] = []


class _Scalar:
    """A setting of a group as an array where kernels can read it."""

    __slots__ = ("_group", "_memory", "_name", "_value", "array")

    def __init__(self, group: Group, name: str, bucket: Bucket) -> None:
        count = np.size(group[name])
        self._group, self._name, self._memory = group, name, bucket.device.memory
        self._value: Any = None
        self.array: Array = self._memory.at(np.empty(count, bucket.dtype if count == 1 else np.float64))

    def renew(self) -> None:
        """Write the setting into the array where it is another than before."""
        value = self._group[self._name]
        if value is not self._value or isinstance(value, list):  # whose elements may have changed
            self.array[:] = self._memory.at(np.asarray(value, self.array.dtype))
            self._value = value


class Optimizer:
    """The base of all optimizers. A subclass passes its settings' defaults on and defines `update(group, bucket)`.

    params    tensors that require a gradient, or dicts with them under "params" and with settings of their own
    defaults  the settings of parameters that came without

    `param_groups` is a list of dicts, each holding "params" and the settings; change a setting there and the next step
    uses it. `state` maps a parameter to a dict of tensors (momentum, for example), made when first needed.
    ValueError where there are no parameters, one is there twice or was computed, or a setting is unknown or out of
    range; TypeError for what is no tensor.

    >>> import pyengine as pe
    >>> class SignDescent(Optimizer):  # one step of lr against the sign of the gradient
    ...     def __init__(self, params, lr=0.1):
    ...         super().__init__(params, {"lr": lr})
    ...
    ...     def update(self, group, bucket):
    ...         for array, grad in zip(bucket.arrays, bucket.grads):
    ...             array -= group["lr"] * np.sign(grad)
    >>> w = pe.tensor([1.0, -2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> SignDescent([w], lr=0.5).step()
    >>> w.detach()
    tensor([ 0.5, -1.5])
    """

    def __init__(self, params: Params, defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(defaults)
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, dict[str, Tensor]] = {}
        self._scalars: dict[tuple[int, str, Device, np.dtype], _Scalar] = {}
        if hasattr(params, "parameters"):
            raise TypeError(f"{self._name}: takes parameters, not a {type(params).__name__}; pass model.parameters()")
        given: list[Any] = [params] if isinstance(params, Tensor) else list(params)
        if not given:
            raise ValueError(
                f"{self._name}: there are no parameters to optimize. Was model.parameters(), which can be walked only "
                f"once, used up before? Call it again, or keep list(model.parameters())"
            )
        for entry in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(entry)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Optimize more parameters: {"params": …} and any settings that differ from the defaults.

        ValueError and TypeError as when an optimizer is made.
        """
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeError(f"{self._name}: a parameter group is a dict with the key 'params', not {group!r}")
        params = group["params"]
        complete = {**self.defaults, **group, "params": [params] if isinstance(params, Tensor) else list(params)}
        unknown = [name for name in group if name != "params" and name not in self.defaults]
        if unknown:
            raise ValueError(f"{self._name}: unknown setting {unknown[0]!r}; there are {', '.join(self.defaults)}")
        if not complete["params"]:
            raise ValueError(f"{self._name}: the parameter group has no parameters")
        known = {id(p) for other in self.param_groups for p in other["params"]}
        for i, p in enumerate(complete["params"]):
            if not isinstance(p, Tensor):
                raise TypeError(f"{self._name}: parameter {i} must be a tensor, not a {type(p).__name__}")
            if p.node is not None:
                raise ValueError(
                    f"{self._name}: parameter {i}, of shape {p.shape}, was computed; only leaves are learned"
                )
            if id(p) in known:
                raise ValueError(f"{self._name}: parameter {i}, of shape {p.shape}, is there twice")
            known.add(id(p))
        for name in ("lr", "momentum", "weight_decay", "alpha", "eps"):
            if not isinstance(complete.get(name, 0.0), int | float | np.number):
                raise TypeError(f"{self._name}: {name} is a number, not {complete[name]!r}")
        self.check(complete)
        self.param_groups.append(complete)

    def check(self, group: Group) -> None:
        """Raise ValueError for settings out of range; called for each new group."""
        if not group["lr"] >= 0:
            raise ValueError(f"{self._name}: lr (the learning rate) must be ≥ 0, not {group['lr']}")

    @property
    def _name(self) -> str:
        return type(self).__name__

    # --- stepping

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient, in place. Returns what `closure`, called first, returned.

        A parameter without one, such as that of a part of the model that was not used, is passed over.
        """
        result = None if closure is None else closure()
        if tape.recorder is not None:
            _tell(tape.recorder, self)
        for group in self.param_groups:
            for bucket in _buckets(group["params"]):
                self.update(group, bucket)
                for p in bucket.params:
                    mark_written(p)
        return result

    def update(self, group: Group, bucket: Bucket) -> None:
        """Overwrite `bucket.arrays` by one step along `bucket.grads`, with the settings of `group`."""
        raise NotImplementedError(f"{self._name} does not define update()")

    def scalar(self, group: Group, name: str, bucket: Bucket) -> Array:
        """A setting that may change from step to step, as the array that kernels take: one element for each number.

        The array stays the same one, so a recorded step sees the new value. Several numbers are kept in float64: the
        difference of a beta from 1 must not be rounded.
        """
        key = (id(group), name, bucket.device, bucket.dtype)
        scalar = self._scalars.get(key)
        if scalar is None:
            scalar = self._scalars[key] = _Scalar(group, name, bucket)
        scalar.renew()
        if tape.recorder is not None:
            tape.recorder.renewed(scalar.array, scalar.renew)
        return scalar.array

    def state_arrays(self, name: str, bucket: Bucket) -> list[Array]:
        """The arrays `name` of the state of the bucket's parameters, zeros where they are new."""
        return self._state_arrays(name, bucket, [p.shape for p in bucket.params])

    def step_arrays(self, bucket: Bucket) -> list[Array]:
        """The step counts of the bucket's parameters, one element each: how often each was updated."""
        return self._state_arrays("step", bucket, [()] * len(bucket.params))

    def _state_arrays(self, name: str, bucket: Bucket, shapes: list[tuple[int, ...]]) -> list[Array]:
        arrays = []
        for p, shape in zip(bucket.params, shapes, strict=True):
            held = self.state.setdefault(p, {})
            tensor = held.get(name)
            if tensor is None:  # made once, so not by kernels that a recorder sees: it is no part of the step
                tensor = held[name] = wrap(p.device.kernels.full(shape, 0.0, p.dtype), p.device)
            elif tensor.device is not p.device or tensor.data.dtype != bucket.dtype:  # the model was moved or cast
                tensor = held[name] = tensor.to(p.device, bucket.dtype)
            arrays.append(tensor.data)
            if tape.recorder is not None:
                tape.recorder.same(f"the state of {self._name}", held)
        if tape.recorder is not None:
            tape.recorder.same(f"the state of {self._name}", self.state)
        return arrays

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with set_to_none=False fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                clear_grad(p, set_to_none)

    # --- state

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed training needs: {"state": {index: {name: tensor}}, "param_groups": [settings]}.

        Parameters are numbered through all groups. The tensors share memory with the optimizer.
        """
        params = list(self._params())
        index = {id(p): i for i, p in enumerate(params)}
        return {
            "state": {index[id(p)]: dict(self.state[p]) for p in params if p in self.state},
            "param_groups": [{**g, "params": [index[id(p)] for p in g["params"]]} for g in self.param_groups],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict()` of such an optimizer returned. ValueError where it does not fit."""
        groups, params = state_dict["param_groups"], list(self._params())
        sizes, own = [len(g["params"]) for g in groups], [len(g["params"]) for g in self.param_groups]
        if sizes != own:
            raise ValueError(f"{self._name}.load_state_dict: the groups hold {sizes} parameters, here {own}")
        for group in groups:
            lost = [name for name in group if name not in self.defaults and name not in ("params", "initial_lr")]
            if lost:
                raise ValueError(
                    f"{self._name}.load_state_dict: it has the setting {lost[0]!r}, which this optimizer "
                    f"has not: it is the state of another kind"
                )
        for key, entries in state_dict["state"].items():
            self._check_entries(int(key), entries, params)
        for own_group, group in zip(self.param_groups, groups, strict=True):
            own_group.update({name: value for name, value in group.items() if name != "params"})
        self.state.clear()
        for key, entries in state_dict["state"].items():
            self._load_entries(params[int(key)], entries)

    def _check_entries(self, key: int, entries: Mapping[str, Any], params: list[Tensor]) -> None:
        if not 0 <= key < len(params):
            raise ValueError(f"{self._name}.load_state_dict: state of parameter {key}, but there are {len(params)}")
        for name, value in entries.items():
            if name == "step":
                if np.shape(value) != ():
                    raise ValueError(
                        f"{self._name}.load_state_dict: the step of parameter {key} is one number, "
                        f"not of shape {np.shape(value)}"
                    )
            elif np.shape(value) != params[key].shape:
                raise ValueError(
                    f"{self._name}.load_state_dict: {name} of parameter {key} has shape {np.shape(value)}, "
                    f"the parameter {params[key].shape}"
                )

    def _load_entries(self, parameter: Tensor, entries: Mapping[str, Any]) -> None:
        held = self.state.setdefault(parameter, {})
        for name, value in entries.items():
            held[name] = wrap(
                kernels_of(parameter.device).full(np.shape(value), 0.0, parameter.dtype), parameter.device
            )
            overwrite(held[name], value)

    def _params(self) -> Iterator[Tensor]:
        for group in self.param_groups:
            yield from group["params"]

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            count = sum(p.numel() for p in group["params"])
            settings = ", ".join(f"{name}={value}" for name, value in group.items() if name != "params")
            lines.append(f"{self._name}({settings})  # {count:,} parameters")
        return "\n".join(lines)


def _tell(recorder: tape.StepRecorder, optimizer: Optimizer) -> None:
    """What a step depends on, beside the arrays that `scalar` gives."""
    what = type(optimizer).__name__
    recorder.same(f"the groups of {what}", partial(attrgetter("param_groups"), optimizer))
    for group in optimizer.param_groups:
        fixed = [name for name in group if name not in ("params", "lr", "momentum", "betas", "initial_lr")]
        recorder.same(f"a setting of {what}", partial(itemgetter("params", *fixed), group))
        recorder.same(f"whether {what} has momentum", partial(_has_momentum, group))
        recorder.same(f"the parameters of {what}", partial(group.__getitem__, "params"))
        recorder.uses(group["params"])
        for p in group["params"]:
            recorder.grad_read(p)


def _has_momentum(group: Group) -> tuple[bool]:
    return (bool(group.get("momentum")),)


def _buckets(params: list[Tensor]) -> Iterable[Bucket]:
    buckets: dict[tuple[Device, np.dtype], Bucket] = {}
    for p in params:
        grad = p.grad
        if grad is None:
            continue
        array = p.data
        bucket = buckets.get((p.device, array.dtype))
        if bucket is None:
            bucket = buckets[p.device, array.dtype] = Bucket(p.device, array.dtype)
        bucket.params.append(p)
        bucket.arrays.append(array)
        bucket.grads.append(grad.data)
    return buckets.values()
