"""The command line: what it prints, what it leaves, how it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

import pyengine as pe
from pyengine.cli import app
from pyengine.cli.common import console
from pyengine.recipes import RECIPES, run

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
        (["train", "digits", "--device", "tpu"], "unknown device 'tpu'; there are cpu, numpy, cudasim, cuda"),
        (["train", "digits", "--lr", "-1"], "lr is -1.0; it must be a positive number"),
        (["train", "digits", "--epochs", "0"], "Invalid value for '--epochs'"),
        (["train", "digits", "--epochs", "many"], "Invalid value for '--epochs'"),
        (["train", "digits", "--depth", "3"], "No such option: --depth"),
        (
            ["train"],
            "Invalid value for RECIPE: what is to be learned? Name a recipe, or give --data FILE --target COLUMN",
        ),
        (["train", "table"], "table needs --data"),
        (["train", "digits", "--data", "a.csv"], "--data means nothing to digits"),
        (["train", "tumour", "--data-dir", "."], "--data-dir means nothing to tumour"),
        (["train", "digits", "--model", "cnn"], "model is 'cnn'; there are: mlp, linear"),
        (["train", "digits", "--optimizer", "lbfgs"], "optimizer is 'lbfgs'; there are: sgd, adam, adamw, rmsprop"),
        (["sweep", "digits", "--optimizer", "sgd,lbfgs"], "optimizer is 'lbfgs'"),
        (["trian"], "No such command 'trian'"),
    ],
)
def test_wrong_usage(args, message):
    result = invoke(*args)
    assert result.exit_code == 2
    assert message.lower() in flat(result.stderr).lower()
    assert "Traceback" not in result.output


@pytest.mark.skipif(pe.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said_to_be_missing():
    result = invoke("train", "digits", "--device", "cuda")
    assert result.exit_code == 2
    assert 'device "cuda": ' in flat(result.stderr)


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
    return np.errstate(all="ignore")


def test_keyboard_interrupt_outside_the_loop(tmp_path, monkeypatch):
    from pyengine import recipes

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(recipes, "run", interrupted)
    result = invoke("train", "digits", "--out", tmp_path / "run")
    assert result.exit_code == 130
    assert result.stderr == "error: interrupted\n"


# --- eval, predict, compare


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two quick runs of different widths."""
    folder = tmp_path_factory.mktemp("runs")
    for hidden in (16, 32):
        run(RECIPES["digits"], RECIPES["digits"].defaults.changed(epochs=2, hidden=hidden), folder / f"h{hidden}")
    return folder


