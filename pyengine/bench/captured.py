"""Captured steps beside the same steps in Python, and beside the libraries that compile theirs.

Every contender is a whole step: model, loss, gradients, optimizer. Besides the times in turn, a row says what the first
calls took, how many kernel calls are replayed, and how much memory the intermediates take.
"""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

import pyengine

from ..backend import Array
from ..dtypes import float32
from ..recipes import RECIPES, Recipe
from .alive import most_alive
from .jax_steps import jax_gradient, jax_step
from .networks import Network, cnn, mlp, network_step, step_bytes, step_flops
from .peers import Peer
from .task import Spec, Task, UnavailableError
from .work import Step, forget_compiled, leaves_of

CHECKED = 6  # steps of which the losses are compared: the first two are recorded, the others replayed
FIRST = 3  # calls that are timed one by one
NETWORKS = (
    (mlp(784, 256, 128, 10, batch=128), "Adam"),
    (mlp(784, 256, 128, 10, batch=128), "SGD"),
    (mlp(64, 32, 10, batch=32), "SGD"),
    (cnn(batch=64), "Adam"),
)
NUMBERS, CALLS = 4_000_000, 1000
SMALLER = {"cifar10": {"batch_size": 32}}  # of recipes whose steps take a second

Fresh = Callable[..., Step]  # (library, array, mode) -> a step of a new model


def specs() -> list[Spec]:
    """All rows about captured steps; "captured" selects them."""
    found = [network_row(network, optimizer) for network, optimizer in NETWORKS]
    found += [chain_row(NUMBERS), calls_row(CALLS)]
    return found + [recipe_row(recipe) for recipe in RECIPES.values() if not recipe.needs]


# --- rows


def network_row(network: Network, optimizer: str) -> Spec:
    """A training step; also by torch in all its ways, and by JAX where the network is of linear layers only."""

    def make(peers: dict[str, Peer]) -> Task:
        fresh = partial(network_step, network, optimizer)
        modes = ("", *network.modes, *(["whole"] if "compiled" in network.modes else []))
        jax = partial(jax_step, network, optimizer) if len(network.image) == 1 else None
        return _against(peers, _task(name, fresh, step_flops(network), step_bytes(network)), fresh, modes, jax)

    name = f"captured {optimizer} step of {network.name}"
    return Spec("captured", name, "captured", make)


def chain_row(numbers: int) -> Spec:
    """The sum of 20 elementwise operations, and its gradient."""

    def fresh(library: Any, array: Callable[[Array], Any], mode: str) -> Step:
        x = array(_numbers(numbers)).requires_grad_()

        def total() -> Any:
            return chain(library, x).sum()

        forward = library.compile(total) if mode == "compiled" else total

        def step() -> Any:
            x.grad = None
            loss = forward()
            loss.backward()
            return loss

        return Step(step, (), [x], lambda: [x.grad.numpy()])

    def make(peers: dict[str, Peer]) -> Task:
        task = _task(name, fresh, 0, 12 * numbers)  # x is read twice, its gradient written
        return _against(peers, task, fresh, ("", "compiled"), partial(jax_gradient, chain, _numbers(numbers)))

    name = f"captured chain of 20 on {numbers:,}, forward and backward"
    return Spec("captured", name, "captured", make)


def chain(f: Any, x: Any) -> Any:
    """20 elementwise operations: tanh, sqrt, sigmoid, exp and log are dear, 15 are cheap.

    Where the derivative jumps, at 0, only x itself and half of it is asked: no rounding decides on which side it is.
    """
    y = f.abs(x * 0.5)
    y = f.tanh(y + 0.1)
    y = f.sqrt(y * y + 1.0)
    y = f.sigmoid(y - x)
    y = f.exp((y * 2.0 + x) * 0.25)
    y = f.log(y + 1.5)
    return -(y * x) - 0.3 + f.relu(x)


def _numbers(count: int) -> Array:
    return np.random.default_rng(0).standard_normal(count, dtype=np.float32)


def calls_row(calls: int) -> Spec:
    """Calls on a single number, of a kernel that no other one is fused with: what each costs by itself."""

    def fresh(library: Any, array: Callable[[Array], Any], mode: str) -> Step:
        def step(x: Any) -> Any:
            for _ in range(calls):
                x = library.cumsum(x, 0)
            return x

        return Step(step, (array(np.ones(1, np.float32)),))

    def make(peers: dict[str, Peer]) -> Task:
        return _against(peers, _task(name, fresh, 0, 0), fresh, ("",), None)

    name = f"captured, {calls} calls on 1 number"
    return Spec("captured", name, "captured", make)


