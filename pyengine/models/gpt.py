"""GPT-2: a transformer that reads text from the left and says which token comes next."""

import math
from pathlib import Path
from typing import Self

from .. import nn
from ..creation import arange, empty, ones, zeros
from ..joining import cat
from ..nn.attention_function import attend
from ..nn.functional import cross_entropy, dropout, gelu, linear
from ..tape import located, require_tensors
from ..tensor import Tensor
from ..tensor_file import BadFileError, read_arrays
from .cache import FixedCache, GrowingCache, Reading
from .ids import check_ids
from .pretrained import heads_of, weights_file

Cache = GrowingCache | Reading


class Projection(nn.Module):
    """x · weight + bias: a linear layer whose weight is (inputs, outputs), as GPT-2's files have it.

    >>> import pyengine as pe
    >>> Projection(8, 24)(pe.zeros(2, 8)).shape
    (2, 24)
    """

    def __init__(self, inputs: int, outputs: int, std: float = 0.02) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.normal_(empty(inputs, outputs), std=std))
        self.bias = nn.Parameter(zeros(outputs))

    def forward(self, input: Tensor) -> Tensor:
        """(…, inputs) to (…, outputs)."""
        return linear(input, self.weight.T, self.bias)


class CausalSelfAttention(nn.Module):
    """Each token looks at itself and those before it, in several heads: (batch, tokens, width) to the same shape.

    >>> import pyengine as pe
    >>> CausalSelfAttention(width=8, heads=2, dropout=0.0, layers=1)(pe.zeros(1, 5, 8)).shape
    (1, 5, 8)
    """

    def __init__(self, width: int, heads: int, dropout: float, layers: int) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.c_attn = Projection(width, 3 * width)
        # the residual stream is added to twice in each layer: smaller steps, so that it keeps its size
        self.c_proj = Projection(width, width, 0.02 / math.sqrt(2 * layers))

    def forward(self, input: Tensor, cache: Cache | None = None, layer: int = 0) -> Tensor:
        """With a cache, the input's tokens come after those in it, and are added to it."""
        batch, tokens, width = input.shape
        parts = self.c_attn(input).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = (part.transpose(1, 2) for part in parts.unbind(2))
        mask: Tensor | None
        if isinstance(cache, Reading):
            k, v, mask = cache.extended(layer, k, v)
            causal = False
        else:
            k, v = (k, v) if cache is None else _extended(cache, layer, k, v)
            keys = k.shape[2]
            # after a cache's tokens come one, which looks at all, or several, which need a mask of their own
            mask = None if tokens in (1, keys) else ones(tokens, keys, device=input.device).tril(keys - tokens) > 0
            causal = tokens == keys
        found = attend(q, k, v, mask, self.dropout if self.training else 0.0, causal)
        out: Tensor = self.c_proj(found.transpose(1, 2).reshape(batch, tokens, width))
        return dropout(out, self.dropout, self.training)


