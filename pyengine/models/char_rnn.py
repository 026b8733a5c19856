"""A recurrent network that reads a text token by token and says what comes next."""

from typing import Any

from .. import nn
from ..autograd import no_grad
from ..capturing import capture as record
from ..joining import cat, stack
from ..random import Generator
from ..tape import located
from ..tensor import Tensor
from .ids import check_ids
from .pick import check_sound, chosen


class CharRNN(nn.Module):
    """Token ids [n, tokens] to scores [n, tokens, vocab_size] of the token behind each, and the state behind them all.

    vocab_size     ids go from 0 to vocab_size - 1
    hidden_dim     features of a layer's state
    num_layers     LSTM layers
    embedding_dim  features of a token; by default hidden_dim
    dropout        probability, between the layers and before the scores
    ValueError for ids that are not int64 [n, tokens], and sizes that cannot be; IndexError for an id outside of the
    vocabulary.

    A learned row for each token, layers of LSTM, a linear layer. Whoever goes on with the text hands the state back.
    A. Graves, "Generating sequences with recurrent neural networks" (2013), arXiv:1308.0850.

    >>> import pyengine as pe
    >>> model = CharRNN(vocab_size=65, hidden_dim=32)
    >>> scores, state = model(pe.tensor([[5, 17, 42]]))
    >>> scores.shape, model(pe.tensor([[8]]), state)[0].shape
    ((1, 3, 65), (1, 1, 65))
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_dim: int = 256,
        num_layers: int = 2,
        embedding_dim: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for name, size in (("vocab_size", vocab_size), ("hidden_dim", hidden_dim)):
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"CharRNN: {name} is a number from 1 on, not {size!r}")
        self.vocab_size = vocab_size
        self.embedding = nn.Embedding(vocab_size, embedding_dim or hidden_dim)
        self.lstm = nn.LSTM(embedding_dim or hidden_dim, hidden_dim, num_layers, batch_first=True, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden_dim, vocab_size)

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """[n, tokens] and the state before them, None at first, to [n, tokens, vocab_size] and the new state."""
        check_ids("CharRNN", ids)
        out, state = self.lstm(self.embedding(ids), state)
        return self.head(self.dropout(out)), state

    def generate(
        self,
        ids: Tensor,
        count: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: Generator | None = None,
        capture: bool = False,
    ) -> Tensor:
        """The ids [n, tokens] and `count` more behind them, one after the other: [n, tokens + count].

        temperature  scores are divided by it: the smaller, the surer; 0 always takes the likeliest token
        top_k        only so many of the likeliest tokens may be drawn; None for all
        generator    of the random numbers; None for the default one
        capture      replay the kernel calls of a token without Python between them (`pe.capture`): the same tokens
        Nothing is dropped out, and the module's mode stays. ValueError for numbers that cannot be, and an empty prompt.

        >>> import pyengine as pe
        >>> model = CharRNN(vocab_size=65, hidden_dim=32)
        >>> model.generate(pe.tensor([[5, 17, 42]]), 10).shape
        (1, 13)
        """
        check_ids("CharRNN", ids)
        if count < 0 or temperature < 0 or (top_k is not None and top_k < 1):
            raise located(
                ValueError(
                    f"generate: needs count and temperature from 0 on and top_k from 1 on, not {count}, {temperature} "
                    f"and {top_k}"
                )
            )
        how = (temperature, top_k, None, generator)

        def read(ids: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            """The token behind these ids, whether it could be drawn, and the new state."""
            scores, after = self(ids, state or None)
            token, sound = chosen(scores[:, -1], *how)
            return token, sound, *after

        read_one = record(read, fallback=True) if capture else read
        training = self.training
        made: list[Tensor] = []
        self.eval()
        try:
            with no_grad():
                for i in range(count):
                    if i == 0:
                        token, sound, *state = read(ids)
                    else:
                        token, sound, *state = read_one(made[-1].unsqueeze(1), *state)
                    check_sound(sound)
                    made.append(token)
        finally:
            self.train(training)
        return cat([ids, stack(made, 1)], 1) if made else ids
