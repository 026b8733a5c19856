"""Writing on: token after token, each drawn from what the model says may come next."""

from collections.abc import Iterator

from ..autograd import no_grad
from ..capturing import capture as record
from ..creation import arange
from ..joining import cat
from ..random import Generator
from ..tape import located, require_tensors
from ..tensor import Tensor
from .gpt import GPT
from .pick import Choice, check_choice, check_sound, chosen


def stream(
    model: GPT,
    ids: Tensor,
    count: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
    use_cache: bool = True,
    capture: bool = False,
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
    if capture and not use_cache:
        raise located(ValueError("generate: without a cache each token reads a longer text, which no recording fits"))
    check_choice(temperature, top_k, top_p)
    how = (temperature, top_k, top_p, generator)
    training = model.training
    model.eval()
    try:
        with no_grad():
            yield from _cached(model, ids, count, how, capture) if use_cache else _read_again(model, ids, count, how)
    finally:
        model.train(training)


def _cached(model: GPT, ids: Tensor, count: int, how: Choice, captured: bool) -> Iterator[Tensor]:
    """Each token is read once; only where the context is full, its last half is read anew at its new places."""
    context = model.n_positions
    window = ids[:, -context:]
    cache = model.fixed_cache(len(ids), min(context, window.shape[1] + count))

    def read(fresh: Tensor, places: Tensor) -> tuple[Tensor, Tensor | None]:
        """Read tokens (n, tokens) that stand at these places of the text; the token behind them."""
        hidden = model.features(fresh, cache.at(places))
        return chosen(model.scores(hidden[:, -1]), *how)

    read_one = record(read, fallback=True) if captured else read
    texts, length = [window], window.shape[1]
    token, sound = read(window, arange(length, device=ids.device))
    for _ in range(count):
        check_sound(sound)
        yield token
        texts.append(token.unsqueeze(-1))
        length += 1
        if length <= context:
            token, sound = read_one(texts[-1], arange(length - 1, length, device=ids.device))
        else:
            texts = [cat(texts, 1)[:, -max(1, context // 2) :]]
            length = texts[0].shape[1]
            token, sound = read(texts[0], arange(length, device=ids.device))


def _read_again(model: GPT, ids: Tensor, count: int, how: Choice) -> Iterator[Tensor]:
    """The whole text is read for each token."""
    context = model.n_positions
    window = ids[:, -context:]
    for _ in range(count):
        token, sound = chosen(model.scores(model.features(window)[:, -1]), *how)
        check_sound(sound)
        yield token
        window = cat([window, token.unsqueeze(-1)], 1)
        if window.shape[1] > context:
            window = window[:, -max(1, context // 2) :]


def generate(
    model: GPT,
    ids: Tensor,
    count: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
    use_cache: bool = True,
    capture: bool = False,
) -> Tensor:
    """ids (n, tokens) with the next `count` tokens that the model writes: (n, tokens + count), int64.

    temperature, top_k, top_p, generator  how a token is chosen: see `pick_token`
    use_cache  keep keys and values of the tokens so far, so that each new token is read once; the tokens are the same
    capture    replay the kernel calls of a token without Python between them (`pe.capture`); the tokens are the same
    Where the text becomes longer than the model's context, it is read on from the last half of the context. ValueError
    for ids without tokens, a count below 0, capture without the cache, and as of `pick_token`.

    >>> import pyengine as pe
    >>> model = GPT(vocab_size=5, n_positions=4, n_embd=8, n_layer=1, n_head=2)
    >>> generate(model, pe.tensor([[1, 2], [3, 4]]), count=6).shape
    (2, 8)
    """
    tokens = stream(model, ids, count, temperature, top_k, top_p, generator, use_cache, capture)
    return cat([ids, *(token.unsqueeze(-1) for token in tokens)], 1)
