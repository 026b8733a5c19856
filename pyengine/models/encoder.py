"""BERT: a transformer in which every token of a text looks at all others, to be trained on for tasks of one's own."""

from pathlib import Path
from typing import Any, Self

from .. import nn
from ..creation import arange, zeros_like
from ..nn.attention_function import attend
from ..nn.functional import dropout, gelu
from ..tape import located
from ..tensor import Tensor
from ..tensor_file import BadFileError, read_arrays
from .ids import check_ids
from .pretrained import heads_of, weights_file


class Embeddings(nn.Module):
    """Token ids [n, tokens] to (n, tokens, width): the rows of each token, its place and its part of the text.

    >>> import pyengine as pe
    >>> ids = pe.tensor([[3, 1, 4]])
    >>> Embeddings(vocab_size=9, width=8, places=5, types=2, dropout=0.0, eps=1e-12)(ids, ids * 0).shape
    (1, 3, 8)
    """

    def __init__(self, vocab_size: int, width: int, places: int, types: int, dropout: float, eps: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.word_embeddings = nn.Embedding(vocab_size, width)
        self.position_embeddings = nn.Embedding(places, width)
        self.token_type_embeddings = nn.Embedding(types, width)
        self.LayerNorm = nn.LayerNorm(width, eps)

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        """The sum of the three, normalised."""
        places = self.position_embeddings(arange(ids.shape[1], device=ids.device))
        rows = self.word_embeddings(ids) + self.token_type_embeddings(types) + places
        return dropout(self.LayerNorm(rows), self.dropout, self.training)


class SelfAttention(nn.Module):
    """Each token looks at all, in several heads: (n, tokens, width) to the same shape.

    >>> import pyengine as pe
    >>> SelfAttention(width=8, heads=2, dropout=0.0)(pe.zeros(1, 5, 8), None).shape
    (1, 5, 8)
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, input: Tensor, mask: Tensor | None) -> Tensor:
        """With a mask (n, 1, 1, tokens), True for the tokens that may be looked at."""
        n, tokens, width = input.shape
        q, k, v = (
            made(input).reshape(n, tokens, self.heads, width // self.heads).transpose(1, 2)
            for made in (self.query, self.key, self.value)
        )
        found = attend(q, k, v, mask, self.dropout if self.training else 0.0)
        return found.transpose(1, 2).reshape(n, tokens, width)


class Added(nn.Module):
    """A linear layer whose output is added to what was there, and normalised.

    >>> import pyengine as pe
    >>> Added(inputs=4, width=8, dropout=0.0, eps=1e-12)(pe.zeros(1, 4), pe.zeros(1, 8)).shape
    (1, 8)
    """

    def __init__(self, inputs: int, width: int, dropout: float, eps: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.dense = nn.Linear(inputs, width)
        self.LayerNorm = nn.LayerNorm(width, eps)

    def forward(self, input: Tensor, before: Tensor) -> Tensor:
        """(…, inputs) and (…, width) to (…, width)."""
        out: Tensor = self.LayerNorm(dropout(self.dense(input), self.dropout, self.training) + before)
        return out


class Layer(nn.Module):
    """Attention, then two linear layers with a GELU between, each added to what was there and normalised after.

    >>> import pyengine as pe
    >>> Layer(width=8, heads=2, inside=32, dropout=0.0, eps=1e-12)(pe.zeros(1, 5, 8), None).shape
    (1, 5, 8)
    """

    def __init__(self, width: int, heads: int, inside: int, dropout: float, eps: float) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {"self": SelfAttention(width, heads, dropout), "output": Added(width, width, dropout, eps)}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inside)})
        self.output = Added(inside, width, dropout, eps)

    def forward(self, input: Tensor, mask: Tensor | None) -> Tensor:
        """(n, tokens, width) to the same shape."""
        seen = self.attention["output"](self.attention["self"](input, mask), input)
        out: Tensor = self.output(gelu(self.intermediate["dense"](seen)), seen)
        return out


class Encoder(nn.Module):
    """Token ids [n, tokens] to features (n, tokens, hidden_size), each of the whole text: BERT's layout and names.

    vocab_size           ids go from 0 to vocab_size - 1
    hidden_size          features of a token, a multiple of num_attention_heads
    num_hidden_layers    transformer layers
    intermediate_size    how wide the layers are inside; by default 4 · hidden_size
    max_position_embeddings  the longest text in tokens
    type_vocab_size      parts that a text may have, such as question and answer
    dropout              probability, at the embeddings, the attention's weights and the end of each part
    Parameters are named and laid out as in BERT's files: embeddings.word_embeddings, encoder.layer.0.attention.self, …
    `from_bert` reads these. ValueError for sizes that cannot be, for ids that are not int64 [n, tokens] and for a text
    that is too long; IndexError for an id outside of the vocabulary.

    J. Devlin and others, "BERT: Pre-training of deep bidirectional transformers for language understanding" (2018).

    >>> import pyengine as pe
    >>> model = Encoder(vocab_size=100, hidden_size=16, num_hidden_layers=2, num_attention_heads=4)
    >>> features = model(pe.tensor([[2, 17, 42, 3]]))
    >>> features.shape, model.pooled(features).shape
    ((1, 4, 16), (1, 16))
    """

    def __init__(
        self,
        vocab_size: int = 30522,
        hidden_size: int = 768,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        intermediate_size: int | None = None,
        max_position_embeddings: int = 512,
        type_vocab_size: int = 2,
        dropout: float = 0.1,
        layer_norm_eps: float = 1e-12,
    ) -> None:
        super().__init__()
        sizes = {"vocab_size": vocab_size, "hidden_size": hidden_size, "num_hidden_layers": num_hidden_layers,
                 "num_attention_heads": num_attention_heads, "max_position_embeddings": max_position_embeddings,
                 "type_vocab_size": type_vocab_size}  # fmt: skip
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"Encoder: {name} is a number from 1 on, not {size!r}")
        if hidden_size % num_attention_heads:
            raise ValueError(
                f"Encoder: hidden_size is divided among the heads, so it must be a multiple of num_attention_heads; "
                f"{hidden_size} is none of {num_attention_heads}"
            )
        self.max_position_embeddings = max_position_embeddings
        inside = intermediate_size or 4 * hidden_size
        self.embeddings = Embeddings(
            vocab_size, hidden_size, max_position_embeddings, type_vocab_size, dropout, layer_norm_eps
        )
        layers = [
            Layer(hidden_size, num_attention_heads, inside, dropout, layer_norm_eps) for _ in range(num_hidden_layers)
        ]
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(layers)})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(hidden_size, hidden_size)})
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(
        self, ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """[n, tokens] to (n, tokens, hidden_size).

        token_type_ids  int64 [n, tokens], the part of the text that each token is of; by default 0
        attention_mask  [n, tokens], bools or numbers: False or 0 for tokens that only fill up
        """
        check_ids("Encoder", ids)
        if ids.shape[1] > self.max_position_embeddings:
            raise located(
                ValueError(
                    f"Encoder: a text of {ids.shape[1]} tokens is longer than {self.max_position_embeddings} "
                    f"(max_position_embeddings); keep its first tokens: ids[:, :{self.max_position_embeddings}]"
                )
            )
        types = zeros_like(ids) if token_type_ids is None else token_type_ids
        for name, tensor in (("token_type_ids", types), ("attention_mask", attention_mask)):
            if tensor is not None and tensor.shape != ids.shape:
                raise located(ValueError(f"Encoder: {name} have the shape of the ids, {ids.shape}, not {tensor.shape}"))
        mask = None if attention_mask is None else (attention_mask != 0).unsqueeze(1).unsqueeze(1)
        hidden = self.embeddings(ids, types)
        layers: Any = self.encoder["layer"]
        for layer in layers:
            hidden = layer(hidden, mask)
        return hidden

    def pooled(self, features: Tensor) -> Tensor:
        """Features (n, tokens, hidden_size) to (n, hidden_size): the first token's, for a text as a whole."""
        out: Tensor = self.pooler["dense"](features[:, 0]).tanh()
        return out

    @classmethod
    def from_bert(cls, path: str | Path, num_attention_heads: int | None = None, dropout: float = 0.1) -> Self:
        """The encoder with the weights of a safetensors file, or of the folder with model.safetensors and config.json.

        num_attention_heads  by default as config.json beside the file says, else hidden_size / 64, as in BERT's sizes
        What the file has for other tasks is left out; where it has no pooler, that begins at random. BadFileError, a
        ValueError, where the file is none of BERT's; OSError where it cannot be read.
        """
        path = weights_file(path)
        arrays, _ = read_arrays(path)
        weights = {_renamed(name): array for name, array in arrays.items()}
        weights = {name: a for name, a in weights.items() if name.split(".")[0] in ("embeddings", "encoder", "pooler")}
        weights.pop("embeddings.position_ids", None)
        try:
            vocab_size, hidden_size = weights["embeddings.word_embeddings.weight"].shape
            model = cls(
                vocab_size,
                hidden_size,
                1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer.")),
                num_attention_heads or heads_of(path, "num_attention_heads", hidden_size),
                len(weights["encoder.layer.0.intermediate.dense.weight"]),
                len(weights["embeddings.position_embeddings.weight"]),
                len(weights["embeddings.token_type_embeddings.weight"]),
                dropout,
            )
            pooler = {name: tensor.numpy() for name, tensor in model.state_dict().items() if name.startswith("pooler.")}
            model.load_state_dict(pooler | weights)
        except (KeyError, ValueError, RuntimeError) as error:
            raise BadFileError(f"{path}: not the weights of a BERT ({error})") from None
        return model


def _renamed(name: str) -> str:
    """A name of the files without what is before it, and of the first files as the later ones have it."""
    return (
        name.removeprefix("bert.")
        .replace("LayerNorm.gamma", "LayerNorm.weight")
        .replace("LayerNorm.beta", "LayerNorm.bias")
    )
