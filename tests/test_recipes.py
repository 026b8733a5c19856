"""The recipes for MNIST and for tables: what they reach, what they read, and what they leave alone."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pyengine.cli import app
from pyengine.cli.tables import behind
from pyengine.recipes import RECIPES, run
from pyengine.train import BadFileError

DATA = os.environ.get("PYENGINE_DATA")
needs_mnist = pytest.mark.skipif(not DATA or not (Path(DATA) / "mnist").is_dir(), reason="PYENGINE_DATA has no mnist")
SEEDS = range(5)
DOCS = Path(__file__).parents[1] / "docs"


def invoke(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args], env={"COLUMNS": "160", "TERM": "dumb"})


def write_table(path, rows=120, seed=0):
    """A table whose price follows from size and kind, and whose colour follows from size alone."""
    rng = np.random.default_rng(seed)
    sizes, kinds = rng.uniform(0, 100, rows), rng.integers(0, 3, rows)
    lines = [
        f"{s:.3f},{'abc'[k]},{'red' if s > 50 else 'blue'},{1000 + 5 * s + 100 * k:.3f}"
        for s, k in zip(sizes, kinds, strict=True)
    ]
    path.write_text("\n".join(["size,kind,colour,price", *lines]) + "\n")
    return path


# --- what they reach


@needs_mnist
def test_mnist_reaches_0_98_within_three_minutes_and_200_megabytes(tmp_path):
    """The command itself, in a process of its own, on the 10,000 images that it was not chosen on."""
    script = (
        "import sys\n"
        "from pyengine.cli import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        # getrusage would also count the process that started this one, in which torch may be
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    args = ["train", "mnist", "--data-dir", DATA, "--threads", "2", "--quiet", "--out", str(tmp_path / "run")]
    done = subprocess.run([sys.executable, "-P", "-c", script, *args], capture_output=True, text=True, check=True)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test_accuracy"] >= 0.98
    assert metrics["wall_seconds"] < 180
    assert int(done.stdout.split()[-1]) * 1024 <= 200e6


def medians(name, figure, tmp_path):
    recipe = RECIPES[name]
    results = [run(recipe, recipe.settings({"seed": seed}), tmp_path / str(seed)) for seed in SEEDS]
    return statistics.median(result.metrics[figure] for result in results)


def test_diabetes_beats_the_mean_on_held_out_patients(tmp_path):
    assert medians("diabetes", "test_r2", tmp_path) >= 0.40


def test_tumours_are_told_apart(tmp_path):
    assert medians("tumour", "test_accuracy", tmp_path) >= 0.95


@pytest.mark.parametrize(("name", "figure", "least"), [("diabetes", "test_r2", 0.3), ("tumour", "test_accuracy", 0.9)])
@pytest.mark.parametrize("change", [{"model": "mlp"}, {"optimizer": "adam", "lr": 0.01}, {"optimizer": "rmsprop"}])
def test_other_models_and_optimizers_learn_too(tmp_path, name, figure, least, change):
    recipe = RECIPES[name]
    result = run(recipe, recipe.settings({"seed": 1, **change}), tmp_path / "run")
    assert result.metrics[figure] >= least


def shown(trial, trials):
    """The row of a trial as docs/recipes.md has it."""
    changed = [value if isinstance(value, str) else f"{value:g}" for value in trial["changed"].values()]
    figures = [f"{value:.4f}" for key, value in trial.items() if key.startswith("val_")]
    cells = [*changed, *figures, f"{trial['best_epoch']:.0f}", behind(trial, trials[0])]
    return "| " + " | ".join(cells) + " |"


@pytest.mark.parametrize(
    ("name", "figures", "rows"),
    [("mnist", ("accuracy", "loss"), 8), ("diabetes", ("r2", "mae", "loss"), 6), ("tumour", ("accuracy", "loss"), 6)],
)
def test_the_page_shows_the_committed_results(name, figures, rows):
    page = (DOCS / "recipes.md").read_text()
    results = json.loads((DOCS / "results" / f"{name}.json").read_text())
    trials = results["trials"]
    for trial in trials[:rows]:
        assert shown(trial, trials) in page
    for result in results["runs"]:
        cells = [f"{result['test_' + figure]:.4f}" for figure in figures]
        assert f"| {result['seed']} | {' | '.join(cells)} | {result['best_epoch']} |" in page
    median = statistics.median(result["test_" + figures[0]] for result in results["runs"])
    assert f"{median:.4f}.\n" in page or f"{median:.4f}. " in page
    recipe = RECIPES[name]
    model = recipe.defaults.model
    chosen = next(trial["changed"] for trial in trials if trial["changed"].get("model", model) == model)
    assert recipe.settings(chosen) == recipe.defaults  # the best, on validation data, of the model that it is


# --- normalisation


def test_normalisation_knows_the_training_rows_only(tmp_path):
    """Rows that are not trained on are made a thousand times larger: what is trained on stays the same, bit for bit."""
    path = write_table(tmp_path / "table.csv")
    settings = RECIPES["table"].settings({"data": str(path), "target": "price"})
    before = RECIPES["table"].build(settings)
    trained = set(before.train.dataset.indices.tolist())
    head, *lines = path.read_text().splitlines()
    changed = [line if i in trained else "1000" + line for i, line in enumerate(lines)]
    path.write_text(
        "\n".join([head, *(c + "000" if c[:4] == "1000" and i not in trained else c for i, c in enumerate(changed))])
    )
    after = RECIPES["table"].build(settings)
    assert set(after.train.dataset.indices.tolist()) == trained
    for (x, y), (x_after, y_after) in zip(before.train, after.train, strict=True):
        np.testing.assert_array_equal(x.numpy(), x_after.numpy())
        np.testing.assert_array_equal(y.numpy(), y_after.numpy())
    assert after.scale == before.scale
    assert not np.array_equal(next(iter(before.test))[0].numpy(), next(iter(after.test))[0].numpy())


@pytest.mark.parametrize("name", ["diabetes", "tumour"])
def test_training_rows_have_mean_0_and_deviation_1_and_all_rows_have_not(name):
    job = RECIPES[name].build(RECIPES[name].defaults)
    subset = job.train.dataset
    whole = subset.dataset.tensors[0].numpy().astype(np.float64)
    trained = whole[subset.indices]
    # float32 inputs: each is off by 6e-8 of its size, which is at most some ten
    np.testing.assert_allclose(trained.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(trained.std(0), 1, atol=1e-6)
    assert np.abs(whole.mean(0)).max() > 1e-3


def test_regression_is_reported_in_the_units_of_the_target(tmp_path):
    job = RECIPES["diabetes"].build(RECIPES["diabetes"].defaults)
    outputs, targets = np.zeros((3, 1), np.float32), np.full((3, 1), 2.0, np.float32)
    assert job.metrics["mae"](outputs, targets) == pytest.approx(2 * job.scale[1])
    assert 50 < job.scale[1] < 100  # as the progression goes from 25 to 346


# --- tables of one's own


def test_a_csv_by_its_file_and_target_alone(tmp_path):
    path = write_table(tmp_path / "houses.csv")
    options = ["--target", "price", "--ignore", "colour", "--epochs", 60]
    result = invoke("train", "--data", path, *options, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("table  a table of your own")
    assert "84 + 18 + 18 rows to train, validate and test with" in result.output
    assert "target price: number, regression" in result.output
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["test_r2"] > 0.95

    (tmp_path / "new.csv").write_text("kind,size\na,10\nc,90\n")
    lines = invoke("predict", tmp_path / "run", tmp_path / "new.csv", "--json").stdout.splitlines()
    predicted = [json.loads(line)["value"] for line in lines]
    assert predicted == pytest.approx([1050, 1650], rel=0.05)
    assert invoke("eval", tmp_path / "run").exit_code == 0


def test_words_as_a_target_make_a_classifier(tmp_path):
    path = write_table(tmp_path / "houses.csv")
    out = tmp_path / "run"
    result = invoke("train", "--data", path, "--target", "colour", "--ignore", "price", "--out", out, "--json")
    assert json.loads(result.stdout)["test_accuracy"] > 0.9
    confusion = invoke("eval", out)
    assert "blue" in confusion.output
    (tmp_path / "new.csv").write_text("kind,size\na,1\nb,99\n")
    assert [line.split()[1] for line in invoke("predict", out, tmp_path / "new.csv").stdout.splitlines()] == [
        "blue",
        "red",
    ]


def test_diabetes_with_a_file_is_a_regression_whatever_the_target(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("a,b\n" + "".join(f"{i % 7}.5,{i % 7 // 2}\n" for i in range(100)))
    args = ["--data", path, "--target", "b", "--epochs", 2, "--json"]
    assert "test_r2" in json.loads(invoke("train", "diabetes", *args, "--out", tmp_path / "one").stdout)
    assert "test_accuracy" in json.loads(invoke("train", "tumour", *args, "--out", tmp_path / "two").stdout)
    assert "test_accuracy" in json.loads(invoke("train", *args, "--out", tmp_path / "three").stdout)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,b\n1,2\n", ["--target", "c"], "there is no column 'c'; its columns are a, b"),
        ("a,b\n1,2\n1\n", [], "line 3 has 1 cells, line 1 has 2"),
        ("", [], "the file is empty"),
        ("a,b\n" + "1.5,2.5\n" * 9 + ",2\n", ["--target", "b"], "the value is missing"),
        ("a,b\n1,2\n", [], "leaves a part empty"),
        ("text,label\n" + "a few words here,1\nmore words again,0\n" * 1, [], "leaves a part empty"),
    ],
)
def test_what_is_wrong_with_a_table(tmp_path, text, options, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    result = invoke("train", "--data", path, *options, "--out", tmp_path / "run")
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.startswith("error: ")


def test_missing_cells_can_be_imputed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "".join(f"{'' if i % 10 == 3 else i},{i}.5\n" for i in range(60)))
    args = ["train", "--data", path, "--target", "b", "--epochs", 2, "--out", tmp_path / "run"]
    assert invoke(*args).exit_code == 1
    assert invoke(*args, "--missing", "impute").exit_code == 0


def test_files_that_are_no_tables(tmp_path):
    recipe = RECIPES["table"]
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 2)), y=np.zeros(4))
    with pytest.raises(BadFileError, match=r"the recipes for tables read \.csv and \.tsv files"):
        recipe.build(recipe.settings({"data": str(tmp_path / "a.npz")}))
    with pytest.raises(FileNotFoundError, match=r"there is no .*none\.csv"):
        recipe.build(recipe.settings({"data": str(tmp_path / "none.csv")}))
    texts = tmp_path / "texts.tsv"
    texts.write_text("text\tlabel\n" + "".join(f"words number {i}\t{i % 2}\n" for i in range(40)))
    with pytest.raises(BadFileError, match="a column of texts; recipes for tables read numbers and kinds"):
        recipe.build(recipe.settings({"data": str(texts)}))


def test_predicting_from_a_table_without_a_column(tmp_path):
    path = write_table(tmp_path / "houses.csv")
    invoke("train", "--data", path, "--target", "price", "--epochs", 1, "--out", tmp_path / "run")
    (tmp_path / "new.csv").write_text("size,colour\n1,red\n")
    result = invoke("predict", tmp_path / "run", tmp_path / "new.csv")
    assert result.exit_code == 1
    assert "there is no column 'kind'" in result.stderr


def test_a_run_on_a_table_is_resumed(tmp_path):
    path = write_table(tmp_path / "houses.csv")
    args = ["train", "--data", path, "--target", "price", "--save-every", 2, "--json"]
    whole = json.loads(invoke(*args, "--epochs", 4, "--out", tmp_path / "whole").stdout)
    invoke(*args, "--epochs", 2, "--out", tmp_path / "run")
    more = json.loads(invoke(*args, "--epochs", 4, "--resume", "--out", tmp_path / "run").stdout)
    assert more["test_loss"] == whole["test_loss"]
    other = invoke(*args, "--resume", "--model", "mlp", "--out", tmp_path / "run")
    assert other.exit_code == 2
    assert "--model was linear" in other.stderr


def test_a_table_that_has_changed_is_not_tested_on(tmp_path):
    """Another row, another split: some of the rows that it was trained on would be among the test rows."""
    path = write_table(tmp_path / "houses.csv")
    args = ["train", "--data", path, "--target", "price", "--epochs", 1, "--save-every", 1, "--out", tmp_path / "run"]
    assert invoke(*args).exit_code == 0
    path.write_text(path.read_text() + "1.5,a,red,1000.5\n")
    (tmp_path / "new.csv").write_text("size,kind,colour\n1,a,red\n")
    for again in (["eval", tmp_path / "run"], ["predict", tmp_path / "run", tmp_path / "new.csv"], [*args, "--resume"]):
        result = invoke(*again)
        assert result.exit_code == 1, again
        assert f"{path}: the file has changed since the run in {tmp_path}/run was started" in result.stderr


def test_data_elsewhere_than_when_it_was_trained(tmp_path):
    run(RECIPES["tumour"], RECIPES["tumour"].settings({"epochs": 1}), tmp_path / "run")
    result = invoke("eval", tmp_path / "run", "--data-dir", tmp_path)
    assert result.exit_code == 2
    assert "--data-dir means nothing to tumour" in result.stderr


def test_data_on_the_other_device(tmp_path):
    recipe = RECIPES["tumour"]
    native, reference = (
        run(recipe, recipe.settings({"device": device, "epochs": 3}), tmp_path / device) for device in ("cpu", "numpy")
    )
    # float32 in another order of summation, over some 40 steps
    assert native.metrics["test_loss"] == pytest.approx(reference.metrics["test_loss"], rel=1e-4)


def test_another_optimizer_brings_its_usual_step():
    digits = RECIPES["digits"]
    assert digits.settings({"optimizer": "adam"}).lr == 1e-3
    assert digits.settings({"optimizer": "adam", "lr": 0.5}).lr == 0.5
    assert digits.settings({"optimizer": "sgd"}) == digits.defaults


@pytest.mark.parametrize("schedule", ["cosine", "warmup-cosine", "one-cycle"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
def test_every_optimizer_takes_every_schedule(tmp_path, optimizer, schedule):
    recipe = RECIPES["digits"]
    change = {"optimizer": optimizer, "schedule": schedule, "epochs": 2, "hidden": 8, "lr": 0.02}
    assert run(recipe, recipe.settings(change), tmp_path / "run").metrics["test_accuracy"] > 0.3


def test_mnist_without_its_files(tmp_path):
    result = invoke("train", "mnist", "--data-dir", tmp_path, "--out", tmp_path / "run")
    assert result.exit_code == 1
    assert "not the files of mnist; missing are train-images" in result.stderr


def test_sweep_over_models_of_a_table(tmp_path):
    path = write_table(tmp_path / "houses.csv")
    args = ["sweep", "--data", path, "--target", "price", "--model", "linear,mlp", "--epochs", 2, "--json"]
    result = invoke(*args, "--out", tmp_path / "sweep")
    assert result.exit_code == 0, result.output
    assert {trial["changed"]["model"] for trial in json.loads(result.stdout)["trials"]} == {"linear", "mlp"}
