"""Writing on: token after token, each drawn from what the model says may come next."""

from collections.abc import Iterator

from ..autograd import no_grad
from ..joining import cat
from ..random import Generator
from ..tape import located, require_tensors
from ..tensor import Tensor
from .gpt import GPT, Cache
from .pick import pick_token


def stream(
    model: GPT,
    ids: Tensor,
    count: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
    use_cache: bool = True,
) -> Iterator[Tensor]:
    """The next `count` tokens after ids (n, tokens), one after the other, each (n,). ValueError as of `generate`.

    >>> import pyengine as pe
    >>> model = GPT(vocab_size=5, n_positions=4, n_embd=8, n_layer=1, n_head=2)
    >>> len(list(stream(model, pe.tensor([[1, 2]]), count=6)))
    6
    """
    require_tensors("generate", ids)
    if count < 0:
        raise located(ValueError(f"generate: count is a number of tokens from 0 on, not {count}"))
    if ids.ndim != 2 or not ids.shape[1]:
        raise located(ValueError(f"generate: needs at least a token to go on from, ids [n, tokens], not {ids.shape}"))
    training, context = model.training, model.n_positions
    model.eval()
    try:
        with no_grad():
            window, cache = ids[:, -context:], Cache()
            fresh = window
            for _ in range(count):
                hidden = model.features(fresh, cache) if use_cache else model.features(window)
                token = pick_token(model.scores(hidden[:, -1]), temperature, top_k, top_p, generator)
                yield token
                fresh = token.unsqueeze(-1)
                window = cat([window, fresh], 1)
                if window.shape[1] > context:  # full: go on from its last half, read anew at its new places
                    window = window[:, -max(1, context // 2) :]
                    fresh, cache = window, Cache()
    finally:
        model.train(training)


def generate(
    model: GPT,
    ids: Tensor,
    count: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
    use_cache: bool = True,
) -> Tensor:
    """ids (n, tokens) with the next `count` tokens that the model writes: (n, tokens + count), int64.

    temperature, top_k, top_p, generator  how a token is chosen: see `pick_token`
    use_cache  keep keys and values of the tokens so far, so that each new token is read once; the tokens are the same
    Where the text becomes longer than the model's context, it is read on from the last half of the context. ValueError
    for ids without tokens, a count below 0, and as of `pick_token`.

    >>> import pyengine as pe
    >>> model = GPT(vocab_size=5, n_positions=4, n_embd=8, n_layer=1, n_head=2)
    >>> generate(model, pe.tensor([[1, 2], [3, 4]]), count=6).shape
    (2, 8)
    """
    tokens = stream(model, ids, count, temperature, top_k, top_p, generator, use_cache)
    return cat([ids, *(token.unsqueeze(-1) for token in tokens)], 1)