def test_eval_measures_what_training_measured(runs):
    metrics = json.loads((runs / "h16" / "metrics.json").read_text())
    printed = json.loads(invoke("eval", runs / "h16", "--json").stdout)
    assert printed["loss"] == metrics["test_loss"]
    assert printed["accuracy"] == metrics["test_accuracy"]
    table = np.array(printed["confusion"])
    assert table.sum() == 269
    assert np.trace(table) / 269 == printed["accuracy"]
    best = metrics["history"][metrics["best_epoch"] - 1]
    assert json.loads(invoke("eval", runs / "h16", "--part", "val", "--json").stdout)["loss"] == best["val_loss"]

    shown = invoke("eval", runs / "h16", "--device", "numpy")
    assert "test, 269 samples" in shown.stdout
    assert f"{metrics['test_accuracy']:.4f}" in shown.stdout
    assert len([line for line in shown.stdout.splitlines() if line.split()[:1] in [[c] for c in "0123456789"]]) >= 10


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "txt"])
def test_predict(runs, tmp_path, kind):
    digits = pe.data.load_digits().tensors
    pixels, labels = digits[0].numpy()[:20] * 16, digits[1].numpy()[:20]
    file = tmp_path / f"samples.{kind}"
    if kind == "npy":
        np.save(file, pixels.reshape(20, 8, 8).astype(np.uint8))
    elif kind == "npz":
        np.savez(file, images=pixels.astype(np.uint8), labels=labels)
    else:
        header = ",".join(f"pixel{i}" for i in range(64)) if kind == "csv" else ""
        np.savetxt(file, pixels, fmt="%g", delimiter="," if kind == "csv" else "\t", header=header, comments="")
    result = invoke("predict", runs / "h32", file)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[0] for row in rows] == [str(i) for i in range(20)]
    assert np.mean([int(row[1]) for row in rows] == labels) >= 0.8
    lines = [json.loads(line) for line in invoke("predict", runs / "h32", file, "--json").stdout.splitlines()]
    assert [line["label"] for line in lines] == [row[1] for row in rows]
    assert all(sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-5) for line in lines)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "1,2,3\n", "expected are images of 8x8 = 64 pixels; these samples are [1, 3]"),
        ("a.csv", "1,2,3\n1,2\n", "row 2 has 2 values, the first has 3"),
        ("a.csv", "x,y\n", "no numbers in it"),
        ("a.csv", "", "no numbers in it"),
        ("a.csv", ",".join(["255"] * 64), "pixels go from 0 to 16; here from 255 to 255"),
        ("a.csv", ",".join(["nan"] * 64), "pixels go from 0 to 16; here from nan to nan"),
        ("a.csv", "1,2,three\n", "could not convert string to float: 'three'"),
        ("a.npy", "not an array", "a.npy: "),
        ("a.npz", "not an archive", "a.npz: "),
    ],
)
def test_predict_says_what_is_wrong_with_a_file(runs, tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    result = invoke("predict", runs / "h16", tmp_path / name)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {tmp_path / name}: ")
    assert message in result.stderr


def test_predict_refuses_objects_and_asks_which_array(runs, tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object))
    result = invoke("predict", runs / "h16", tmp_path / "objects.npy")
    assert result.exit_code == 1
    assert "Object arrays cannot be loaded" in result.stderr
    np.savez(tmp_path / "two.npz", a=np.zeros(64), b=np.zeros(64))
    assert "which array? It has a, b" in invoke("predict", runs / "h16", tmp_path / "two.npz").stderr
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    assert "no numbers in it, but <U1[2]" in invoke("predict", runs / "h16", tmp_path / "words.npy").stderr


def test_compare(runs, tmp_path):
    picture = tmp_path / "both.png"
    result = invoke("compare", runs / "h16", runs / "h32", "--out", picture)
    assert result.exit_code == 0, result.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    above, head, *rows = [line.split() for line in result.stdout.splitlines()[:4]]
    assert above == ["test", "test", "val"]  # headings of two words have two lines
    assert head == ["run", "hidden", "loss", "accuracy", "loss", "best", "time"]
    assert "…" not in result.stdout
    by_name = {row[0]: row for row in rows}
    assert by_name["h16"][1] == "16"
    assert by_name["h32"][1] == "32"
    losses = [float(row[2]) for row in rows]
    assert losses == sorted(losses)
    printed = json.loads(invoke("compare", runs / "h16", runs / "h32", "--out", picture, "--json").stdout)
    assert [entry["settings"]["hidden"] for entry in printed["runs"]] == [16, 32]
    assert printed["curves"] == str(picture)


@pytest.mark.parametrize("command", ["eval", "compare"])
def test_folders_that_are_no_runs(runs, tmp_path, command):
    result = invoke(command, tmp_path / "none")
    assert result.exit_code == 1
    assert result.stderr == f"error: {tmp_path}/none: not the folder of a run, which holds a config.json\n"

    shutil.copytree(runs / "h16", tmp_path / "run")
    (tmp_path / "run" / "config.json").write_text('{"recipe": "cats", "settings": {}}')
    result = invoke(command, tmp_path / "run")
    assert result.exit_code == 1
    assert "config.json: there is no 'cats' (recipes: digits, glasses-rings, mnist," in result.stderr


def test_damaged_runs(runs, tmp_path):
    shutil.copytree(runs / "h16", tmp_path / "run")
    (tmp_path / "run" / "metrics.json").write_text('{"history": 3}')
    assert "metrics.json: not the figures of a run" in invoke("compare", tmp_path / "run").stderr
    (tmp_path / "run" / "metrics.json").write_text("{")
    assert "metrics.json: not JSON" in invoke("compare", tmp_path / "run").stderr
    shutil.copy(runs / "h32" / "model.safetensors", tmp_path / "run")
    result = invoke("eval", tmp_path / "run")
    assert result.exit_code == 1
    assert "model.safetensors: not the weights of this run" in result.stderr
    assert "(32, 64)" in result.stderr
    assert invoke("eval", runs / "h16", "--device", "tpu").exit_code == 2
    assert invoke("eval", runs / "h16", "--part", "all").exit_code == 2