def _extended(cache: GrowingCache, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values behind those that the cache has of this layer; it takes them over."""
    if layer < len(cache):
        cache[layer] = (cat([cache[layer][0], keys], 2), cat([cache[layer][1], values], 2))
    else:
        cache.append((keys, values))
    return cache[layer]


class MLP(nn.Module):
    """Two linear layers with a GELU between, for each token alone.

    >>> import pyengine as pe
    >>> MLP(width=8, dropout=0.0, layers=1)(pe.zeros(1, 5, 8)).shape
    (1, 5, 8)
    """

    def __init__(self, width: int, dropout: float, layers: int) -> None:
        super().__init__()
        self.dropout = dropout
        self.c_fc = Projection(width, 4 * width)
        self.c_proj = Projection(4 * width, width, 0.02 / math.sqrt(2 * layers))

    def forward(self, input: Tensor) -> Tensor:
        """(…, width) to the same shape."""
        out: Tensor = self.c_proj(gelu(self.c_fc(input), "tanh"))
        return dropout(out, self.dropout, self.training)


class Block(nn.Module):
    """Attention, then an MLP, each added to what was there and normalised before: (batch, tokens, width) to the same.

    >>> import pyengine as pe
    >>> Block(width=8, heads=2, dropout=0.0, layers=1)(pe.zeros(1, 5, 8)).shape
    (1, 5, 8)
    """

    def __init__(self, width: int, heads: int, dropout: float, layers: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, heads, dropout, layers)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = MLP(width, dropout, layers)

    def forward(self, input: Tensor, cache: Cache | None = None, layer: int = 0) -> Tensor:
        """(batch, tokens, width) to the same shape."""
        input = input + self.attn(self.ln_1(input), cache, layer)
        return input + self.mlp(self.ln_2(input))


class GPT(nn.Module):
    """Token ids [n, tokens] to scores [n, tokens, vocab_size] of each one's next token: GPT-2's layout and names.

    vocab_size   ids go from 0 to vocab_size - 1
    n_positions  the longest text in tokens: the context
    n_embd       features of a token, a multiple of n_head
    n_layer      transformer blocks
    n_head       of the attention
    dropout      probability, after the embedding and at the end of each part
    Parameters are named and laid out as in GPT-2's files: wte, wpe, h.0.attn.c_attn, … `from_gpt2` reads these. The
    scores are products with the token rows themselves (wte). ValueError for sizes that cannot be, ids that are not
    int64 [n, tokens], and a text longer than the context; IndexError for an id outside of the vocabulary.

    A. Radford and others, "Language models are unsupervised multitask learners" (2019).

    >>> import pyengine as pe
    >>> model = GPT(vocab_size=65, n_positions=64, n_embd=32, n_layer=2, n_head=4)
    >>> model(pe.tensor([[3, 14, 15]])).shape
    (1, 3, 65)
    """

    def __init__(
        self,
        vocab_size: int = 50257,
        n_positions: int = 1024,
        n_embd: int = 768,
        n_layer: int = 12,
        n_head: int = 12,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = {"vocab_size": vocab_size, "n_positions": n_positions, "n_embd": n_embd, "n_layer": n_layer,
                 "n_head": n_head}  # fmt: skip
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"GPT: {name} is a number from 1 on, not {size!r}")
        if n_embd % n_head:
            raise ValueError(
                f"GPT: n_embd is divided among the heads, so it must be a multiple of n_head; {n_embd} is "
                f"none of {n_head}"
            )
        if not 0 <= dropout <= 1:
            raise ValueError(f"GPT: dropout is a probability, from 0 to 1, not {dropout}")
        self.n_positions = n_positions
        self.n_head = n_head
        self.dropout = dropout
        self.wte = nn.Embedding(vocab_size, n_embd)
        self.wpe = nn.Embedding(n_positions, n_embd)
        for table in (self.wte, self.wpe):
            nn.init.normal_(table.weight, std=0.02)
        self.h = nn.ModuleList([Block(n_embd, n_head, dropout, n_layer) for _ in range(n_layer)])
        self.ln_f = nn.LayerNorm(n_embd)

    def forward(self, ids: Tensor, cache: Cache | None = None) -> Tensor:
        """[n, tokens] to [n, tokens, vocab_size]; with a cache, the tokens come after those in it."""
        return self.scores(self.features(ids, cache))

    def scores(self, features: Tensor) -> Tensor:
        """(…, n_embd) to (…, vocab_size)."""
        return linear(features, self.wte.weight)

    def features(self, ids: Tensor, cache: Cache | None = None) -> Tensor:
        """[n, tokens] to [n, tokens, n_embd]: what the scores are made of."""
        check_ids("GPT", ids)
        past = cache[0][0].shape[2] if isinstance(cache, list) and cache else 0
        end = past + ids.shape[1]
        if end > self.n_positions:
            raise located(
                ValueError(
                    f"GPT: a text of {end} tokens is longer than the context of {self.n_positions} (n_positions); keep "
                    f"its last tokens: ids[:, -{self.n_positions}:]"
                )
            )
        places = cache.positions if isinstance(cache, Reading) else arange(past, end, device=ids.device)
        hidden = self.wte(ids) + self.wpe(places)
        hidden = dropout(hidden, self.dropout, self.training)
        for i, block in enumerate(self.h):
            hidden = block(hidden, cache, i)
        out: Tensor = self.ln_f(hidden)
        return out

    def fixed_cache(self, batch: int, length: int) -> FixedCache:
        """An empty cache for `batch` texts of at most `length` tokens, no more than the context."""
        weight, heads = self.wte.weight, self.n_head
        return FixedCache(batch, len(self.h), heads, length, weight.shape[1] // heads, weight)

    @classmethod
    def from_gpt2(cls, path: str | Path, n_head: int | None = None, dropout: float = 0.0) -> Self:
        """GPT-2 with the weights of a safetensors file, or of the folder that holds model.safetensors and config.json.

        n_head  by default as config.json beside the file says, else n_embd / 64, as in all of GPT-2's sizes
        BadFileError, a ValueError, where the file is none of GPT-2's; OSError where it cannot be read.
        """
        path = weights_file(path)
        arrays, _ = read_arrays(path)
        weights = {name.removeprefix("transformer."): array for name, array in arrays.items()}
        weights = {name: array for name, array in weights.items() if not name.endswith(_BUFFERS)}
        try:
            (vocab_size, n_embd), n_positions = weights["wte.weight"].shape, len(weights["wpe.weight"])
            n_layer = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("h."))
            model = cls(vocab_size, n_positions, n_embd, n_layer, n_head or heads_of(path, "n_head", n_embd), dropout)
            model.load_state_dict(weights)
        except (KeyError, ValueError, RuntimeError) as error:
            raise BadFileError(f"{path}: not the weights of a GPT-2 ({error})") from None
        return model


_BUFFERS = (".attn.bias", ".attn.masked_bias", "lm_head.weight")  # masks, and the token rows once more


def next_token_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """The mean cross-entropy of next tokens, in nats: scores (n, tokens, vocab_size), targets (n, tokens).

    TypeError and ValueError for what is no tensor or of other shapes, and for targets outside of the vocabulary.

    >>> import pyengine as pe
    >>> next_token_loss(pe.zeros(2, 5, 10), pe.zeros(2, 5, dtype="int64"))
    tensor(2.3025851)
    """
    require_tensors("next_token_loss", scores, targets)
    if scores.ndim != 3 or targets.shape != scores.shape[:-1]:
        raise located(
            ValueError(
                f"next_token_loss: takes scores (n, tokens, vocab_size) and targets (n, tokens), not {scores.shape} "
                f"and {targets.shape}"
            )
        )
    return cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1))
