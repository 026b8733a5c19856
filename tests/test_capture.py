"""pe.capture: a replayed step does what the step does, to the bit; and says so where it could not."""

import gc
import threading
import warnings
from collections import namedtuple

import numpy as np
import pytest
from harness import threads
from hypothesis import given, settings
from hypothesis import strategies as st

import pyengine as pe
from pyengine import nn, optim
from pyengine.train import Trainer

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3),
    "plain SGD": lambda p: optim.SGD(p, lr=0.05),
    "Adam": lambda p: optim.Adam(p, lr=1e-2),
    "AdamW": lambda p: optim.AdamW(p, lr=1e-2, amsgrad=True),
    "RMSprop": lambda p: optim.RMSprop(p, lr=1e-3, momentum=0.5, centered=True),
}
BLOCKS = {
    "relu": lambda n: [nn.ReLU()],
    "tanh": lambda n: [nn.Tanh()],
    "gelu": lambda n: [nn.GELU()],
    "dropout": lambda n: [nn.Dropout(0.3)],
    "batch norm": lambda n: [nn.BatchNorm1d(n)],
    "layer norm": lambda n: [nn.LayerNorm(n)],
    "silu dropout": lambda n: [nn.SiLU(), nn.Dropout(0.5)],
}
LOSSES = {
    "cross entropy": (nn.CrossEntropyLoss, True),
    "smoothed": (lambda: nn.CrossEntropyLoss(label_smoothing=0.1), True),
    "squares": (nn.MSELoss, False),
    "Huber": (nn.HuberLoss, False),
}


def network(blocks: list[str], widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for block, a, b in zip(blocks, widths, widths[1:], strict=False):
        layers += [nn.Linear(a, b), *BLOCKS[block](b)]
    return nn.Sequential(*layers, nn.Linear(widths[len(blocks)], 4))


class Training:
    """A model with its step, made anew from a seed."""

    def __init__(self, blocks, widths, optimizer="Adam", loss="cross entropy", clip=False, device="cpu"):
        pe.manual_seed(3)
        self.model = network(blocks, widths).to(device)
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        self.loss_fn = LOSSES[loss][0]()
        self.clip = clip
        self.width = widths[0]
        self.classes = LOSSES[loss][1]
        self.device = device

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.loss_fn(self.model(x), y)
        loss.backward()
        if self.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), 0.5)
        self.optimizer.step()
        return loss

    def gradients(self, x, y):
        loss = self.loss_fn(self.model(x), y)
        loss.backward()
        return loss

    def batches(self, count, rows=6):
        rng = np.random.default_rng(0)
        for _ in range(count):
            x = pe.tensor(rng.standard_normal((rows, self.width), dtype=np.float32), device=self.device)
            y = rng.integers(0, 4, rows) if self.classes else rng.standard_normal((rows, 4), dtype=np.float32)
            yield x, pe.tensor(y, device=self.device)

    def state(self):
        own = [t.numpy() for t in self.model.state_dict().values()]
        return own + [t.numpy() for entries in self.optimizer.state.values() for t in entries.values()]


def train(training: Training, step, count: int, seed: int = 11, **options) -> list[float]:
    pe.manual_seed(seed)
    return [step(x, y).item() for x, y in training.batches(count, **options)]


def assert_same(a: Training, b: Training) -> None:
    for mine, other in zip(a.state(), b.state(), strict=True):
        np.testing.assert_array_equal(mine, other)


