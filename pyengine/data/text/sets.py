"""Texts that are known by a name: Shakespeare's plays, and sentences of film reviews."""

from pathlib import Path

from ..download import cache_dir, download, places
from ..table_file import read_table
from .dataset import TextDataset
from .files import read_text

SHAKESPEARE = "tinyshakespeare"
SHAKESPEARE_URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
SHAKESPEARE_HASH = "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SST2 = "sst2"
PARTS = ("train", "dev", "test")
CLASSES = ("negative", "positive")


def load_tiny_shakespeare(data_dir: str | Path | None = None, url: str = SHAKESPEARE_URL) -> tuple[str, str]:
    """1.1 MB of Shakespeare's plays: the first nine tenths to train with, the rest to validate with, as is usual.

    data_dir  a folder with input.txt, or with a folder tinyshakespeare that has it. Without it it is looked for in
              `PYENGINE_DATA`, then among earlier downloads (`PYENGINE_CACHE`), then downloaded, for which the extra
              `data` is needed
    url       another place to download from; the file must have the same hash
    FileNotFoundError where data_dir lacks the file, ValueError where it is no text, DownloadError.

    Credit: collected by A. Karpathy, "The Unreasonable Effectiveness of Recurrent Neural Networks" (2015).

    >>> load_tiny_shakespeare("an/empty/folder")
    Traceback (most recent call last):
        ...
    FileNotFoundError: an/empty/folder: there is no input.txt, here or in a folder tinyshakespeare
    """
    path = next((p / "input.txt" for p in places(SHAKESPEARE, data_dir) if (p / "input.txt").is_file()), None)
    if path is None and data_dir is not None:
        raise FileNotFoundError(f"{data_dir}: there is no input.txt, here or in a folder {SHAKESPEARE}")
    text = read_text(path or download(url.rstrip("/") + "/input.txt", SHAKESPEARE_HASH, cache_dir() / SHAKESPEARE))
    end = len(text) * 9 // 10
    return text[:end], text[end:]


def load_sst2(data_dir: str | Path | None = None) -> tuple[TextDataset, TextDataset, TextDataset]:
    """Sentences of film reviews, negative (0) or positive (1): the Stanford Sentiment Treebank's two-class part.

    data_dir  a folder with train.tsv, dev.tsv and test.tsv, each a line of text, tab, 0 or 1 for each sentence, or with
              a folder sst2 that has them; else they are looked for in `PYENGINE_DATA` and `PYENGINE_CACHE`
    Returns the sentences to train with (6,920 in the original), to validate with (872) and to test with (1,821).
    FileNotFoundError where there are no such files: they are not downloaded. ValueError where one is not of this form.

    Credit: R. Socher et al., "Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank" (2013).

    >>> load_sst2("an/empty/folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    FileNotFoundError: sst2: train.tsv, dev.tsv and test.tsv are looked for in an/empty/folder/sst2 and ...
    """
    looked = places(SST2, data_dir)
    folder = next((place for place in looked if all((place / f"{part}.tsv").is_file() for part in PARTS)), None)
    if folder is None:
        where = " and ".join(str(place) for place in looked)
        raise FileNotFoundError(
            f"{SST2}: train.tsv, dev.tsv and test.tsv are looked for in {where} and not found; each has a line of "
            f"text, tab, 0 or 1 for each sentence. Name their folder by data_dir, --data-dir or PYENGINE_DATA"
        )
    train, dev, test = (_read_part(folder / f"{part}.tsv") for part in PARTS)
    return train, dev, test


def _read_part(path: Path) -> TextDataset:
    table = read_table(path)
    if len(table.columns) != 2:
        raise ValueError(f"{path}: {len(table.columns)} columns; it must be two, text and label")
    texts, labels = table.columns.values()
    for label, line in zip(labels, table.lines, strict=True):
        if label not in ("0", "1"):
            raise ValueError(f"{path}, line {line}: the label is {label!r}; it must be 0 or 1")
    return TextDataset(texts, [int(label) for label in labels])
