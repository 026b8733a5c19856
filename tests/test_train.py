"""The trainer, the run folder and the digits recipe."""

import json
import os
import re
import signal
import statistics
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import pyengine as pe
from pyengine import nn, optim
from pyengine.cli.tables import behind
from pyengine.data import DataLoader, IterableDataset, TensorDataset
from pyengine.files import write_atomically, write_json
from pyengine.recipes import RECIPES, run
from pyengine.recipes.recipe import Settings
from pyengine.recipes.run import trainer_of
from pyengine.tensor_file import read_tensors
from pyengine.train import (
    Callback,
    ClipGradients,
    EarlyStopping,
    Schedule,
    Trainer,
    accuracy,
    confusion_matrix,
    mean_absolute_error,
    r2,
    run_folder,
    top_k_accuracy,
)
from pyengine.train.curves import draw
from pyengine.train.progress import progress

DIGITS = RECIPES["digits"]
PNG = b"\x89PNG\r\n\x1a\n"


def blobs(n=60, seed=0):
    """Two classes that a line separates, and not by much."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    points = rng.normal(size=(n, 3)) + labels[:, None]
    return TensorDataset(points.astype(np.float32), labels.astype(np.int64))


def small_trainer(lr=0.1, **options):
    pe.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return Trainer(model, nn.CrossEntropyLoss(), optimizer, metrics={"accuracy": accuracy}, **options)


def loader(**options):
    return DataLoader(blobs(), batch_size=16, shuffle=True, seed=1, **options)


# --- the loop


def test_fit_is_the_plain_loop():
    trainer = small_trainer()
    history = trainer.fit(loader(), epochs=3)

    pe.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    loss_fn, optimizer = nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    batches = loader()
    for epoch in range(3):
        total = 0.0
        for inputs, targets in batches:
            loss = loss_fn(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(targets)
        assert history[epoch]["train_loss"] == total / 60
    for name, weight in model.state_dict().items():
        assert np.array_equal(weight.numpy(), trainer.model.state_dict()[name].numpy())


def test_history_and_evaluate():
    trainer = small_trainer()
    validation = DataLoader(blobs(40, seed=5), batch_size=16)
    history = trainer.fit(loader(), validation, epochs=2)
    assert [row["epoch"] for row in history] == [1, 2]
    assert set(history[0]) == {
        "epoch", "train_loss", "lr", "val_loss", "val_accuracy", "seconds", "samples_per_second",
    }  # fmt: skip
    assert trainer.epoch == 2
    assert trainer.step == 8
    result = trainer.evaluate(validation)
    assert result == {"loss": history[1]["val_loss"], "accuracy": history[1]["val_accuracy"]}

    points, labels = blobs(40, seed=5).tensors  # the same in one batch; the loss is a mean over samples, not batches
    whole = trainer.loss_fn(trainer.model(points), labels).item()
    assert result["loss"] == pytest.approx(whole, rel=1e-5)
    assert result["accuracy"] == np.mean(trainer.model(points).detach().numpy().argmax(1) == labels.numpy())


def test_fit_goes_on_where_it_stopped():
    once, twice = small_trainer(), small_trainer()
    full = once.fit(loader(), epochs=4)
    batches = loader()
    twice.fit(batches, epochs=2)
    assert [row["train_loss"] for row in twice.fit(batches, epochs=4)] == [row["train_loss"] for row in full]


def test_a_look_at_the_data_before_is_no_part_of_the_epoch():
    trainer, batches = small_trainer(), loader()
    next(iter(batches))
    trainer.fit(batches, epochs=1)
    assert trainer.step == 4


class Mode(nn.Module):
    """Notes the mode and the tracking of each call."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 2)
        self.seen = []

    def forward(self, x):
        self.seen.append((self.training, pe.is_grad_enabled()))
        return self.inner(x)


def test_modes():
    model = Mode()
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))
    model.eval()
    trainer.evaluate(loader())
    assert not model.training
    trainer.fit(loader(), loader(), epochs=1)
    assert model.seen == [(False, False)] * 4 + [(True, True)] * 4 + [(False, False)] * 4
    assert model.training


