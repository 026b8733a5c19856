"""From sentences to tensors: vocabularies, tokenizers, and data sets of tokens."""

from .bucketing import BucketBatchSampler
from .dataset import TextDataset
from .files import read_text
from .noise import DropWords
from .sets import load_sst2, load_tiny_shakespeare
from .subword import SubwordTokenizer
from .tokens import TokenDataset, TokenWindows, causal_mask, pad_collate, pad_sequences, padding_mask
from .vocab import CharVocab, Vocab, WordVocab, load_vocab, split_words

__all__ = [
    "BucketBatchSampler", "CharVocab", "DropWords", "SubwordTokenizer", "TextDataset", "TokenDataset", "TokenWindows",
    "Vocab", "WordVocab", "causal_mask", "load_sst2", "load_tiny_shakespeare", "load_vocab", "pad_collate",
    "pad_sequences", "padding_mask", "read_text", "split_words",
]  # fmt: skip
