"""Every recipe trains to the same bits captured as in Python."""

import json
import os
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pyengine as pe
from pyengine.cli import app
from pyengine.recipes import RECIPES
from pyengine.recipes.run import trainer_of

DATA = Path(os.environ.get("PYENGINE_DATA", "/nowhere"))


def needs(recipe, folder, **changed):
    marks = pytest.mark.skipif(not (DATA / folder).is_dir(), reason=f"PYENGINE_DATA has no {folder}")
    changed = {"data_dir": str(DATA / folder), **changed}
    return pytest.param(recipe, changed, marks=marks, id="-".join([recipe, *map(str, changed.values())][::2]))


SETTINGS = [
    pytest.param("digits", {}, id="digits"),
    pytest.param("glasses-rings", {}, id="glasses-rings"),
    pytest.param("diabetes", {}, id="diabetes"),
    pytest.param("tumour", {}, id="tumour"),
    pytest.param("sine", {}, id="sine"),
    pytest.param("next-word", {}, id="next-word"),
    pytest.param("clip-shapes", {}, id="clip-shapes"),
    needs("mnist", "mnist", model="mlp", optimizer="adam"),
    needs("mnist", "mnist", model="lenet", hidden=6, schedule="cosine"),
    needs("autoencoder", "mnist", model="vae"),
    needs("sentiment", "sst2"),
    needs("shakespeare", "tinyshakespeare"),
    needs("cifar10", "cifar10", batch_size=8),
]


def losses(name, changed, capture):
    settings = RECIPES[name].defaults.changed(epochs=3, **changed)
    pe.manual_seed(0)
    job = RECIPES[name].build(settings)
    trainer = trainer_of(job, settings, (), capture)
    train, val = list(islice(job.train, 4)), None if job.val is None else list(islice(job.val, 1))
    history = trainer.fit(train, val, 3)
    return [
        {key: value for key, value in row.items() if "seconds" not in key and "samples" not in key} for row in history
    ]


@pytest.mark.parametrize(("name", "changed"), SETTINGS)
def test_recipes_train_to_the_same_bits(name, changed, recwarn) -> None:
    assert losses(name, changed, capture=True) == losses(name, changed, capture=False)
    assert not [str(warning.message) for warning in recwarn if "capture" in str(warning.message)]


def test_capture_is_an_option_of_train(tmp_path) -> None:
    def figures(*more):
        args = ["train", "digits", "--epochs", "3", "--json", "--out", str(tmp_path / f"run{len(more)}"), *more]
        result = CliRunner().invoke(app, args, env={"COLUMNS": "160", "TERM": "dumb"})
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        return found["test_loss"], found["test_accuracy"], [row["train_loss"] for row in found["history"]]

    assert figures("--capture", "--threads", "1") == figures("--no-capture") == figures()


def test_the_numpy_device_trains_uncaptured_without_a_word(tmp_path, recwarn) -> None:
    args = ["train", "digits", "--epochs", "1", "--device", "numpy", "--quiet", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    assert not [str(warning.message) for warning in recwarn if "capture" in str(warning.message)]