def test_best_weights_are_those_of_the_best_epoch():
    trainer = small_trainer(lr=3.0)  # so large that later epochs are sometimes worse
    validation = DataLoader(blobs(40, seed=5), batch_size=40)
    history = trainer.fit(loader(), validation, epochs=8)
    losses = [row["val_loss"] for row in history]
    assert trainer.best.epoch == 1 + int(np.argmin(losses))
    assert losses[-1] > min(losses)
    trainer.restore_best()
    assert trainer.evaluate(validation)["loss"] == trainer.best.value == min(losses)


def test_best_by_a_metric_takes_the_first_of_equals():
    trainer = small_trainer(monitor="val_accuracy", mode="max")
    history = trainer.fit(loader(), loader(), epochs=5)
    values = [row["val_accuracy"] for row in history]
    assert trainer.best.epoch == 1 + values.index(max(values))


def test_callbacks_are_called_in_order():
    calls = []

    class Note(Callback):
        def on_fit_start(self, trainer):
            calls.append(f"start {trainer.epochs} {trainer.batches}")

        def on_gradients(self, trainer):
            assert all(p.grad is not None for p in trainer.model.parameters())
            calls.append(f"gradients {trainer.step}")

        def on_step(self, trainer):
            calls.append(f"step {trainer.step}")

        def on_epoch(self, trainer, row):
            calls.append(f"epoch {row['epoch']} {trainer.epoch}")

        def on_fit_end(self, trainer, error):
            assert error is None
            calls.append("end")

    small_trainer(callbacks=[Note()]).fit([next(iter(loader()))], epochs=2)
    assert calls == [
        "start 2 1", "gradients 0", "step 1", "epoch 1 1", "gradients 1", "step 2", "epoch 2 2", "end",
    ]  # fmt: skip


@pytest.mark.parametrize("size", [12, 11])
def test_accumulated_batches_make_one_step(size):
    """Three batches of 4 (or 4, 4 and 3), or one of their 12 (11) samples: the same gradient, up to rounding."""
    points, labels = (tensor[:size] for tensor in blobs().tensors)
    whole = small_trainer()
    whole.fit([(points, labels)], epochs=1)
    parts = small_trainer(accumulate=3)
    parts.fit([(points[i : i + 4], labels[i : i + 4]) for i in range(0, size, 4)], epochs=1)
    assert whole.step == parts.step == 1
    assert parts.history[0]["train_loss"] == pytest.approx(whole.history[0]["train_loss"], rel=1e-6)
    for name, weight in whole.model.state_dict().items():
        # sums of 12 float32 products in another order: a few units in the last place of values below 1
        assert np.allclose(weight.numpy(), parts.model.state_dict()[name].numpy(), rtol=0, atol=1e-6), name


def test_the_last_accumulated_step_of_an_epoch_may_be_shorter():
    points, labels = blobs(20).tensors
    batches = [(points[i : i + 4], labels[i : i + 4]) for i in range(0, 20, 4)]
    trainer = small_trainer(accumulate=3)
    trainer.fit(batches, epochs=2)
    assert trainer.step == 4  # of 3, 2, 3 and 2 batches
    by_hand = small_trainer()
    by_hand.fit([(points[:12], labels[:12]), (points[12:], labels[12:])], epochs=2)
    for name, weight in by_hand.model.state_dict().items():
        assert np.allclose(weight.numpy(), trainer.model.state_dict()[name].numpy(), rtol=0, atol=1e-5), name


class Scripted(Trainer):
    """Validates to given losses."""

    def __init__(self, losses):
        made = small_trainer()
        super().__init__(made.model, made.loss_fn, made.optimizer)
        self.losses = iter(losses)

    def evaluate(self, loader, name="evaluation"):
        return {"loss": next(self.losses)}


def test_early_stopping():
    trainer = Scripted([5.0, 3.0, 4.0, 2.0, 2.0, 2.5, 9.0, 0.0])
    trainer.callbacks = [EarlyStopping(patience=3)]
    trainer.fit(loader(), loader(), epochs=8)
    assert trainer.stopped == "no better val_loss since epoch 4"
    assert (len(trainer.history), trainer.best.epoch, trainer.best.value) == (7, 4, 2.0)
    with pytest.raises(ValueError, match="EarlyStopping: no epoch was validated"):
        small_trainer(callbacks=[EarlyStopping(2)]).fit(loader(), epochs=1)
    with pytest.raises(ValueError, match="patience is 0"):
        EarlyStopping(0)


