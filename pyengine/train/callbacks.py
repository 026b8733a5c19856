"""What may be hung into the training loop: an object with plain methods that the trainer calls as it goes."""

from typing import TYPE_CHECKING, Any

from ..nn.utils import clip_grad_norm_, clip_grad_value_
from ..tensor import Tensor

if TYPE_CHECKING:
    from .trainer import Trainer


class Callback:
    """Override the moments that matter; the others do nothing.

    A callback may read the trainer, change its optimizer, and end the training with `trainer.stop(reason)`.
    Several callbacks are called in the order of the list.

    >>> class Diary(Callback):
    ...     def on_epoch(self, trainer, row):
    ...         print(f"epoch {row['epoch']}: {row['train_loss']:.2f}")
    """

    def on_fit_start(self, trainer: "Trainer") -> None:
        """Before the first batch; `trainer.epochs` and `trainer.batches` (per epoch, or None) are known."""

    def on_gradients(self, trainer: "Trainer") -> None:
        """Gradients are complete, parameters not yet changed: the place to clip."""

    def on_step(self, trainer: "Trainer") -> None:
        """After each step of the optimizer."""

    def on_epoch(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        """After an epoch and its validation; `row` is its line of the history."""

    def on_fit_end(self, trainer: "Trainer", error: BaseException | None) -> None:
        """The last call, whether the epochs are done, the training was stopped, or `error` ended it."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs of this callback, as JSON; nothing by default."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict()` returned; ValueError where it does not fit."""


class EarlyStopping(Callback):
    """Stops when the best epoch, by the trainer's `monitor`, lies `patience` epochs back.

    ValueError for a patience below 1, and in the first epoch where there is no validation.

    >>> stopping = EarlyStopping(patience=5)
    """

    def __init__(self, patience: int) -> None:
        if patience < 1:
            raise ValueError(f"EarlyStopping: patience is {patience}; it must be 1 or more epochs")
        self.patience = patience

    def on_epoch(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        """Compare this epoch with the best one."""
        if trainer.best is None:
            raise ValueError("EarlyStopping: no epoch was validated; give fit() a validation loader")
        if row["epoch"] - trainer.best.epoch >= self.patience:
            trainer.stop(f"no better {trainer.monitor} since epoch {trainer.best.epoch}")


class ClipGradients(Callback):
    """Keeps gradients from getting too large, before each step: by their norm, each element by its size, or both.

    max_norm   all gradients are scaled by one factor so that their norm together is at most this
    max_value  then each element is brought to [-max_value, max_value]
    ValueError for a negative bound, or for none at all.

    `norm` is what the norm was before the last step; a mean of it over a training is a guide to choosing `max_norm`.

    >>> clipping = ClipGradients(max_norm=1.0)
    """

    def __init__(self, max_norm: float | None = None, max_value: float | None = None) -> None:
        if max_norm is None and max_value is None:
            raise ValueError("ClipGradients: give max_norm, max_value or both; without, nothing would be clipped")
        for name, bound in (("max_norm", max_norm), ("max_value", max_value)):
            if bound is not None and not bound >= 0:
                raise ValueError(f"ClipGradients: {name} must be ≥ 0, not {bound}")
        self.max_norm = max_norm
        self.max_value = max_value
        self.norm: Tensor | None = None

    def on_gradients(self, trainer: "Trainer") -> None:
        """Clip what the optimizer will step along."""
        parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
        if self.max_norm is not None:
            self.norm = clip_grad_norm_(parameters, self.max_norm)
        if self.max_value is not None:
            clip_grad_value_(parameters, self.max_value)


class Schedule(Callback):
    """Moves a learning rate schedule on, after each step or after each epoch.

    schedule  one of pyengine.optim.lr_scheduler
    each      "step" or "epoch"
    monitor   the value of the history that a schedule watches which is stepped with one
    ValueError for another `each`, and for a monitor of steps.

    >>> from pyengine import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)
    >>> plateau = Schedule(optim.lr_scheduler.ReduceLROnPlateau(optimizer), monitor="val_loss")
    """

    def __init__(self, schedule: Any, each: str = "epoch", monitor: str | None = None) -> None:
        if each not in ("step", "epoch"):
            raise ValueError(f"Schedule: each is 'step' or 'epoch', not {each!r}")
        if monitor is not None and each == "step":
            raise ValueError(f"Schedule: {monitor} is known after an epoch only; use each='epoch'")
        self.schedule = schedule
        self.each = each
        self.monitor = monitor

    def on_step(self, trainer: "Trainer") -> None:
        """The next step's learning rate."""
        if self.each == "step":
            self.schedule.step()

    def on_epoch(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        """The next epoch's learning rate."""
        if self.monitor is not None:
            self.schedule.step(row[self.monitor])
        elif self.each == "epoch":
            self.schedule.step()

    def state_dict(self) -> dict[str, Any]:
        """The schedule's position."""
        return dict(self.schedule.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put the schedule there."""
        self.schedule.load_state_dict(state)
