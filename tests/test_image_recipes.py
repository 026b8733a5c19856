"""The recipes for images: what they reach, what is augmented, what the run folder shows."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import pyengine as pe
from pyengine.cli import app
from pyengine.data import PixelDataset, draw_glasses_rings
from pyengine.recipes import RECIPES, cifar10, glasses_rings, inspect, run
from pyengine.recipes import mnist as mnist_recipe
from pyengine.recipes.pictures import first_filters, worst_mistakes
from pyengine.train.pictures import draw_filters, draw_gallery

DATA = os.environ.get("PYENGINE_DATA")
needs_mnist = pytest.mark.skipif(not DATA or not (Path(DATA) / "mnist").is_dir(), reason="PYENGINE_DATA has no mnist")
DOCS = Path(__file__).parents[1] / "docs"
RESULTS = {
    "mnist --model lenet": "lenet",
    "glasses-rings": "glasses_rings",
    "cifar10": "cifar10",
    "autoencoder": "autoencoder",
    "autoencoder --model vae": "vae",
}
PNG = b"\x89PNG\r\n\x1a\n"


def invoke(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args], env={"COLUMNS": "160", "TERM": "dumb"})


# --- glasses and rings


def test_drawings_are_the_same_for_the_same_seed_and_of_both_classes():
    a, b = draw_glasses_rings(600, seed=3), draw_glasses_rings(600, seed=3)
    np.testing.assert_array_equal(a.images, b.images)
    np.testing.assert_array_equal(a.labels, b.labels)
    assert not np.array_equal(a.images, draw_glasses_rings(600, seed=4).images)
    assert 240 < a.labels.sum() < 360  # a standard deviation is 12
    assert (a.images.shape, a.images.dtype, a.classes) == ((600, 1, 32, 32), np.uint8, ("glasses", "rings"))
    assert len(np.unique(a.images, axis=0)) == 600
    assert draw_glasses_rings(2, size=16, flatten=True)[0][0].shape == (256,)
    assert len(draw_glasses_rings(0)) == 0
    with pytest.raises(ValueError, match="size from 16 pixels on, not 3 and 8"):
        draw_glasses_rings(3, size=8)


def test_the_amount_of_ink_does_not_tell_the_classes_apart():
    drawings = draw_glasses_rings(2000, seed=0)
    pixels = drawings.images.reshape(2000, -1).astype(float)
    bright = (pixels - np.median(pixels, axis=1, keepdims=True)).clip(0).sum(1)
    best = max(
        abs(np.mean((bright > cut) == drawings.labels) - 0.5) for cut in np.quantile(bright, np.linspace(0, 1, 40))
    )
    assert best < 0.2


def test_glasses_are_told_from_rings(tmp_path):
    recipe = RECIPES["glasses-rings"]
    assert run(recipe, recipe.settings({"seed": 0}), tmp_path / "run").metrics["test_accuracy"] >= 0.98


# --- CIFAR-10: pictures drawn here stand in for the photos


@pytest.fixture
def photos(monkeypatch):
    """Three classes of 12 x 12 pixels that differ in colour, with noise."""
    rng = np.random.default_rng(0)

    def drawn(n):
        labels = rng.integers(0, 3, n)
        pixels = rng.integers(0, 120, (n, 3, 12, 12))
        pixels[np.arange(n), labels, 3:9, 3:9] += 100
        return PixelDataset(pixels.astype(np.uint8), labels, flatten=False, classes=("red", "green", "blue"))

    parts = drawn(600), drawn(100)
    monkeypatch.setattr(cifar10, "load_cifar10", lambda data_dir: parts)
    monkeypatch.setattr(cifar10, "SHAPE", (3, 12, 12))
    return parts


CIFAR = RECIPES["cifar10"]
SMALL = {"epochs": 2, "batch_size": 50, "hidden": 4}


def test_batches_are_augmented_in_training_alone(photos):
    job = CIFAR.build(CIFAR.settings(SMALL))
    mean, std = (
        np.reshape(v, (3, 1, 1)) for v in (job.val.transform.transforms[0].mean, job.val.transform.transforms[0].std)
    )
    rows = job.train.dataset.indices
    trained = photos[0].images[rows] / 255
    np.testing.assert_allclose(mean.ravel(), trained.mean((0, 2, 3)), rtol=1e-5)  # of float32 images
    np.testing.assert_allclose(std.ravel(), trained.std((0, 2, 3)), rtol=1e-5)
    x, _ = next(iter(job.test))
    # float32, and values of size 3
    np.testing.assert_allclose(x.numpy(), (photos[1].images[:256] / 255 - mean) / std, atol=1e-5)
    for loader, moved in ((job.val, False), (job.train, True)):
        x, _ = next(iter(loader))
        seen = np.round((x.numpy() * std + mean) * 255).astype(int)
        pictures = set(map(bytes, photos[0].images.astype(np.uint8)))
        assert all((picture.astype(np.uint8).tobytes() in pictures) != moved for picture in seen[:20])


@pytest.mark.parametrize("model", ["resnet20", "mlp", "linear"])
def test_the_models_learn_colours(photos, tmp_path, model):
    change = {"resnet20": {"hidden": 8, "epochs": 4}, "linear": {"lr": 0.01}}.get(model, {})
    settings = CIFAR.settings({**SMALL, "model": model, **change})
    result = run(CIFAR, settings, tmp_path / "run")
    assert result.metrics["test_accuracy"] > 0.9
    assert inspect.evaluate(*inspect.load_job(tmp_path / "run", RECIPES)[:0:-1], "train")[0]["accuracy"] > 0.9


def test_a_run_with_augmentation_is_resumed_with_the_same_bits(photos, tmp_path):
    args = [
        "train",
        "cifar10",
        "--hidden",
        2,
        "--batch-size",
        100,
        "--save-every",
        4,
        "--schedule",
        "constant",
        "--json",
    ]
    whole = json.loads(invoke(*args, "--epochs", 3, "--out", tmp_path / "whole").stdout)
    assert invoke(*args, "--epochs", 2, "--out", tmp_path / "run").exit_code == 0
    (tmp_path / "run" / "checkpoints" / "step-000000012.safetensors").unlink(missing_ok=True)
    more = json.loads(invoke(*args, "--epochs", 3, "--resume", "--out", tmp_path / "run").stdout)
    assert more["resumed_from_step"] == 8  # in the middle of an epoch
    assert (more["test_loss"], more["history"][2]["train_loss"]) == (
        whole["test_loss"],
        whole["history"][2]["train_loss"],
    )


def test_cifar10_without_its_files(tmp_path):
    result = invoke("train", "cifar10", "--data-dir", tmp_path, "--out", tmp_path / "run")
    assert result.exit_code == 1
    assert "not the files of cifar10; looked for were cifar-10-binary.tar.gz" in result.stderr


# --- autoencoders


@pytest.fixture
def digits(monkeypatch):
    """Bars in four places stand in for MNIST."""
    rng = np.random.default_rng(0)

    def drawn(n, flatten):
        images, labels = np.zeros((n, 28, 28), np.uint8), rng.integers(0, 4, n)
        for image, label in zip(images, labels, strict=True):
            image[7 * label : 7 * label + 5, rng.integers(0, 8) : 20] = 255
        return PixelDataset(images, labels, flatten)

    monkeypatch.setattr(mnist_recipe, "load_mnist", lambda _, flatten: (drawn(500, flatten), drawn(60, flatten)))
    monkeypatch.setattr(mnist_recipe, "SPLIT", [400, 100])


@pytest.mark.parametrize(("model", "pictures"), [("autoencoder", 1), ("vae", 2)])
def test_autoencoders_draw_again_what_they_know(digits, tmp_path, model, pictures):
    recipe = RECIPES["autoencoder"]
    settings = recipe.settings({"model": model, "epochs": 8, "batch_size": 20, "hidden": 4})
    result = run(recipe, settings, tmp_path / "run")
    history = result.metrics["history"]
    assert history[-1]["val_loss"] < 0.5 * history[0]["val_loss"]
    found = {path.name for path in (tmp_path / "run").glob("*.png")}
    assert found == {"curves.png", "filters.png", *["reconstructions.png", "samples.png"][:pictures]}

    known = np.zeros((2, 28, 28))
    known[0, 7:12, 3:20] = 255
    known[1, 3:20, 7:12] = 255  # upright: such a bar it has not seen
    np.save(tmp_path / "bars.npy", known)
    lines = invoke("predict", tmp_path / "run", tmp_path / "bars.npy", "--json").stdout.splitlines()
    lying, upright = (json.loads(line)["value"] for line in lines)
    assert upright > 3 * lying


@needs_mnist
def test_the_real_digits_fit_the_recipe(tmp_path):
    recipe = RECIPES["autoencoder"]
    job = recipe.build(recipe.settings({"data_dir": DATA}))
    x, target = next(iter(job.test))
    assert x.shape == target.shape == (256, 1, 28, 28)
    assert job.loss_fn(job.model(x), target).item() == pytest.approx(543, rel=0.1)  # 784 log 2: it knows nothing yet


# --- what came out


def test_the_page_shows_the_committed_results():
    page = (DOCS / "recipes.md").read_text()
    for command, name in RESULTS.items():
        results = json.loads((DOCS / "results" / f"{name}.json").read_text())
        settings = RECIPES[results["recipe"]].settings({"model": results["settings"]["model"]})
        assert {key: getattr(settings, key) for key in results["settings"]} == results["settings"]
        for result in results["runs"]:
            accuracy = f"{result['test_accuracy']:.4f}" if "test_accuracy" in result else "–"
            figures = f"{accuracy} | {result['test_loss']:.4f} | {result['best_epoch']}"
            assert f"| `{command}` | {result['seed']} | {figures} |" in page


def test_the_readme_says_what_the_photos_take():
    (run,) = json.loads((DOCS / "results" / "cifar10.json").read_text())["runs"]
    said = f"ResNet-20: {run['test_accuracy']:.2f} in {run['minutes']:.0f} minutes"
    assert said in (DOCS.parent / "README.md").read_text()
    assert f"five epochs of ResNet-20 took {run['minutes']} minutes" in (DOCS / "recipes.md").read_text()


# --- settings that a model brings along


def test_another_model_brings_its_settings():
    mnist = RECIPES["mnist"]
    lenet = mnist.settings({"model": "lenet"})
    assert (lenet.model, lenet.epochs) == ("lenet", 5)
    assert mnist.settings({"model": "lenet", "epochs": 2}).epochs == 2
    assert mnist.settings({"model": "mlp"}) == mnist.defaults
    assert mnist.settings({"model": "lenet", "optimizer": "rmsprop"}).lr == 1e-3
    with pytest.raises(ValueError, match="model is 'resnet20'; there are: mlp, linear, lenet"):
        mnist.settings({"model": "resnet20"})


# --- pictures


def test_the_worst_mistakes_come_first():
    outputs = np.array([[9.0, 0, 0], [0, 9, 0], [0, 5, 0], [0, 0, 1], [2, 0, 0]], np.float32)
    targets = np.array([0, 2, 2, 1, 0])
    found = worst_mistakes(outputs, targets)
    assert [(m.sample, m.true, m.taken) for m in found] == [(1, 2, 1), (2, 2, 1), (3, 1, 2)]
    assert found[1].sure == pytest.approx(np.exp(5) / (np.exp(5) + 2))
    assert len(worst_mistakes(outputs, targets, most=1)) == 1
    assert worst_mistakes(outputs[:1], targets[:1]) == []


def size_of(png):
    assert png.startswith(PNG)
    return tuple(np.frombuffer(png[16:24], ">u4").tolist())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n", [1, 20])
def test_galleries_and_filters(channels, n):
    images = [np.random.default_rng(i).random((channels, 6, 5)) for i in range(n)]
    width, height = size_of(draw_gallery((images, ["a\nb"] * n), "title"))
    assert 600 < width < 1300
    assert 150 < height < 1300
    assert size_of(draw_filters(np.random.default_rng(0).standard_normal((n, channels, 5, 5)), "title"))[0] > 600
    draw_filters(np.zeros((1, channels, 3, 3)), "no weight")


def test_the_run_folder_shows_mistakes_and_filters(tmp_path):
    recipe = RECIPES["digits"]
    result = run(recipe, recipe.settings({"epochs": 1, "hidden": 16}), tmp_path / "run")
    for name in ("mistakes.png", "filters.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(PNG)
    assert "test_mistakes" not in result.metrics
    _, _, job = inspect.load_job(tmp_path / "run", RECIPES)
    np.testing.assert_array_equal(first_filters(job).reshape(16, 64), job.model[0].weight.detach().numpy())
    run(RECIPES["tumour"], RECIPES["tumour"].settings({"epochs": 1}), tmp_path / "table")
    assert {path.name for path in (tmp_path / "table").glob("*.png")} == {"curves.png"}


def test_without_matplotlib_there_are_no_pictures(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    recipe = RECIPES["digits"]
    run(recipe, recipe.settings({"epochs": 1, "hidden": 16}), tmp_path / "run")
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["config.json", "metrics.json", "model.safetensors"]


def test_predicting_from_an_image_file(tmp_path, monkeypatch):
    image_module = pytest.importorskip("PIL.Image")
    monkeypatch.setattr(glasses_rings, "SIZES", (200, 20, 20))
    invoke("train", "glasses-rings", "--model", "linear", "--epochs", 1, "--out", tmp_path / "run")
    drawing = draw_glasses_rings(1).images[0, 0]
    image_module.fromarray(drawing).save(tmp_path / "one.png")
    image_module.fromarray(np.stack([drawing] * 3, 2)).resize((64, 64)).save(tmp_path / "large.png")
    np.save(tmp_path / "one.npy", drawing)
    answers = [
        invoke("predict", tmp_path / "run", tmp_path / name).stdout for name in ("one.png", "one.npy", "large.png")
    ]
    assert answers[0] == answers[1] != ""
    assert answers[2].split()[:2] == answers[0].split()[:2]
    (tmp_path / "bad.png").write_bytes(b"no image")
    result = invoke("predict", tmp_path / "run", tmp_path / "bad.png")
    assert result.exit_code == 1
    assert "bad.png: not an image that can be read" in result.stderr
    result = invoke("predict", tmp_path / "run", tmp_path / "none.png")
    assert result.exit_code == 1
    assert result.stderr.split() == f"error: No such file or directory: {tmp_path}/none.png".split()


def test_predicting_from_colour_arrays(photos, tmp_path):
    run(CIFAR, CIFAR.settings({**SMALL, "model": "linear", "lr": 0.01}), tmp_path / "run")
    images = photos[1].images[:5]
    for name, array in (("first", images), ("last", images.transpose(0, 2, 3, 1)), ("flat", images.reshape(5, -1))):
        np.save(tmp_path / f"{name}.npy", array)
    first, last, flat = (
        invoke("predict", tmp_path / "run", tmp_path / f"{n}.npy").stdout for n in ("first", "last", "flat")
    )
    assert first == last == flat
    assert len(first.splitlines()) == 5
    np.save(tmp_path / "other.npy", images[:, :2])
    result = invoke("predict", tmp_path / "run", tmp_path / "other.npy")
    assert (
        "expected are images of 12x12 with 3 channels = 432 pixels; these samples are [5, 2, 12, 12]" in result.stderr
    )


def test_nothing_of_the_default_generator_is_used_up_by_measuring():
    job = RECIPES["glasses-rings"].build(RECIPES["glasses-rings"].settings({"model": "linear"}))
    before = pe.random.default_generator.state.copy()
    list(job.test)
    np.testing.assert_array_equal(pe.random.default_generator.state, before)
