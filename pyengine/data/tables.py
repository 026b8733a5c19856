"""Tables: a CSV or TSV file as normalised inputs and a target, or as token ids of texts and labels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dataset import Subset, TensorDataset
from .encoding import CategoryColumn, fit_encoder
from .sampling import Indices
from .split import random_split
from .splits import CLASSIFICATION, REGRESSION, Splits
from .table_file import Table, as_numbers, is_missing
from .text.dataset import TextDataset
from .text.tokens import TokenDataset, encode_all
from .text.vocab import WordVocab

MAX_VOCAB = 50_000
MANY = 20  # a target of whole numbers with more different values than this is a quantity, not a class


@dataclass(frozen=True)
class TableOptions:
    """How a table is to be read; see `load_and_split_dataset`."""

    target: str | None = None
    task: str | None = None
    categorical: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    missing: str = "refuse"
    normalize: bool = True
    scale_target: bool = False
    tokenize: bool = True
    max_vocab: int = MAX_VOCAB
    max_length: int | None = None

    def check(self) -> None:
        """ValueError for a word that is not among the choices."""
        for name, value, choices in (
            ("missing", self.missing, ("refuse", "impute")),
            ("task", self.task, (None, CLASSIFICATION, REGRESSION)),
        ):
            if value not in choices:
                known = ", ".join(repr(choice) for choice in choices)
                raise ValueError(f"load_and_split_dataset: {name} is {value!r}; it must be one of {known}")
        if self.max_length is not None and self.max_length < 1:
            raise ValueError(f"load_and_split_dataset: max_length is {self.max_length}; it must be 1 or more words")


def split_rows(
    n: int, splits: Sequence[int] | Sequence[float], seed: int, stratify: Sequence[int] | None = None
) -> list[Indices]:
    """The numbers of the rows in each part; ValueError where the training part, the first, is empty."""
    parts = [part.indices for part in random_split(range(n), splits, seed=seed, stratify=stratify)]
    if not len(parts[0]):
        raise ValueError(f"load_and_split_dataset: splits {list(splits)} leave the training part, the first, empty")
    return parts


def split_table(
    table: Table, splits: Sequence[int] | Sequence[float], seed: int, options: TableOptions, texts: bool = False
) -> Splits:
    """A table as parts of (inputs, target), or of (token ids, label) where it is a column of texts and one of labels.

    texts  that it is of texts is known, not to be found out
    """
    options.check()
    if not len(table):
        raise ValueError(f"{table.path}: there is a line of names but no row below it")
    for name in (*options.categorical, *options.ignore):
        table.column(name)
    used = [name for name in table.columns if name not in options.ignore]
    target = options.target if options.target is not None else _guess_target(table, used)
    table.column(target)
    names = [name for name in used if name != target]
    if not names:
        raise ValueError(f"{table.path}: there is no column besides the target {target!r}")
    _check_target(table, target)
    if len(names) == 1 and names[0] not in options.categorical and (texts or _is_text(table.columns[names[0]])):
        return _split_texts(table, names[0], target, splits, seed, options)
    return _split_columns(table, names, target, split_rows(len(table), splits, seed), options)


def _split_columns(
    table: Table, names: Sequence[str], target: str, parts: Sequence[Indices], options: TableOptions
) -> Splits:
    encoder = fit_encoder(
        table, names, parts[0], options.categorical, options.normalize, impute=options.missing == "impute"
    )
    task = options.task or guess_task(table.columns[target])
    scale: tuple[float, float] = (0.0, 1.0)
    classes: tuple[str, ...] = ()
    if task == REGRESSION:
        targets, scale = _quantities(table, target, parts[0], options.scale_target)
        found = f"target {target}: number, {REGRESSION}" + (", scaled like an input" if options.scale_target else "")
    else:
        targets, classes = class_numbers(table.columns[target])
        found = class_note(target, classes)
    dataset = TensorDataset(encoder.encode(table), targets)
    kinds = sum(isinstance(column, CategoryColumn) for column in encoder.columns)
    notes = [
        f"{len(names) - kinds} numeric and {kinds} categorical columns make {len(encoder.features)} inputs",
        found,
        f"mean, standard deviation and kinds are those of the {len(parts[0])} training rows alone:",
        *(f"  {column}" for column in encoder.columns),
    ]
    return Splits(
        subsets(dataset, parts), table.path, "table", task, target, classes, tuple(encoder.features), encoder, scale,
        tuple(notes),
    )  # fmt: skip


def _split_texts(
    table: Table,
    name: str,
    target: str,
    splits: Sequence[int] | Sequence[float],
    seed: int,
    options: TableOptions,
) -> Splits:
    cells = table.columns[name]
    for row, cell in enumerate(cells):
        if not cell:
            raise ValueError(f"{table.where(name, row)}: the text is missing")
    _check_classes(table, target, options.task)
    labels, classes = class_numbers(table.columns[target])
    parts = split_rows(len(table), splits, seed, stratify=labels.tolist())
    words = sum(len(text.split()) for text in cells) / len(cells)
    notes = [f"texts: column {name}, {words:.1f} words on average", class_note(target, classes)]
    vocab, dataset = None, None
    if options.tokenize:
        vocab = WordVocab.build([cells[row] for row in parts[0]], max_size=options.max_vocab)
        sequences = encode_all(cells, vocab.encode, options.max_length)
        dataset = TokenDataset(sequences, labels, vocab.pad_id, cells)
        unknown = [float(np.mean(np.concatenate([sequences[row] for row in rows]) == 1)) for rows in parts if len(rows)]
        notes.append(
            f"words become ids: a vocabulary of {len(vocab):,} from the {len(parts[0])} training texts alone; <pad> is "
            f"0, <unk> is 1, and {unknown[-1]:.1%} of the last part's words"
        )
    return Splits(
        subsets(dataset or TextDataset(cells, labels.tolist()), parts), table.path, "text", CLASSIFICATION, target,
        classes, notes=tuple(notes), vocab=vocab,
    )  # fmt: skip


def _check_classes(table: Table, target: str, task: str | None) -> None:
    """ValueError where the labels of texts are no classes: numbers that do not repeat, or all the same."""
    cells = table.columns[target]
    kinds = sorted(set(cells))
    shown = ", ".join(kinds[:3])
    numbers = as_numbers(kinds)
    whole = (
        numbers is not None and bool((numbers == np.round(numbers)).all()) and len(kinds) <= max(MANY, len(cells) // 2)
    )
    if task == REGRESSION or (task is None and numbers is not None and not whole):
        raise ValueError(
            f"{table.path}: the labels in column {target!r} are numbers of {len(kinds)} values ({shown}, …), not "
            f'classes; texts need a label that is one of a few. If they are classes, pass task="classification"'
        )
    if len(kinds) == 1:
        raise ValueError(f"{table.path}: every label in column {target!r} is {shown!r}; it takes two classes or more")
    if len(kinds) == len(cells) > MANY:
        raise ValueError(
            f"{table.path}: the {len(cells)} labels of column {target!r} differ ({shown}, …); they are no classes"
        )


def class_numbers(cells: Sequence[str]) -> "tuple[np.ndarray[Any, np.dtype[np.int64]], tuple[str, ...]]":
    """Each cell's class as a number, and the names of the classes, by size if they are numbers, else by letters.

    >>> class_numbers(["no", "yes", "no"])
    (array([0, 1, 0]), ('no', 'yes'))
    """
    found = sorted(set(cells))
    if as_numbers(found) is not None:
        found.sort(key=float)
    numbers = {name: i for i, name in enumerate(found)}
    return np.array([numbers[cell] for cell in cells], np.int64), tuple(found)


def _quantities(table: Table, target: str, rows: Indices, scale: bool) -> tuple[Any, tuple[float, float]]:
    """The targets of regression, of shape (n, 1), and the (mean, std) of the training rows that they were scaled by."""
    found = as_numbers(table.columns[target])
    if found is None or not np.isfinite(found).all():
        cells = table.columns[target]
        bad = next(i for i, c in enumerate(cells) if (n := as_numbers([c])) is None or not math.isfinite(n[0]))
        raise ValueError(f"{table.where(target, bad)}: the target of regression is {cells[bad]!r}, not a finite number")
    mean, std = (float(found[rows].mean()), float(found[rows].std()) or 1.0) if scale else (0.0, 1.0)
    return ((found - mean) / std).astype(np.float32)[:, None], (mean, std)


def _guess_target(table: Table, names: Sequence[str]) -> str:
    """The last column; of two columns of which only the last is text, the first."""
    if len(names) < 2:
        raise ValueError(f"{table.path}: needs two columns or more, one of them the target; it has {len(names)}")
    first, last = table.columns[names[0]], table.columns[names[-1]]
    return names[0] if len(names) == 2 and _is_text(last) and not _is_text(first) else names[-1]


def guess_task(cells: Sequence[str]) -> str:
    """Classification for words, and for a few whole numbers that repeat; otherwise regression."""
    numbers = as_numbers(list(cells))
    if numbers is None:
        return CLASSIFICATION
    values = np.unique(numbers)
    few = len(values) <= min(MANY, len(cells) // 2)
    return CLASSIFICATION if few and np.isfinite(values).all() and (values == np.round(values)).all() else REGRESSION


def _is_text(cells: Sequence[str]) -> bool:
    """Words that hardly ever repeat: most cells differ, and most have a space between words."""
    spaced = sum(" " in cell for cell in cells)
    return len(set(cells)) > len(cells) // 2 and spaced > len(cells) // 2


def _check_target(table: Table, target: str) -> None:
    for row, cell in enumerate(table.columns[target]):
        if is_missing(cell):
            raise ValueError(f"{table.where(target, row)}: the target is missing; leave such rows out of the file")


def class_note(target: str, classes: Sequence[str]) -> str:
    """A line about a target of classes."""
    shown = ", ".join(classes[:10]) + (", …" if len(classes) > 10 else "")
    return f"target {target}: {len(classes)} classes ({shown}), {CLASSIFICATION}"


def subsets(dataset: Any, parts: Sequence[Indices]) -> tuple[Subset, ...]:
    """The parts of a data set that hold these samples."""
    return tuple(Subset(dataset, rows) for rows in parts)
