"""What models of texts are made of, as a user writes it: tables of rows, normalised rows, and a GPT's whole step."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import pyengine

from ..backend import Array
from .networks import starting_weights
from .task import Spec
from .work import Contender, Step, Work, checked_by_losses, spec

TABLES = ((50257, 768, (8, 512)), (65, 128, (16, 128)))  # rows, features, the shape of the positions
ROWS = (4096, 1024)
NORMS = {"layer_norm": (2, 8, 24), "rms_norm": (1, 4, 13)}  # vectors beside the rows; FLOP an element: forward, all


class Sizes(NamedTuple):
    """Of a GPT that reads characters."""

    vocabulary: int = 65
    layers: int = 4
    heads: int = 4
    width: int = 128
    context: int = 128
    batch: int = 16


def specs() -> list[Spec]:
    """All rows about texts."""
    found = [
        spec(
            "function",
            f"embedding {m}x{n}, {'x'.join(map(str, ids))}{', f+b' * back}",
            _embedding(m, n, ids, back),
            "index",
        )
        for m, n, ids in TABLES
        for back in (False, True)
    ]
    found += [
        spec("function", f"{norm} {'x'.join(map(str, ROWS))}{', f+b' * back}", _norm(norm, back), norm)
        for norm in NORMS
        for back in (False, True)
    ]
    gpt = Sizes()
    name = f"AdamW step of a GPT {gpt.layers}x{gpt.heads}x{gpt.width}, {gpt.context} tokens, {gpt.batch}"
    return [*found, spec("step", name, _gpt_step(gpt), modes=("fused",))]


def _embedding(rows: int, features: int, shape: tuple[int, ...], backward: bool) -> Work:
    """Rows of a table, and the table's gradient anew for each batch."""

    def contender(library: Any, array: Callable[[Array], Any]) -> Contender:
        rng = np.random.default_rng(0)
        weight = array(rng.standard_normal((rows, features), dtype=np.float32)).requires_grad_(backward)
        ids = array(rng.integers(0, rows, shape))
        grad = array(rng.standard_normal((*shape, features), dtype=np.float32))

        def once() -> Any:
            weight.grad = None
            y = library.nn.functional.embedding(ids, weight)
            if backward:
                y.backward(grad)
            return y

        def result() -> Sequence[Array]:
            y = once()
            return [t.detach().numpy() for t in ((y, weight.grad) if backward else (y,))]

        return once, result

    moved = 8 * math.prod(shape) * features
    return Work(contender, 0, 2 * moved if backward else moved, 1e-5)


def _norm(name: str, backward: bool) -> Work:
    vectors, forward_flops, flops = NORMS[name]

    def contender(library: Any, array: Callable[[Array], Any]) -> Contender:
        rng = np.random.default_rng(0)
        shapes = (ROWS, *(ROWS[1:],) * vectors)
        leaves = [array(rng.standard_normal(shape, dtype=np.float32)).requires_grad_(backward) for shape in shapes]
        grad = array(rng.standard_normal(ROWS, dtype=np.float32))

        def once() -> Any:
            for leaf in leaves:
                leaf.grad = None
            y = getattr(library.nn.functional, name)(leaves[0], ROWS[1:], *leaves[1:])
            if backward:
                y.backward(grad)
            return y

        def result() -> Sequence[Array]:
            y = once()
            return [t.detach().numpy() for t in ((y, *(leaf.grad for leaf in leaves)) if backward else (y,))]

        return once, result

    numbers = math.prod(ROWS)
    return Work(contender, (flops if backward else forward_flops) * numbers, 4 * numbers * (5 if backward else 2), 3e-5)


def _gpt(library: Any, sizes: Sizes) -> Any:
    """The model, of layers with PyTorch's names; the scores are products with the rows of the tokens."""
    nn, functional = library.nn, library.nn.functional

    class Block(nn.Module):  # type: ignore[misc, name-defined]  # whose class is known when it runs
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(sizes.width), nn.LayerNorm(sizes.width)
            self.c_attn, self.c_proj = nn.Linear(sizes.width, 3 * sizes.width), nn.Linear(sizes.width, sizes.width)
            self.mlp = nn.Sequential(
                nn.Linear(sizes.width, 4 * sizes.width), nn.GELU("tanh"), nn.Linear(4 * sizes.width, sizes.width)
            )

        def forward(self, x: Any) -> Any:
            batch, tokens, width = x.shape
            parts = self.c_attn(self.ln_1(x)).reshape(batch, tokens, 3, sizes.heads, width // sizes.heads)
            q, k, v = (part.transpose(1, 2) for part in parts.unbind(2))
            found = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.c_proj(found.transpose(1, 2).reshape(batch, tokens, width))
            return x + self.mlp(self.ln_2(x))

    class GPT(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.wte = nn.Embedding(sizes.vocabulary, sizes.width)
            self.wpe = nn.Embedding(sizes.context, sizes.width)
            self.h = nn.Sequential(*(Block() for _ in range(sizes.layers)))
            self.ln_f = nn.LayerNorm(sizes.width)

        def forward(self, ids: Any, places: Any) -> Any:
            return functional.linear(self.ln_f(self.h(self.wte(ids) + self.wpe(places))), self.wte.weight)

    return GPT()


def _gpt_step(sizes: Sizes) -> Work:
    """Each token learns to foretell the next one."""

    def fresh(library: Any, array: Callable[[Array], Any], mode: str) -> Step:
        rng = np.random.default_rng(0)
        ids = array(rng.integers(0, sizes.vocabulary, (sizes.batch, sizes.context)))
        following = array(rng.integers(0, sizes.vocabulary, sizes.batch * sizes.context))
        places = array(np.arange(sizes.context))
        model, loss_fn = _gpt(library, sizes), library.nn.CrossEntropyLoss()
        weights = {
            key: np.ones(v.shape, np.float32) if ".ln_" in f".{key}" and key.endswith("weight")
            else starting_weights(i, v)
            for i, (key, v) in enumerate(model.state_dict().items())
        }  # fmt: skip
        model.load_state_dict({key: array(value) for key, value in weights.items()})
        if library is pyengine:
            model.to(ids.device)
        options = {"fused": True} if mode == "fused" else {}
        stepper = library.optim.AdamW(model.parameters(), lr=1e-3, **options)

        def step(ids: Any, places: Any, following: Any) -> Any:
            stepper.zero_grad()
            loss = loss_fn(model(ids, places).reshape(-1, sizes.vocabulary), following)
            loss.backward()
            stepper.step()
            return loss

        return Step(step, (ids, places, following))

    def contender(library: Any, array: Callable[[Array], Any], mode: str = "") -> Contender:
        return checked_by_losses(partial(fresh, library, array, mode))

    # forward and both gradients: each token meets every weight but those of the tables, and half of the tokens
    weights = sizes.layers * 12 * sizes.width**2 + sizes.vocabulary * sizes.width
    met = sizes.layers * 2 * sizes.width * (sizes.context + 1) // 2
    flops = 6 * sizes.batch * sizes.context * (weights + met)
    return Work(contender, flops, 28 * (weights + sizes.context * sizes.width), 1e-4)