class Halving:
    """A schedule: halves the learning rate each time, and notes what it is told."""

    def __init__(self, optimizer):
        self.group, self.told = optimizer.param_groups[0], []

    def step(self, *value):
        self.told += value
        self.group["lr"] /= 2


@pytest.mark.parametrize(("each", "expected"), [("epoch", [0.8, 0.4]), ("step", [0.8 / 16, 0.8 / 256])])
def test_schedule(each, expected):
    trainer = small_trainer(lr=0.8)
    trainer.callbacks = [Schedule(Halving(trainer.optimizer), each)]
    history = trainer.fit(loader(), epochs=2)  # 4 steps an epoch
    assert [row["lr"] for row in history] == expected


def test_schedule_that_watches_a_value():
    trainer = small_trainer()
    schedule = Halving(trainer.optimizer)
    trainer.callbacks = [Schedule(schedule, monitor="val_loss")]
    history = trainer.fit(loader(), loader(), epochs=3)
    assert schedule.told == [row["val_loss"] for row in history]
    with pytest.raises(ValueError, match="each is 'step' or 'epoch', not 'batch'"):
        Schedule(schedule, "batch")
    with pytest.raises(ValueError, match="val_loss is known after an epoch only"):
        Schedule(schedule, "step", "val_loss")


# --- errors


def test_empty_loaders():
    with pytest.raises(ValueError, match=r"fit: the training loader gives no batches: .* drop_last"):
        small_trainer().fit([], epochs=1)
    with pytest.raises(ValueError, match="evaluate: the validation loader gives no batches"):
        small_trainer().fit(loader(), [], epochs=1)


def test_nan_in_the_data():
    batches = list(loader())
    batches[2][0].data[3, 1] = np.nan
    message = r"the loss is nan in epoch 1, batch 3 \(step 3\)\. The inputs of this batch already hold NaN"
    trainer = small_trainer()
    with pytest.raises(FloatingPointError, match=message):
        trainer.fit(batches, epochs=1)
    assert trainer.fit(batches[:2], epochs=1)[0]["epoch"] == 1  # a whole new epoch, without the bad batch
    assert trainer.step == 4


def test_loss_that_overflows_names_the_cause():
    class Spoil(Callback):
        def on_step(self, trainer):
            if trainer.step == 5:
                trainer.model.state_dict()["2.bias"].data[0] = np.nan

    trainer = small_trainer(callbacks=[Spoil()])
    with pytest.raises(FloatingPointError, match=r"epoch 2, batch 2 \(step 6\)\. The parameter 2\.bias is no longer"):
        trainer.fit(loader(), epochs=3)
    assert len(trainer.history) == 1


class Overflow(nn.Module):
    """Multiplies by so much that float32 ends."""

    def forward(self, x):
        return x * 1e30 * 1e30


def test_overflow_names_the_layer():
    first, last = nn.Linear(3, 4), nn.Linear(4, 2)
    model = nn.Sequential(first, nn.Sequential(nn.ReLU(), Overflow()), last)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(FloatingPointError, match=r"weights are finite; they begin in 1\.1 \(Overflow\), where numbers"):
        trainer.fit(loader(), epochs=1)
    assert not model[1][1]._hooks.after  # nothing stays behind

    whole = Trainer(first, lambda y, _: Overflow()(y.sum()), optim.SGD(first.parameters(), lr=0.1))
    with pytest.raises(FloatingPointError, match="what the model gives is finite too, so they begin in the loss"):
        whole.fit(loader(), epochs=1)


def test_validation_loss_must_be_finite():
    batches = list(loader())
    batches[0][0].data[0, 0] = np.nan
    with pytest.raises(FloatingPointError, match="evaluate: the validation loss is nan"):
        small_trainer().fit(loader(), batches, epochs=1)


