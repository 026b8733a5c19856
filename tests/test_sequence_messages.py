"""What models of sequences and texts say of a wrong input: the name, the shapes, the way out, and the user's line."""

import pytest

import pyengine as pe
from pyengine import models, nn
from pyengine.data import (
    TextDataset,
    TokenDataset,
    TokenWindows,
    WordVocab,
    pad_collate,
    pad_sequences,
    padding_mask,
)
from pyengine.nn import functional as F
from pyengine.nn.utils import rnn


def ids(*shape: int) -> pe.Tensor:
    return pe.zeros(*shape, dtype="int64")


pe.manual_seed(0)
GPT = models.GPT(10, 8, 16, 1, 2)
ENCODER = models.Encoder(10, 16, 1, 2, 32, 8)
CLASSIFIER = models.TransformerClassifier(10, 16, 1, 2, max_length=8)
CHARS = models.CharRNN(10, 16)
VOCAB = WordVocab.build(["a fine film"])
PAIRS = pe.zeros(2, 3)
NO_TENSOR = "operand 0 is a list, not a tensor; wrap it"

# functions of tensors: their errors have a note with the line that called them
OF_TENSORS = {
    "GPT: list": (lambda: GPT([[1, 2]]), TypeError, f"GPT: {NO_TENSOR}"),
    "GPT: one text": (
        lambda: GPT(ids(3)),
        ValueError,
        r"GPT: takes token ids, int64 \[n, tokens\], not int64 \[3\]; a text alone is ids\.unsqueeze\(0\)",
    ),
    "GPT: nothing": (lambda: GPT(ids(2, 0)), ValueError, r"GPT: a text has one token or more; these ids are \[2, 0\]"),
    "generate: count": (lambda: models.generate(GPT, ids(1, 2), -1), ValueError, "generate: count is .* 0 on, not -1"),
    "generate: list": (lambda: models.generate(GPT, [[1]], 3), TypeError, f"generate: {NO_TENSOR}"),
    "next tokens": (
        lambda: models.next_token_loss(pe.zeros(2, 5, 10), ids(2, 4)),
        ValueError,
        r"next_token_loss: takes scores .* and targets \(n, tokens\), not \(2, 5, 10\) and \(2, 4\)",
    ),
    "next tokens: list": (lambda: models.next_token_loss([1.0], ids(2, 4)), TypeError, f"next_token_loss: {NO_TENSOR}"),
    "Encoder: list": (lambda: ENCODER([[1]]), TypeError, f"Encoder: {NO_TENSOR}"),
    "Encoder: nothing": (lambda: ENCODER(ids(1, 0)), ValueError, "Encoder: a text has one token or more"),
    "CharRNN: list": (lambda: CHARS([[1]]), TypeError, f"CharRNN: {NO_TENSOR}"),
    "classifier: list": (lambda: CLASSIFIER([[1]]), TypeError, f"TransformerClassifier: {NO_TENSOR}"),
    "classifier: nothing": (lambda: CLASSIFIER(ids(2, 0)), ValueError, "TransformerClassifier: a text has one token"),
    "Forecaster: list": (lambda: models.Forecaster(4)([[1.0]]), TypeError, f"Forecaster: {NO_TENSOR}"),
    "attention: list": (
        lambda: nn.MultiheadAttention(16, 4)([1.0], pe.zeros(2, 3, 16), pe.zeros(2, 3, 16)),
        TypeError,
        f"MultiheadAttention: {NO_TENSOR}",
    ),
    "decoder: no memory": (
        lambda: nn.TransformerDecoderLayer(16, 4, 32)(pe.zeros(2, 3, 16), None),
        TypeError,
        "MultiheadAttention: operand 1 is a NoneType, not a tensor",
    ),
    "pairs: labels": (
        lambda: F.contrastive_loss(PAIRS, PAIRS, [0, 1]),
        TypeError,
        f"contrastive_loss: {NO_TENSOR}",
    ),
    "pairs: list": (
        lambda: F.info_nce_loss(PAIRS, [[1.0]]),
        TypeError,
        "info_nce_loss: operand 1 is a list, not a tensor",
    ),
    "triples: list": (
        lambda: F.triplet_margin_loss(PAIRS, PAIRS, [[1.0]]),
        TypeError,
        "triplet_margin_loss: operand 2 is a list",
    ),
    "no pairs": (
        lambda: F.info_nce_loss(pe.zeros(0, 3), pe.zeros(0, 3)),
        ValueError,
        r"info_nce_loss: no pairs, x1 is \(0, 3\); leave empty batches out",
    ),
    "unpacked": (
        lambda: rnn.pad_packed_sequence(pe.zeros(4, 2, 3)),
        TypeError,
        "pad_packed_sequence: takes what pack_padded_sequence gives, not a Tensor",
    ),
    "nothing to pack": (lambda: rnn.pack_sequence([]), ValueError, "pack_sequence: no sequences"),
    "mask of a list": (lambda: padding_mask([[1, 0]]), TypeError, f"padding_mask: {NO_TENSOR}"),
}

