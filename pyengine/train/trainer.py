"""The training loop, and what one wants to know and keep while it runs."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ..autograd import no_grad
from ..capturing import capture as record
from ..nn import Module
from ..tensor import Tensor
from .callbacks import Callback
from .diagnose import why_not_finite
from .interrupt import REASON, finish_step_on_ctrl_c
from .metrics import Metric
from .running import Running

RECORDINGS = 32  # of a captured step: batches of texts have many lengths

Row = dict[str, Any]
Weights = dict[str, Tensor]
Batch = tuple[Tensor, Tensor]
Loader = Iterable[Batch]


@dataclass(frozen=True)
class Best:
    """The best epoch so far: its number (from 1), the monitored value, and a copy of the weights.

    >>> best = Best(epoch=3, value=0.25, weights={})
    >>> f"{best.value} in epoch {best.epoch}"
    '0.25 in epoch 3'
    """

    epoch: int
    value: float
    weights: Weights


class Trainer:
    """Trains `model` on batches of (inputs, targets).

    loss_fn    loss_fn(model(inputs), targets) -> a tensor of one number, the mean over the batch
    optimizer  one of pyengine.optim
    metrics    name -> function(outputs, targets) of NumPy arrays, computed when evaluating
    callbacks  see `Callback`
    monitor    the value of the history by which the best epoch is chosen; needs a validation loader
    mode       "min" or "max": which way `monitor` is better
    accumulate how many batches make one step of the optimizer: the gradient is that of the mean over all their samples,
               as if they were one batch; the last step of an epoch may have fewer
    capture    replay the kernel calls of a step without Python between them, to the same bits (`pe.capture`), for the
               first 32 shapes of batches; a step that cannot be captured runs in Python, after a warning
    ValueError for another mode, and for `accumulate` below 1.

    While and after it trains:  history, one dict per finished epoch · best, of the validated epochs · epoch and step,
    how many are finished · running, the epoch that runs, or None · stopped, why it ended early, or None.

    >>> import pyengine as pe
    >>> from pyengine import nn, optim
    >>> x = pe.tensor([[0.0], [1.0]])
    >>> model = nn.Linear(1, 2)
    >>> trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=1.0))
    >>> history = trainer.fit([(x, pe.tensor([0, 1]))], epochs=20)
    >>> history[-1]["train_loss"] < history[0]["train_loss"]
    True
    """

    def __init__(
        self,
        model: Module,
        loss_fn: Callable[[Tensor, Tensor], Tensor],
        optimizer: Any,
        *,
        metrics: Mapping[str, Metric] | None = None,
        callbacks: Sequence[Callback] = (),
        monitor: str = "val_loss",
        mode: str = "min",
        accumulate: int = 1,
        capture: bool = False,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"Trainer: mode is 'min' or 'max', not {mode!r}")
        if accumulate < 1:
            raise ValueError(f"Trainer: accumulate is {accumulate}; it must be 1 or more batches")
        self.model = model
        self.loss_fn = loss_fn
        self.optimizer = optimizer
        self.metrics = dict(metrics or {})
        self.callbacks = list(callbacks)
        self.monitor = monitor
        self.mode = mode
        self.accumulate = accumulate
        parts: list[Any] = [self.gradients, self.update, self.predict]
        self._gradients, self._update, self._predict = map(_captured, parts) if capture else parts
        self.history: list[Row] = []
        self.best: Best | None = None
        self.stopped: str | None = None
        self.epochs = 0
        self.batches: int | None = None
        self.epoch = 0
        self.step = 0
        self.running: Running | None = None
        self.loader: Loader | None = None
        self.place: dict[str, Any] | None = None  # where the loader was, between a stop or resume and the next `fit`

    # --- the loop

    def fit(self, train_loader: Loader, val_loader: Loader | None = None, epochs: int = 1) -> list[Row]:
        """Train until `epochs` epochs are finished in all, and return the history.

        Each row has epoch, train_loss (the mean over the epoch, while the weights moved), lr (at its end), seconds,
        samples_per_second and, with a validation loader, val_loss and val_<metric>. The first Ctrl-C ends it after the
        step that runs; the epoch then begun has no row yet, and the next `fit` goes on in it. ValueError for an empty
        loader, FloatingPointError for a loss that is not finite.
        """
        self.loader, self.stopped, self.epochs = train_loader, None, epochs
        self.batches = known_length(train_loader)
        error: BaseException | None = None
        self._tell("on_fit_start")
        try:
            with finish_step_on_ctrl_c(self.stop):
                while self.epoch < epochs and not self.stopped:
                    row = self._train_epoch(train_loader)
                    if row is not None:
                        self._finish_epoch(row, val_loader)
        except BaseException as raised:
            error, self.running = raised, None
            raise
        finally:
            self._tell("on_fit_end", error)
        return self.history

    def _train_epoch(self, loader: Loader) -> Row | None:
        """One pass over the training data: its row of the history, or None where it was stopped on the way."""
        self.model.train()
        left, running = self._begin_epoch(loader)
        for batches in in_groups(left, self.accumulate):
            self.optimizer.zero_grad()
            samples = sum(len(targets) for _, targets in batches)
            for inputs, targets in batches:
                share = 1.0 if len(targets) == samples else len(targets) / samples
                loss = self._gradients(inputs, targets, share)
                running.add(self._finite(loss.item(), inputs), len(targets))
            self._tell("on_gradients")
            self._update()
            self.step += 1
            self._tell("on_step")
            if self.stopped:
                running.pause()
                self.place = loader_state(loader)
                return None
        if not running.samples:
            raise ValueError(empty_loader("fit", "training"))
        return {
            "epoch": self.epoch + 1,
            "train_loss": running.mean,
            "lr": self.optimizer.param_groups[0]["lr"],
            "seconds": running.seconds,
            "samples_per_second": running.rate,
        }

    def gradients(self, inputs: Any, targets: Any, share: float = 1.0) -> Tensor:
        """Add the gradients of `share` times the loss of a batch to those of the parameters; the loss."""
        loss = self.loss_fn(self.model(inputs), targets)  # guess, and how wrong it is
        part = loss if share == 1.0 else loss * share
        part.backward()  # blame: how each weight contributed
        return loss

    def update(self) -> None:
        """A step of the optimizer."""
        self.optimizer.step()  # step: every weight a little against its blame

    def predict(self, inputs: Any, targets: Any) -> tuple[Any, Tensor]:
        """What the model makes of a batch, and its loss."""
        predicted = self.model(inputs)
        return predicted, self.loss_fn(predicted, targets)

    def _begin_epoch(self, loader: Loader) -> tuple[Iterator[Batch], Running]:
        """The batches of an epoch and its sums: a new one, or what is left of one that was stopped on the way."""
        place, self.place = self.place, None
        if place is not None:
            loader.load_state_dict(place)  # type: ignore[attr-defined]
        if self.running is None:
            self.running = Running()
            return iter(loader), self.running
        self.running.go_on()
        if place is None:  # a list of batches, say
            return islice(loader, self.running.batches, None), self.running
        return iter(loader if place["walking"] else ()), self.running  # not walking: the last batch is done

    def _finish_epoch(self, row: Row, val_loader: Loader | None) -> None:
        if val_loader is not None:
            row |= {f"val_{name}": value for name, value in self.evaluate(val_loader, "validation").items()}
            self._keep_if_best(row)
        self.epoch += 1
        self.history.append(row)
        self.running = None
        self._tell("on_epoch", row)

    def evaluate(self, loader: Loader, name: str = "evaluation") -> dict[str, float]:
        """The loss (mean over all samples) and every metric on `loader`, with the model in evaluation mode.

        `name` is what an error calls the data. ValueError for a loader without batches, FloatingPointError for a loss
        that is infinite or NaN.
        """
        running = Running()
        outputs, labels = [], []
        was_training = self.model.training
        self.model.eval()
        with no_grad():
            for inputs, targets in loader:
                predicted, loss = self._predict(inputs, targets)
                running.add(loss.item(), len(targets))
                if self.metrics:
                    outputs.append(predicted.numpy())
                    labels.append(targets.numpy())
        self.model.train(was_training)
        if not running.samples:
            raise ValueError(empty_loader("evaluate", name))
        if not math.isfinite(running.mean):
            raise FloatingPointError(
                f"evaluate: the {name} loss is {running.mean}. " + why_not_finite(self.model, inputs)
            )
        result = {"loss": running.mean}
        if self.metrics:
            whole = np.concatenate(outputs), np.concatenate(labels)
            result |= {metric: function(*whole) for metric, function in self.metrics.items()}
        return result

    # --- stopping, and the best weights

    def stop(self, reason: str) -> None:
        """End the training after the step that runs; `stopped` will say why."""
        self.stopped = self.stopped or reason

    @property
    def interrupted(self) -> bool:
        """Whether it was Ctrl-C that ended the last `fit`."""
        return self.stopped == REASON

    def restore_best(self) -> None:
        """Give the model the weights of the best epoch; RuntimeError where no epoch was validated."""
        if self.best is None:
            raise RuntimeError("restore_best: no epoch was validated; fit() with a validation loader keeps the best")
        self.model.load_state_dict(self.best.weights)

    def _keep_if_best(self, row: Row) -> None:
        if self.monitor not in row:
            raise ValueError(f"Trainer: monitor={self.monitor!r} is not in the history, which has {', '.join(row)}")
        value = row[self.monitor]
        if self.best is None or (value < self.best.value if self.mode == "min" else value > self.best.value):
            with no_grad():
                weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
            self.best = Best(row["epoch"], value, weights)

    # --- inside

    def _tell(self, moment: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, moment)(self, *args)

    def _finite(self, loss: float, inputs: Tensor) -> float:
        if math.isfinite(loss):
            return loss
        batch = 1 + (self.running.batches if self.running else 0)
        raise FloatingPointError(
            f"fit: the loss is {loss} in epoch {self.epoch + 1}, batch {batch} (step {self.step + 1}). "
            + why_not_finite(self.model, inputs)
        )


def _captured(part: Callable[..., Any]) -> Any:
    """A part of the step, replayed for as many shapes of batches as RECORDINGS says; others run in Python."""
    captured = record(part, fallback=True, limit=RECORDINGS)
    captured.warns_of_limit = False
    return captured


def loader_state(loader: Any) -> dict[str, Any] | None:
    """Where a `DataLoader` is; None for a list of batches, which is walked through from its beginning."""
    return loader.state_dict() if hasattr(loader, "state_dict") else None


def known_length(loader: Loader) -> int | None:
    """How many batches an epoch has; None for a generator, and for a `DataLoader` over an `IterableDataset`."""
    try:
        return len(loader)  # type: ignore[arg-type]
    except TypeError:
        return None


def in_groups(batches: Iterator[Batch], size: int) -> Iterator[list[Batch]]:
    """Lists of `size` batches, the last perhaps shorter."""
    while group := list(islice(batches, size)):
        yield group


def empty_loader(where: str, name: str) -> str:
    """The message for a loader without batches."""
    return (
        f"{where}: the {name} loader gives no batches: its data set is empty, or smaller than batch_size "
        f"with drop_last=True"
    )
