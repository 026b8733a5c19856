"""What a user writes, through the public interface: losses, optimizers, training steps, and single small operations.

The code of each row is written once, for any library with PyTorch's names, and run with pyengine and with torch.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import Array
from ..cases.case import Shape
from .networks import NETWORKS, RECURRENT, recurrent_step, training_step
from .task import Spec
from .work import CHECKED_STEPS, OPTIMIZERS, Contender, Work, spec

LOSSES = ((4096, 50257), (512, 1000), (64, 10))  # rows, classes
PARAMETERS = (("10M", (10_000_000,)), ("50M", (50_000_000,)), ("100 of 10k", (10_000,) * 100))


def specs() -> list[Spec]:
    """All rows about user code."""
    found = [spec("loss", f"cross_entropy {r}x{c}", _loss(r, c)) for r, c in LOSSES]
    found.append(
        spec("loss", "cross_entropy, smoothed, 512x1000", _loss(512, 1000, label_smoothing=0.1), "cross_entropy_rows")
    )
    found += [spec("function", name, work, kernel) for name, kernel, work in [*_functions(), *_image_functions()]]
    for optimizer in OPTIMIZERS:
        found += [
            spec("optimizer", f"{optimizer} {name}", _update(optimizer, sizes), modes=("fused",))
            for name, sizes in PARAMETERS
        ]
    found += [
        spec(
            "step",
            f"{optimizer} step of {network.name}",
            training_step(network, optimizer),
            modes=network.modes,
        )
        for network in NETWORKS
        for optimizer in ("SGD", "Adam")
    ]
    found += [
        spec("step", f"Adam step of {kind} 128, 64 steps, 32", recurrent_step(kind), modes=("fused",))
        for kind in RECURRENT
    ]
    found += [spec("overhead", name, make) for name, make in _OVERHEAD.items()]
    return found


def _loss(rows: int, classes: int, **options: float) -> Work:
    def contender(library: Any, array: Callable[[Array], Any]) -> Contender:
        rng = np.random.default_rng(0)
        logits = array(rng.standard_normal((rows, classes), dtype=np.float32)).requires_grad_()
        labels = array(np.arange(rows) * 7919 % classes)
        cross_entropy = library.nn.functional.cross_entropy

        def once() -> Any:
            logits.grad = None
            loss = cross_entropy(logits, labels, **options)
            loss.backward()
            return loss

        def result() -> Sequence[Array]:
            return [np.asarray(once().item()), logits.grad.numpy()]

        return once, result

    return Work(contender, 6 * rows * classes, 8 * rows * classes, 1e-5)


def _functions() -> list[tuple[str, str, Work]]:
    """Name, kernel and code of functions that take lists or draw random numbers.

    Random numbers differ from library to library, so they are not compared.
    """
    square, many = (1024, 1024), (10_000,) * 100

    def cat(library: Any, array: Callable[[Array], Any]) -> Contender:
        halves = [array(np.random.default_rng(i).standard_normal((1024, 512), dtype=np.float32)) for i in range(2)]
        return lambda: library.cat(halves, 1), lambda: [library.cat(halves, 1).numpy()]

    def dropout(library: Any, array: Callable[[Array], Any]) -> Contender:
        a = array(np.ones(square, np.float32))
        return lambda: library.nn.functional.dropout(a, 0.5), list

    def rand(library: Any, array: Callable[[Array], Any]) -> Contender:
        return lambda: library.rand(square), list

    def randn(library: Any, array: Callable[[Array], Any]) -> Contender:
        return lambda: library.randn(square), list

    def clip(library: Any, array: Callable[[Array], Any]) -> Contender:
        params = [array(np.ones(n, np.float32)).requires_grad_() for n in many]
        for p in params:
            p.grad = array(np.full(p.shape, 1e-3, np.float32))

        def once() -> Any:
            return library.nn.utils.clip_grad_norm_(params, 1.0)

        return once, lambda: [np.asarray(once().item())]

    size, total = 1024 * 1024, sum(many)
    return [
        ("cat 2 of 1024x512", "concat", Work(cat, size, 8 * size, 0.0)),
        ("dropout 1024x1024", "dropout", Work(dropout, size, 8 * size, 0.0)),
        ("rand 1024x1024", "uniform", Work(rand, size, 4 * size, 0.0)),
        ("randn 1024x1024", "normal", Work(randn, size, 4 * size, 0.0)),
        ("clip_grad_norm_ 100 of 10k", "global_norm", Work(clip, 3 * total, 12 * total, 1e-5)),
    ]


def _image_functions() -> list[tuple[str, str, Work]]:
    """Name, kernel and code of functions of images; f+b is with the gradient of the input."""

    def batch_norm(f: Any, x: Any) -> Any:
        return f.batch_norm(x, None, None, training=True)

    def max_pool2d(f: Any, x: Any) -> Any:
        return f.max_pool2d(x, 2)

    def avg_pool2d(f: Any, x: Any) -> Any:
        return f.avg_pool2d(x, 2)

    def upsample2d(f: Any, x: Any) -> Any:
        return f.interpolate(x, scale_factor=2, mode="bilinear")

    rows: list[tuple[Callable[[Any, Any], Any], Shape, Shape]] = [
        (max_pool2d, (64, 32, 28, 28), (64, 32, 14, 14)),
        (avg_pool2d, (64, 32, 28, 28), (64, 32, 14, 14)),
        (batch_norm, (32, 64, 32, 32), (32, 64, 32, 32)),
        (upsample2d, (32, 32, 16, 16), (32, 32, 32, 32)),
    ]
    return [
        (
            f"{function.__name__} {'x'.join(map(str, given))}{', f+b' if backward else ''}",
            function.__name__,
            _on_images(function, given, made, backward),
        )
        for function, given, made in rows
        for backward in (False, True)
    ]


def _on_images(function: Callable[[Any, Any], Any], given: Shape, made: Shape, backward: bool) -> Work:
    def contender(library: Any, array: Callable[[Array], Any]) -> Contender:
        rng = np.random.default_rng(0)
        x = array(rng.standard_normal(given, dtype=np.float32)).requires_grad_(backward)
        grad = array(rng.standard_normal(made, dtype=np.float32))

        def once() -> Any:
            x.grad = None
            y = function(library.nn.functional, x)
            if backward:
                y.backward(grad)
            return y

        def result() -> Sequence[Array]:
            y = once()
            return [t.detach().numpy() for t in ((y, x.grad) if backward else (y,))]

        return once, result

    numbers = math.prod(given) + math.prod(made)
    return Work(contender, 4 * numbers, 4 * numbers * (2 if backward else 1), 1e-5)


def _update(optimizer: str, sizes: tuple[int, ...]) -> Work:
    def contender(library: Any, array: Callable[[Array], Any], mode: str = "") -> Contender:
        # the faster of torch's two forms that RMSprop has goes for a fused one
        fused = {"foreach": True} if optimizer == "RMSprop" else {"fused": True}
        options = {**OPTIMIZERS[optimizer], **(fused if mode == "fused" else {})}

        def fresh() -> tuple[list[Any], Any]:
            rng = np.random.default_rng(0)
            params = [array(rng.standard_normal(n, dtype=np.float32)).requires_grad_() for n in sizes]
            for p in params:
                p.grad = array(rng.standard_normal(p.shape, dtype=np.float32))
            return params, getattr(library.optim, optimizer)(params, **options)

        _, made = fresh()

        def result() -> Sequence[Array]:
            again, stepper = fresh()
            for _ in range(CHECKED_STEPS):
                stepper.step()
            return [p.detach().numpy() for p in again[:3]]

        return made.step, result

    moved = {"SGD": 20, "Adam": 28, "AdamW": 28, "RMSprop": 20}[
        optimizer
    ]  # bytes: parameter, gradient, state; written all but one
    return Work(contender, 12 * sum(sizes), moved * sum(sizes), 1e-5)


# --- small operations: all that is timed is what surrounds them


def _chain(length: int, tracked: bool, backward: bool) -> Work:
    def contender(library: Any, array: Callable[[Array], Any]) -> Contender:
        one = array(np.ones(4, np.float32))
        leaf = array(np.ones(4, np.float32))
        if tracked:
            leaf.requires_grad_()

        def once() -> Any:
            z = leaf
            for _ in range(length):
                z = z + one
            if backward:
                leaf.grad = None
                z.backward(one)
            return z

        def result() -> Sequence[Array]:
            z = once()
            return [(leaf.grad if backward else z).detach().numpy()]

        return once, result

    return Work(contender, 4 * length, 48 * length, 0.0)


_OVERHEAD = {
    "add of 4": _chain(1, tracked=False, backward=False),
    "add of 4, tracked": _chain(1, tracked=True, backward=False),
    "chain of 100, forward and backward": _chain(100, tracked=True, backward=True),
}
