"""A schedule that follows a metric instead of a formula."""

from collections.abc import Mapping
from typing import Any

from .optimizer import Optimizer


class ReduceLROnPlateau:
    """Times `factor` whenever a metric has not improved for more than `patience` steps: `schedule.step(val_loss)`.

    mode       "min" if a smaller metric is better, "max" if a larger one is
    threshold  what counts as better: by this share (threshold_mode "rel") or by this much ("abs")
    cooldown   steps to wait after a reduction before counting again
    min_lr     no rate goes below
    eps        a change smaller than this is not made
    A metric that is not a number is no improvement. ValueError for a setting out of range.

    >>> from pyengine import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for val_loss in (3.0, 2.0, 2.0, 2.0):
    ...     schedule.step(val_loss)
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        for ok, what in (
            (mode in ("min", "max"), f"mode is 'min' or 'max', not {mode!r}"),
            (threshold_mode in ("rel", "abs"), f"threshold_mode is 'rel' or 'abs', not {threshold_mode!r}"),
            (0 < factor < 1, f"factor must lie in (0, 1), not be {factor}"),
        ):
            if not ok:
                raise ValueError(f"ReduceLROnPlateau: {what}")
        self.optimizer = optimizer
        self.mode, self.factor, self.patience, self.cooldown = mode, factor, patience, cooldown
        self.threshold, self.threshold_mode, self.min_lr, self.eps = threshold, threshold_mode, min_lr, eps
        self.best: float | None = None
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self.last_epoch = 0

    def step(self, metrics: Any) -> None:
        """Take note of the metric, a number or a tensor of one element, and lower the rates if it is time."""
        metric = float(metrics)
        self.last_epoch += 1
        if self._is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _is_better(self, metric: float) -> bool:
        if self.best is None:
            return metric == metric  # all but NaN
        sign = 1.0 if self.mode == "min" else -1.0
        margin = self.threshold * (abs(self.best) if self.threshold_mode == "rel" else 1.0)
        return sign * metric < sign * self.best - margin

    def _reduce(self) -> None:
        for group in self.optimizer.param_groups:
            lower = max(group["lr"] * self.factor, self.min_lr)
            if group["lr"] - lower > self.eps:
                group["lr"] = lower

    def get_last_lr(self) -> list[float]:
        """The rates of the optimizer's groups as they are now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs besides the optimizer's state: plain numbers."""
        names = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict()` returned; the rates themselves come with the optimizer's."""
        for name in self.state_dict():
            setattr(self, name, state_dict[name])
