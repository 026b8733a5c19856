"""Changes to batches of images as they are loaded: normalising, and random crops, flips and erasing to train on.

A transform is a function `transform(images, generator) -> images` of a NumPy batch [n, channels, height, width], bytes
or floats, that leaves its argument as it is. Give it to a `DataLoader`, which calls it with a generator for each batch:
what is drawn depends on the loader's seed, the epoch and the number of the batch alone, so that the same seed gives the
same batches, resumed or not. Give the loaders of validation and test data the normalising alone.

>>> from pyengine.data import DataLoader, PixelDataset
>>> photos = PixelDataset(np.arange(6144, dtype=np.uint8).reshape(2, 3, 32, 32), np.arange(2), flatten=False)
>>> normalize = Normalize(*channel_mean_std(photos))
>>> augment = Compose([RandomCrop(32, padding=4), RandomHorizontalFlip(), normalize])
>>> images, labels = next(iter(DataLoader(photos, batch_size=2, seed=0, transform=augment)))
>>> images.shape
(2, 3, 32, 32)
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..backend import Array, empty
from ..random import Generator, rand, randint, uniform
from .collate import fetch

Transform: TypeAlias = Callable[[Array, "Generator | None"], Array]

__all__ = ["Compose", "Normalize", "RandomCrop", "RandomErasing", "RandomHorizontalFlip", "channel_mean_std"]

AT_ONCE = 1024  # images that `channel_mean_std` has in memory as floats


class Compose:
    """Transforms one after the other; TypeError for what cannot be called.

    >>> twice = Compose([RandomHorizontalFlip(1.0), RandomHorizontalFlip(1.0)])
    >>> images = np.arange(4.0).reshape(1, 1, 2, 2)
    >>> np.array_equal(twice(images), images)
    True
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms) if isinstance(transforms, Iterable) else [transforms]
        if not isinstance(transforms, Iterable) or not all(map(callable, self.transforms)):
            raise TypeError(f"Compose: is called as Compose([first, second]), functions of images, not {transforms!r}")

    def __call__(self, images: Array, generator: Generator | None = None) -> Array:
        """The images after the last transform; all draw from the one generator, in their order."""
        for transform in self.transforms:
            images = transform(images, generator)
        return images


class Normalize:
    """(images - mean) / std, channel by channel, as float32; bytes are divided by 255 first.

    mean, std  a number for each channel, or one for all, in units where white is 1
    ValueError for a std that is not positive, and for images with another number of channels.

    >>> grey = Normalize(mean=[0.5], std=[0.25])
    >>> grey(np.full((1, 1, 1, 2), 255, np.uint8))
    array([[[[2., 2.]]]], dtype=float32)
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean = np.atleast_1d(np.asarray(mean, np.float64))
        self.std = np.atleast_1d(np.asarray(std, np.float64))
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values.ndim != 1 or not np.isfinite(values).all():
                raise ValueError(f"Normalize: {name} is a number for each channel, not {values.tolist()}")
        if not (self.std > 0).all():
            raise ValueError(f"Normalize: std must be above 0, not {self.std.tolist()}")

    def __call__(self, images: Array, generator: Generator | None = None) -> Array:
        """[n, c, h, w] to float32 of the same shape; nothing is drawn."""
        _check("Normalize", images)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, images.shape[1]):
                raise ValueError(
                    f"Normalize: {name} has {len(values)} channels, images of shape {images.shape} have "
                    f"{images.shape[1]}"
                )
        white = 255.0 if images.dtype == np.uint8 else 1.0
        scale = (1.0 / (white * self.std)).astype(np.float32)[:, None, None]
        shift = (-self.mean / self.std).astype(np.float32)[:, None, None]
        out = empty(images.shape, np.dtype(np.float32))
        np.multiply(images, scale, out=out, dtype=np.float32, casting="same_kind")
        out += shift
        return out


class RandomCrop:
    """A window of each image, at a place drawn for each, out of the image with a border of `padding` pixels around it.

    size     height and width of the window, or a number for both
    padding  width of the border
    fill     the border's value: a number
    ValueError for a size or padding that cannot be, and for a window larger than the padded image.

    >>> RandomCrop(28, padding=2)(np.zeros((5, 1, 28, 28), np.uint8)).shape
    (5, 1, 28, 28)
    """

    def __init__(self, size: int | tuple[int, int], padding: int = 0, fill: float = 0) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.padding = padding
        self.fill = fill
        pixels = all(isinstance(n, int) for n in (*self.size, padding))
        if not pixels or len(self.size) != 2 or min(self.size) < 1 or padding < 0:
            raise ValueError(
                f"RandomCrop: size is pixels from 1 on and padding from 0 on, not {size!r} and {padding!r}"
            )

    def __call__(self, images: Array, generator: Generator | None = None) -> Array:
        """[n, c, h, w] to [n, c, *size]."""
        _check("RandomCrop", images)
        n, channels, height, width = images.shape
        p, (h, w) = self.padding, self.size
        rows, columns = height + 2 * p - h + 1, width + 2 * p - w + 1  # where a window can begin
        if min(rows, columns) < 1:
            raise ValueError(
                f"RandomCrop: a window of {h} x {w} pixels is larger than images of {height} x {width} with a border "
                f"of {p}, {height + 2 * p} x {width + 2 * p}"
            )
        padded = np.full((n, channels, height + 2 * p, width + 2 * p), self.fill, images.dtype)
        padded[:, :, p : p + height, p : p + width] = images
        windows = sliding_window_view(padded, (h, w), axis=(2, 3))
        y, x = _whole(rows, n, generator), _whole(columns, n, generator)
        cropped: Array = windows[np.arange(n), :, y, x]
        return cropped


class RandomHorizontalFlip:
    """Each image mirrored, left to right, with probability p. ValueError for p outside [0, 1].

    >>> RandomHorizontalFlip(1.0)(np.arange(2.0).reshape(1, 1, 1, 2))
    array([[[[1., 0.]]]])
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = _probability("RandomHorizontalFlip", p)

    def __call__(self, images: Array, generator: Generator | None = None) -> Array:
        """[n, c, h, w] to the same shape."""
        _check("RandomHorizontalFlip", images)
        chosen = rand(len(images), generator=generator).data < self.p
        out = images.copy()
        out[chosen] = images[chosen][..., ::-1]
        return out


