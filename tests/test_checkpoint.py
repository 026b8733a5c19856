"""Checkpoints: a training that was stopped at any moment goes on to the same bits, and damaged files are refused."""

import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

import pyengine as pe
from pyengine import nn, optim
from pyengine.cli import app
from pyengine.data import DataLoader, TensorDataset
from pyengine.recipes import RECIPES, run
from pyengine.tensor_file import KEY, checksum, read_tensors, write_tensors
from pyengine.train import BadFileError, Callback, Checkpoints, Schedule, Trainer, accuracy, checkpoint
from pyengine.train.run_folder import held
from pyengine.train.state import capture

DIGITS = RECIPES["digits"]
EPOCHS = 3
CONFIG = {"recipe": "blobs"}


class Noise(nn.Module):
    """Draws from the default generator in training, as dropout does."""

    def forward(self, x):
        return x + pe.rand(*x.shape) if self.training else x


class Shrinking:
    """A schedule with a state: after t steps lr = base / (1 + t)."""

    def __init__(self, optimizer):
        self.group, self.base, self.t = optimizer.param_groups[0], optimizer.param_groups[0]["lr"], 0

    def step(self):
        self.t += 1
        self.group["lr"] = self.base / (1 + self.t)

    def state_dict(self):
        return {"t": self.t}

    def load_state_dict(self, state):
        if list(state) != ["t"]:
            raise ValueError(f"not the state of this schedule: {state}")
        self.t = state["t"]


def blobs(n, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    return TensorDataset((rng.normal(size=(n, 3)) + labels[:, None]).astype(np.float32), labels.astype(np.int64))


def training(folder, every=1, loader_seed=1, accumulate=2, extra=()):
    """A trainer with everything that has a state, and its loaders: 7 batches, 4 steps an epoch."""
    pe.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), Noise(), nn.ReLU(), nn.Linear(8, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    callbacks = [Schedule(Shrinking(optimizer), "step"), Checkpoints(folder, every, CONFIG), *extra]
    trainer = Trainer(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        metrics={"accuracy": accuracy},
        callbacks=callbacks,
        accumulate=accumulate,
    )
    train = DataLoader(blobs(50, 0), batch_size=8, shuffle=True, seed=loader_seed)
    return trainer, train, DataLoader(blobs(20, 1), batch_size=20)


def outcome(trainer):
    """All that must be the same, to the bit; times left out."""
    tensors, state = capture(trainer)
    for row in state["history"]:
        row.pop("seconds", None)
        row.pop("samples_per_second", None)
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}, state


class Keep(Callback):
    """Copies every checkpoint as it is written."""

    def __init__(self, source, target):
        self.source, self.target = source, target
        target.mkdir()

    def on_step(self, trainer):
        shutil.copy(checkpoint.steps(self.source)[-1], self.target / f"{trainer.step}.safetensors")


@pytest.mark.parametrize(
    "loader_seed", [1, None]
)  # its own generator, or the default one that the noise draws from too
def test_resumed_at_every_step_it_ends_with_the_same_bits(tmp_path, loader_seed):
    kept = Keep(tmp_path / "a", tmp_path / "kept")
    trainer, train, val = training(tmp_path / "a", loader_seed=loader_seed, extra=[kept])
    trainer.fit(train, val, EPOCHS)
    expected = outcome(trainer)
    assert trainer.step == 4 * EPOCHS
    losses = [row["train_loss"] for row in trainer.history]
    assert len(set(losses)) == EPOCHS
    for step in range(1, trainer.step + 1):
        again, train, val = training(tmp_path / "b", loader_seed=loader_seed)
        pe.rand(step)  # wherever the generator is now
        checkpoint.resume(again, tmp_path / "kept" / f"{step}.safetensors", CONFIG)
        assert again.step == step
        again.fit(train, val, EPOCHS)
        assert outcome(again) == expected, step


def test_a_list_of_batches_is_resumed_too(tmp_path):
    """A loader without a state of its own is walked through again up to the place."""
    trainer, train, val = training(tmp_path / "a", every=6)
    batches = list(train)
    trainer.fit(batches, val, EPOCHS)
    again, _, _ = training(tmp_path / "b")
    checkpoint.resume(again, checkpoint.steps(tmp_path / "a")[0], CONFIG)
    assert again.running.batches == 4
    again.fit(batches, val, EPOCHS)
    assert outcome(again) == outcome(trainer)


