"""What may be hung into the training loop: an object with plain methods that the trainer calls as it goes."""

from typing import TYPE_CHECKING, Any

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

    def on_fit_end(self, trainer: "Trainer") -> None:
        """The last call, whether the epochs are done, the training was stopped or an error ended it."""
