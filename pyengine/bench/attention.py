"""Attention as a user writes it, forward alone and with all gradients, against torch's, of the same kind."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import pyengine

from .. import backend
from ..backend import Array
from ..nn import functional
from .peers import Peer
from .task import Spec, Task

UNITS = 16  # of float32's roundoff for each √(terms of a sum), relative to the largest result


class Heads(NamedTuple):
    """Self-attention of so many heads, or of `queries` last positions with all."""

    batch: int
    heads: int
    positions: int
    features: int
    causal: bool = True
    queries: int | None = None

    @property
    def name(self) -> str:
        """Batch, heads, positions and features."""
        kind = f", {self.queries} query" if self.queries else ", causal" if self.causal else ""
        return f"{self.batch}x{self.heads}x{self.positions}x{self.features}{kind}"

    @property
    def flops(self) -> int:
        """Of the forward pass."""
        t, s = self.queries or self.positions, self.positions
        pairs = s * (s + 1) // 2 if self.causal else t * s
        return 4 * self.batch * self.heads * pairs * self.features


# GPT-2's heads, a small GPT's, an encoder's, one step of generation.
ROWS = (
    Heads(4, 12, 512, 64), Heads(12, 4, 64, 32), Heads(16, 4, 128, 32), Heads(8, 8, 128, 64, causal=False),
    Heads(1, 12, 1024, 64, causal=False, queries=1),
)  # fmt: skip

Contender = tuple[Callable[[], object], Callable[[], Sequence[Array]]]


def specs() -> list[Spec]:
    """Two rows for each, but for generation, which has no gradient."""
    return [
        Spec("attention", f"attention {row.name}{', f+b' if backward else ''}", "attention", _maker(row, backward))
        for row in ROWS
        for backward in ((False,) if row.queries else (True, False))
    ]


def _maker(row: Heads, backward: bool) -> Callable[[dict[str, Peer]], Task]:
    def make(peers: dict[str, Peer]) -> Task:
        rng = np.random.default_rng(0)
        lengths = (row.queries or row.positions, row.positions, row.positions, row.queries or row.positions)
        q, k, v, grad = (
            rng.standard_normal((row.batch, row.heads, n, row.features)).astype(np.float32) for n in lengths
        )
        arrays = [q, k, v]
        once, result = _contender(functional, pyengine.tensor, row, backward, arrays, grad)
        task = Task(
            "attention",
            f"attention {row.name}{', f+b' if backward else ''}",
            once,
            result,
            lambda: _definition(row, backward, arrays, grad),
            row.flops * 7 // 2 if backward else row.flops,
            sum(a.nbytes for a in (*arrays, grad)) * (2 if backward else 1),
            q.dtype,
            UNITS * math.sqrt(row.positions) * 2.0**-24,
        )
        if "torch" in peers:
            torch = peers["torch"].library
            task.peers["torch"] = _contender(torch.nn.functional, torch.tensor, row, backward, arrays, grad)
        return task

    return make


def _contender(
    functions: Any, tensor: Callable[..., Any], row: Heads, backward: bool, arrays: Sequence[Array], grad: Array
) -> Contender:
    """The same lines for any library with PyTorch's names."""
    leaves, upstream = [tensor(a, requires_grad=backward) for a in arrays], tensor(grad)

    def once() -> Any:
        for leaf in leaves:
            leaf.grad = None
        y = functions.scaled_dot_product_attention(*leaves, is_causal=row.causal)
        if backward:
            y.backward(upstream)
        return y

    return once, lambda: [t.detach().numpy() for t in (once(), *((leaf.grad for leaf in leaves) if backward else ()))]


def _definition(row: Heads, backward: bool, arrays: Sequence[Array], grad: Array) -> Sequence[Array]:
    """The reference's results in float64."""
    k, state = backend.DEVICES["numpy"].kernels, np.zeros(2, np.int64)
    wide = [a.astype(np.float64) for a in arrays]
    attrs = {"scale": row.features**-0.5, "causal": row.causal}
    y, lse = k.attention(*wide, state, **attrs)
    if not backward:
        return [y]
    return [y, *k.attention_backward(grad.astype(np.float64), *wide, y, lse, state, **attrs)[:3]]
