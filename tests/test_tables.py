"""CSV and TSV files as data sets, and the tables that come with the package."""

import numpy as np
import pytest

import pyengine as pe
from pyengine.data import DataLoader, load_and_split_dataset, load_diabetes, load_tumour
from pyengine.data.table_file import read_table


@pytest.fixture
def write(tmp_path):
    def written(text, name="table.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def pets(n=20):
    """Kinds, weights and ages of n pets."""
    rows = [f"{'cat' if i % 2 else 'dog'},{i + 0.5},{3 * i + 0.25}" for i in range(n)]
    return "\n".join(["kind,weight,age", *rows]) + "\n"


def inputs_of(part):
    return np.stack([part[i][0].numpy() for i in range(len(part))])


def targets_of(part):
    return np.stack([part[i][1].numpy() for i in range(len(part))])


# --- reading


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a,b\n1,2\n3,4\n", {"a": ["1", "3"], "b": ["2", "4"]}),
        ("1,2\n3,4\n", {"0": ["1", "3"], "1": ["2", "4"]}),  # numbers are no names
        ("x,,z\n1,2,3\n", {"0": ["x", "1"], "1": ["", "2"], "2": ["z", "3"]}),  # nor is an empty cell
        ("good,yes\nbad,yes\n", {"0": ["good", "bad"], "1": ["yes", "yes"]}),  # nor is a word that comes again
        ('name,note\n"a, b","say ""hi"""\n', {"name": ["a, b"], "note": ['say "hi"']}),
        ("a,b\r\n1,2\r\n\r\n3,4", {"a": ["1", "3"], "b": ["2", "4"]}),
        ("\ufeffa,b\n1,2\n", {"a": ["1"], "b": ["2"]}),
    ],
)
def test_read_table(write, text, columns):
    assert read_table(write(text)).columns == columns


def test_tabs_and_quotes_in_tsv(write):
    table = read_table(write('text\tlabel\n"so called" fun, really\t0\n', "t.tsv"))
    assert table.columns == {"text": ['"so called" fun, really'], "label": ["0"]}


def test_lines_are_those_of_the_file(write):
    assert read_table(write('a,b\n\n"two\nlines",2\n3,4\n')).lines == [3, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("a,b\n1,2\n\n1,2,3\n", r"line 4 has 3 cells, line 1 has 2"),
        ("a,b\n1\n", r"line 2 has 1 cells, line 1 has 2"),
        ('a,b\n1,"2\n', "line 2 is not CSV"),
    ],
)
def test_what_is_no_table_is_refused(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_table(write(text))


def test_binary_file_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n1,\xff\xfe\n")
    with pytest.raises(ValueError, match="not a text file in UTF-8"):
        read_table(path)


# --- inputs and targets


def test_numbers_and_kinds_are_told_apart(write):
    splits = load_and_split_dataset(write(pets()), [0.5, 0.5], seed=3)
    assert splits.features == ("kind=cat", "kind=dog", "weight")
    assert (splits.task, splits.target, splits.classes) == ("regression", "age", ())
    inputs, targets = next(iter(DataLoader(splits[0], batch_size=4)))
    assert (inputs.shape, targets.shape) == ((4, 3), (4, 1))
    assert (inputs.dtype, targets.dtype) == (pe.float32, pe.float32)
    assert set(inputs.numpy()[:, :2].sum(1)) == {1.0}


def test_normalised_by_the_training_rows_only(write):
    splits = load_and_split_dataset(write(pets()), [0.5, 0.5], seed=3)
    rows = splits[0].indices
    weights = np.arange(20) + 0.5
    expected = (weights - weights[rows].mean()) / weights[rows].std()
    np.testing.assert_allclose(inputs_of(splits[0])[:, 2], expected[rows], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(inputs_of(splits[1])[:, 2], expected[splits[1].indices], rtol=1e-6, atol=1e-6)


def test_rows_outside_the_training_part_change_nothing_in_it(write):
    path = write(pets())
    before = load_and_split_dataset(path, [0.5, 0.5], seed=3)
    lines = path.read_text().splitlines()
    for row in before[1].indices:
        lines[row + 1] = "bird,1e6,-1e6"
    after = load_and_split_dataset(write("\n".join(lines)), [0.5, 0.5], seed=3, scale_target=True)
    assert np.array_equal(inputs_of(before[0]), inputs_of(after[0]))
    assert after.features == before.features
    assert (inputs_of(after[1])[:, :2] == 0).all()  # no input for a kind that training has not seen
    assert after.target_scale == (
        pytest.approx(targets_of(before[0]).mean()),
        pytest.approx(targets_of(before[0]).std()),
    )


def test_seed_decides_the_parts(write):
    path = write(pets())
    one, same, other = (load_and_split_dataset(path, seed=seed) for seed in (1, 1, 2))
    assert one[0].indices.tolist() == same[0].indices.tolist() != other[0].indices.tolist()
    together = np.concatenate([part.indices for part in one])
    assert sorted(together) == list(range(20))


def test_scaled_target_leads_back(write):
    path = write(pets())
    raw, scaled = (load_and_split_dataset(path, scale_target=scale) for scale in (False, True))
    mean, std = scaled.target_scale
    np.testing.assert_allclose(targets_of(scaled[2]) * std + mean, targets_of(raw[2]), rtol=1e-5)
    assert targets_of(scaled[0]).mean() == pytest.approx(0, abs=1e-6)
    assert raw.target_scale == (0.0, 1.0)


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        (["no", "yes"] * 5, "classification", ("no", "yes")),
        (["10", "9", "2"] * 4, "classification", ("2", "9", "10")),
        (["0.5", "1"] * 5, "regression", ()),
        ([str(i) for i in range(10)], "regression", ()),  # each comes once
    ],
)
def test_task_is_told_by_the_target(write, cells, task, classes):
    text = "x,y\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))
    splits = load_and_split_dataset(write(text), [0.5, 0.5])
    assert (splits.task, splits.classes) == (task, classes)
    if classes:
        label = splits[0][0][1]
        assert (label.dtype, label.shape) == (pe.int64, ())
        assert classes[label.item()] == cells[splits[0].indices[0]]