class RandomErasing:
    """In each image, with probability p, a rectangle filled with one value, so that no part alone is relied on.

    scale  the rectangle's least and largest share of the image
    ratio  its least and largest height / width, drawn evenly on a logarithmic scale
    value  what it is filled with: a number
    What sticks out of the image is cut off. ValueError for p outside [0, 1] and for ranges that cannot be.

    Z. Zhong, L. Zheng, G. Kang, S. Li and Y. Yang, "Random Erasing Data Augmentation" (2017).

    >>> erased = RandomErasing(p=1.0, scale=(0.25, 0.25), ratio=(1.0, 1.0))(np.ones((1, 1, 8, 8)))
    >>> float(erased.sum())
    48.0
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: float = 0,
    ) -> None:
        self.p = _probability("RandomErasing", p)
        if not 0 < scale[0] <= scale[1] <= 1 or not 0 < ratio[0] <= ratio[1] < math.inf:
            raise ValueError(f"RandomErasing: scale is a range in (0, 1] and ratio one above 0, not {scale}, {ratio}")
        self.scale = scale
        self.ratio = ratio
        self.value = value

    def __call__(self, images: Array, generator: Generator | None = None) -> Array:
        """[n, c, h, w] to the same shape."""
        _check("RandomErasing", images)
        n, _, height, width = images.shape
        chosen = rand(n, generator=generator).data < self.p
        area = height * width * _even(*self.scale, n, generator)
        ratio = np.exp(_even(math.log(self.ratio[0]), math.log(self.ratio[1]), n, generator))
        h = np.clip(np.round(np.sqrt(area * ratio)), 1, height)
        w = np.clip(np.round(np.sqrt(area / ratio)), 1, width)
        # a place among the height - h + 1 where it fits
        top = np.floor(_even(0.0, 1.0, n, generator) * (height - h + 1))
        left = np.floor(_even(0.0, 1.0, n, generator) * (width - w + 1))
        inside = _between(height, top, h)[:, :, None] & _between(width, left, w)[:, None, :]
        out = images.copy()
        np.copyto(out, np.asarray(self.value, images.dtype), where=(inside & chosen[:, None, None])[:, None])
        return out


def channel_mean_std(dataset: Any) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over all pixels of a data set, for `Normalize`.

    Give it the training part alone: what a model is told of the other parts, it cannot be tested on. Samples are
    images [c, h, w], or tuples that begin with one. ValueError for other samples and for none.

    >>> from pyengine.data import PixelDataset
    >>> channel_mean_std(PixelDataset(np.array([[[0, 255]]], np.uint8), np.array([1]), flatten=False))
    ([0.5], [0.5])
    """
    if not len(dataset):
        raise ValueError("channel_mean_std: the data set is empty")
    sums, squares, count = 0.0, 0.0, 0
    for start in range(0, len(dataset), AT_ONCE):
        batch = fetch(dataset, np.arange(start, min(start + AT_ONCE, len(dataset))))
        images = (batch[0] if isinstance(batch, tuple) else batch).data
        _check("channel_mean_std", images)
        sums = sums + images.sum(axis=(0, 2, 3), dtype=np.float64)
        squares = squares + np.square(images, dtype=np.float64).sum(axis=(0, 2, 3))
        count += images.size // images.shape[1]
    mean = np.asarray(sums) / count
    # in float64 the difference loses no digit that matters: images are of size 1, and 2**-53 of it is lost
    std = np.sqrt(np.maximum(np.asarray(squares) / count - mean**2, 0))
    return mean.tolist(), std.tolist()


def _check(what: str, images: Array) -> None:
    if not isinstance(images, np.ndarray) or images.ndim != 4:
        shape = getattr(images, "shape", type(images).__name__)
        raise ValueError(f"{what}: needs a batch of images [n, channels, height, width], not {shape}")


def _probability(what: str, p: float) -> float:
    if not 0 <= p <= 1:
        raise ValueError(f"{what}: p is a probability, from 0 to 1, not {p}")
    return p


def _whole(high: int, n: int, generator: Generator | None) -> Array:
    return randint(high, (n,), generator=generator).data


def _even(low: float, high: float, n: int, generator: Generator | None) -> Array:
    return uniform((n,), low, high, generator=generator).data


def _between(length: int, first: Array, size: Array) -> Array:
    """For each of n ranges which of the `length` places it covers: bool [n, length]."""
    places = np.arange(length)
    covered: Array = (places >= first[:, None]) & (places < (first + size)[:, None])
    return covered
