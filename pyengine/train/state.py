"""The whole state of a training as tensors and JSON, so that one resumed gives the same bits as one never stopped.

    model/<name>             the weights            optimizer    the settings of each parameter group
    best/<name>              those of the best      running      sums over the epoch that runs, and its batches so far
    optimizer/<i>/<name>     momentum and the like  loader       the order of the epoch, and how far it is
    random                   the default generator  callbacks    what they keep, a schedule's position for example
    epoch, step, history     how far it is

Taking a state over checks all of it before it changes anything.
"""

import math
from collections.abc import Mapping
from typing import Any

from .. import dtypes, random
from ..tensor import Tensor
from .metrics import Array
from .running import Running
from .trainer import Best, Trainer, loader_state

INT64_MAX = 2**63 - 1


def capture(trainer: Trainer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state as it is now, between two steps; the tensors share memory with the trainer's."""
    optimizer = trainer.optimizer.state_dict()
    tensors = {f"model/{name}": tensor for name, tensor in trainer.model.state_dict().items()}
    for index, entries in optimizer["state"].items():
        tensors |= {f"optimizer/{index}/{name}": tensor for name, tensor in entries.items()}
    best = None
    if trainer.best is not None:
        tensors |= {f"best/{name}": tensor for name, tensor in trainer.best.weights.items()}
        best = {"epoch": trainer.best.epoch, "value": trainer.best.value}
    return tensors, {
        "epoch": trainer.epoch,
        "step": trainer.step,
        "history": trainer.history,
        "best": best,
        "running": trainer.running.sums() if trainer.running else None,
        "loader": trainer.place or loader_state(trainer.loader),
        "random": random.default_generator.state.tolist(),
        "optimizer": [
            {name: value for name, value in group.items() if name != "params"} for group in optimizer["param_groups"]
        ],
        "callbacks": [
            {"kind": type(callback).__name__, "state": state}
            for callback in trainer.callbacks
            if (state := callback.state_dict())
        ],
    }


def restore(trainer: Trainer, tensors: Mapping[str, Array], state: Mapping[str, Any]) -> None:
    """Take over what `capture` gave; ValueError says what does not fit, and then nothing was changed."""
    weights = _weights(trainer, tensors, "model")
    best_weights = None if state.get("best") is None else _weights(trainer, tensors, "best")
    best = None if best_weights is None else _numbers(state, "best", {"epoch": int, "value": float})
    sums = {"total": float, "samples": int, "batches": int, "seconds": float}
    running = None if state.get("running") is None else _numbers(state, "running", sums)
    place = _numbers({"place": state}, "place", {"epoch": int, "step": int})
    loader = None if state.get("loader") is None else _loader(state)
    drawn = _generator(state, "random")
    groups = _groups(trainer, state)
    callbacks = _callbacks(trainer, state)
    history = state.get("history")
    if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
        raise ValueError("its history is not a list of epochs")
    if len(history) != place["epoch"]:
        raise ValueError(f"its history has {len(history)} epochs, and epoch is {place['epoch']}")

    trainer.optimizer.load_state_dict({"state": _optimizer_state(trainer, tensors), "param_groups": groups})
    trainer.model.load_state_dict(weights)
    for callback, own in callbacks:
        callback.load_state_dict(own)
    if best is None or best_weights is None:
        trainer.best = None
    else:
        trainer.best = Best(best["epoch"], best["value"], {name: Tensor(a) for name, a in best_weights.items()})
    trainer.epoch, trainer.step, trainer.history = place["epoch"], place["step"], history
    trainer.running = None if running is None else Running(**running)
    trainer.place = loader
    random.default_generator.state[:] = drawn


def _weights(trainer: Trainer, tensors: Mapping[str, Array], part: str) -> dict[str, Array]:
    """The tensors of one part, which must be those of the model: names, shapes and dtypes."""
    found = {name.partition("/")[2]: array for name, array in tensors.items() if name.startswith(f"{part}/")}
    own = trainer.model.state_dict()
    if found.keys() != own.keys():
        odd = ", ".join(sorted(found.keys() ^ own.keys()))
        raise ValueError(f"its {part} tensors are not those of this model; they differ in: {odd}")
    for name, tensor in own.items():
        if found[name].shape != tensor.shape or found[name].dtype != tensor.dtype:
            raise ValueError(
                f"{part}/{name} is {found[name].dtype}{list(found[name].shape)}, "
                f"and {tensor.dtype}{list(tensor.shape)} in this model"
            )
    return found


def _optimizer_state(trainer: Trainer, tensors: Mapping[str, Array]) -> dict[int, dict[str, Array]]:
    """The optimizer's tensors by parameter; the optimizer itself checks their numbers and shapes."""
    params = [p for group in trainer.optimizer.param_groups for p in group["params"]]
    entries: dict[int, dict[str, Array]] = {}
    for name, array in tensors.items():
        part, _, rest = name.partition("/")
        index, _, what = rest.partition("/")
        if part in ("model", "best"):
            continue
        if part != "optimizer" or not index.isdecimal() or not what:
            raise ValueError(f"it holds a tensor {name}, which is no part of a checkpoint")
        if int(index) < len(params) and dtypes.is_float(array.dtype) and array.dtype != params[int(index)].dtype:
            raise ValueError(f"{name} is {array.dtype}, its parameter {params[int(index)].dtype}")
        entries.setdefault(int(index), {})[what] = array
    return entries


def _groups(trainer: Trainer, state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The settings of the parameter groups, with the optimizer's own values as the pattern for their types."""
    groups, own = state.get("optimizer"), trainer.optimizer.param_groups
    if not isinstance(groups, list) or len(groups) != len(own):
        raise ValueError(f"its optimizer has not the {len(own)} parameter groups of this one")
    first, result = 0, []
    for group, pattern in zip(groups, own, strict=True):
        names = pattern.keys() - {"params"}
        if not isinstance(group, dict) or group.keys() != names:
            raise ValueError(f"its optimizer has other settings than {', '.join(sorted(names))}")
        settings = {name: _like(f"optimizer setting {name}", group[name], pattern[name]) for name in names}
        trainer.optimizer.check({**settings, "params": pattern["params"]})
        indices = list(range(first, first + len(pattern["params"])))
        first += len(indices)
        result.append({**settings, "params": indices})
    return result


def _like(name: str, value: Any, pattern: Any) -> Any:
    """`value` as JSON gave it, in the type of `pattern`."""
    if isinstance(pattern, tuple) and isinstance(value, list) and len(value) == len(pattern):
        return tuple(_like(name, v, p) for v, p in zip(value, pattern, strict=True))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(pattern, int | float) and not isinstance(pattern, bool):
        fits = number and math.isfinite(value)
    else:
        fits = type(value) is type(pattern)
    if not fits:
        raise ValueError(f"{name} is {value!r:.40}, where this one has {pattern!r:.40}")
    return value


def _callbacks(trainer: Trainer, state: Mapping[str, Any]) -> list[tuple[Any, dict[str, Any]]]:
    """The callbacks that keep something, each with what it kept."""
    own = [callback for callback in trainer.callbacks if callback.state_dict()]
    kept = state.get("callbacks")
    if not isinstance(kept, list) or not all(isinstance(k, dict) and isinstance(k.get("state"), dict) for k in kept):
        raise ValueError("its callbacks are not a list of states")
    kinds = [k.get("kind") for k in kept]
    if kinds != [type(callback).__name__ for callback in own]:
        raise ValueError(f"it was trained with the callbacks {kinds}, here are {[type(c).__name__ for c in own]}")
    return [(callback, k["state"]) for callback, k in zip(own, kept, strict=True)]


def _numbers(state: Mapping[str, Any], name: str, kinds: Mapping[str, type]) -> dict[str, Any]:
    """The numbers of one JSON object, none negative where it counts something, all finite."""
    values = state.get(name)
    if not isinstance(values, Mapping):
        raise ValueError(f"its {name} is {values!r:.40}, not an object")
    for key, kind in kinds.items():
        value = values.get(key)
        if kind is int:
            fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INT64_MAX
        else:
            fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not fits:
            raise ValueError(f"its {name} has {key} = {value!r:.40}")
    return {key: values[key] for key in kinds}


def _loader(state: Mapping[str, Any]) -> dict[str, Any]:
    """The loader's place; which kind of loader it must be is checked when `fit` gets one."""
    loader = state["loader"]
    if not isinstance(loader, dict):
        raise ValueError(f"its loader is {loader!r:.40}, not an object")
    for key in ("order", "generator", "noise"):
        if loader.get(key) is not None:
            _generator(loader, key)
    done = state["running"]["batches"] if state.get("running") else 0
    walking = loader.get("walking")
    if not isinstance(walking, bool) or loader.get("batches") != (done if walking else 0):
        raise ValueError(f"its loader has done {loader.get('batches')!r:.40} batches, its epoch {done}")
    return loader


def _generator(state: Mapping[str, Any], name: str) -> list[int]:
    """The state of a random generator, two int64: seed and position."""
    value = state.get(name)
    if not isinstance(value, list) or len(value) != 2 or not all(type(v) is int and 0 <= v <= INT64_MAX for v in value):
        raise ValueError(f"its {name} is {value!r:.40}, not a seed and a position")
    return value
