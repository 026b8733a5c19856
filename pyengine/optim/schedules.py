"""Schedules: how the learning rate changes while training goes on.

A schedule is made with the optimizer and stepped after it, once for each epoch or each batch, as its lengths are meant:

>>> from pyengine import nn, optim
>>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)
>>> schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
>>> for epoch in range(5):
...     optimizer.step()
...     schedule.step()
>>> schedule.get_last_lr()
[0.05]

Each is a formula of the number of steps taken, not a change to the last rate: a resumed training gets the same rates,
to the bit. Names and meanings are those of `torch.optim.lr_scheduler`.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .optimizer import Group, Optimizer


class LRScheduler:
    """The base of all schedules. A subclass defines `lr_at(t, base)`.

    `last_epoch` counts the steps taken. The rates that the optimizer was made with stay in its groups as "initial_lr".
    TypeError for what is no optimizer.

    >>> from pyengine import nn, optim
    >>> class Halving(LRScheduler):
    ...     def lr_at(self, t, base):
    ...         return base / 2**t
    >>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> schedule = Halving(optimizer)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{self._name}: needs an optimizer, not a {type(optimizer).__name__}")
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = 0
        self._apply()

    def lr_at(self, t: int, base: float) -> float:
        """The rate after `t` steps of a group that started with the rate `base`."""
        raise NotImplementedError(f"{self._name} does not define lr_at()")

    def step(self) -> None:
        """Count one step and set the rates that follow from it."""
        self.last_epoch += 1
        self._apply()

    def get_last_lr(self) -> list[float]:
        """The rates of the optimizer's groups as they are now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs: plain numbers."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict()` returned, and set the rates that follow. ValueError where it does not fit."""
        if len(state_dict["base_lrs"]) != len(self.base_lrs):
            raise ValueError(
                f"{self._name}.load_state_dict: it holds the rates of {len(state_dict['base_lrs'])} parameter groups, "
                f"the optimizer has {len(self.base_lrs)}"
            )
        self.last_epoch = int(state_dict["last_epoch"])
        self.base_lrs = list(state_dict["base_lrs"])
        self._apply()

    def _apply(self) -> None:
        for group, base in zip(self._groups(), self.base_lrs, strict=True):
            group["lr"] = self.lr_at(self.last_epoch, base)

    def _groups(self) -> list[Group]:
        groups = self.optimizer.param_groups
        self._require(
            len(groups) == len(self.base_lrs),
            f"made for {len(self.base_lrs)} parameter groups, but there are {len(groups)} now; make a new schedule",
        )
        return groups

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _require(self, ok: bool, what: str) -> None:
        if not ok:
            raise ValueError(f"{self._name}: {what}")


class LambdaLR(LRScheduler):
    """base · lr_lambda(t): any schedule, by a function of the number of steps.

    >>> from pyengine import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> schedule = LambdaLR(optimizer, lambda t: 1 / (1 + t))
    >>> schedule.step()
    >>> optimizer.param_groups[0]["lr"]
    0.5
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float) -> float:
        """base · lr_lambda(t)"""
        return base * self.lr_lambda(t)


class StepLR(LRScheduler):
    """base · gamma^⌊t / step_size⌋: times gamma every step_size steps.

    >>> from pyengine import nn, optim
    >>> schedule = optim.StepLR(optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0), step_size=2)
    >>> [round(schedule.lr_at(t, 1.0), 3) for t in range(5)]
    [1.0, 1.0, 0.1, 0.1, 0.01]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self._require(step_size >= 1, f"step_size counts steps, from 1 on, not {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float) -> float:
        """base · gamma^⌊t / step_size⌋"""
        return base * self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """base · gamma^(how many milestones are reached): times gamma at each of them.

    >>> from pyengine import nn, optim
    >>> schedule = optim.MultiStepLR(optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0), milestones=[1, 3])
    >>> [round(schedule.lr_at(t, 1.0), 3) for t in range(5)]
    [1.0, 0.1, 0.1, 0.01, 0.01]
    """

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self._require(list(milestones) == sorted(milestones), f"milestones must rise, not be {list(milestones)}")
        self.milestones, self.gamma = list(milestones), gamma
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float) -> float:
        """base · gamma^(milestones ≤ t)"""
        return base * self.gamma ** bisect_right(self.milestones, t)