@given(
    st.lists(st.sampled_from(sorted(BLOCKS)), min_size=0, max_size=3),
    st.lists(st.integers(2, 9), min_size=4, max_size=4),
    st.sampled_from(sorted(OPTIMIZERS)),
    st.sampled_from(sorted(LOSSES)),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_small_network_trains_to_the_same_bits(blocks, widths, optimizer, loss, clip) -> None:
    eager, captured = (Training(blocks, widths, optimizer, loss, clip) for _ in range(2))
    step = pe.capture(captured.step)
    assert train(captured, step, 100) == train(eager, eager.step, 100)
    assert_same(eager, captured)
    assert len(step.recordings) == 1


@pytest.mark.parametrize("accumulate", [2, 3])
def test_gradients_add_up_over_batches(accumulate) -> None:
    eager, captured = (Training(["tanh", "dropout"], [5, 6, 7]) for _ in range(2))

    def run(training, gradients, update):
        losses = []
        pe.manual_seed(2)
        for i, (x, y) in enumerate(training.batches(30)):
            losses.append(gradients(x, y).item())
            if i % accumulate == accumulate - 1:
                update()
                training.optimizer.zero_grad()
        return losses

    gradients, update = pe.capture(captured.gradients), pe.capture(captured.optimizer.step)
    assert run(captured, gradients, update) == run(eager, eager.gradients, eager.optimizer.step)
    assert_same(eager, captured)
    assert gradients.recordings
    assert update.recordings


def test_convolutions_batch_norm_and_modes() -> None:
    def made():
        pe.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
        )
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step(x, y):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        return model, step

    (eager, plain), (model, step) = made(), made()
    step, predict = pe.capture(step), pe.capture(model)
    x, y = pe.randn(5, 1, 6, 6), pe.tensor([0, 1, 2, 0, 1])
    for _ in range(4):  # training and evaluation in turn
        for _ in range(4):
            assert step(x, y).item() == plain(x, y).item()
        model.eval(), eager.eval()
        with pe.no_grad():
            for _ in range(3):
                np.testing.assert_array_equal(predict(x).numpy(), eager(x).numpy())
        model.train(), eager.train()
    for mine, other in zip(model.state_dict().values(), eager.state_dict().values(), strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())
    assert model[1].num_batches_tracked.item() == 16
    assert len(step.recordings) == len(predict.recordings) == 1


def test_recurrent_and_attention_layers() -> None:
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(7, 8)
            self.attend = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
            self.read = nn.LSTM(8, 6, batch_first=True)
            self.out = nn.Linear(6, 7)

        def forward(self, ids):
            return self.out(self.read(self.attend(self.embed(ids)))[0])

    def made():
        pe.manual_seed(0)
        model = Reader()
        optimizer = optim.Adam(model.parameters())

        def step(ids):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(ids[:, :-1]).reshape(-1, 7), ids[:, 1:].reshape(-1))
            loss.backward()
            optimizer.step()
            return loss

        return step

    rng = np.random.default_rng(1)
    batches = [pe.tensor(rng.integers(0, 7, (3, 6))) for _ in range(8)]
    losses = []
    for step in (made(), pe.capture(made())):
        pe.manual_seed(5)
        losses.append([step(ids).item() for ids in batches])
    assert losses[0] == losses[1]
    assert step.recordings


def test_the_simulated_gpu_replays_too() -> None:
    eager, captured = (Training(["relu"], [4, 5], "SGD", device="cudasim") for _ in range(2))
    assert train(captured, step := pe.capture(captured.step), 6) == train(eager, eager.step, 6)
    assert_same(eager, captured)
    assert step.recordings


# --- what changes between calls


def test_a_schedule_is_followed() -> None:
    eager, captured = (Training(["relu"], [4, 5]) for _ in range(2))
    results = []
    for training, step in ((eager, eager.step), (captured, pe.capture(captured.step))):
        schedule = optim.lr_scheduler.OneCycleLR(training.optimizer, max_lr=0.1, total_steps=20)
        losses = []
        for x, y in training.batches(20):
            losses.append(step(x, y).item())
            schedule.step()
        results.append(losses)
    assert results[0] == results[1]
    assert_same(eager, captured)
    assert len(step.recordings) == 1


def test_a_setting_that_is_baked_in_is_recorded_anew() -> None:
    eager, captured = (Training(["relu"], [4, 5], "SGD") for _ in range(2))
    step = pe.capture(captured.step)
    for decay in (1e-3, 0.1):
        for training in (eager, captured):
            training.optimizer.param_groups[0]["weight_decay"] = decay
        assert train(captured, step, 5) == train(eager, eager.step, 5)
    assert_same(eager, captured)
    assert len(step.recordings) == 2


