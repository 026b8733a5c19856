"""The beginner's pipeline: what a first program types in runs to its end on real sentences."""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyengine as pe
from pyengine import Adam, CrossEntropyLoss, DataLoader, TransformerClassifier, evaluate, load_and_split_dataset, nn
from pyengine.train import Score

PROGRAM = Path(__file__).parent.parent / "examples" / "first_model.py"
SST2 = Path(os.environ.get("PYENGINE_DATA", "/nowhere")) / "sst2"
PACKAGE = Path(pe.__file__).parent.parent


def sentences(n, seed=0):
    """Lines of a review and its label, which follows from its words."""
    generator = np.random.default_rng(seed)
    words = {0: ["dull", "boring", "weak", "tired", "flat"], 1: ["fine", "moving", "funny", "bright", "warm"]}
    rest = ["the", "a", "film", "story", "of", "with", "and", "cast", "scenes"]
    lines = []
    for _ in range(n):
        label = int(generator.integers(2))
        chosen = [*generator.choice(rest, generator.integers(3, 9)), *generator.choice(words[label], 2)]
        lines.append(" ".join(generator.permutation(chosen)) + f"\t{label}\n")
    return "".join(lines)


def run(folder, *arguments):
    env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    command = [sys.executable, str(PROGRAM), *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_the_program_runs_to_its_end(tmp_path):
    (tmp_path / "data").mkdir()
    lines = sentences(260) if not SST2.is_dir() else (SST2 / "train.tsv").read_text()
    (tmp_path / "data" / "reviews.tsv").write_text("".join(lines.splitlines(keepends=True)[:260]))
    done = run(tmp_path, "data/", "1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first, last = done.stdout.splitlines()
    assert re.fullmatch(r"epoch 1: training loss [\d.]+, validation loss [\d.]+, accuracy [\d.]+%", first)
    assert re.fullmatch(r"test accuracy [\d.]+%", last)


def test_the_program_without_data_says_what_is_missing(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 1
    assert "FileNotFoundError: load_and_split_dataset: there is no data" in done.stderr


def test_it_learns(tmp_path):
    (tmp_path / "reviews.tsv").write_text(sentences(300))
    train, val, test = load_and_split_dataset(path=str(tmp_path), splits=[0.70, 0.15, 0.15])
    pe.manual_seed(0)
    model = TransformerClassifier(vocab_size=100, hidden_dim=32, num_layers=1, num_classes=2)
    optimizer = Adam(model.parameters(), lr=1e-3)
    loss_fn = CrossEntropyLoss()
    before = evaluate(model, DataLoader(val, batch_size=32))
    for _ in range(6):
        model.train()
        for inputs, labels in DataLoader(train, batch_size=32, shuffle=True):
            loss = loss_fn(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    loss, acc = evaluate(model, DataLoader(test, batch_size=32))
    assert acc >= 0.9
    assert loss < before.loss
    assert model.training


# --- the model


def test_padding_does_not_change_the_scores():
    model = TransformerClassifier(50, 16, 2, 3, num_heads=2).eval()
    with pe.no_grad():
        alone = model(pe.tensor([[5, 6, 7]]))
        beside = model(pe.tensor([[5, 6, 7, 0, 0], [1, 2, 3, 4, 5]]))
        one = model(pe.tensor([[5]]))
        nothing = model(pe.tensor([[0, 0]]))
    np.testing.assert_allclose(beside[:1].numpy(), alone.numpy(), rtol=1e-4, atol=1e-5)  # other block sizes in products
    assert one.shape == (1, 3)
    np.testing.assert_array_equal(nothing.numpy()[0], model.classifier.bias.detach().numpy())


def test_every_parameter_learns():
    model = TransformerClassifier(10, 16, 2, 3, num_heads=2)
    model(pe.tensor([[5, 6, 7], [8, 0, 0]])).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert (parameter.grad != 0).any(), name
    assert not (model.embedding.weight.grad[0] != 0).any()  # what fills up is not learned


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda m: m(pe.tensor([5, 6])),
            ValueError,
            r"takes token ids, int64 \[n, tokens\], not int64 \[2\]; a sentence",
        ),
        (lambda m: m(pe.zeros(1, 2)), ValueError, r"not float32 \[1, 2\]"),
        (lambda m: m(pe.tensor([[10]])), IndexError, "position 10 is outside of the table, which has length 10"),
        (lambda m: m(pe.ones(1, 9, dtype="int64")), ValueError, "9 tokens is longer than max_length, 8"),
        (lambda m: TransformerClassifier(0), ValueError, "vocab_size is a number from 1 on, not 0"),
        (lambda m: TransformerClassifier(9, 16, num_heads=3), ValueError, "16 is none of 3"),
    ],
)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call(TransformerClassifier(10, 8, 1, max_length=8))


def test_heads_divide_the_features():
    heads = [TransformerClassifier(9, n, 1).encoder.layers[0].self_attn.num_heads for n in (256, 64, 30, 200)]
    assert heads == [4, 1, 1, 2]


# --- evaluate


def test_a_score_is_a_number_and_a_pair():
    score = Score(0.25, 0.875)
    loss, acc = score
    assert (loss, acc, score.loss, score.accuracy) == (0.25, 0.875, 0.25, 0.875)
    assert f"{score:.2%}" == "87.50%"
    assert str(score) == "0.875"
    assert repr(score) == "Score(loss=0.25, accuracy=0.875)"
    assert score == 0.875
    assert max(Score(1.0, 0.5), score) is score
    again = pickle.loads(pickle.dumps(score))
    assert (again, again.loss) == (score, 0.25)


def test_evaluate_is_the_mean_over_samples_and_leaves_the_mode():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5))
    x, y = pe.randn(7, 3), pe.tensor([0, 1, 2, 3, 0, 1, 2])
    whole = evaluate(model, [(x, y)])
    parts = evaluate(model, [(x[:5], y[:5]), (x[5:], y[5:])])
    assert parts == whole
    assert parts.loss == pytest.approx(whole.loss, rel=1e-6)
    assert model.training
    model.eval()
    assert evaluate(model, [(x, y)]).loss == whole.loss
    assert not model.training
    other = evaluate(model, [(x, y)], nn.CrossEntropyLoss(label_smoothing=0.5))
    assert other.loss != whole.loss
    with pytest.raises(ValueError, match="the evaluation loader gives no batches"):
        evaluate(model, [])