def test_resumed_between_epochs_and_at_the_end(tmp_path):
    trainer, train, val = training(tmp_path)
    trainer.fit(train, val, 2)
    ended = shutil.copy(checkpoint.steps(tmp_path)[-1], tmp_path / "ended")
    trainer.fit(train, val, EPOCHS)
    again, train, val = training(tmp_path / "b")
    checkpoint.resume(again, ended, CONFIG)
    assert again.running is None
    again.fit(train, val, EPOCHS)
    assert outcome(again) == outcome(trainer)
    again, train, val = training(tmp_path / "b")
    checkpoint.resume(again, checkpoint.steps(tmp_path)[-1], CONFIG)
    again.fit(train, val, EPOCHS)  # nothing is left to do
    assert outcome(again) == outcome(trainer)


class PressCtrlC(Callback):
    def __init__(self, step):
        self.at = step

    def on_gradients(self, trainer):
        if trainer.step == self.at:
            self.at = None
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_leaves_a_checkpoint_and_the_same_trainer_can_go_on(tmp_path, default_sigint):
    trainer, train, val = training(tmp_path / "whole", every=None)
    trainer.fit(train, val, EPOCHS)
    expected = outcome(trainer)
    assert not (tmp_path / "whole").exists()

    trainer, train, val = training(tmp_path / "stopped", every=None, extra=[PressCtrlC(5)])
    trainer.fit(train, val, EPOCHS)
    assert (trainer.step, trainer.epoch, trainer.running.batches) == (6, 1, 4)
    assert [path.name for path in checkpoint.steps(tmp_path / "stopped")] == ["step-000000006.safetensors"]
    generator = pe.random.default_generator.state.copy()
    next(iter(train))  # a look at the data changes nothing
    pe.random.default_generator.state[:] = generator
    trainer.fit(train, val, EPOCHS)
    assert outcome(trainer) == expected

    again, train, val = training(tmp_path / "stopped")
    checkpoint.resume(again, checkpoint.steps(tmp_path / "stopped")[-1], CONFIG)
    again.fit(train, val, EPOCHS)
    assert outcome(again) == expected


def test_the_last_two_and_the_best_are_kept_and_leftovers_swept(tmp_path):
    tmp_path.joinpath(".step-000000001.safetensors.123.tmp").write_bytes(b"half")
    tmp_path.joinpath("notes.txt").touch()
    trainer, train, val = training(tmp_path, every=3)
    trainer.fit(train, val, EPOCHS)
    steps = ["step-000000009.safetensors", "step-000000012.safetensors"]
    assert sorted(os.listdir(tmp_path)) == ["best.safetensors", "notes.txt", *steps]
    assert [path.name for path in checkpoint.steps(tmp_path)] == steps
    again, _, val = training(tmp_path / "b")
    checkpoint.resume(again, tmp_path / "best.safetensors")
    assert again.epoch == trainer.best.epoch
    assert again.evaluate(val)["loss"] == trainer.best.value