def recipe_row(recipe: Recipe) -> Spec:
    """A step of a recipe with its usual settings, captured and in Python."""
    settings = recipe.defaults.changed(**SMALLER.get(recipe.name, {}))

    def make(peers: dict[str, Peer]) -> Task:
        try:
            job = recipe.build(settings)
        except (OSError, ValueError) as error:
            raise UnavailableError(str(error)) from error
        batch = next(iter(job.train))
        job.model.train()

        def fresh(library: Any, array: Callable[[Array], Any], mode: str) -> Step:
            model, loss_fn, optimizer = copy.deepcopy((job.model, job.loss_fn, job.optimizer))
            pyengine.manual_seed(settings.seed)  # dropout

            def step(inputs: Any, targets: Any) -> Any:
                optimizer.zero_grad()
                loss = loss_fn(model(inputs), targets)
                loss.backward()
                optimizer.step()
                return loss

            return Step(step, tuple(batch), leaves_of(optimizer))

        task = _task(name, fresh, 0, 0)
        task.want = task.peers["eager"][1]  # tests hold it against the definitions, batch after batch
        return task

    name = f"captured step of {recipe.name}, {settings.model}, {settings.batch_size}"
    return Spec("captured", name, "captured", make)


# --- tasks


class Timed:
    """A step that is made when it is first called, as compiling takes a while.

    first  the seconds of its first calls, each
    """

    def __init__(self, fresh: Callable[[], Step]) -> None:
        self.fresh = fresh
        self.first: list[float] = []
        self.step = Step(self._begin, ())

    def __call__(self) -> Any:
        """A step; its loss."""
        return self.step.run(*self.step.batch)

    def _begin(self) -> Any:
        self.step = self.fresh()
        for _ in range(FIRST):
            start = perf_counter()
            last = self()
            self.first.append(perf_counter() - start)
        return last

    def result(self) -> Sequence[Array]:
        """The losses of the first steps of another one, and what the last of them left."""
        step = self.fresh()
        return [step.losses(CHECKED), *step.left()]


def captured(step: Step) -> Step:
    """The same, captured."""
    return step._replace(run=pyengine.capture(step.run))


def plan_of(step: Step) -> Any:
    """The calls of a captured step that has been recorded."""
    run: Any = step.run
    return run.plan


def _task(name: str, fresh: Fresh, flops: int, nbytes: int) -> Task:
    """A step of ours, captured and in Python, held against the definitions of the kernels."""
    plain = partial(fresh, pyengine, pyengine.tensor, "")
    ours, eager = Timed(lambda: captured(plain())), Timed(plain)
    defined = Timed(partial(fresh, pyengine, partial(pyengine.tensor, device="numpy"), ""))
    task = Task("captured", name, ours, ours.result, defined.result, flops, nbytes, float32, 1e-4)
    task.peers["eager"] = eager, eager.result

    def more() -> dict[str, Any]:
        timed = {"pyengine": ours, **{name: once for name, (once, _) in task.peers.items()}}
        return {
            "first": {name: once.first for name, once in timed.items() if isinstance(once, Timed)},
            "calls": len(plan_of(ours.step)),
            "memory": memory(plain),
        }

    task.more = more
    return task


def _against(
    peers: dict[str, Peer], task: Task, fresh: Fresh, modes: Sequence[str], jax: Callable[[Any], Step] | None
) -> Task:
    """The task with those peers that there are: torch in these modes, and JAX."""
    found: dict[str, Callable[[], Step]] = {}
    if "torch" in peers:
        torch = peers["torch"]
        forget_compiled(torch, modes)
        found = {f"torch {mode}".strip(): partial(fresh, torch.library, torch.convert, mode) for mode in modes}
    if "jax" in peers and jax is not None:
        found["jax"] = partial(jax, peers["jax"].library)
    for name, make in found.items():
        timed = Timed(make)
        task.peers[name] = timed, timed.result
    return task


def memory(plain: Callable[[], Step]) -> dict[str, int]:
    """Bytes of the intermediates of a step: of the arena, and those that live at once without it.

    Intermediates are what kernels give, but for gradients of parameters; kernels' scratch memory is in neither figure.
    """
    step = plain()
    replayed = captured(step)
    for _ in range(FIRST):
        replayed.run(*replayed.batch)
    arena = plan_of(replayed).arena
    return {"captured": 0 if arena is None else arena.nbytes, "eager": most_alive(step)}
