"""A transformer that reads a sentence and says which class it is of."""

import math

from .. import nn
from ..tensor import Tensor
from .ids import check_ids


class TransformerClassifier(nn.Module):
    """Token ids [n, tokens], filled up with 0, to scores [n, num_classes]: what a `DataLoader` of texts gives goes in.

    vocab_size   ids go from 0 to vocab_size - 1; 0 fills up, and nothing looks at it
    hidden_dim   features of a token
    num_layers   transformer layers
    num_heads    of the attention; by default hidden_dim / 64, as in the paper, or what divides hidden_dim next below
    ff_dim       how wide the layers are inside; by default 4 · hidden_dim
    dropout      probability, after the embedding and in the layers
    max_length   the longest sentence in tokens
    ValueError for ids that are not int64 [n, tokens], a sentence longer than max_length, and sizes that cannot be;
    IndexError for an id outside of the vocabulary.

    A learned row for each token, sines and cosines of its place, layers of attention that are normalised before each
    part, then the mean of all tokens but those that fill up, and a linear layer. The rows begin small and are
    multiplied by √hidden_dim, so that a step of Adam, of the same size for all weights, moves them as far as they need.

    A. Vaswani and others, "Attention is all you need" (2017); R. Xiong and others, "On layer normalization in the
    transformer architecture" (2020).

    >>> import pyengine as pe
    >>> model = TransformerClassifier(vocab_size=100, hidden_dim=16, num_layers=2, num_classes=3)
    >>> model(pe.tensor([[5, 17, 42], [8, 0, 0]])).shape
    (2, 3)
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_dim: int = 256,
        num_layers: int = 4,
        num_classes: int = 2,
        num_heads: int | None = None,
        ff_dim: int | None = None,
        dropout: float = 0.1,
        max_length: int = 5000,
    ) -> None:
        super().__init__()
        sizes = {
            "vocab_size": vocab_size,
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "num_classes": num_classes,
        }
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"TransformerClassifier: {name} is a number from 1 on, not {size!r}")
        heads = num_heads or next(n for n in range(max(1, hidden_dim // 64), 0, -1) if hidden_dim % n == 0)
        self.scale = math.sqrt(hidden_dim)
        self.embedding = nn.Embedding(vocab_size, hidden_dim, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=1 / self.scale)
        self.positions = nn.SinusoidalPositions(hidden_dim, max_length)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            hidden_dim, heads, ff_dim or 4 * hidden_dim, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, num_layers, nn.LayerNorm(hidden_dim))
        self.classifier = nn.Linear(hidden_dim, num_classes)

    def forward(self, ids: Tensor) -> Tensor:
        """[n, tokens] to [n, num_classes]."""
        fix = "a sentence alone is ids.unsqueeze(0), and texts become ids by load_and_split_dataset or WordVocab"
        check_ids("TransformerClassifier", ids, fix)
        padding = ids == 0
        tokens = self.dropout(self.positions(self.embedding(ids) * self.scale))
        tokens = self.encoder(tokens, src_key_padding_mask=padding)
        real = (~padding).to(tokens.dtype)
        mean = (tokens * real.unsqueeze(-1)).sum(1) / real.sum(1, keepdim=True).clamp(min=1.0)
        scores: Tensor = self.classifier(mean)
        return scores
