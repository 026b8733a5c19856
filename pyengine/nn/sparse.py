"""A table whose rows are learned."""

from typing import Any

from .. import dtypes
from ..backend import Device
from ..random import randn
from ..tape import grad_mode
from ..tensor import Tensor
from .functional import embedding
from .module import Module
from .parameter import Parameter


class Embedding(Module):
    """A learned row of `embedding_dim` numbers for each of `num_embeddings` things, such as the words of a vocabulary.

    weight       (num_embeddings, embedding_dim), started from the normal distribution of mean 0 and deviation 1
    padding_idx  the row that stands for no thing: it starts as zeros and is not learned
    ValueError for a size below 1 and for a padding_idx outside. Takes (…) int64 to (…, embedding_dim).

    >>> import pyengine as pe
    >>> layer = Embedding(10, 3, padding_idx=0)
    >>> layer(pe.tensor([[4, 7, 0, 0]])).shape
    (1, 4, 3)
    >>> layer(pe.tensor([10]))
    Traceback (most recent call last):
        ...
    IndexError: embedding: position 10 is outside of the table, which has length 10: 0 to 9 are inside
    in ...
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        device: "str | Device | None" = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__()
        if num_embeddings < 1 or embedding_dim < 1:
            raise ValueError(f"Embedding: sizes are from 1 on, not {num_embeddings} and {embedding_dim}")
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx {padding_idx} is outside of the {num_embeddings} rows")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(randn((num_embeddings, embedding_dim), device=device, dtype=dtype))
        if self.padding_idx is not None:
            with grad_mode(False):
                self.weight[self.padding_idx] = 0.0

    def forward(self, input: Tensor) -> Tensor:
        """Positions (...) to rows (..., embedding_dim)."""
        return embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