@pytest.mark.parametrize("group", [0, 1])
@pytest.mark.parametrize(("name", "value"), [("lr", 0.5), ("momentum", 0.9), ("momentum", 0.0), ("weight_decay", 0.1)])
def test_settings_of_each_group_are_watched(group, name, value) -> None:
    results = []
    for capture in (False, True):
        pe.manual_seed(0)
        model = network(["relu"], [4, 5])
        groups = [{"params": model[0].parameters(), "momentum": 0.3}, {"params": model[2].parameters()}]
        optimizer = optim.SGD(groups, lr=0.1)
        training = Training(["relu"], [4, 5])
        training.model, training.optimizer = model, optimizer
        step = pe.capture(training.step) if capture else training.step
        losses = train(training, step, 5)
        optimizer.param_groups[group][name] = value
        results.append(losses + train(training, step, 5))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: setattr(t.model[1], "p", 0.9), id="dropout's probability"),
        pytest.param(lambda t: t.model[0].weight.requires_grad_(False), id="frozen"),
        pytest.param(lambda t: setattr(t.model, "1", nn.Tanh()), id="another layer"),
        pytest.param(lambda t: t.model.eval(), id="mode"),
        pytest.param(lambda t: t.optimizer.load_state_dict(t.optimizer.state_dict()), id="optimizer loaded"),
        pytest.param(lambda t: t.model.load_state_dict(t.model.state_dict()), id="model loaded"),
        pytest.param(lambda t: setattr(t.model[0].weight, "data", t.model[0].weight.data.copy()), id="memory"),
        pytest.param(lambda t: pe.manual_seed(99), id="seed"),
        pytest.param(lambda t: pe.set_num_threads(1), id="threads"),
    ],
)
def test_changes_between_calls_are_seen(change) -> None:
    eager, captured = (Training(["dropout", "batch norm"], [4, 5, 6]) for _ in range(2))
    step = pe.capture(captured.step)
    with threads(pe.get_num_threads()):
        results = []
        for training, run in ((eager, eager.step), (captured, step)):
            pe.set_num_threads(2)
            losses = train(training, run, 5)
            change(training)
            for x, y in training.batches(5):
                losses.append(run(x, y).item())
            results.append(losses)
    assert results[0] == results[1]
    assert_same(eager, captured)


def test_new_shapes_are_recorded_anew_up_to_the_limit() -> None:
    step = pe.capture(lambda x: x * 2, limit=2)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for rows in (1, 2, 3, 4):
            for _ in range(4):
                x = pe.randn(rows)
                np.testing.assert_array_equal(step(x).numpy(), x.numpy() * 2)
    assert len(step.recordings) == 2
    assert len(said) == 1
    assert "recorded 2 times" in str(said[0].message)
    assert "shapes" in str(said[0].message)


def test_shapes_beyond_the_limit_leave_gradients_where_others_expect_them(recwarn) -> None:
    eager, captured = (Training(["relu"], [4, 5, 5, 5]) for _ in range(2))
    gradients = pe.capture(captured.gradients, limit=2)
    gradients.warns_of_limit = False
    update = pe.capture(lambda: captured.optimizer.step())
    for rows in [3, 4, 3, 4, 3, 4, 5, 6, 7, 3, 8, 4, 5]:
        ((x, y),) = eager.batches(1, rows=rows)
        for training, grad, step in ((eager, eager.gradients, eager.optimizer.step), (captured, gradients, update)):
            training.optimizer.zero_grad()
            grad(x, y)
            step()
        assert_same(eager, captured)
    assert len(gradients.recordings) == 2
    assert len(update.recordings) == 1
    assert not [str(warning.message) for warning in recwarn]


def test_plain_arguments_are_part_of_the_signature() -> None:
    step = pe.capture(lambda x, factor, name="a": x * factor if name == "a" else x)
    x = pe.ones(2)
    for _ in range(3):
        assert step(x, 2.0).tolist() == [2.0, 2.0]
        assert step(x, 3.0).tolist() == [3.0, 3.0]
        assert step(x, 3.0, name="b").tolist() == [1.0, 1.0]
    assert len(step.recordings) == 3