def test_wrong_settings():
    with pytest.raises(ValueError, match="mode is 'min' or 'max', not 'best'"):
        small_trainer(mode="best")
    with pytest.raises(ValueError, match="monitor='val_f1' is not in the history, which has epoch, train_loss"):
        small_trainer(monitor="val_f1").fit(loader(), loader(), epochs=1)
    with pytest.raises(RuntimeError, match="restore_best: no epoch was validated"):
        small_trainer().restore_best()


# --- metrics


def test_accuracy():
    logits = np.array([[2.0, 1.0, 0.0], [0.0, 0.1, 0.2], [5.0, 9.0, 1.0], [1.0, 0.0, 0.0]])
    assert accuracy(logits, np.array([0, 2, 1, 1])) == 0.75


def test_top_k_accuracy():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(50, 7)), rng.integers(0, 7, 50)
    logits[::5] = np.round(logits[::5])  # with equal outputs too
    order = np.argsort(-logits, axis=1, kind="stable")
    for k in range(1, 8):
        expected = np.mean([label in row[:k] for label, row in zip(labels, order, strict=True)])
        assert top_k_accuracy(logits, labels, k) == expected
    assert top_k_accuracy(logits, labels, 1) == accuracy(logits, labels)
    assert top_k_accuracy(np.array([[np.nan, 1.0, 2.0]]), np.array([0]), 2) == 0  # NaN is no right answer
    assert top_k_accuracy(np.array([[np.nan, 1.0, 2.0]]), np.array([2]), 1) == 0


def test_confusion_matrix():
    logits = np.eye(3)[[0, 1, 1, 2, 0, 1]]
    table = confusion_matrix(logits, np.array([0, 0, 1, 2, 2, 0]))
    assert table.tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 1]]
    assert np.trace(table) / table.sum() == accuracy(logits, np.array([0, 0, 1, 2, 2, 0]))


def test_regression_metrics():
    outputs, targets = np.array([[1.0], [2.0], [4.0]], np.float32), np.array([[1.0], [4.0], [1.0]], np.float32)
    assert mean_absolute_error(outputs, targets) == pytest.approx(5 / 3)
    assert r2(targets, targets) == 1
    assert r2(np.full((3, 1), 2.0), targets) == 0
    assert r2(outputs, targets) == pytest.approx(1 - 13 / 6)
    with pytest.raises(ValueError, match="all 3 targets are equal"):
        r2(outputs, np.ones((3, 1)))


def test_metrics_check_what_they_get():
    logits = np.zeros((4, 3))
    for metric in (accuracy, top_k_accuracy, confusion_matrix):
        name = metric.__name__
        with pytest.raises(ValueError, match=rf"{name}: outputs of shape \(4, 3\) and targets of shape \(3,\)"):
            metric(logits, np.array([0, 1, 2]))
        with pytest.raises(ValueError, match=f"{name}: no samples"):
            metric(logits[:0], np.array([], int))
        with pytest.raises(ValueError, match=f"{name}: labels from 0 to 3 for 3 classes"):
            metric(logits, np.array([0, 1, 2, 3]))
        with pytest.raises(TypeError, match=f"{name}: targets are class labels, integers, not float64"):
            metric(logits, np.array([0.0, 1, 2, 2]))
    for metric in (mean_absolute_error, r2):
        name = metric.__name__
        with pytest.raises(
            ValueError, match=rf"{name}: outputs of shape \(3, 1\) and targets of shape \(3,\): they must"
        ):
            metric(np.zeros((3, 1)), np.zeros(3))
        with pytest.raises(ValueError, match=f"{name}: no samples"):
            metric(np.zeros(0), np.zeros(0))


# --- clipping


def sizes_of_gradients(trainer):
    return [float(np.abs(p.grad.data).max()) for p in trainer.model.parameters()]


@pytest.mark.parametrize("bounds", [{"max_norm": 0.01}, {"max_value": 0.001}, {"max_norm": 0.01, "max_value": 0.001}])
def test_clipped_gradients_are_what_the_optimizer_steps_along(bounds):
    clipping = ClipGradients(**bounds)
    trainer = small_trainer(callbacks=[clipping])
    trainer.fit(loader(), epochs=1)
    gradients = [p.grad.data for p in trainer.model.parameters()]
    norm = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in gradients))
    if "max_norm" in bounds:
        assert norm <= 0.01 * (1 + 1e-6)
        assert clipping.norm.item() > 0.01  # what it was
    if "max_value" in bounds:
        assert max(sizes_of_gradients(trainer)) <= np.float32(0.001)