class ExponentialLR(LRScheduler):
    """base · gamma^t: times gamma at each step.

    >>> from pyengine import nn, optim
    >>> schedule = optim.ExponentialLR(optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0), gamma=0.5)
    >>> [round(schedule.lr_at(t, 1.0), 3) for t in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float) -> float:
        """base · gamma^t"""
        return base * self.gamma**t


class LinearLR(LRScheduler):
    """A warm-up: base times a factor that goes straight from start_factor to end_factor in total_iters steps.

    >>> from pyengine import nn, optim
    >>> schedule = optim.LinearLR(optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0), start_factor=0.2, total_iters=4)
    >>> [round(schedule.lr_at(t, 1.0), 3) for t in range(6)]
    [0.2, 0.4, 0.6, 0.8, 1.0, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3.0, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        self._require(0 < start_factor <= 1, f"start_factor must lie in (0, 1], not be {start_factor}")
        self._require(0 <= end_factor <= 1, f"end_factor must lie in [0, 1], not be {end_factor}")
        self._require(total_iters >= 1, f"total_iters counts steps, from 1 on, not {total_iters}")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float) -> float:
        """base · (start + (end - start) · min(t / total, 1))"""
        done = min(t / self.total_iters, 1.0)
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class CosineAnnealingLR(LRScheduler):
    """Down from base to eta_min in T_max steps along half a cosine (and, if stepped on, up again, and so on).

    I. Loshchilov, F. Hutter, "SGDR: Stochastic gradient descent with warm restarts" (2017), eq. 5, without restarts.

    >>> from pyengine import nn, optim
    >>> schedule = optim.CosineAnnealingLR(optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0), T_max=4)
    >>> [round(schedule.lr_at(t, 1.0), 3) for t in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:  # noqa: N803 (PyTorch's name)
        self._require(T_max >= 1, f"T_max counts steps, from 1 on, not {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float) -> float:
        """eta_min + (base - eta_min) · (1 + cos(π·t / T_max)) / 2"""
        return cosine(base, self.eta_min, t / self.T_max)


class SequentialLR(LRScheduler):
    """One schedule after another: schedulers[i] from milestones[i-1] on, counting from there.

    >>> from pyengine import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> warm_up = LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> schedule = SequentialLR(optimizer, [warm_up, CosineAnnealingLR(optimizer, T_max=4)], milestones=[2])
    >>> rates = []
    >>> for _ in range(6):
    ...     rates.append(round(optimizer.param_groups[0]["lr"], 3))
    ...     schedule.step()
    >>> rates
    [0.5, 0.75, 1.0, 0.854, 0.5, 0.146]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        self._require(len(schedulers) > 0, "there are no schedules to join")
        fits = len(schedulers) == len(milestones) + 1
        self._require(fits, f"{len(schedulers)} schedules need {len(schedulers) - 1} milestones, not {len(milestones)}")
        self._require(list(milestones) == sorted(milestones), f"milestones must rise, not be {list(milestones)}")
        own = all(s.optimizer is optimizer for s in schedulers)
        self._require(own, "the schedules must all be of the optimizer given")
        plain = all(type(s)._apply is LRScheduler._apply for s in schedulers)
        self._require(plain, "only schedules that are a formula for the rate can be joined, not OneCycleLR")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float) -> float:
        """The rate of the schedule whose turn it is."""
        turn = bisect_right(self.milestones, t)
        return self.schedulers[turn].lr_at(t - (self.milestones[turn - 1] if turn else 0), base)


def cosine(start: float, end: float, done: float) -> float:
    """From `start` to `end` along half a cosine; `done` is the share of the way."""
    return end + (start - end) * (1.0 + math.cos(math.pi * done)) / 2.0
