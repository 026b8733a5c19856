"""The tables that come with the package."""

import os
from collections.abc import Sequence

from .load import load_and_split_dataset
from .splits import Splits

_FILES = os.path.join(os.path.dirname(__file__), "files")


def load_diabetes(
    splits: Sequence[int] | Sequence[float] = (0.70, 0.15, 0.15), seed: int = 0, scale_target: bool = False
) -> Splits:
    """442 patients with diabetes: ten measurements, and how far the disease had come a year later, from 25 to 346.

    The measurements are age in years, sex (a code, 1 or 2), body mass index in kg/m², mean blood pressure in mmHg, and
    six of the blood serum, normalised by the training rows. The target is a quantity, of shape (1,); `scale_target`
    normalises it too.

    Credit: B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, "Least Angle Regression", Annals of Statistics (2004).

    >>> train, val, test = load_diabetes(seed=0)
    >>> inputs, progression = train[0]
    >>> len(train), inputs.shape, progression.shape
    (310, (10,), (1,))
    """
    path = os.path.join(_FILES, "diabetes.csv")
    return load_and_split_dataset(path, splits, "progression", seed, scale_target=scale_target)


def load_tumour(splits: Sequence[int] | Sequence[float] = (0.70, 0.15, 0.15), seed: int = 0) -> Splits:
    """569 breast tumours: thirty measurements of the nuclei of their cells, and whether benign (0) or malignant (1).

    The measurements are mean, standard error and worst value of ten properties, normalised by the training rows.

    Credit: W. Wolberg, N. Street and O. Mangasarian, "Breast Cancer Wisconsin (Diagnostic)" (1993), UCI Machine
    Learning Repository, CC BY 4.0.

    >>> splits = load_tumour(seed=0)
    >>> splits.classes, len(splits[0]), splits[0][0][0].shape
    (('benign', 'malignant'), 399, (30,))
    """
    return load_and_split_dataset(os.path.join(_FILES, "tumour.csv"), splits, "diagnosis", seed)