def test_clipping_that_never_acts_changes_nothing():
    plain, clipped = small_trainer(), small_trainer(callbacks=[ClipGradients(max_norm=1e6, max_value=1e6)])
    losses = [[row["train_loss"] for row in trainer.fit(loader(), epochs=2)] for trainer in (plain, clipped)]
    assert losses[0] == losses[1]


def test_clipping_sees_the_whole_accumulated_gradient():
    clipping = ClipGradients(max_norm=1e6)
    parts = small_trainer(accumulate=4, callbacks=[clipping])
    whole = small_trainer(callbacks=[whole_clipping := ClipGradients(max_norm=1e6)])
    parts.fit(DataLoader(blobs(64), batch_size=16), epochs=1)
    whole.fit(DataLoader(blobs(64), batch_size=64), epochs=1)
    # the same mean, summed in another order
    assert clipping.norm.item() == pytest.approx(whole_clipping.norm.item(), rel=1e-5)


def test_mistakes_in_clipping():
    with pytest.raises(ValueError, match="give max_norm, max_value or both"):
        ClipGradients()
    with pytest.raises(ValueError, match="ClipGradients: max_norm must be ≥ 0, not -1"):
        ClipGradients(-1)
    with pytest.raises(ValueError, match="ClipGradients: max_value must be ≥ 0, not nan"):
        ClipGradients(max_value=float("nan"))


# --- streams


class Stream(IterableDataset):
    """Samples one after the other, of a number that is not told."""

    def __iter__(self):
        points, labels = blobs().tensors
        return ((points[i], labels[i]) for i in range(len(labels)))


@pytest.mark.parametrize("terminal", [True, False])
def test_fit_walks_through_a_stream(terminal):
    stream = DataLoader(Stream(), batch_size=16)
    with pytest.raises(TypeError, match="no known number of batches"):
        len(stream)
    display = progress(Console(file=StringIO(), force_terminal=terminal, width=120))
    streamed, listed = small_trainer(callbacks=[display]), small_trainer()
    history = streamed.fit(stream, stream, epochs=3)
    assert streamed.batches is None
    assert (streamed.step, len(history)) == (12, 3)
    expected = listed.fit(DataLoader(blobs(), batch_size=16), epochs=3)
    assert [row["train_loss"] for row in history] == [row["train_loss"] for row in expected]


def test_a_stream_goes_on_where_it_was_stopped():
    class StopAt(Callback):
        def on_step(self, trainer):
            if trainer.step == 6:
                trainer.stop("enough")

    whole, parts = small_trainer(), small_trainer(callbacks=[StopAt()])
    whole.fit(DataLoader(Stream(), batch_size=16), epochs=3)
    stream = DataLoader(Stream(), batch_size=16)
    parts.fit(stream, epochs=3)
    assert (parts.step, len(parts.history)) == (6, 1)
    parts.fit(stream, epochs=3)
    assert [row["train_loss"] for row in parts.history] == [row["train_loss"] for row in whole.history]


# --- Ctrl-C


class PressCtrlC(Callback):
    def __init__(self, *steps):
        self.steps = steps

    def on_gradients(self, trainer):
        if trainer.step in self.steps:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_finishes_the_step(default_sigint):
    trainer = small_trainer(callbacks=[PressCtrlC(5)])
    history = trainer.fit(loader(), loader(), epochs=100)
    assert trainer.stopped == "interrupted"
    assert (len(history), trainer.epoch, trainer.step) == (1, 1, 6)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    trainer.callbacks.clear()
    trainer.fit(loader(), epochs=2)
    assert trainer.stopped is None
    assert trainer.epoch == 2