def test_structures_come_and_go() -> None:
    Pair = namedtuple("Pair", "a b")

    def step(batch, more=None):
        x, y = batch["x"], batch["list"][0]
        return Pair(x + y, {"sum": [x.sum(), None, 3, "text"], "same": x})

    captured = pe.capture(step)
    for i in range(4):
        out = captured({"x": pe.full(2, fill_value=float(i)), "list": [pe.ones(2)]})
        assert type(out) is Pair
        assert out.a.tolist() == [i + 1.0] * 2
        assert out.b["sum"][0].item() == 2.0 * i
        assert out.b["sum"][1:] == [None, 3, "text"]
        assert out.b["same"].tolist() == [i] * 2
    assert captured.recordings


def test_inputs_of_any_layout() -> None:
    step = pe.capture(lambda x: x.relu())
    for x in (pe.randn(3, 4), pe.randn(4, 3).T, pe.randn(6, 8)[::2, ::2], pe.randn(3, 4)):
        np.testing.assert_array_equal(step(x).numpy(), np.maximum(x.numpy(), 0))
    assert len(step.recordings) == 1


def test_results_of_earlier_calls_stay_what_they_were() -> None:
    step = pe.capture(lambda x: (x * 2, x[0], x))
    kept = [step(pe.full(3, fill_value=float(i))) for i in range(6)]
    assert [[t.numpy().ravel()[0] for t in out] for out in kept] == [[2.0 * i, i, i] for i in range(6)]


def test_gradients_without_an_optimizer() -> None:
    w = pe.ones(3, requires_grad=True)

    @pe.capture
    def step(x):
        loss = (w * x).sum()
        loss.backward()
        return loss

    for i in range(1, 7):
        step(pe.ones(3))
        assert w.grad.tolist() == [float(i)] * 3
    w.grad = None
    for i in range(1, 4):
        step(pe.ones(3))
        assert w.grad.tolist() == [float(i)] * 3


def test_gradients_dropped_by_assignment() -> None:
    w, v = pe.ones(3, requires_grad=True), pe.ones(3, requires_grad=True)

    @pe.capture
    def step(x):
        for p in (w, v):
            p.grad = None
        loss = (w * x + v).sum()
        loss.backward()
        return loss

    for i in range(6):
        step(pe.full(3, fill_value=float(i)))
        assert w.grad.tolist() == [float(i)] * 3
        assert v.grad.tolist() == [1.0] * 3
    assert len(step.recordings) == 1


def test_two_captured_functions_share_parameters() -> None:
    eager, captured = (Training(["tanh"], [4, 5]) for _ in range(2))
    first, second = pe.capture(captured.step), pe.capture(captured.step)
    pe.manual_seed(1)
    mine = [(first, second)[i % 2](x, y).item() for i, (x, y) in enumerate(captured.batches(12))]
    pe.manual_seed(1)
    assert mine == [eager.step(x, y).item() for x, y in eager.batches(12)]
    assert_same(eager, captured)


def test_a_captured_function_within_another_is_part_of_it() -> None:
    inner = pe.capture(lambda x: x + 1)
    outer = pe.capture(lambda x: inner(x) * 2)
    for i in range(4):
        assert outer(pe.full(1, fill_value=float(i))).item() == 2.0 * (i + 1)
    assert len(outer.recordings) == 1
    assert not inner.recordings


def test_a_checkpoint_resumes_to_the_same_bits(tmp_path) -> None:
    whole, parts = (Training(["dropout"], [4, 5]) for _ in range(2))
    pe.manual_seed(4)
    step, expected = pe.capture(whole.step), []
    for x, y in whole.batches(12):
        expected.append(step(x, y).item())
    pe.manual_seed(4)
    step, got = pe.capture(parts.step), []
    for i, (x, y) in enumerate(parts.batches(12)):
        if i == 6:
            pe.save({"model": parts.model.state_dict(), "optimizer": parts.optimizer.state_dict()}, tmp_path / "run.pt")
            for p in parts.model.parameters():
                p.detach().fill_(0.0)
            saved = pe.load(tmp_path / "run.pt")
            parts.model.load_state_dict(saved["model"])
            parts.optimizer.load_state_dict(saved["optimizer"])
        got.append(step(x, y).item())
    assert got == expected
    assert_same(whole, parts)