def test_task_and_kinds_can_be_said(write):
    text = "code,y\n" + "".join(f"{i % 2 + 1},{i % 2}\n" for i in range(10))
    splits = load_and_split_dataset(write(text), [0.5, 0.5], task="regression", categorical=["code"])
    assert (splits.features, splits.task) == (("code=1", "code=2"), "regression")


def test_column_that_is_constant_in_training(write):
    splits = load_and_split_dataset(write("a,b,y\n" + "".join(f"7,{i},{i / 3}\n" for i in range(10))), [0.5, 0.5])
    assert (inputs_of(splits[1])[:, 0] == 0).all()


def test_ignored_columns(write):
    text = "name,x,y\n" + "".join(f"n{i},{i},{i / 3}\n" for i in range(60))
    with pytest.raises(ValueError, match=r"'name' is text with 42 different values in 42 training rows.*ignore"):
        load_and_split_dataset(write(text))
    assert load_and_split_dataset(write(text), ignore=["name"]).features == ("x",)


def test_encoder_makes_inputs_of_new_rows(write):
    splits = load_and_split_dataset(write(pets()))
    new = read_table(write("weight,kind\n4.5,cat\n", "new.csv"))
    mean, std = splits.encoder.columns[1].mean, splits.encoder.columns[1].std
    np.testing.assert_allclose(splits.encoder.encode(new), [[1, 0, (4.5 - mean) / std]], rtol=1e-6)
    with pytest.raises(KeyError, match="no column 'kind'; its columns are weight"):
        splits.encoder.encode(read_table(write("weight\n4.5\n", "less.csv")))
    with pytest.raises(ValueError, match=r"line 2, column 'weight': 'heavy' is not a number"):
        splits.encoder.encode(read_table(write("weight,kind\nheavy,cat\n", "words.csv")))


# --- missing values


def test_missing_values_are_refused(write):
    with pytest.raises(ValueError, match=r"line 3, column 'weight': the value is missing; missing=\"impute\""):
        load_and_split_dataset(write("kind,weight,y\ncat,1,.5\ncat,NA,.2\ncat,2,.3\ndog,2,.4\n"), [0.5, 0.5])
    with pytest.raises(ValueError, match=r"line 2, column 'kind': the value is missing"):
        load_and_split_dataset(write("kind,weight,y\n?,1,.5\ncat,2,.2\ncat,2,.3\ndog,2,.4\n"), [0.5, 0.5])


def test_missing_values_become_the_median_of_the_training_rows(write):
    lines = [f"{'' if i in (3, 7) else i * i},{i / 3}" for i in range(10)]
    splits = load_and_split_dataset(write("x,y\n" + "\n".join(lines)), [0.8, 0.2], missing="impute")
    known = np.array([i * i for i in splits[0].indices if i not in (3, 7)], float)
    filled = (np.median(known) - known.mean()) / known.std()
    for part in splits:
        for row, value in zip(part.indices, inputs_of(part)[:, 0], strict=True):
            if row in (3, 7):
                assert value == pytest.approx(filled)


def test_missing_kind_is_a_kind(write):
    text = "kind,y\n" + "cat,.5\nNA,.6\n" * 5
    assert load_and_split_dataset(write(text), [0.5, 0.5], missing="impute").features == ("kind=", "kind=cat")