def test_second_ctrl_c_quits(default_sigint):
    class Twice(Callback):
        ended = False

        def on_gradients(self, trainer):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

        def on_fit_end(self, trainer, error):
            self.ended = isinstance(error, KeyboardInterrupt)

    twice = Twice()
    with pytest.raises(KeyboardInterrupt):
        small_trainer(callbacks=[twice]).fit(loader(), epochs=1)
    assert twice.ended
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_program_that_handles_sigint_keeps_its_handler():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        trainer = small_trainer(callbacks=[PressCtrlC(1)])
        trainer.fit(loader(), epochs=1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [1]
    assert trainer.stopped is None


def test_interrupted_run_is_written(default_sigint, tmp_path):
    settings = DIGITS.defaults.changed(epochs=50, hidden=16, batch_size=64)
    result = run(DIGITS, settings, tmp_path / "run", [PressCtrlC(45)])  # 20 batches an epoch: in the third
    written = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert written == result.metrics
    assert written["stopped"] == "interrupted"
    assert len(written["history"]) == written["epochs"] == 2
    assert written["steps"] == 46

    early = run(DIGITS, settings, tmp_path / "early", [PressCtrlC(0)])  # nothing to draw, no best epoch
    assert early.metrics["history"] == []
    assert early.metrics["best_epoch"] is None
    assert early.metrics["test_accuracy"] > 0
    assert sorted(os.listdir(tmp_path / "early")) == [
        "checkpoints",
        "config.json",
        "filters.png",
        "metrics.json",
        "mistakes.png",
        "model.safetensors",
    ]


# --- digits


def losses(settings, tmp_path, name):
    result = run(DIGITS, settings, tmp_path / name)
    return [(row["train_loss"], row["val_loss"]) for row in result.metrics["history"]], result


def test_same_seed_same_bits_for_any_number_of_threads(tmp_path):
    settings = DIGITS.defaults.changed(epochs=2, seed=3)
    threads = pe.get_num_threads()
    try:
        pe.set_num_threads(1)
        one, first = losses(settings, tmp_path, "one")
        pe.set_num_threads(2)
        two, second = losses(settings, tmp_path, "two")
    finally:
        pe.set_num_threads(threads)
    assert one == two
    assert first.metrics["test_loss"] == second.metrics["test_loss"]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert weights[0] == weights[1]


def test_seed_decides_split_weights_and_order():
    jobs = [DIGITS.build(DIGITS.defaults.changed(seed=seed)) for seed in (0, 0, 1)]
    splits = [tuple(job.test.dataset.indices) for job in jobs]
    weights = [job.model.state_dict()["0.weight"].numpy() for job in jobs]
    order = [next(iter(job.train))[1].numpy().tolist() for job in jobs]
    assert splits[0] == splits[1] != splits[2]
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
    assert order[0] == order[1] != order[2]
    sizes = [len(loader.dataset) for loader in (jobs[0].train, jobs[0].val, jobs[0].test)]
    assert sizes == [1258, 270, 269]
    parts = [set(loader.dataset.indices.tolist()) for loader in (jobs[0].train, jobs[0].val, jobs[0].test)]
    assert len(set.union(*parts)) == 1797


def test_order_changes_from_epoch_to_epoch():
    train = DIGITS.build(DIGITS.defaults).train
    first, second = (np.concatenate([labels.numpy() for _, labels in train]) for _ in range(2))
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first), np.sort(second))


def test_numpy_device_learns_the_same(tmp_path):
    settings = DIGITS.defaults.changed(epochs=1)
    native, _ = losses(settings, tmp_path, "cpu")
    reference, result = losses(settings.changed(device="numpy"), tmp_path, "numpy")
    assert result.metrics["device"] == "numpy"
    # float32 in another order of summation, over 40 steps of growing differences
    assert native[0] == pytest.approx(reference[0], rel=1e-3)


def test_digits_are_learned(tmp_path):
    result = run(DIGITS, DIGITS.defaults, tmp_path / "run")
    assert result.metrics["test_accuracy"] >= 0.97


