"""Texts and their labels in files and folders."""

from collections.abc import Sequence
from pathlib import Path

from ..image_files import KINDS
from ..table_file import Table, read_table

TEXTS = (".csv", ".tsv", ".txt")  # the kinds of files in a folder of texts
NOTES = ("readme", "license", "licence", "credits")


def read_text(path: str | Path) -> str:
    """A text file, UTF-8, as one string; ValueError where it is empty or is no text.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "play.txt")
    ...     _ = path.write_text("To be, or not to be")
    ...     read_text(path)
    'To be, or not to be'
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file in UTF-8 ({error})") from None
    if "\0" in text:
        raise ValueError(f"{path}: not a text file; it holds bytes of zero")
    if not text.strip():
        raise ValueError(f"{path}: the file is empty")
    return text


def text_files(folder: Path) -> list[Path]:
    """The files of texts and labels that lie in a folder, sorted by name; a README or LICENSE is none."""
    found = (p for p in folder.iterdir() if p.is_file() and p.suffix.lower() in TEXTS and p.name[0] != ".")
    return sorted(p for p in found if p.stem.lower() not in NOTES)


def class_folders(folder: Path) -> dict[str, list[Path]]:
    """The .txt files in each subfolder, by the subfolder's name; {} where there are none."""
    found = {}
    for place in sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0] != "."):
        files = sorted(p for p in place.iterdir() if p.is_file() and p.suffix.lower() == ".txt")
        if files:
            found[place.name] = files
    return found


def holds_texts(folder: Path) -> bool:
    """Whether a folder holds texts and not images, in subfolders; ValueError where it holds neither."""
    if any(p.suffix.lower() in KINDS and p.parent != folder for p in folder.rglob("*")):
        return False
    if text_files(folder) or class_folders(folder):
        return True
    raise ValueError(
        f"{folder}: nothing in this folder can be read; it needs {', '.join(TEXTS)} files of text and label, a "
        f"subfolder of .txt files for each class, or one of images ({', '.join(KINDS)}) for each class"
    )


def read_texts(folder: Path) -> Table:
    """The texts and labels of a folder as one table.

    Either .tsv, .csv and .txt files (tab-separated as a .tsv is) of the same columns, taken together; or a subfolder of
    .txt files for each class. ValueError where columns differ, or a file is empty or is no text.
    """
    files = text_files(folder)
    if files:
        return _joined([read_table(path) for path in files], folder)
    rows = [(read_text(path).strip(), name) for name, paths in class_folders(folder).items() for path in paths]
    texts, labels = zip(*rows, strict=True)
    return Table(folder, {"text": list(texts), "label": list(labels)}, list(range(1, len(rows) + 1)))


def _joined(tables: Sequence[Table], folder: Path) -> Table:
    if len(tables) == 1:
        return tables[0]
    names = list(tables[0].columns)
    for table in tables[1:]:
        if list(table.columns) != names:
            raise ValueError(
                f"{folder}: the files of a folder are taken together, but {tables[0].path.name} has the columns "
                f"{', '.join(names)} and {table.path.name} {', '.join(table.columns)}; keep "
                f"one, or name the file itself"
            )
    columns = {name: [cell for table in tables for cell in table.columns[name]] for name in names}
    return Table(folder, columns, [line for table in tables for line in table.lines])