def test_evaluation_in_between_leaves_the_bits_of_training_as_they_were() -> None:
    """With dropout, batch norm's running means and Adam's state, each of which evaluation could disturb."""

    def fitted(capture: bool, evaluated: bool):
        training = Training(["dropout", "batch norm"], [4, 5, 6])
        trainer = Trainer(training.model, training.loss_fn, training.optimizer, capture=capture)
        batches = list(training.batches(6))
        val = [(x[:4], y[:4]) for x, y in batches] if evaluated else None
        pe.manual_seed(7)
        history = trainer.fit(batches, val, epochs=3)
        for x, y in batches:  # and step by step, as a loop of one's own may do it
            trainer.gradients(x, y)
            if evaluated:
                trainer.evaluate(val)
            trainer.update()
            training.optimizer.zero_grad()
        trainer.fit(batches, val, epochs=5)
        return training, [row["train_loss"] for row in history], trainer

    plain, losses, _ = fitted(False, False)
    for capture, evaluated in ((True, False), (True, True), (False, True)):
        other, other_losses, trainer = fitted(capture, evaluated)
        assert other_losses == losses
        assert_same(plain, other)
        if capture and evaluated:
            assert len(trainer._predict.recordings) == 1
            assert len(trainer._gradients.recordings) == 1


# --- what cannot be captured


def keeps_a_result():
    kept = []

    def step(x):
        y = x * 2
        kept.append(y)
        return y.sum()

    return step


def counts():
    calls = [0]

    def step(x):
        calls[0] += 1
        return x * calls[0]

    return step


def hooked():
    layer = nn.Linear(3, 2)
    layer.register_forward_hook(lambda module, args, output: None)
    return layer


DRAW = np.random.default_rng(0)
REFUSED = {
    "item": (lambda x: x.sum().item(), "item.. looks at the data"),
    "a branch": (lambda x: x if x.sum() > 0 else -x, "item.. looks at the data"),
    "tolist": (lambda x: x.tolist(), "tolist.. looks at the data"),
    "numpy": (lambda x: x.numpy().sum(), "numpy.. looks at the data"),
    "print": (lambda x: print(x), "printing looks at the data"),
    "a mask": (lambda x: x[x > 0], "boolean mask"),
    "another kind of result": (lambda x: (x, range(3)), "returns a range"),
    "a counter": (counts(), r"the number [234] of mul \(.*test_capture.py, line \d+\) was [123] before"),
    "a result that is kept": (keeps_a_result(), r"holds the result of mul \(.*test_capture.py, line \d+\)"),
    "hooks": (hooked(), "the hooks of a Linear"),
    "a number that Python draws": (lambda x: x + DRAW.random(), "the number .* of add"),
    "an array of NumPy": (lambda x: x + pe.tensor(DRAW.random((2, 3), np.float32)), "is not the one of before"),
}


@pytest.mark.parametrize("which", sorted(REFUSED))
def test_refusals_name_the_reason(which) -> None:
    step, reason = REFUSED[which]
    captured = pe.capture(step)
    x = pe.randn(2, 3)
    with pytest.raises(pe.CaptureError, match=reason) as raised:
        any(captured(x) is None for _ in range(6))
    assert "test_capture.py, line" in str(raised.value) + "".join(getattr(raised.value, "__notes__", ()))


