"""Data sets, splitting them, and loading them in batches.

>>> from pyengine.data import DataLoader, load_digits, random_split
>>> train, val, test = random_split(load_digits(), [0.70, 0.15, 0.15], seed=0)
>>> images, labels = next(iter(DataLoader(train, batch_size=32, shuffle=True, seed=0)))
>>> images.shape, labels.shape
((32, 64), (32,))
"""

from . import transforms
from .cifar10 import load_cifar10
from .collate import default_collate
from .dataset import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset
from .digits import load_digits
from .download import DownloadError
from .embedded import load_diabetes, load_tumour
from .glasses_rings import draw_glasses_rings
from .images import load_images
from .load import load_and_split_dataset
from .loader import DataLoader
from .mnist import load_fashion_mnist, load_mnist
from .pixels import PixelDataset
from .sampling import BatchSampler, RandomSampler, SequentialSampler, WeightedRandomSampler, permutation
from .shapes import draw_shapes
from .split import random_split
from .splits import Splits
from .text import (
    BucketBatchSampler,
    CharVocab,
    DropWords,
    SubwordTokenizer,
    TextDataset,
    TokenDataset,
    TokenWindows,
    Vocab,
    WordVocab,
    causal_mask,
    load_sst2,
    load_tiny_shakespeare,
    load_vocab,
    pad_collate,
    pad_sequences,
    padding_mask,
    read_text,
    split_words,
)

__all__ = [
    "BatchSampler", "BucketBatchSampler", "CharVocab", "ConcatDataset", "DataLoader", "Dataset", "DownloadError",
    "DropWords", "IterableDataset", "PixelDataset", "RandomSampler", "SequentialSampler", "Splits", "Subset",
    "SubwordTokenizer", "TensorDataset", "TextDataset", "TokenDataset", "TokenWindows", "Vocab",
    "WeightedRandomSampler", "WordVocab", "causal_mask", "default_collate", "draw_glasses_rings", "draw_shapes",
    "load_and_split_dataset", "load_cifar10", "load_diabetes", "load_digits", "load_fashion_mnist", "load_images",
    "load_mnist", "load_sst2", "load_tiny_shakespeare", "load_tumour", "load_vocab", "pad_collate", "pad_sequences",
    "padding_mask", "permutation", "random_split", "read_text", "split_words", "transforms",
]  # fmt: skip