def test_the_page_on_recipes_shows_the_committed_results():
    """docs/recipes.md against docs/results/digits.json, and the recipe's settings against what was chosen there."""
    docs = Path(__file__).parent.parent / "docs"
    page, results = (docs / "recipes.md").read_text(), json.loads((docs / "results" / "digits.json").read_text())
    trials = results["trials"]
    for trial in trials[:12]:
        c = trial["changed"]
        row = f"| {c['hidden']} | {c['lr']:g} | {c['weight_decay']:g} | {c['schedule']} | {trial['val_loss']:.4f} "
        assert row + f"| {trial['val_accuracy']:.4f} | {trial['best_epoch']:.0f} | {behind(trial, trials[0])} |" in page
    for result in results["runs"]:
        figures = f"{result['test_accuracy']:.4f} | {result['test_loss']:.4f} | {result['best_epoch']} |"
        assert f"| {result['seed']} | {figures}" in page
    median = statistics.median(result["test_accuracy"] for result in results["runs"])
    assert f"median test accuracy {median:.4f}." in page
    chosen = max(trials, key=lambda trial: trial["val_accuracy"])["changed"]
    assert DIGITS.defaults.changed(**chosen) == DIGITS.defaults


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0; it must be 1 or more"),
        ({"lr": float("nan")}, "lr is nan; it must be a positive number"),
        ({"momentum": 1.0}, r"momentum is 1.0; it must be in \[0, 1\)"),
        ({"weight_decay": -1}, "weight_decay is -1; it must be 0 or more"),
        ({"seed": -1}, "seed is -1"),
        ({"patience": 0}, "patience is 0; it must be 1 or more"),
        ({"schedule": "up"}, "schedule is 'up'; there are: constant, cosine, warmup-cosine, one-cycle"),
        ({"device": "tpu"}, "unknown device 'tpu'; there are cpu, numpy, cudasim, cuda"),
        ({"layers": 3}, "unknown setting 'layers'; there are: batch_size, data, data_dir, device, epochs"),
    ],
)
def test_settings_are_checked(change, message):
    with pytest.raises(ValueError, match=message):
        DIGITS.defaults.changed(**change)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", {0: 0.4, 40: 0.4, 79: 0.4}),
        ("cosine", {0: 0.4, 40: 0.2, 80: 0.0}),
        ("warmup-cosine", {0: 0.1, 2: 0.25, 4: 0.4, 42: 0.2, 80: 0.0}),
        ("one-cycle", {0: 0.016, 23: 0.4, 79: 0.016 / 1e4}),
    ],
)
def test_schedules_are_spread_over_the_whole_training(schedule, rates):
    settings = DIGITS.defaults.changed(epochs=4, batch_size=64, hidden=4, lr=0.4, schedule=schedule)
    job = DIGITS.build(settings)
    seen = []

    class Note(Callback):
        def on_gradients(self, trainer):
            seen.append(trainer.optimizer.param_groups[0]["lr"])

    trainer_of(job, settings, [Note()]).fit(job.train, epochs=4)
    assert len(seen) == 80
    seen.append(job.optimizer.param_groups[0]["lr"])
    assert {step: seen[step] for step in rates} == pytest.approx(rates, abs=1e-12)


# --- the run folder


def test_run_folder(tmp_path):
    settings = Settings(epochs=2, batch_size=64, lr=0.1, momentum=0.9, weight_decay=0.0, hidden=32, seed=7)
    result = run(DIGITS, settings, tmp_path / "run")
    assert sorted(os.listdir(result.folder)) == [
        "config.json",
        "curves.png",
        "filters.png",
        "metrics.json",
        "mistakes.png",
        "model.safetensors",
    ]

    metrics = json.loads((result.folder / "metrics.json").read_text())
    assert metrics["seed"] == 7
    assert metrics["device"] == "cpu"
    assert metrics["threads"] == pe.get_num_threads()
    assert metrics["pyengine"] == pe.__version__
    assert metrics["numpy"] == np.__version__
    assert all(metrics[key] for key in ("python", "isa", "cpu", "wall_seconds", "samples_per_second", "best_epoch"))
    assert len(metrics["history"]) == 2
    config = json.loads((result.folder / "config.json").read_text())
    assert config["recipe"] == "digits"
    assert Settings(**config["settings"]) == settings
    assert (result.folder / "curves.png").read_bytes().startswith(PNG)


