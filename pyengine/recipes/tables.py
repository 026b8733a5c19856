"""Tables: diabetes (regression), tumour (classification), and any CSV file of one's own."""

import zlib
from functools import partial
from pathlib import Path

from ..data import TensorDataset, load_and_split_dataset, load_diabetes, load_tumour
from ..data.dataset import Subset
from ..data.encoding import TableEncoder
from ..data.load import TABLES
from ..data.splits import CLASSIFICATION, REGRESSION, Splits
from ..data.table_file import read_table
from ..train import BadFileError
from ..train.metrics import Array
from .job import job_of
from .recipe import Job, Recipe, Settings

SPLIT = [0.70, 0.15, 0.15]
OWN = ("data", "target", "missing", "ignore")
NOTES = 2  # of what loading says: the columns and the target; the rest are details of each column


def build(settings: Settings, task: str | None, embedded: str | None) -> Job:
    """Data, model, loss and optimizer. The seed decides split, initial weights and the order of samples.

    task      classification or regression; None: as the target column suggests
    embedded  the table without `settings.data`; None: there must be one
    The target of a regression is normalised like the inputs, by the training rows.
    """
    try:
        splits = _own(settings, task) if settings.data else _EMBEDDED[embedded or ""](seed=settings.seed)
    except (KeyError, ValueError) as error:
        raise BadFileError(error.args[0]) from None
    encoder = splits.encoder
    if encoder is None:
        raise BadFileError(f"{splits.path}: a column of texts; recipes for tables read numbers and kinds")
    parts = _on_device(splits, settings.device)
    sizes = " + ".join(f"{len(part):,}" for part in parts)
    notes = (f"{splits.path.name}: {sizes} rows to train, validate and test with", *splits.notes[:NOTES])
    read = partial(read_rows, encoder)
    checksum = f"{zlib.crc32(splits.path.read_bytes()):08x}" if settings.data else None
    return job_of(settings, parts, (len(splits.features),), read, splits.classes, splits.target_scale, notes, checksum)


def _own(settings: Settings, task: str | None) -> Splits:
    path = Path(settings.data or "")
    if path.suffix.lower() not in TABLES:
        raise ValueError(f"{path}: the recipes for tables read {' and '.join(TABLES)} files")
    ignore = [name.strip() for name in settings.ignore.split(",") if name.strip()]
    return load_and_split_dataset(
        path, SPLIT, settings.target, settings.seed, task=task, ignore=ignore, missing=settings.missing,
        scale_target=True,
    )  # fmt: skip


def _on_device(splits: Splits, device: str) -> list[Subset]:
    """The parts, their rows on that device."""
    tensors = splits[0].dataset.tensors  # type: ignore[attr-defined]
    whole = TensorDataset(*(tensor.to(device) for tensor in tensors))
    return [Subset(whole, part.indices) for part in splits]


def read_rows(encoder: TableEncoder, path: Path) -> Array:
    """The rows of a table with the columns of the training table; further ones, such as the target, do not matter."""
    try:
        return encoder.encode(read_table(path))
    except (KeyError, ValueError) as error:
        raise BadFileError(error.args[0]) from None


_EMBEDDED = {"diabetes": partial(load_diabetes, SPLIT, scale_target=True), "tumour": partial(load_tumour, SPLIT)}

# Chosen on the validation splits, never on the test splits: docs/recipes.md has the tables of the search
DIABETES = Recipe(
    name="diabetes",
    summary="how far diabetes comes in a year, from ten measurements: linear regression",
    defaults=Settings(
        epochs=100, batch_size=32, lr=0.003, momentum=0.9, weight_decay=0.1, hidden=32, patience=20, model="linear"
    ),
    build=partial(build, task=REGRESSION, embedded="diabetes"),
    own=OWN,
)
TUMOUR = Recipe(
    name="tumour",
    summary="benign or malignant, from thirty measurements of a breast tumour: logistic regression",
    defaults=Settings(
        epochs=100, batch_size=32, lr=0.1, momentum=0.9, weight_decay=0.01, hidden=32, patience=20, model="linear"
    ),
    build=partial(build, task=CLASSIFICATION, embedded="tumour"),
    own=OWN,
)
TABLE = Recipe(
    name="table",
    summary="a table of your own",
    # As nothing is known of the table: a step that is small enough for most, and no pull
    defaults=DIABETES.defaults.changed(lr=0.01, weight_decay=0.0),
    build=partial(build, task=None, embedded=None),
    own=OWN,
    needs=("data",),
)