MADE = {
    "GPT: dropout": (
        lambda: models.GPT(10, 8, 16, 1, 2, dropout=2.0),
        ValueError,
        "GPT: dropout is a probability, from 0 to 1, not 2.0",
    ),
    "CharRNN: width": (lambda: models.CharRNN(10, -1), ValueError, "CharRNN: hidden_dim is a number from 1 on, not -1"),
    "Forecaster: width": (lambda: models.Forecaster(0), ValueError, "Forecaster: hidden is a number from 1 on, not 0"),
    "decode: half an id": (lambda: VOCAB.decode([1.5]), TypeError, "WordVocab: ids are whole numbers, not a float"),
    "decode: a batch": (lambda: VOCAB.decode([[1, 2]]), TypeError, "not a list; a batch of texts is decoded text by"),
    "build: nothing": (
        lambda: WordVocab.build(None),
        TypeError,
        "WordVocab.build: takes a text or several, not a None",
    ),
    "pad: halves": (
        lambda: pad_sequences([[1.5, 2]]),
        TypeError,
        "pad_sequences: ids are whole numbers, not float64",
    ),
    "pad: nested": (lambda: pad_sequences([[[1], [2, 3]]]), ValueError, "one row of ids, not lists in lists"),
    "pad: texts": (lambda: pad_sequences(["a film"]), TypeError, "pad_sequences: takes ids, not texts; encode them"),
    "collate: classes": (lambda: pad_collate([([1], "pos")]), TypeError, "pad_collate: labels are .* not 'pos'"),
    "tokens: texts": (lambda: TokenDataset(["a film"], [1]), TypeError, "TokenDataset: takes ids, not texts"),
    "tokens: classes": (
        lambda: TokenDataset([[1]], ["pos"]),
        TypeError,
        r"TokenDataset: labels are numbers .* not 'pos'; with classes = sorted\(set\(labels\)\) they are",
    ),
    "texts: classes": (lambda: TextDataset(["a"], ["pos"]), TypeError, "TextDataset: labels are numbers .* not 'pos'"),
    "windows: a text": (lambda: TokenWindows("to be", 2), TypeError, "TokenWindows: takes ids, not texts"),
    "windows: halves": (lambda: TokenWindows([1.5, 2.5, 3.5], 1), TypeError, "TokenWindows: .* not float64"),
}


@pytest.mark.parametrize("mistake", [*OF_TENSORS, *MADE])
def test_the_message_teaches(mistake) -> None:
    call, error, message = {**OF_TENSORS, **MADE}[mistake]
    with pytest.raises(error, match=message) as found:
        call()
    if mistake in OF_TENSORS:
        first = call.__code__.co_firstlineno
        notes = [f"in {__file__}, line {line}" for line in range(first, first + 3)]
        assert set(notes) & set(getattr(found.value, "__notes__", []))
