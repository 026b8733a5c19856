"""The command line: what it prints, what it leaves, how it ends."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

import pyengine as pe
from pyengine.cli import app

QUICK = ["--epochs", "2", "--hidden", "16"]


def invoke(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args], env={"COLUMNS": "160", "TERM": "dumb"})


def flat(text):
    """The words of a message, out of the box that typer draws around it."""
    return " ".join(text.replace("│", " ").split())


# --- train


def test_train_digits(tmp_path):
    out = tmp_path / "run"
    result = invoke("train", "digits", *QUICK, "--batch-size", 64, "--lr", 0.05, "--seed", 4, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("digits  handwritten digits")
    assert "epoch 2/2 · loss" in result.output
    assert "test accuracy" in result.output
    assert str(out) in result.output.replace("\n", "")
    settings = json.loads((out / "config.json").read_text())["settings"]
    assert settings | {"epochs": 2, "hidden": 16, "batch_size": 64, "lr": 0.05, "seed": 4, "device": "cpu"} == settings
    assert len(json.loads((out / "metrics.json").read_text())["history"]) == 2


def test_default_folder_is_a_free_one_under_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {invoke("train", "digits", *QUICK, "--quiet").output.strip() for _ in range(2)}
    assert len(names) == 2
    for name in names:
        assert name.startswith("runs/digits-")
        assert (tmp_path / name / "metrics.json").is_file()


def test_train_json(tmp_path):
    result = invoke("train", "digits", *QUICK, "--json", "--device", "numpy", "--out", tmp_path / "run")
    printed = json.loads(result.stdout)
    assert printed.pop("folder") == str(tmp_path / "run")
    assert printed == json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert printed["device"] == "numpy"


def test_threads(tmp_path):
    before = pe.get_num_threads()
    try:
        result = invoke("train", "digits", *QUICK, "--json", "--threads", 1, "--out", tmp_path / "run")
        assert json.loads(result.stdout)["threads"] == pe.get_num_threads() == 1
    finally:
        pe.set_num_threads(before)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["train", "digit"], "Invalid value for RECIPE: there is no recipe 'digit'; there is: digits"),
        (["train", "digits", "--device", "cuda"], "unknown device 'cuda'; this installation has cpu, numpy"),
        (["train", "digits", "--lr", "-1"], "lr is -1.0; it must be a positive number"),
        (["train", "digits", "--epochs", "0"], "Invalid value for '--epochs'"),
        (["train", "digits", "--epochs", "many"], "Invalid value for '--epochs'"),
        (["train", "digits", "--depth", "3"], "No such option: --depth"),
        (["train"], "Missing argument 'RECIPE'"),
        (["trian"], "No such command 'trian'"),
    ],
)
def test_wrong_usage(args, message):
    result = invoke(*args)
    assert result.exit_code == 2
    assert message.lower() in flat(result.stderr).lower()
    assert "Traceback" not in result.output


def test_folder_that_cannot_be_written_is_found_before_training(tmp_path):
    (tmp_path / "file").touch()
    result = invoke("train", "digits", "--out", tmp_path / "file" / "run")
    assert result.exit_code == 1
    assert result.stderr == f"error: Not a directory: {tmp_path}/file/run\n"
    assert "epoch" not in result.stdout


def test_folder_with_a_run_is_refused(tmp_path):
    assert invoke("train", "digits", *QUICK, "--out", tmp_path).exit_code == 0
    weights = (tmp_path / "model.safetensors").read_bytes()
    again = invoke("train", "digits", *QUICK, "--seed", 1, "--out", tmp_path)
    assert again.exit_code == 1
    assert f"{tmp_path} already holds a run; choose another folder" in again.stderr
    assert (tmp_path / "model.safetensors").read_bytes() == weights


def test_divergence_is_explained(tmp_path):
    with pe_quiet_overflow():
        result = invoke("train", "digits", "--lr", "1e30", "--out", tmp_path / "run")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: fit: the loss is nan in epoch 1, batch ")
    assert "learning rate" in result.stderr
    assert not (tmp_path / "run" / "metrics.json").exists()


def pe_quiet_overflow():
    """NumPy, where it stands in for a kernel, warns of the overflow that is meant here."""
    import numpy as np

    return np.errstate(all="ignore")


def test_keyboard_interrupt_outside_the_loop(tmp_path, monkeypatch):
    from pyengine import recipes

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(recipes, "run", interrupted)
    result = invoke("train", "digits", "--out", tmp_path / "run")
    assert result.exit_code == 130
    assert result.stderr == "error: interrupted\n"


# --- in a process of its own

# A shell may start its background jobs with SIGINT ignored; the child of such a job would not hear of it
MAIN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from pyengine.cli import app; app()"


def test_ctrl_c_writes_the_run_and_exits_with_130(tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-u", "-c", MAIN, "train", "digits", "--epochs", "100000", "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("epoch"):
                break
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == ""
    assert "interrupted in epoch" in stdout
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["stopped"] == "interrupted"
    assert metrics["test_accuracy"] > 0.5
    files = ["checkpoints", "config.json", "curves.png", "metrics.json", "model.safetensors"]
    assert sorted(os.listdir(out)) == files


def test_help_imports_nothing_that_it_does_not_need():
    code = """if True:
        import sys
        from pyengine.cli import app
        try:
            app(["train", "--help"])
        except SystemExit as end:
            assert end.code == 0
        heavy = {"matplotlib", "safetensors", "rich.progress", "pyengine.train", "pyengine.recipes"} & set(sys.modules)
        assert not heavy, heavy
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for option in (
        "--epochs",
        "--batch-size",
        "--lr",
        "--hidden",
        "--seed",
        "--threads",
        "--device",
        "--out",
        "--json",
    ):
        assert option in done.stdout


# --- info and version


def test_info():
    facts = json.loads(invoke("info", "--json").stdout)
    assert facts["pyengine"] == pe.__version__
    assert facts["devices"] == list(pe.backend.DEVICES)
    assert facts["threads"] == pe.get_num_threads()
    assert facts["isa"] == pe.backend.isa_level()
    assert facts["packages"]["matplotlib"][0].isdigit()
    assert facts["memory"] == pe.memory_stats()
    text = flat(invoke("info").stdout)
    assert f"threads {pe.get_num_threads()}" in text
    assert f"isa {facts['isa']}" in text


def test_version():
    result = invoke("--version")
    assert result.exit_code == 0
    assert result.stdout == f"pyengine {pe.__version__}\n"


def test_the_bare_command_shows_the_help():
    result = invoke()
    assert "train" in result.output
    assert "info" in result.output
