"""Texts with labels, as they are read."""

from collections.abc import Sequence

from ..dataset import check_index
from .tokens import as_labels


class TextDataset:
    """Texts and their labels: sample i is `(texts[i], label)`, the label an int; a batch is a list and a tensor.

    ValueError where they are not equally many, TypeError for labels that are no whole numbers.

    >>> from pyengine.data import DataLoader
    >>> next(iter(DataLoader(TextDataset(["fine", "dull"], [1, 0]), batch_size=2)))
    (['fine', 'dull'], tensor([1, 0]))
    """

    def __init__(self, texts: Sequence[str], labels: Sequence[int]) -> None:
        if len(texts) != len(labels):
            raise ValueError(f"TextDataset: {len(texts)} texts and {len(labels)} labels")
        self.texts = list(texts)
        self.labels = as_labels("TextDataset", labels).tolist()

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> tuple[str, int]:
        check_index(self, index)
        return self.texts[index], self.labels[index]
