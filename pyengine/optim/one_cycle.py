"""The one-cycle schedule."""

from collections.abc import Sequence

from .optimizer import Group, Optimizer
from .schedules import LRScheduler, cosine


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr in the share pct_start of the steps, then down to start / final_div_factor.

    Meant to be stepped once for each batch: total_steps is epochs · steps_per_epoch, which is len(loader); give it or
    both. Unless cycle_momentum=False, the momentum (or the first of the betas) goes the opposite way, from max_momentum
    to base_momentum and back. ValueError for settings out of range.

    >>> from pyengine import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0, momentum=0.9)
    >>> schedule = optim.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> rates = []
    >>> for _ in range(10):
    ...     rates.append(round(schedule.get_last_lr()[0], 2))
    ...     schedule.step()
    >>> rates
    [0.04, 0.52, 1.0, 0.95, 0.81, 0.61, 0.39, 0.19, 0.05, 0.0]

    L. N. Smith, N. Topin, "Super-convergence" (2018); in two phases, like PyTorch's.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        if total_steps is None:
            both = epochs is not None and steps_per_epoch is not None
            self._require(both, "give total_steps, or both epochs and steps_per_epoch")
            total_steps = int(epochs or 0) * int(steps_per_epoch or 0)
        self._require(total_steps >= 1, f"total_steps counts steps, from 1 on, not {total_steps}")
        self._require(0 <= pct_start <= 1, f"pct_start is a share, in [0, 1], not {pct_start}")
        known = anneal_strategy in ("cos", "linear")
        self._require(known, f"anneal_strategy is 'cos' or 'linear', not {anneal_strategy!r}")
        groups = optimizer.param_groups
        self.max_lrs = list(max_lr) if isinstance(max_lr, Sequence) else [max_lr] * len(groups)
        fits = len(self.max_lrs) == len(groups)
        self._require(fits, f"{len(self.max_lrs)} values of max_lr for {len(groups)} parameter groups")
        cycles = all("momentum" in group or "betas" in group for group in groups)
        self._require(cycles or not cycle_momentum, "there is no momentum to cycle; pass cycle_momentum=False")
        self.total_steps, self.pct_start = total_steps, pct_start
        self.anneal = cosine if anneal_strategy == "cos" else _line
        self.momenta = (max_momentum, base_momentum) if cycle_momentum else None
        self.final_div_factor = final_div_factor
        for group, top in zip(groups, self.max_lrs, strict=True):
            group["initial_lr"] = top / div_factor
        super().__init__(optimizer)

    def step(self) -> None:
        """Count one step and set what follows from it; ValueError after total_steps."""
        t = self.last_epoch + 1
        self._require(t <= self.total_steps, f"stepped {t} times, but total_steps is {self.total_steps}")
        super().step()

    def _apply(self) -> None:
        for group, base, top in zip(self._groups(), self.base_lrs, self.max_lrs, strict=True):
            group["lr"] = self._phase(base, top, base / self.final_div_factor)
            if self.momenta is not None:
                high, low = self.momenta
                _set_momentum(group, self._phase(high, low, high))

    def _phase(self, start: float, middle: float, end: float) -> float:
        """Where a value is now that goes from `start` over `middle` to `end`."""
        turn, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        t = min(self.last_epoch, last)
        if t <= turn:
            return self.anneal(start, middle, t / turn if turn else 0.0)
        return self.anneal(middle, end, (t - turn) / (last - turn))


def _line(start: float, end: float, done: float) -> float:
    """From `start` to `end` straight; `done` is the share of the way."""
    return start + (end - start) * done


def _set_momentum(group: Group, momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
