"""What loading a file gives: the parts, and what was found in it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .dataset import Subset
from .encoding import TableEncoder
from .text.vocab import Vocab

CLASSIFICATION, REGRESSION = "classification", "regression"


@dataclass(frozen=True)
class Splits:
    """The random parts of a data set that was read from a file: `train, val, test = splits`.

    parts         data sets; the first is the training part
    path, kind    where it is from, and "table", "text", "npz", "idx" or "images"
    task          "classification": targets are int64 class numbers; "regression": float32 of shape (1,)
    target        what is predicted: the name of the column, array or file
    classes       the names of the classes, in the order of their numbers; () in regression
    features      the names of the inputs, for a table; () otherwise
    encoder       makes inputs of further rows of a table; None otherwise
    target_scale  (mean, std) that targets were centred and divided by; (0, 1) where they were not
    vocab         which word has which id, for texts; None otherwise
    notes         lines that say what was found and done

    >>> import pathlib, tempfile
    >>> from pyengine.data import load_and_split_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "sums.csv")
    ...     _ = path.write_text("a,b,sum\\n" + "".join(f"{i}.5,{i % 3},{i + i % 3}.5\\n" for i in range(40)))
    ...     splits = load_and_split_dataset(path, splits=[0.5, 0.25, 0.25], target="sum", task="regression")
    >>> splits.features, [len(part) for part in splits]
    (('a', 'b'), [20, 10, 10])
    """

    parts: tuple[Subset, ...]
    path: Path
    kind: str
    task: str
    target: str
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    encoder: TableEncoder | None = None
    target_scale: tuple[float, float] = (0.0, 1.0)
    notes: tuple[str, ...] = field(default=(), repr=False)
    vocab: Vocab | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> Subset:
        return self.parts[index]

    def __str__(self) -> str:
        sizes = " + ".join(str(len(part)) for part in self.parts)
        total = sum(len(part) for part in self.parts)
        lines = [f"{self.path.name}: {self.kind}, {total} samples in parts of {sizes}", *self.notes]
        return "\n  ".join(lines)

    def describe(self) -> None:
        """Print what was found in the file and how it was made into inputs and targets."""
        print(self)