def test_missing_target_is_always_refused(write):
    with pytest.raises(ValueError, match=r"line 3, column 'y': the target is missing"):
        load_and_split_dataset(write("x,y\n1,2\n3,\n4,5\n"), [0.5, 0.5], missing="impute")


# --- errors


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        (pets(), {"target": "agee"}, KeyError, "no column 'agee'; its columns are kind, weight, age"),
        (pets(), {"ignore": ["x"]}, KeyError, "no column 'x'"),
        (pets(), {"missing": "drop"}, ValueError, "missing is 'drop'; it must be one of 'refuse', 'impute'"),
        (pets(), {"task": "ranking"}, ValueError, "task is 'ranking'"),
        (
            pets(),
            {"target": "kind", "task": "regression"},
            ValueError,
            "line 2, column 'kind': the target of regre.*'dog'",
        ),
        (pets(), {"splits": [0.0, 1.0]}, ValueError, "leave the training part, the first, empty"),
        (pets(), {"splits": [0.9, 0.2]}, ValueError, "add up to 1.1"),
        ("a\n1\n2\n", {}, ValueError, "needs two columns or more"),
        ("a,b\n1,2\n", {"ignore": ["a"], "target": "b"}, ValueError, "no column besides the target 'b'"),
        ("x,y\n1,2\ninf,3\n4,5\n5,6\n", {}, ValueError, "line 3, column 'x': the number is not finite"),
    ],
)
def test_errors(write, text, options, error, message):
    with pytest.raises(error, match=message):
        load_and_split_dataset(write(text), **{"splits": [0.5, 0.5], **options})


def test_files_that_are_not_there_or_unknown(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no .*none\.csv"):
        load_and_split_dataset(tmp_path / "none.csv")
    (tmp_path / "a.xyz").write_text("1")
    with pytest.raises(ValueError, match=r"a\.xyz is of no kind that is known; known are \.csv, \.tsv"):
        load_and_split_dataset(tmp_path / "a.xyz")


# --- texts


REVIEWS = "a fine film\t1\nso dull a plot\t0\nnot so bad\t1\nno fun at all\t0\n"


def test_texts_stay_strings_where_they_are_asked_for(write):
    splits = load_and_split_dataset(write(REVIEWS, "r.tsv"), [0.5, 0.5], tokenize=False)
    assert (splits.kind, splits.task, splits.classes) == ("text", "classification", ("0", "1"))
    text, label = splits[0][0]
    assert f"{text}\t{label}" in REVIEWS
    texts, labels = next(iter(DataLoader(splits[0], batch_size=2)))
    assert isinstance(texts[0], str)
    assert labels.dtype == pe.int64


def test_label_may_come_first(write):
    lines = ["label\ttext", *("\t".join(reversed(line.split("\t"))) for line in REVIEWS.splitlines())]
    splits = load_and_split_dataset(write("\n".join(lines), "r.tsv"), [0.5, 0.5])
    assert (splits.kind, splits.target) == ("text", "label")


# --- what it says


def test_describe(write, capsys):
    load_and_split_dataset(write(pets()), seed=0).describe()
    said = capsys.readouterr().out
    for part in (
        "table.csv: table, 20 samples in parts of 14 + 3 + 3",
        "1 numeric and 1 categorical columns make 3 inputs",
        "target age: number, regression",
        "the 14 training rows alone",
        "kind: one of 2 kinds (cat, dog)",
    ):
        assert part in said


# --- the tables of the package


def test_diabetes():
    splits = load_diabetes(seed=1, scale_target=True)
    assert (len(splits.features), splits.task, [len(part) for part in splits]) == (10, "regression", [310, 66, 66])
    train = inputs_of(splits[0])
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(train.std(0), 1, rtol=1e-5)
    assert abs(inputs_of(splits[2]).mean(0)).max() > 0.01
    mean, std = splits.target_scale
    values = np.concatenate([targets_of(part) for part in splits]) * std + mean
    assert values.min() == pytest.approx(25, rel=1e-4)
    assert values.max() == pytest.approx(346, rel=1e-4)


def test_tumour():
    splits = load_tumour(seed=1)
    assert (len(splits.features), splits.classes) == (30, ("benign", "malignant"))
    labels = np.concatenate([targets_of(part) for part in splits])
    assert np.bincount(labels).tolist() == [357, 212]


def test_least_squares_on_diabetes_beats_the_mean():
    """What a linear model can do here: R² about 0.5, so that the data are read right."""
    splits = load_diabetes(seed=0)
    train, test = ((np.c_[inputs_of(p), np.ones(len(p))], targets_of(p)) for p in (splits[0], splits[2]))
    weights = np.linalg.lstsq(*train, rcond=None)[0]
    residual = test[1] - test[0] @ weights
    assert 1 - residual.var() / test[1].var() > 0.35