@pytest.mark.parametrize("which", ["item", "a branch", "a mask", "another kind of result"])
def test_falling_back_runs_the_step_in_python(which) -> None:
    step, reason = REFUSED[which]
    captured = pe.capture(step, fallback=True)
    x = pe.ones(2, 3)
    with pytest.warns(RuntimeWarning, match=reason):
        first = captured(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert repr(captured(x)) == repr(first) == repr(step(x))


def test_falling_back_does_the_work_once() -> None:
    calls = []

    def step(x):
        calls.append(1)
        return pe.rand(2).tolist()

    captured = pe.capture(step, fallback=True)
    pe.manual_seed(3)
    with pytest.warns(RuntimeWarning, match="tolist"):
        got = [captured(pe.ones(1)) for _ in range(2)]
    pe.manual_seed(3)
    assert got == [pe.rand(2).tolist() for _ in range(2)]
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pe.capture(3), TypeError, "takes a function, not a int"),
        (lambda: pe.capture(limit=0)(abs), ValueError, "from 1 on, not 0"),
        (lambda: pe.capture(abs)(np.ones(2)), pe.CaptureError, "a ndarray among the arguments"),
        (lambda: pe.capture(abs)(pe.ones(2, requires_grad=True)), pe.CaptureError, "requires a gradient"),
        (lambda: pe.capture(lambda x: x + 1)(pe.ones(2, device="numpy")), pe.CaptureError, "the device numpy"),
    ],
)
def test_mistakes(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()


def test_an_error_while_recording_leaves_nothing_behind() -> None:
    step = pe.capture(lambda x: x @ x)
    with pytest.raises(ValueError, match="matmul"):
        step(pe.ones(2, 3))
    x = pe.ones(2, 2)
    assert [step(x).sum().item() for _ in range(4)] == [8.0] * 4
    assert len(step.recordings) == 1


def test_an_error_of_a_kernel_in_a_replay_names_the_line_and_replays_go_on() -> None:
    table = nn.Embedding(5, 3)
    step = pe.capture(lambda ids: table(ids).sum())
    good = pe.tensor([1, 2])
    expected = {step(good).item() for _ in range(4)}
    with pytest.raises(IndexError, match="position 7") as raised:
        step(pe.tensor([1, 7]))
    assert any("test_capture.py" in note and "replayed" in note for note in raised.value.__notes__)
    assert {step(good).item()} == expected


def test_ctrl_c_while_recording_leaves_nothing_behind() -> None:
    calls = []

    def step(x):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return x + 1

    captured = pe.capture(step)
    captured(pe.ones(1))
    with pytest.raises(KeyboardInterrupt):
        captured(pe.ones(1))
    assert [captured(pe.ones(1)).item() for _ in range(3)] == [2.0] * 3
    assert captured.recordings
    assert len(pe.record(lambda: pe.ones(1) + 1)) > 0  # no recorder was left running


# --- living with others


def test_hooks_elsewhere_do_not_matter() -> None:
    other = pe.ones(2, requires_grad=True)
    other.register_hook(lambda gradient: None)
    step = pe.capture(lambda x: x + 1)
    assert [step(pe.ones(1)).item() for _ in range(4)] == [2.0] * 4
    assert len(step.recordings) == 1


def test_profiles_and_hooks_see_every_operation() -> None:
    w = pe.ones(2, requires_grad=True)

    def step(x):
        w.grad = None
        loss = (w * x).sum()
        loss.backward()
        return loss

    captured = pe.capture(step)
    for _ in range(4):
        captured(pe.ones(2))
    with pe.profile() as profile:
        captured(pe.ones(2))
    assert "mul" in {event.kernel for event in profile.events}
    seen = []
    handle = w.register_hook(lambda gradient: seen.append(gradient.tolist()))
    captured(pe.ones(2))
    captured(pe.ones(2))
    handle.remove()
    captured(pe.ones(2))
    assert seen == [[1.0, 1.0]] * 2
    assert len(captured.recordings) == 1


def test_other_threads_work_on_while_one_records() -> None:
    stop = threading.Event()

    def work():
        while not stop.is_set():
            (pe.ones(3) + 1).sum().item()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        eager, captured = (Training(["relu"], [4, 5]) for _ in range(2))
        assert train(captured, step := pe.capture(captured.step), 20) == train(eager, eager.step, 20)
    finally:
        stop.set()
        worker.join()
    assert len(step.recordings) == 1


def test_one_captured_function_in_several_threads() -> None:
    step = pe.capture(lambda x: (x * 2 + 1).relu())
    for _ in range(3):
        step(pe.ones(50))
    wrong = []

    def work(value):
        for _ in range(200):
            if step(pe.full(50, fill_value=value)).tolist() != [2 * value + 1] * 50:
                wrong.append(value)

    workers = [threading.Thread(target=work, args=(float(i),)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_ten_thousand_replays_leak_nothing() -> None:
    training = Training(["relu", "dropout"], [4, 5, 6])
    step = pe.capture(training.step)
    ((x, y),) = training.batches(1)
    for _ in range(10):
        step(x, y)
    gc.collect()
    before, objects = pe.memory_stats(), len(gc.get_objects())
    for _ in range(10_000):
        loss = step(x, y)
    gc.collect()
    after = pe.memory_stats()
    assert np.isfinite(loss.item())
    assert after["in_use"] <= before["in_use"] + 4096  # the loss
    assert after["from_system"] == before["from_system"]
    assert len(gc.get_objects()) <= objects + 50


def test_results_share_memory_where_they_are_not_needed_together() -> None:
    def chain(x):
        for _ in range(10):
            x = x.exp().log()
        return x

    step = pe.capture(chain, passes=())
    x = pe.rand(1000)
    for _ in range(3):
        expected = step(x)
    np.testing.assert_array_equal(step(x).numpy(), expected.numpy())
    (recording,) = step.recordings
    assert recording.arena.unshared == 20 * 4000
    assert recording.arena.nbytes == 4000  # each takes the place of the one before


def test_dropping_a_captured_function_gives_its_memory_back() -> None:
    gc.collect()
    before = pe.memory_stats()["in_use"]
    training = Training(["relu"], [64, 512])
    step = pe.capture(training.step)
    for x, y in training.batches(4):
        step(x, y)
    assert pe.memory_stats()["in_use"] > before
    del training, step, x, y
    gc.collect()
    assert pe.memory_stats()["in_use"] <= before + 4096


# --- looking at a plan


def test_a_plan_lists_its_calls_with_their_cost(capsys) -> None:
    training = Training(["relu"], [4, 5, 5, 5])
    step = pe.capture(training.step, passes=())
    for x, y in training.batches(4):
        step(x, y)
    before = [array.copy() for array in training.state()]
    costs = step.plan.costs()
    assert [cost.call.kernel for cost in costs][:3] == ["matmul", "relu", "matmul"]
    assert costs[0].flops == 2 * 6 * 4 * 5
    assert costs[1].bytes == 2 * 6 * 5 * 4
    assert all(cost.seconds > 0 and cost.share >= 0 for cost in costs)
    step.plan.print()
    printed = capsys.readouterr().out
    assert "adam_step" in printed
    assert "f32[6, 4], f32[4, 5]" in printed
    assert f"{len(costs)} calls" in printed
    for old, new in zip(before, training.state(), strict=True):
        np.testing.assert_array_equal(old, new)  # looking changed nothing


def test_a_plan_runs_call_by_call_and_leaves_no_trace() -> None:
    eager, captured = (Training(["tanh", "batch norm"], [4, 5, 6, 6]) for _ in range(2))
    step = pe.capture(captured.step, passes=())
    assert train(captured, step, 4) == train(eager, eager.step, 4)
    seen = {}
    for done in step.plan.step():
        seen.setdefault(done.call.kernel, [array.copy() for array in (*done.read, *done.written)])
    np.testing.assert_allclose(seen["tanh"][1], np.tanh(seen["tanh"][0]), rtol=1e-5)
    assert train(captured, step, 4) == train(eager, eager.step, 4)
    assert_same(eager, captured)


def test_leaving_a_plan_early_restores_too() -> None:
    training = Training(["relu"], [4, 5, 5, 5])
    step = pe.capture(training.step)
    train(training, step, 4)
    before = [array.copy() for array in training.state()]
    walk = step.plan.step()
    for _ in range(len(step.plan)):
        next(walk)
    assert any((old != new).any() for old, new in zip(before, training.state(), strict=True))
    walk.close()
    for old, new in zip(before, training.state(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_arena_is_drawn(tmp_path) -> None:
    step = pe.capture(lambda x: (x.exp() + 1).log().sum(), passes=())
    for _ in range(3):
        step(pe.ones(50))
    drawn = step.plan.draw(tmp_path / "arena.svg")
    assert (tmp_path / "arena.svg").read_text() == drawn
    assert drawn.count("<rect") == 1 + len(step.plan)  # the page, and a box for each result
    assert "exp: 200 bytes, from call 0 to 1" in drawn


def test_there_is_no_plan_before_a_recording() -> None:
    step = pe.capture(lambda x: x + 1)
    with pytest.raises(pe.CaptureError, match="no recording yet"):
        step.plan  # noqa: B018
