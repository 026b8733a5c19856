"""Reading CSV and TSV files into columns of text, with the line that each row came from."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

TABBED = (".tsv", ".txt")  # kinds of files whose cells are separated by tabs
MISSING = ("", "?", "na", "n/a", "nan", "null")  # in any case, with or without spaces around


@dataclass(frozen=True)
class Table:
    """A file of rows and columns: `columns[name][i]` is the text in row i, which is on line `lines[i]` of the file."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, name: str) -> list[str]:
        """The texts of one column; KeyError, with the columns that there are, where it is not among them."""
        if name not in self.columns:
            raise KeyError(f"{self.path}: there is no column {name!r}; its columns are {', '.join(self.columns)}")
        return self.columns[name]

    def where(self, name: str, row: int) -> str:
        """For messages: file, line and column."""
        return f"{self.path}, line {self.lines[row]}, column {name!r}"


def read_table(path: str | Path) -> Table:
    """The rows of a .csv file, or a .tsv or .txt with tabs, UTF-8. A first row that reads like names names the columns.

    It does where none of its cells is empty or a number, no two are the same, and none of them occurs again in its
    column; otherwise the columns are called "0", "1", …. Empty lines are skipped.
    ValueError for a file that is empty, is not text, or has a row with more or fewer cells than the first.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "pets.csv"
    ...     _ = path.write_text("kind,weight\\ncat,4.1\\ndog,9\\n")
    ...     read_table(path).columns
    {'kind': ['cat', 'dog'], 'weight': ['4.1', '9']}
    """
    path = Path(path)
    rows, lines = _read_rows(path)
    names = [str(i) for i in range(len(rows[0]))]
    if _is_header(rows):
        names, rows, lines = [cell.strip() for cell in rows[0]], rows[1:], lines[1:]
    return Table(path, {name: [row[i].strip() for row in rows] for i, name in enumerate(names)}, lines)


def is_missing(cell: str) -> bool:
    """Whether a cell says that its value is not known.

    >>> [is_missing(cell) for cell in ("", "NA", "0")]
    [True, True, False]
    """
    return cell.strip().lower() in MISSING


def as_numbers(cells: list[str]) -> Numbers | None:
    """The cells as numbers, NaN where one is missing; None where a cell is something else, or all are missing.

    >>> as_numbers(["1", "", "2.5"])
    array([1. , nan, 2.5])
    >>> as_numbers(["1", "one"]) is None
    True
    """
    try:
        found = np.array([np.nan if is_missing(cell) else float(cell) for cell in cells])
    except ValueError:
        return None
    return None if np.isnan(found).all() else found


def _read_rows(path: Path) -> tuple[list[list[str]], list[int]]:
    rows: list[list[str]] = []
    lines: list[int] = []
    for row, line in _csv_rows(path):
        if rows and len(row) != len(rows[0]):
            raise ValueError(
                f"{path}: line {line} has {len(row)} cells, line {lines[0]} has {len(rows[0])}; every row must have "
                f"as many cells as the first"
            )
        rows.append(row)
        lines.append(line)
    if not rows:
        raise ValueError(f"{path}: the file is empty")
    return rows, lines


def _csv_rows(path: Path) -> Iterator[tuple[list[str], int]]:
    tabs = path.suffix.lower() in TABBED
    with path.open(encoding="utf-8-sig", newline="") as file:
        # the quotes in a .tsv are part of its text: tab-separated files quote nothing
        reader = csv.reader(
            file, delimiter="\t" if tabs else ",", quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL, strict=True
        )
        start = 1
        try:
            for row in reader:
                if any(cell.strip() for cell in row) or len(row) > 1:
                    yield row, start
                start = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(f"{path}: line {start} is not {'TSV' if tabs else 'CSV'} ({error})") from None
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: not a text file in UTF-8, after line {start} ({error})") from None


def _is_header(rows: list[list[str]]) -> bool:
    first = [cell.strip() for cell in rows[0]]
    if any(is_missing(cell) or as_numbers([cell]) is not None for cell in first) or len(set(first)) < len(first):
        return False
    return len(rows) > 1 and all(row[i].strip() != name for row in rows[1:] for i, name in enumerate(first))
