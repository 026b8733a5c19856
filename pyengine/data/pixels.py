"""Images kept as bytes, made into float32 batch by batch: a quarter of the memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array, empty
from ..backend import device as find_device
from ..tape import wrap
from ..tensor import Tensor
from .dataset import check_index
from .sampling import Indices


class PixelDataset:
    """Images of bytes and their labels: sample i is `(image, label)`, float32 in [0, 1] and int64.

    images   uint8, of shape (n, height, width) or (n, channels, height, width)
    labels   whole numbers, of shape (n,)
    flatten  samples of shape (channels · height · width,), for linear layers; otherwise (channels, height, width)
    white    the byte that becomes 1
    device   where the batches are
    classes  the names of the classes, in the order of their numbers, where they have some
    ValueError for images of another dtype or shape, and for labels that are not one for each.

    >>> dataset = PixelDataset(np.full((3, 2, 2), 51, np.uint8), np.arange(3))
    >>> dataset[2]
    (tensor([0.2, 0.2, 0.2, 0.2]), tensor(2))
    """

    def __init__(
        self,
        images: Array,
        labels: Array,
        flatten: bool = True,
        white: int = 255,
        device: str = "cpu",
        classes: Sequence[str] = (),
    ) -> None:
        images, labels = np.asarray(images), np.asarray(labels)
        if images.dtype != np.uint8 or images.ndim not in (3, 4):
            raise ValueError(f"PixelDataset: images are uint8 [n, (c,) h, w], not {images.dtype} {list(images.shape)}")
        if labels.shape != images.shape[:1]:
            raise ValueError(f"PixelDataset: {len(images)} images, but labels of shape {list(labels.shape)}")
        self.images = images if images.ndim == 4 else images[:, None]
        self.labels = labels.astype(np.int64)
        self.flatten = flatten
        self.white = np.float32(white)
        self.device = find_device(device)
        self.classes = tuple(classes)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        check_index(self, index)
        images, labels = self.gather(np.array([index]))
        return images[0], labels[0]

    def gather(self, indices: Indices) -> tuple[Tensor, Tensor]:
        """The samples of these numbers as one batch: images of shape (len(indices), …), labels (len(indices),)."""
        chosen = self.images[indices]
        out: Any = empty(chosen.shape, np.dtype(np.float32))
        np.divide(chosen, self.white, out=out)
        shape = (len(chosen), -1) if self.flatten and len(chosen) else out.shape
        images: Tensor = wrap(out.reshape(shape), self.device)
        labels: Tensor = wrap(self.labels[indices], self.device)
        return images, labels

    def to(self, device: str) -> "PixelDataset":
        """The same images, with batches on another device."""
        return PixelDataset(self.images, self.labels, self.flatten, int(self.white), device, self.classes)