def test_weights_can_be_loaded_again(tmp_path):
    settings = DIGITS.defaults.changed(epochs=2, hidden=32)
    result = run(DIGITS, settings, tmp_path / "run")
    job = DIGITS.build(settings.changed(epochs=1))
    before = job.model.state_dict()["0.weight"].numpy().copy()
    weights, config = read_tensors(result.folder / "model.safetensors")
    assert config == json.loads((result.folder / "config.json").read_text())
    job.model.load_state_dict(weights)
    assert not np.array_equal(before, job.model.state_dict()["0.weight"].numpy())
    test = Trainer(job.model, job.loss_fn, job.optimizer, metrics=job.metrics).evaluate(job.test)
    assert test["accuracy"] == result.metrics["test_accuracy"]
    assert test["loss"] == result.metrics["test_loss"]


def test_claim(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_folder.time, "strftime", lambda _: "20260102-030405")
    stems = [run_folder.claim(None, "digits").name for _ in range(3)]
    assert stems == [f"digits-20260102-030405{suffix}" for suffix in ("", "-2", "-3")]

    assert run_folder.claim(tmp_path / "a" / "b", "digits").is_dir()
    (tmp_path / "a" / "b" / "notes.txt").touch()
    run_folder.claim(tmp_path / "a" / "b", "digits")  # somebody's folder without a run is fine
    (tmp_path / "a" / "b" / "config.json").touch()
    with pytest.raises(FileExistsError, match="already holds a run; choose another folder"):
        run_folder.claim(tmp_path / "a" / "b", "digits")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "metrics.json"
    write_json(path, {"a": 1})

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match=r"No space left on device: '.*/metrics\.json'"):
        write_atomically(path, b"half")
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["metrics.json"]
    monkeypatch.undo()
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"loss": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}


# --- what is shown


def rows(n, with_validation=True):
    row = {"train_loss": 2.0, "samples_per_second": 1e4, "seconds": 0.1}
    extra = {"val_loss": 1.5, "val_accuracy": 0.5} if with_validation else {}
    return [{"epoch": i + 1, **row, **extra} for i in range(n)]


def png_size(data):
    assert data.startswith(PNG)
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def test_curves_have_a_panel_for_each_metric():
    with_metric = png_size(draw(rows(5), 2, "digits"))
    without = png_size(draw(rows(1, with_validation=False), None, "digits"))
    assert with_metric == (2 * without[0], without[1])


@pytest.mark.parametrize("terminal", [True, False])
def test_progress(terminal):
    out = StringIO()
    display = progress(Console(file=out, force_terminal=terminal, width=120))
    small_trainer(callbacks=[display]).fit(loader(), loader(), epochs=2)
    text = out.getvalue()
    assert "2/2" in text
    assert ("accuracy 0." if terminal else "val accuracy 0.") in text
    assert "samples/s" in text
    assert ("\x1b" in text) == terminal
    if not terminal:
        assert len(text.splitlines()) == 2


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_says_that_it_was_stopped(terminal, default_sigint):
    out = StringIO()
    display = progress(Console(file=out, force_terminal=terminal, width=120, no_color=True))
    small_trainer(callbacks=[display, PressCtrlC(5)]).fit(loader(), epochs=9)
    assert "interrupted in epoch 2 of 9" in out.getvalue()
    out.truncate(0)
    trainer = Scripted([2.0, 3.0, 4.0])
    trainer.callbacks = [EarlyStopping(2), display]
    trainer.fit(loader(), loader(), epochs=9)
    assert "stopped after epoch 3 of 9: no better val_loss since epoch 1" in out.getvalue()


def test_progress_fits_a_line_of_80_columns():
    out = StringIO()
    display = progress(Console(file=out, force_terminal=True, width=80, no_color=True, color_system=None))
    trainer = small_trainer(callbacks=[display], accumulate=3)
    trainer.fit(loader(), loader(), epochs=12)
    frames = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", frame) for frame in re.split(r"[\r\n]", out.getvalue())]
    last = next(frame for frame in reversed(frames) if frame.startswith("epoch"))
    assert last.startswith("epoch 12/12 ━")
    assert "samples/s" in last
    assert len(last) <= 80
    assert display.progress.tasks[0].percentage == 100  # steps, not batches


def test_readme_loop_runs():
    """The loop of the README, word for word."""
    readme = Path(__file__).parent.parent / "README.md"
    code = readme.read_text().split("```python\n")[1].split("```")[0]
    scope = {"print": lambda *_: None}
    exec(code, scope)
    assert scope["loss"].item() < 0.5
