"""The data set that comes with the package."""

import os

import numpy as np

from .dataset import TensorDataset


def load_digits(flatten: bool = True) -> TensorDataset:
    """1,797 real handwritten digits: images as float32 in [0, 1], 8 by 8 pixels; labels 0 to 9 as int64.

    flatten  images of shape (1797, 64), for linear layers; otherwise (1797, 1, 8, 8), for convolutions

    Credit: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits" (1998), test part, UCI Machine
    Learning Repository, CC BY 4.0. A pixel is the share of ink in a block of 4 by 4 of the scanned bitmap.

    >>> images, labels = load_digits().tensors
    >>> images.shape, labels.shape
    ((1797, 64), (1797,))
    """
    with np.load(os.path.join(os.path.dirname(__file__), "files", "digits.npz")) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    shape = (len(images), 64) if flatten else (len(images), 1, 8, 8)
    return TensorDataset(np.divide(images, 16, dtype=np.float32).reshape(shape), labels.astype(np.int64))
