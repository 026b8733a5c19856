"""Choosing the next token by the scores that a model gives."""

from ..random import Generator, drawn_again
from ..tape import located
from ..tensor import Tensor

Choice = tuple[float, int | None, float | None, Generator | None]  # temperature, top_k, top_p, generator


def pick_token(
    scores: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """A token for each row of scores, drawn by the softmax of scores / temperature: (n, vocab_size) to (n,), int64.

    temperature  below 1 the likely ones come more often; at 0 always the likeliest
    top_k        only the k likeliest are drawn from
    top_p        only the likeliest that make up this share of the probability together: at least one
    generator    what draws; the default generator without one
    ValueError for a temperature below 0, a top_k below 1, a top_p that is not above 0 and at most 1, and for scores
    that are NaN or +inf.

    A. Holtzman and others, "The curious case of neural text degeneration" (2020), top_p.

    >>> import pyengine as pe
    >>> pick_token(pe.tensor([[0.0, 9.0, 1.0], [5.0, 0.0, 0.0]]), temperature=0)
    tensor([1, 0])
    """
    check_choice(temperature, top_k, top_p)
    token, sound = chosen(scores, temperature, top_k, top_p, generator)
    check_sound(sound)
    return token


def check_choice(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """ValueError for settings that cannot be, as of `pick_token`."""
    if not temperature >= 0:
        raise located(ValueError(f"pick_token: temperature is from 0 on, not {temperature}"))
    if top_k is not None and top_k < 1:
        raise located(ValueError(f"pick_token: top_k is a number of tokens from 1 on, not {top_k}"))
    if top_p is not None and not 0 < top_p <= 1:
        raise located(ValueError(f"pick_token: top_p is a share above 0 and at most 1, not {top_p}"))


def check_sound(sound: Tensor | None) -> None:
    """ValueError where `chosen` says that there was nothing to draw from."""
    if sound is not None and not sound.item():
        raise located(ValueError("pick_token: there are scores that are NaN or infinite, which give no probabilities"))


def chosen(
    scores: Tensor, temperature: float, top_k: int | None, top_p: float | None, generator: Generator | None
) -> tuple[Tensor, Tensor | None]:
    """What `pick_token` does with settings that can be, looking at no data: it may be part of a captured step.

    Returns the tokens, and whether all probabilities were numbers; None where the likeliest is taken.
    """
    if temperature == 0 or top_k == 1:
        return scores.argmax(-1), None
    count = scores.shape[-1] if top_k is None else min(top_k, scores.shape[-1])
    ordered, tokens = scores.topk(count)
    shares = (ordered / temperature).softmax(-1)
    if top_p is not None:
        shares = shares.masked_fill(shares.cumsum(-1) - shares >= top_p, 0.0)
    place = drawn_again(shares, 1, generator).maximum(0)  # where there was nothing to draw from, -1
    return tokens.gather(-1, place).squeeze(-1), shares.isfinite().all()
