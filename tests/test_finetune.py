"""`pyengine finetune`: a run that goes on on other data, what it is compared with, and what its folder is good for."""

import json
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from pyengine.cli import app
from pyengine.data import TensorDataset, load_digits, load_vocab
from pyengine.recipes import RECIPES, run
from pyengine.recipes import digits as digit_recipe
from pyengine.recipes import finetune as tuning
from pyengine.recipes import shakespeare as plays
from pyengine.tensor_file import read_tensors
from pyengine.train import Callback
from pyengine.train.interrupt import REASON


def invoke(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args], env={"COLUMNS": "160", "TERM": "dumb"})


def flat(text):
    """The words of a message, out of the box that typer draws around it."""
    return " ".join(text.replace("│", " ").split())


def trained(folder, name, **given):
    recipe = RECIPES[name]
    run(recipe, recipe.settings(given), folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A run on every other image of the digits, and other.npz with the rest of them: is the digit odd or even?"""
    folder = tmp_path_factory.mktemp("digits")
    x, y = (tensor.numpy() for tensor in load_digits().tensors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digit_recipe, "load_digits", lambda: TensorDataset(x[::2], y[::2]))
        trained(folder / "run", "digits", epochs=20, hidden=32)
    images = np.round(x[1::2] * digit_recipe.INK).astype(np.uint8).reshape(-1, 8, 8)
    np.savez(folder / "other.npz", images=images, labels=np.where(y[1::2] % 2, "odd", "even"))
    return folder


def weights(folder):
    return read_tensors(folder / "model.safetensors")[0]


# --- what it comes to


@pytest.mark.parametrize("seed", range(3))
def test_it_beats_scratch_at_a_tenth_of_the_data(base, tmp_path, seed):
    args = ("--fraction", 0.1, "--seed", seed, "--out", tmp_path / "run", "--json")
    result = invoke("finetune", base / "run", base / "other.npz", *args)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    tuned, scratch = found["fine_tuned"], found["from_scratch"]
    assert tuned["test_accuracy"] > scratch["test_accuracy"]
    assert found["better"] is True
    assert found["gain"] == tuned["test_accuracy"] - scratch["test_accuracy"]
    assert tuned["steps"] == scratch["steps"] == 40  # twenty epochs of 63 samples in batches of 32
    assert (tuned["lr"], scratch["lr"]) == (0.04, 0.2)
    assert json.loads((tmp_path / "run" / "finetune.json").read_text()) == found


def test_the_command_in_a_process_of_its_own(base, tmp_path):
    command = [sys.executable, "-P", "-c", "from pyengine.cli import app; app()", "finetune", base / "run"]
    options = [base / "other.npz", "--fraction", "0.1", "--out", tmp_path / "run"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"digits on {base / 'other.npz'}"
    assert f"2 tensors go on from {base / 'run'}; anew: 2.weight, 2.bias" in lines
    assert "fine-tuning  sgd lr 0.04, 20 epochs" in lines
    assert "from scratch  sgd lr 0.2, 20 epochs" in lines
    rows = {line.split("  ")[0]: line.split() for line in lines}
    assert float(rows["difference"][-1]) > 0
    assert lines[-2].startswith("Fine-tuning beats training from scratch: test accuracy 0.")
    assert lines[-1] == f"folder  {tmp_path / 'run'}"


def test_from_scratch_is_what_train_comes_to(base, tmp_path):
    """On a recipe's own data the run that it is compared with is the one of `pyengine train`, bit for bit."""
    whole = trained(tmp_path / "whole", "digits", epochs=2, hidden=32)
    result = invoke("finetune", base / "run", "digits", "--epochs", 2, "--out", tmp_path / "run", "--json")
    assert result.exit_code == 0, result.output
    expected, found = weights(whole), weights(tmp_path / "run" / "scratch")
    assert all(np.array_equal(expected[name], found[name]) for name in expected)
    assert json.loads(result.stdout)["gain"] > 0  # two epochs, after twenty on half of the images


def test_its_folder_is_that_of_a_run(base, tmp_path):
    folder = tmp_path / "run"
    assert invoke("finetune", base / "run", base / "other.npz", "--out", folder, "--quiet").stdout == f"{folder}\n"
    figures = json.loads(invoke("eval", folder, "--json").stdout)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert figures["accuracy"] == metrics["test_accuracy"]
    np.save(tmp_path / "some.npy", np.load(base / "other.npz")["images"][:3])
    answers = invoke("predict", folder, tmp_path / "some.npy").stdout.splitlines()
    assert [line.split()[1] for line in answers] == np.load(base / "other.npz")["labels"][:3].tolist()
    result = invoke("compare", folder, folder / "scratch", "--out", tmp_path / "compare.png")
    assert result.exit_code == 0, result.output
    again = invoke("finetune", folder, base / "other.npz", "--out", tmp_path / "again", "--keep-head", "--json")
    found = json.loads(again.stdout)
    assert found["fine_tuned"]["lr"] == 0.04  # no smaller from run to run
    assert found["from_scratch"]["lr"] == 0.2
    resumed = invoke("train", "digits", "--resume", "--out", folder)
    assert (resumed.exit_code, "was fine-tuned" in flat(resumed.stderr)) == (2, True)


def test_frozen_parameters_and_the_head(base, tmp_path):
    before = weights(base / "run")
    args = ("--freeze", "0.*", "--fraction", 0.1, "--epochs", 2, "--out", tmp_path / "run")
    result = invoke("finetune", base / "run", base / "other.npz", *args)
    assert "frozen: 0.weight, 0.bias" in result.stdout
    after, scratch = weights(tmp_path / "run"), weights(tmp_path / "run" / "scratch")
    assert np.array_equal(after["0.weight"], before["0.weight"])
    assert not np.array_equal(scratch["0.weight"], before["0.weight"])
    assert after["2.weight"].shape == (2, 32)


def test_ctrl_c_leaves_the_run_that_there_is(base, tmp_path):
    class Stop(Callback):
        def on_step(self, trainer):
            trainer.stop(REASON)

    planned = tuning.plan_of(base / "run", str(base / "other.npz"), RECIPES, {})
    compared = tuning.finetune(*planned, RECIPES, tmp_path / "run", [Stop()])
    assert compared.scratch is None
    assert compared.to_json()["from_scratch"] is None
    assert (tmp_path / "run" / "metrics.json").is_file()
    assert not (tmp_path / "run" / "scratch").exists()


# --- other models and data


def test_images_in_a_folder_are_brought_to_the_size_of_the_run(base, tmp_path):
    image = pytest.importorskip("PIL.Image")
    archive = np.load(base / "other.npz")
    for i, (pixels, label) in enumerate(zip(archive["images"][:120], archive["labels"], strict=False)):
        place = tmp_path / "photos" / str(label) / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(pixels * 15).convert("RGB").resize((16, 16)).save(place)
    result = invoke("finetune", base / "run", tmp_path / "photos", "--out", tmp_path / "run", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["fine_tuned"]["test_accuracy"] > 0.7
    assert invoke("predict", tmp_path / "run", place).stdout.split()[1] == place.parent.name


def test_tables_and_series(tmp_path):
    rows = trained(tmp_path / "rows", "diabetes", model="mlp", epochs=2)
    lines = "\n".join(f"{i % 7},{i % 5},{(i % 7) * (i % 5) + 0.5}" for i in range(80))
    (tmp_path / "other.csv").write_text(f"a,b,c\n{lines}\n")
    result = invoke("finetune", rows, tmp_path / "other.csv", "--out", tmp_path / "no")
    assert result.exit_code == 1
    assert "0.weight is (32, 10) there, and" in result.stderr
    result = invoke("finetune", rows, "diabetes", "--seed", 1, "--epochs", 2, "--out", tmp_path / "a", "--json")
    assert json.loads(result.stdout)["compared_by"] == "test_loss"
    series = trained(tmp_path / "series", "sine", epochs=3)
    args = ("--seed", 1, "--fraction", 0.1, "--epochs", 2, "--keep-head", "--out", tmp_path / "b", "--json")
    result = invoke("finetune", series, "sine", *args)
    assert json.loads(result.stdout)["gain"] > 0, result.output


def test_sentences_keep_the_words_that_are_known(tmp_path):
    generator = np.random.default_rng(0)
    words = (["dull", "boring", "weak", "poor"], ["fine", "moving", "funny", "good"])

    def sentences(count, rest):
        for label in generator.integers(0, 2, count):
            chosen = [*generator.choice(rest, 4), generator.choice(words[label])]
            yield " ".join(generator.permutation(chosen)), label

    (tmp_path / "sst2").mkdir()
    for part, count in (("train", 400), ("dev", 60), ("test", 60)):
        lines = [f"{text}\t{label}\n" for text, label in sentences(count, ["a", "film", "story", "of", "cast"])]
        (tmp_path / "sst2" / f"{part}.tsv").write_text("".join(lines))
    first = trained(tmp_path / "run", "sentiment", data_dir=str(tmp_path), epochs=8, hidden=16, lr=0.01)
    lines = [f"{text}\t{label}\n" for text, label in sentences(200, ["a", "meal", "soup", "of", "cook"])]
    (tmp_path / "meals.tsv").write_text("text\tlabel\n" + "".join(lines))
    args = ("--fraction", 0.2, "--epochs", 4, "--out", tmp_path / "on", "--json")
    result = invoke("finetune", first, tmp_path / "meals.tsv", *args)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["gain"] > 0
    before, after = load_vocab(first / "vocab.json"), load_vocab(tmp_path / "on" / "vocab.json")
    assert after.tokens[: len(before)] == before.tokens
    assert set(after.tokens[len(before) :]) == {"meal", "soup", "cook"}
    assert invoke("eval", tmp_path / "on").exit_code == 0


def test_a_model_that_writes_learns_further_characters(tmp_path, monkeypatch):
    for name, value in (("STEPS", 40), ("CONTEXT", 16), ("LAYERS", 1)):
        monkeypatch.setattr(plays, name, value)
    (tmp_path / "input.txt").write_text("ROMEO:\nBut soft, what light?\n\n" * 100)
    first = trained(tmp_path / "run", "shakespeare", data_dir=str(tmp_path), epochs=3, hidden=32, lr=0.01)
    (tmp_path / "other.txt").write_text("ROMEO:\nBut soft, what light? 42!\n\n" * 40)
    args = ("--epochs", 3, "--out", tmp_path / "on", "--json")
    result = invoke("finetune", first, tmp_path / "other.txt", *args)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["gain"] > 0
    before, after = load_vocab(first / "vocab.json"), load_vocab(tmp_path / "on" / "vocab.json")
    assert after.tokens == (*before.tokens, "!", "2", "4")
    # rows of known characters begin where they were
    planned = tuning.plan_of(first, str(tmp_path / "other.txt"), RECIPES, {})
    recipe, settings, plan = planned
    begun = tuning.continued(recipe, plan, RECIPES, first, weights(first)).build(settings)
    rows = begun.model.wte.weight.detach().numpy()
    np.testing.assert_array_equal(rows[: len(before)], weights(first)["wte.weight"])
    assert rows.shape == (len(after), 32)
    written = invoke("sample", tmp_path / "on", "--prompt", "light? 4", "--tokens", 20, "--seed", 0)
    assert written.exit_code == 0, written.output
    (tmp_path / "short.txt").write_text("ROMEO:\n")
    result = invoke("finetune", first, tmp_path / "short.txt")
    assert "short.txt: TokenWindows: a text of 6 tokens is too short for pieces of 16" in result.stderr


# --- mistakes


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["{}/none", "digits"], 1, "none: not the folder of a run, which holds a config.json"),
        (["{}/run", "none.csv"], 2, "Invalid value for DATA: there is no file or folder 'none.csv', and no recipe"),
        (["{}/run", "table"], 1, "table has no data of its own; name the file itself"),
        (["{}/run", "sentiment"], 1, "sentiment is not for the model mlp of {}/run; it goes with transformer"),
        (["{}/run", "digits", "--data-dir", "."], 1, "--data-dir means nothing to it"),
        (
            ["{}/run", "tumour"],
            1,
            "the body of {}/run does not fit: 0.weight is (32, 64) there, and tumour needs (32, 30)",
        ),
        (["{}/run", "{}/other.npz", "--keep-head"], 1, "2.weight is (10, 32) there, and {}/other.npz needs (2, 32)"),
        (["{}/run", "{}/other.npz", "--freeze", "conv*"], 1, "--freeze: no parameter fits the pattern 'conv*'; there"),
        (["{}/run", "{}/other.npz", "--freeze", "*"], 1, "--freeze * freezes all parameters"),
        (["{}/run", "{}/other.npz", "--fraction", "0"], 2, "0.0: a share above 0 and at most 1"),
        (["{}/run", "{}/other.npz", "--lr", "-1"], 2, "lr is -1.0; it must be a positive number"),
        (["{}/run", "{}/other.npz", "--target", "digit"], 1, "there is no array 'digit'; it holds images [898, 8, 8]"),
        (["{}/run", "{}/run"], 1, "nothing in this folder can be read"),
        (["{}/run", "{}/run/config.json"], 1, "config.json is of no kind that is known"),
        (["{}/run", "{}/other.npz", "--out", "{}/run"], 1, "already holds a run"),
    ],
)
def test_mistakes(base, args, code, message):
    result = invoke("finetune", *(arg.format(base, base) for arg in args))
    assert flat(message.format(base, base)) in flat(result.stderr)
    assert result.exit_code == code
    assert "Traceback" not in result.output


def test_a_model_without_body_and_head(tmp_path):
    folder = trained(tmp_path / "run", "digits", model="linear", epochs=1)
    result = invoke("finetune", folder, "digits")
    assert result.exit_code == 1
    assert (
        "its model is linear, which has no body and head that could be told apart; runs of mlp, lenet" in result.stderr
    )


def test_texts_for_a_model_of_images(base, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "all.tsv").write_text(
        "".join(f"film {i} is fine\t1\nfilm {i} is dull\t0\n" for i in range(20))
    )
    for data in (tmp_path / "texts", tmp_path / "texts" / "all.tsv"):
        result = invoke("finetune", base / "run", data)
        assert result.exit_code == 1
        assert "it holds texts, which the model mlp does not read" in result.stderr