# --- sweep


def test_sweep_ranks_on_validation(tmp_path):
    args = ["sweep", "digits", "--epochs", 2, "--hidden", "4,16", "--lr", "0.05,1e30", "--seeds", "3-4"]
    result = invoke(*args, "--json", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    trials = json.loads(result.stdout)["trials"]
    assert [trial["failed"] is None for trial in trials] == [True, True, False, False]
    assert trials[0]["val_loss"] < trials[1]["val_loss"]
    assert "seed 3: fit: the loss is" in trials[2]["failed"]
    assert "test_" not in json.dumps(trials)  # nothing was measured on test data
    written = json.loads((tmp_path / "sweep.json").read_text())
    assert sorted(written["trials"], key=str) == sorted(trials, key=str)
    assert written["seeds"] == [3, 4]

    best = trials[0]["changed"]
    losses = []
    for seed in (3, 4):
        settings = RECIPES["digits"].defaults.changed(seed=seed, **best)
        history = run(RECIPES["digits"], settings, tmp_path / f"run{seed}").metrics["history"]
        losses.append(min(row["val_loss"] for row in history))
    assert trials[0]["val_loss"] == pytest.approx(np.mean(losses), rel=1e-12)
    assert trials[0]["losses"] == losses


def test_sweep_prints_a_table(tmp_path):
    result = invoke("sweep", "digits", "--epochs", 1, "--hidden", "4,8", "--seeds", "0,1,2", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    four, eight = (trial["losses"] for trial in json.loads((tmp_path / "sweep.json").read_text())["trials"])
    gaps = np.subtract(four, eight) * np.sign(np.mean(four) - np.mean(eight))
    assert f"{np.mean(gaps):.4f} ± {np.std(gaps, ddof=1) / 3**0.5:.4f}" in result.stdout
    assert "epochs=1 hidden=4  val loss" in result.stdout
    assert result.stdout.splitlines()[-1] == f"folder  {tmp_path}"
    again = invoke("sweep", "digits", "--epochs", 1, "--out", tmp_path)
    assert again.exit_code == 1
    assert "already holds a sweep" in again.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--lr", "0.1,fast"], "'0.1,fast': numbers with commas between"),
        (["--hidden", "4.5"], "'4.5': whole numbers with commas between"),
        (["--hidden", "0"], "hidden is 0; it must be 1 or more"),
        (["--seeds", "a-b"], "'a-b': seeds as 0,1,2 or 0-2"),
        (["--seeds", "3-1"], "'3-1' names no seed"),
        (["--device", "tpu"], "unknown device 'tpu'"),
    ],
)
def test_sweep_usage(args, message):
    result = invoke("sweep", "digits", *args)
    assert result.exit_code == 2
    assert message in flat(result.stderr)


# --- in a process of its own

# A shell may start its background jobs with SIGINT ignored; the child of such a job would not hear of it
MAIN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from pyengine.cli import app; app()"


def test_ctrl_c_writes_the_run_and_exits_with_130(tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-P", "-u", "-c", MAIN, "train", "digits", "--epochs", "100000", "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("epoch"):
                break
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == ""
    assert "interrupted" in stdout  # in an epoch, or behind one
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["stopped"] == "interrupted"
    assert metrics["test_accuracy"] > 0.5
    pictures = ["curves.png", "filters.png", "mistakes.png"]
    assert sorted(os.listdir(out)) == sorted(
        ["checkpoints", "config.json", *pictures, "metrics.json", "model.safetensors"]
    )


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
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False)
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
    assert facts["devices"] == pe.backend.available()
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


def test_a_line_number_is_no_emoji(capsys):
    console().print("gemm.h:100: two lanes")
    assert capsys.readouterr().out == "gemm.h:100: two lanes\n"
