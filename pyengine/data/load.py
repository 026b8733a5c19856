"""From a file or folder to the parts of a data set."""

from collections.abc import Sequence
from pathlib import Path

from .archives import is_archive
from .arrays import split_idx, split_images, split_npz
from .splits import REGRESSION, Splits
from .table_file import read_table
from .tables import MAX_VOCAB, TableOptions, split_table
from .text.files import TEXTS, holds_texts, read_texts

TABLES = (".csv", ".tsv")


def load_and_split_dataset(
    path: str | Path,
    splits: Sequence[int] | Sequence[float] = (0.70, 0.15, 0.15),
    target: str | None = None,
    seed: int = 0,
    *,
    task: str | None = None,
    categorical: Sequence[str] = (),
    ignore: Sequence[str] = (),
    missing: str = "refuse",
    normalize: bool = True,
    scale_target: bool = False,
    flatten: bool = True,
    size: tuple[int, int] | None = None,
    tokenize: bool = True,
    max_vocab: int = MAX_VOCAB,
    max_length: int | None = None,
) -> Splits:
    """Read a data set from a file or folder, split it at random, and make inputs and targets of it.

    path     .csv or .tsv   a table: columns of numbers are normalised, columns of a few words become an input for each
                            word, 0 or 1. Two columns, one of texts and one of labels, become token ids and class
                            numbers: see below
             a folder       of such files or .txt files (with tabs), which are taken together; or with a subfolder of
                            .txt files, each a text, for each class
             .npz           an array of inputs and one of targets, named x and y, images and labels, features and
                            targets, or the like. Numbers are normalised; images of bytes are divided by their maximum
             …-idx3-ubyte   images in MNIST's format (or .idx; with or without .gz), with their labels beside them
             a folder       with a subfolder of images (.png, .jpg, .bmp) for each class; or such a folder in an
                            archive (.zip, .tar, .tar.gz, .tar.xz); needs Pillow. See `load_images`, too
    splits   fractions that add up to 1, or numbers of samples; the first part is the training part
    target   the column, or the array in an .npz file, to predict; by default the last, or the one with such a name
    seed     the same seed gives the same parts
    task     "classification" or "regression"; by default classification where the target is text, or whole numbers
             with at most 20 different values and each twice on average; otherwise regression

    normalize     to mean 0 and standard deviation 1, in the training rows; the same shift and scale for all rows
    scale_target  do so with the target of regression; `target_scale` of the result leads back
    flatten       images of shape (channels · height · width,), for linear layers, not (channels, height, width)
    size          (height, width) that the images of a folder or archive are brought to; without it they must be of one

    For tables only:

    categorical   columns of numbers that are codes of kinds
    ignore        columns to leave out, such as names of rows
    missing       "refuse" an empty cell (or NA, N/A, NaN, null, ?), or "impute": the median of a column of numbers, a
                  kind of its own in one of words. A missing target is always refused

    For texts only, whose batches a `DataLoader` fills up to (n, longest) ids, as `models.TransformerClassifier` takes
    them; each part has its share of each class:

    tokenize      False leaves texts as strings
    max_vocab     words that get an id of their own, at most: the most frequent ones, with <pad> and <unk>; the result's
                  `vocab` knows them
    max_length    words that are kept of a text; by default all

    Whatever is learned of the data (means, medians, kinds, words) is learned of the training rows alone.
    FileNotFoundError, KeyError for a column that is not there, and ValueError, with file and line, for the rest;
    ModuleNotFoundError for images without Pillow.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "pets.csv"
    ...     _ = path.write_text("kind,weight,age\\n" + "cat,4,2.5\\ndog,9,3\\n" * 5)
    ...     splits = load_and_split_dataset(path, [0.8, 0.2], seed=0)
    >>> train, test = splits
    >>> splits.features, len(train), train[0][0].shape, train[0][1].shape
    (('kind=cat', 'kind=dog', 'weight'), 8, (3,), (1,))
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"load_and_split_dataset: there is no {path}")
    options = TableOptions(
        target,
        task,
        tuple(categorical),
        tuple(ignore),
        missing,
        normalize,
        scale_target,
        tokenize,
        max_vocab,
        max_length,
    )
    options.check()
    kind = _kind_of(path)
    if size is not None and kind != "images":
        raise ValueError(f"load_and_split_dataset: size is for folders and archives of images; {path} is neither")
    if kind == "table":
        return split_table(read_table(path), splits, seed, options)
    if kind == "texts":
        return split_table(read_texts(path), splits, seed, options, texts=True)
    if categorical or ignore or missing != "refuse":
        raise ValueError(f"load_and_split_dataset: categorical, ignore and missing are for tables; {path} is not one")
    if kind == "npz":
        return split_npz(path, splits, seed, target, task, normalize, scale_target, flatten)
    if target is not None or task == REGRESSION:
        raise ValueError(f"load_and_split_dataset: {path} holds images with classes; target and task are fixed")
    if kind == "idx":
        return split_idx(path, splits, seed, flatten)
    return split_images(path, splits, seed, flatten, size)


def _kind_of(path: Path) -> str:
    name = path.name.lower()
    if path.is_dir():
        return "texts" if holds_texts(path) else "images"
    if is_archive(path):
        return "images"
    if path.suffix.lower() in TEXTS:
        return "table"
    if path.suffix.lower() == ".npz":
        return "npz"
    if "-idx" in name or name.removesuffix(".gz").endswith(".idx"):
        return "idx"
    raise ValueError(
        f"load_and_split_dataset: {path} is of no kind that is known; known are {', '.join(TEXTS)}, .npz, IDX (names "
        f"like train-images-idx3-ubyte.gz, or .idx), and folders or archives with a subfolder of images for each "
        f"class, and folders of texts"
    )