def test_after_an_error_the_last_good_checkpoint_stays(tmp_path):
    trainer, train, val = training(tmp_path, every=2)
    trainer.fit(train, val, 1)
    train.dataset.tensors[0].data[7] = np.nan
    with pytest.raises(FloatingPointError):
        trainer.fit(train, val, 2)
    again, _, _ = training(tmp_path / "b")
    checkpoint.resume(again, checkpoint.steps(tmp_path)[-1])
    assert all(np.isfinite(weight.numpy()).all() for weight in again.model.state_dict().values())


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    trainer, train, val = training(tmp_path, every=2)
    trainer.fit(train, val, 1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        trainer.fit(train, val, 2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


# --- files that are refused


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A checkpoint in the middle of the second epoch."""
    folder = tmp_path_factory.mktemp("good")
    trainer, train, val = training(folder, every=6)

    class Stop(Callback):
        def on_step(self, trainer):
            if trainer.step == 6:
                trainer.stop("enough")

    trainer.callbacks.append(Stop())
    trainer.fit(train, val, EPOCHS)
    return folder / "step-000000006.safetensors"


def refuse(path, message, config=CONFIG):
    """Resuming from `path` says `message`, names the file and changes nothing."""
    trainer, train, val = training(path.parent / "b")
    trainer.fit(train, val, 1)
    before, generator = outcome(trainer), pe.random.default_generator.state.copy()
    with pytest.raises(BadFileError, match=message) as caught:
        checkpoint.resume(trainer, path, config)
    assert str(caught.value).startswith(str(path))
    assert outcome(trainer) == before
    assert np.array_equal(pe.random.default_generator.state, generator)


def test_truncated_anywhere(good, tmp_path):
    data = good.read_bytes()
    header = 8 + struct.unpack("<Q", data[:8])[0]
    for length in {0, 1, 7, 8, 9, header // 2, header, header + 1, len(data) - 1}:
        path = tmp_path / "cut.safetensors"
        path.write_bytes(data[:length])
        with pytest.raises(BadFileError, match="not a whole safetensors file"):
            read_tensors(path)
    path.write_bytes(data + b"\0")
    refuse(path, "not a whole safetensors file")


def test_any_flipped_bit_of_the_tensors_is_found(good, tmp_path):
    data = bytearray(good.read_bytes())
    header = 8 + struct.unpack("<Q", data[:8])[0]
    rng = random.Random(0)
    path = tmp_path / "flipped.safetensors"
    for _ in range(50):
        at, bit = rng.randrange(header, len(data)), 1 << rng.randrange(8)
        data[at] ^= bit
        path.write_bytes(data)
        with pytest.raises(BadFileError, match="do not match their checksum"):
            read_tensors(path)
        data[at] ^= bit


def test_random_damage_of_the_header_never_passes_silently(good, tmp_path):
    """It is refused, or what is read is what was written (a change of a time or a space, for example)."""
    data = bytearray(good.read_bytes())
    header = 8 + struct.unpack("<Q", data[:8])[0]
    rng = random.Random(1)
    path = tmp_path / "flipped.safetensors"
    expected = checksum(read_tensors(good)[0])
    refused = 0
    for _ in range(200):
        at, byte = rng.randrange(header), rng.randrange(256)
        damaged = bytearray(data)
        damaged[at] = byte
        path.write_bytes(damaged)
        trainer, _, _ = training(tmp_path / "b")
        try:
            checkpoint.resume(trainer, path, CONFIG)
        except BadFileError:
            refused += 1
        else:
            assert checksum(read_tensors(path)[0]) == expected
    assert refused > 100


def with_header(header, payload=b"\0" * 64):
    text = json.dumps(header).encode() if isinstance(header, dict) else header
    return struct.pack("<Q", len(text)) + text + payload


def tensor(start, end, dtype="F32", shape=(8,)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (struct.pack("<Q", 2**60) + b"{}", "header too large"),
        (with_header({"a": tensor(0, 32), "b": tensor(16, 48)}, b"\0" * 48), "invalid offset"),
        (with_header({"a": tensor(0, 32, shape=(-8,))}), "invalid JSON in header"),
        (with_header({"a": tensor(0, 32, shape=(2**62, 4))}), "overflow"),
        (with_header({"a": tensor(0, 32, "F8_E5M2", (32,))}, b"\0" * 32), "tensor a has the dtype F8_E5M2"),
        (with_header({"a": tensor(0, 32)}, b"\0" * 32), "not written by pyengine"),
        (with_header(b"[" * 50_000 + b"]" * 50_000), "invalid JSON in header"),
        (with_header({"__metadata__": {KEY: "{"}}, b""), "its state is not JSON"),
        (with_header({"__metadata__": {KEY: "[" * 100_000}}, b""), "its state is not JSON"),
        (with_header({"__metadata__": {KEY: "[]"}}, b""), "its state is not a JSON object"),
        (with_header({"__metadata__": {KEY: '{"crc32": 0}'}}, b""), "not a checkpoint of format 1"),
        (b"\x80\x04\x95pickle", "not a whole safetensors file"),
    ],
)
def test_hostile_files(tmp_path, data, message):
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(data)
    refuse(path, message)


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(BadFileError, match="a folder, not a file"):
        read_tensors(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "none.safetensors")


def change_state(key, value):
    def change(arrays, state):
        state[key] = value

    return change


def change_inside(key, inner, value):
    def change(arrays, state):
        state[key][inner] = value

    return change


def rename(arrays, state):
    arrays["model/9.weight"] = arrays.pop("model/0.weight")


def narrow(arrays, state):
    arrays["model/0.weight"] = arrays["model/0.weight"].astype(np.float64)


def reshape(arrays, state):
    arrays["best/0.weight"] = arrays["best/0.weight"].reshape(3, 8)


def cast_momentum(arrays, state):
    arrays["optimizer/0/momentum_buffer"] = arrays["optimizer/0/momentum_buffer"].astype(np.float64)


def widen_momentum(arrays, state):
    arrays["optimizer/1/momentum_buffer"] = np.zeros(7, np.float32)


def stray(arrays, state):
    arrays["optimizer/99999999999/momentum_buffer"] = np.zeros(8, np.float32)


def unknown(arrays, state):
    arrays["secret"] = np.zeros(8, np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename, r"its model tensors are not those of this model; they differ in: 0\.weight, 9\.weight"),
        (narrow, r"model/0\.weight is float64\[8, 3\], and float32\[8, 3\] in this model"),
        (reshape, r"best/0\.weight is float32\[3, 8\], and float32\[8, 3\] in this model"),
        (cast_momentum, "optimizer/0/momentum_buffer is float64, its parameter float32"),
        (widen_momentum, "momentum_buffer of parameter 1 has shape"),
        (stray, "99999999999"),
        (unknown, "it holds a tensor secret, which is no part of a checkpoint"),
        (change_state("checkpoint", 2), "not a checkpoint of format 1"),
        (change_state("config", {"recipe": "other"}), "a checkpoint of another run: {'recipe': 'other'}"),
        (change_state("step", -1), "its place has step = -1"),
        (change_state("step", True), "its place has step = True"),
        (change_state("epoch", "1"), "its place has epoch = '1'"),
        (change_state("epoch", 2**70), "its place has epoch ="),
        (change_state("history", {}), "its history is not a list of epochs"),
        (change_state("history", []), "its history has 0 epochs, and epoch is 1"),
        (change_inside("running", "batches", None), "its running has batches = None"),
        (change_state("running", 3), "its running is 3, not an object"),
        (change_inside("best", "value", "low"), "its best has value = 'low'"),
        (change_state("random", [0, -1]), r"its random is \[0, -1\], not a seed and a position"),
        (change_state("loader", 7), "its loader is 7, not an object"),
        (change_inside("loader", "order", [0]), r"its order is \[0\]"),
        (change_inside("loader", "generator", "x"), "its generator is 'x'"),
        (change_inside("loader", "batches", 9), "its loader has done 9 batches, its epoch 4"),
        (change_state("optimizer", []), "its optimizer has not the 1 parameter groups"),
        (change_state("optimizer", [{"lr": 0.1}]), "its optimizer has other settings than"),
        (change_inside("callbacks", 0, {"kind": "Spy", "state": {"x": 1}}), r"trained with the callbacks \['Spy'\]"),
        (change_state("callbacks", None), "its callbacks are not a list"),
    ],
)
def test_states_that_do_not_fit(good, tmp_path, change, message):
    arrays, state = read_tensors(good)
    change(arrays, state)
    path = tmp_path / "changed.safetensors"
    write_tensors(path, {name: pe.tensor(array) for name, array in arrays.items()}, state)
    refuse(path, message)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("lr", -1.0, "lr"),
        ("lr", "0.1", "optimizer setting lr is '0.1'"),
        ("momentum", 7.5, "momentum"),
        ("nesterov", 1, "optimizer setting nesterov is 1, where this one has False"),
    ],
)
def test_optimizer_settings_out_of_range(good, tmp_path, setting, value, message):
    arrays, state = read_tensors(good)
    state["optimizer"][0][setting] = value
    path = tmp_path / "changed.safetensors"
    write_tensors(path, {name: pe.tensor(array) for name, array in arrays.items()}, state)
    refuse(path, message)


def test_another_model_or_loader(good, tmp_path):
    pe.manual_seed(0)
    model = nn.Linear(3, 2)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(BadFileError, match="its model tensors are not those of this model"):
        checkpoint.resume(trainer, good)
    trainer, _, val = training(tmp_path / "b")
    checkpoint.resume(trainer, good)
    with pytest.raises(ValueError, match="it walked through 7 batches, this one has 1"):
        trainer.fit(val, epochs=2)
    with pytest.raises(ValueError, match="every is 0; it must be 1 or more steps"):
        Checkpoints(tmp_path, 0)


# --- whole runs


def invoke(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args], env={"COLUMNS": "160", "TERM": "dumb"})


def words(text):
    return " ".join(text.replace("│", " ").split())


def figures(folder):
    """What must not depend on how often a run was stopped."""
    metrics = json.loads((folder / "metrics.json").read_text())
    history = [
        {key: value for key, value in row.items() if key not in ("seconds", "samples_per_second")}
        for row in metrics["history"]
    ]
    tests = {key: value for key, value in metrics.items() if key.startswith("test_")}
    return history, tests, metrics["best_epoch"], (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_an_interrupted_run_is_resumed_from_the_command_line(tmp_path, default_sigint, schedule):
    settings = DIGITS.defaults.changed(epochs=3, hidden=16, seed=5, schedule=schedule)
    run(DIGITS, settings, tmp_path / "whole")
    run(DIGITS, settings, tmp_path / "stopped", [PressCtrlC(50)])
    assert json.loads((tmp_path / "stopped" / "metrics.json").read_text())["stopped"] == "interrupted"
    result = invoke("train", "digits", "--out", tmp_path / "stopped", "--resume", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["resumed_from_step"] == 51
    assert json.loads(result.stdout)["stopped"] is None
    assert figures(tmp_path / "stopped") == figures(tmp_path / "whole")


def test_a_run_can_be_made_longer(tmp_path):
    args = ["train", "digits", "--hidden", 16, "--quiet", "--save-every", 1000]
    assert invoke(*args, "--epochs", 2, "--out", tmp_path / "a", "--resume").exit_code == 0  # nothing there: starts
    assert invoke(*args, "--epochs", 4, "--out", tmp_path / "a", "--resume").exit_code == 0
    assert invoke(*args, "--epochs", 4, "--out", tmp_path / "b").exit_code == 0
    assert figures(tmp_path / "a")[:3] == figures(tmp_path / "b")[:3]


@pytest.mark.parametrize(
    ("extra", "code", "message"),
    [
        (["--lr", "0.5"], 2, "--lr was 0.2 when the run in"),
        (["--seed", "1"], 2, "--seed was 0 when the run in"),
        (["--epochs", "2"], 2, "--epochs was 1 when the run in"),  # over which the schedule is spread
        ([], 1, "holds a finished run without checkpoints: there is nothing to resume"),
    ],
)
def test_what_cannot_be_resumed(tmp_path, extra, code, message):
    run(DIGITS, DIGITS.defaults.changed(epochs=1, hidden=16, schedule="cosine"), tmp_path / "done")
    result = invoke("train", "digits", "--out", tmp_path / "done", "--resume", *extra)
    assert result.exit_code == code
    assert message in words(result.stderr)


def test_resume_needs_a_folder_and_whole_files(tmp_path):
    result = invoke("train", "digits", "--resume")
    assert result.exit_code == 2
    assert "--resume needs --out" in words(result.stderr)

    args = ["train", "digits", "--epochs", 1, "--hidden", 16, "--save-every", 20, "--out", tmp_path, "--resume"]
    assert invoke(*args).exit_code == 0
    last = checkpoint.steps(tmp_path / "checkpoints")[-1]
    last.write_bytes(last.read_bytes()[:1000])
    before = sorted(path.read_bytes() for path in tmp_path.glob("*.*"))
    result = invoke(*args)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {last}: not a whole safetensors file")
    assert sorted(path.read_bytes() for path in tmp_path.glob("*.*")) == before

    (tmp_path / "config.json").write_text('{"recipe": "digits", "settings": {"lr": "fast"}}')
    result = invoke(*args)
    assert result.exit_code == 1
    assert "config.json: not the configuration of a run" in result.stderr


def test_two_processes_do_not_write_one_folder(tmp_path):
    with held(tmp_path):
        result = invoke("train", "digits", "--epochs", 1, "--out", tmp_path)
    assert result.exit_code == 1
    assert result.stderr == f"error: {tmp_path} is being written by another process\n"
    with held(tmp_path):  # it is free again
        pass


def test_killed_runs_resume_to_the_same_bits(tmp_path):
    """SIGKILL at random moments, most of them while a checkpoint is written. PYENGINE_KILLS=50 for more of them."""
    kills, rng = int(os.environ.get("PYENGINE_KILLS", "3")), random.Random(os.environ.get("PYENGINE_KILL_SEED", "0"))
    settings = DIGITS.defaults.changed(epochs=max(4, kills // 2), hidden=32, seed=2)
    run(DIGITS, settings, tmp_path / "whole")
    out = tmp_path / "killed"
    command = [
        sys.executable,
        "-P",
        "-c",
        "from pyengine.cli import app; app()",
        "train",
        "digits",
        "--save-every",
        "1",
    ]
    command += ["--epochs", str(settings.epochs), "--hidden", "32", "--seed", "2", "--out", str(out), "--resume"]
    killed = 0
    for _ in range(kills):
        seen = set(checkpoint.steps(out / "checkpoints"))
        with subprocess.Popen([*command, "--quiet"], stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and not set(checkpoint.steps(out / "checkpoints")) - seen:
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.1))
            process.kill()
        killed += process.returncode == -signal.SIGKILL
    assert killed > 0  # a fast machine may be done before the last ones
    subprocess.run(command, check=True, timeout=120)
    assert figures(out) == figures(tmp_path / "whole")
    assert not list(out.rglob("*.tmp"))  # what was being written when it was killed is swept
