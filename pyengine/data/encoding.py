"""From columns of text to numbers: what is learned of the training rows alone, then applied to all rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .sampling import Indices
from .table_file import Numbers, Table, as_numbers, is_missing


@dataclass(frozen=True)
class NumericColumn:
    """A column of numbers, to be centred by `mean` and divided by `std`; a missing one becomes `fill`, if given."""

    name: str
    mean: float
    std: float
    fill: float | None

    @property
    def features(self) -> list[str]:
        """The names of the model's inputs that it becomes."""
        return [self.name]

    def encode(self, table: Table) -> Numbers:
        """Of shape (rows, 1). ValueError, with the line, for a cell that is not a number."""
        cells = table.column(self.name)
        found = as_numbers(cells)
        if found is None:
            bad = next((i for i, cell in enumerate(cells) if as_numbers([cell]) is None), 0)
            if not is_missing(cells[bad]):
                raise ValueError(f"{table.where(self.name, bad)}: {cells[bad]!r} is not a number")
            found = np.full(len(cells), np.nan)
        _refuse(table, self.name, np.isinf(found), "the number is not finite")
        gaps = np.isnan(found)
        if self.fill is None:
            _refuse(table, self.name, gaps, 'the value is missing; missing="impute" fills in the median')
        else:
            found[gaps] = self.fill
        return ((found - self.mean) / self.std)[:, None]

    def __str__(self) -> str:
        return f"{self.name}: number, mean {self.mean:.4g}, standard deviation {self.std:.4g}"


@dataclass(frozen=True)
class CategoryColumn:
    """A column of kinds: an input for each, 1 for the row's own kind; all 0 for a kind not in the training rows."""

    name: str
    kinds: tuple[str, ...]
    allow_missing: bool

    @property
    def features(self) -> list[str]:
        """The names of the model's inputs that it becomes."""
        return [f"{self.name}={kind}" for kind in self.kinds]

    def encode(self, table: Table) -> Numbers:
        """Of shape (rows, kinds)."""
        cells = [_kind(cell) for cell in table.column(self.name)]
        if not self.allow_missing:
            gaps = np.array([cell == "" for cell in cells], bool)
            _refuse(table, self.name, gaps, 'the value is missing; missing="impute" makes that a kind of its own')
        return np.equal(np.array(cells)[:, None], np.array(self.kinds)[None, :]).astype(np.float64)

    def __str__(self) -> str:
        return f"{self.name}: one of {len(self.kinds)} kinds ({_listed(self.kinds)})"


Column = NumericColumn | CategoryColumn


@dataclass(frozen=True)
class TableEncoder:
    """Makes the model's inputs of a table's rows, in the same way for every part of the data and for new rows."""

    columns: tuple[Column, ...]

    @property
    def features(self) -> list[str]:
        """The names of the model's inputs."""
        return [feature for column in self.columns for feature in column.features]

    def encode(self, table: Table) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
        """Of shape (rows, features). KeyError for a missing column, ValueError for a value that will not do."""
        return np.concatenate([column.encode(table) for column in self.columns], axis=1).astype(np.float32)


def fit_encoder(
    table: Table,
    names: Sequence[str],
    rows: Indices,
    categorical: Sequence[str] = (),
    normalize: bool = True,
    impute: bool = False,
) -> TableEncoder:
    """Learn from the training rows, those with the numbers `rows`, how these columns become inputs.

    A column whose cells are all numbers is numeric, unless `categorical` names it. Whether it is one is a matter of
    its form, so it is told from all rows; mean, standard deviation, median and kinds come from `rows` alone.
    """
    return TableEncoder(tuple(_fit(table, name, rows, name in categorical, normalize, impute) for name in names))


def _fit(table: Table, name: str, rows: Indices, categorical: bool, normalize: bool, impute: bool) -> Column:
    cells = table.column(name)
    numbers = None if categorical else as_numbers(cells)
    if numbers is not None:
        known = numbers[rows][np.isfinite(numbers[rows])]
        if not known.size:
            raise ValueError(
                f"{table.path}: column {name!r} has no number in the training rows; leave it out (ignore, --ignore)"
            )
        mean, std = (float(known.mean()), float(known.std())) if normalize else (0.0, 1.0)
        # a column that is constant in the training rows is only centred: it says nothing, and its std is 0
        return NumericColumn(name, mean, std if std > 0 else 1.0, float(np.median(known)) if impute else None)
    kinds = tuple(sorted({_kind(cells[row]) for row in rows.tolist()} - (set() if impute else {""})))
    if not categorical and len(kinds) > max(20, len(rows) // 2):
        raise ValueError(
            f"{table.path}: column {name!r} is text with {len(kinds)} different values in {len(rows)} training rows, "
            f'which tells rows apart, not kinds; leave it out (ignore=["{name}"], --ignore {name}) or name it in '
            f"categorical"
        )
    return CategoryColumn(name, kinds, impute)


def _kind(cell: str) -> str:
    return "" if is_missing(cell) else cell


def _refuse(table: Table, name: str, bad: "np.ndarray[tuple[int], np.dtype[np.bool_]]", why: str) -> None:
    if bad.any():
        raise ValueError(f"{table.where(name, int(np.flatnonzero(bad)[0]))}: {why}")


def _listed(kinds: Sequence[str]) -> str:
    shown = [kind or "(missing)" for kind in kinds[:6]]
    return ", ".join([*shown, "…"] if len(kinds) > 6 else shown)
