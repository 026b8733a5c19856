"""What a user writes, through the public interface: losses, optimizers, training steps, and single small operations.

The code of each row is written once, for any library with PyTorch's names, and run with pyengine and with torch.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import pyengine

from ..backend import Array
from ..cases.case import Shape
from ..dtypes import float32
from .peers import Peer
from .task import Spec, Task

LOSSES = ((4096, 50257), (512, 1000), (64, 10))  # rows, classes
PARAMETERS = (("10M", (10_000_000,)), ("50M", (50_000_000,)), ("100 of 10k", (10_000,) * 100))
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 0.01, "momentum": 0.9},
    "Adam": {"lr": 1e-3},
    "AdamW": {"lr": 1e-3},
    "RMSprop": {"lr": 1e-3},
}
CHECKED_STEPS = 3

# Code for any library -> a function to time, and one that gives the numbers to compare.
Contender = tuple[Callable[[], object], Callable[[], Sequence[Array]]]


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
            _training_step(network, optimizer),
            modes=network.modes,
        )
        for network in NETWORKS
        for optimizer in ("SGD", "Adam")
    ]
    found += [
        spec("step", f"Adam step of {kind} 128, 64 steps, 32", _recurrent_step(kind), modes=("fused",))
        for kind in RECURRENT
    ]
    found += [spec("overhead", name, make) for name, make in _OVERHEAD.items()]
    return found


class Work:
    """User code for one row: `contender(library, array)` makes it for a library; `array` takes it from NumPy."""

    def __init__(
        self,
        contender: Callable[..., Contender],
        flops: int,
        nbytes: int,
        tolerance: float,
    ) -> None:
        self.contender = contender
        self.flops = flops
        self.bytes = nbytes
        self.tolerance = tolerance


def spec(group: str, name: str, work: Work, kernel: str = "", modes: tuple[str, ...] = ()) -> Spec:
    """The row of `work`, against torch plain and in those modes; the kernel is else the first word of the name."""

    def make(peers: dict[str, Peer]) -> Task:
        once, result = work.contender(pyengine, pyengine.tensor)

        def want() -> Sequence[Array]:  # the same code on the definitions of the kernels
            return work.contender(pyengine, lambda a: pyengine.tensor(a, device="numpy"))[1]()

        task = Task(group, name, once, result, want, work.flops, work.bytes, float32, work.tolerance)
        torch = peers.get("torch")
        if torch is not None:
            for mode in ("", *modes):
                made = work.contender(torch.library, torch.convert, **({"mode": mode} if mode else {}))
                task.peers[f"torch {mode}".strip()] = made
        return task

    return Spec(group, name, kernel or name.split()[0], make)


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


class Network(NamedTuple):
    """A model to train, as code for any library.

    image     the shape of one example
    layers    from `library.nn`, the layers of a Sequential
    products  multiplications of one example's forward pass, by layer; the first layer's input needs no gradient
    modes     of torch that are timed beside the plain one
    """

    name: str
    image: tuple[int, ...]
    classes: int
    batch: int
    layers: Callable[[Any], list[Any]]
    products: tuple[int, ...]
    modes: tuple[str, ...] = ("fused", "compiled")


def _mlp(*widths: int, batch: int) -> Network:
    def layers(nn: Any) -> list[Any]:
        found: list[Any] = []
        for m, n in itertools.pairwise(widths):
            found += [nn.Linear(m, n), nn.ReLU()]
        return found[:-1]

    products = tuple(m * n for m, n in itertools.pairwise(widths))
    return Network(f"{'-'.join(map(str, widths))}, {batch}", widths[:1], widths[-1], batch, layers, products)


def _cnn(batch: int) -> Network:
    def layers(nn: Any) -> list[Any]:
        convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
        return [*convolutions, nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Linear(128, 10)]

    products = (26 * 26 * 9 * 32, 24 * 24 * 9 * 32 * 64, 64 * 12 * 12 * 128, 128 * 10)
    # not compiled: on a CPU torch.compile of 2.13 finds other gradients here than torch without it, so that the loss
    # after one step of SGD is 2.692, and 2.686 everywhere else
    return Network(f"a CNN on 28x28, {batch}", (1, 28, 28), 10, batch, layers, products, modes=("fused",))


NETWORKS = (_mlp(784, 256, 128, 10, batch=64), _mlp(64, 32, 10, batch=32), _cnn(batch=64))


def _training_step(network: Network, optimizer: str) -> Work:
    def contender(library: Any, array: Callable[[Array], Any], mode: str = "") -> Contender:
        options = {**OPTIMIZERS[optimizer], **({"fused": True} if mode else {})}
        rng = np.random.default_rng(0)
        images = array(rng.standard_normal((network.batch, *network.image), dtype=np.float32))
        labels = array(rng.integers(0, network.classes, network.batch))
        nn = library.nn

        def fresh() -> Callable[[], Any]:
            model = nn.Sequential(*network.layers(nn))
            model.load_state_dict(
                {key: array(starting_weights(i, v)) for i, (key, v) in enumerate(model.state_dict().items())}
            )
            if getattr(images, "device", None) is not None and library is pyengine:
                model.to(images.device)
            run = library.compile(model) if mode == "compiled" else model
            loss_fn = nn.CrossEntropyLoss()
            stepper = getattr(library.optim, optimizer)(model.parameters(), **options)

            def step() -> Any:
                stepper.zero_grad()
                loss = loss_fn(run(images), labels)
                loss.backward()
                stepper.step()
                return loss

            return step

        def result() -> Sequence[Array]:
            step = fresh()
            return [np.array([step().item() for _ in range(CHECKED_STEPS)])]

        step: list[Callable[[], Any]] = []  # made at the first call, as compiling takes a while

        def once() -> Any:
            if not step:
                step.append(fresh())
            return step[0]()

        return once, result

    # forward, and for all but the first layer both gradients
    flops = 2 * network.batch * (3 * sum(network.products) - network.products[0])
    parameters = sum(
        math.prod(v.shape) for v in pyengine.nn.Sequential(*network.layers(pyengine.nn)).state_dict().values()
    )
    return Work(contender, flops, 28 * parameters, 1e-4)


RECURRENT = {"RNN": 1, "LSTM": 4, "GRU": 3}  # gates


def _recurrent_step(kind: str, width: int = 128, length: int = 64, batch: int = 32) -> Work:
    """A layer that learns to put out a given sequence."""
    shape = (length, batch, width)

    def contender(library: Any, array: Callable[[Array], Any], mode: str = "") -> Contender:
        rng = np.random.default_rng(0)
        inputs, targets = (array(rng.standard_normal(shape, dtype=np.float32)) for _ in range(2))
        options = {**OPTIMIZERS["Adam"], **({"fused": True} if mode else {})}

        def fresh() -> Callable[[], Any]:
            model, loss_fn = getattr(library.nn, kind)(width, width), library.nn.MSELoss()
            model.load_state_dict(
                {key: array(starting_weights(i, v)) for i, (key, v) in enumerate(model.state_dict().items())}
            )
            if getattr(inputs, "device", None) is not None and library is pyengine:
                model.to(inputs.device)
            stepper = library.optim.Adam(model.parameters(), **options)

            def step() -> Any:
                stepper.zero_grad()
                loss = loss_fn(model(inputs)[0], targets)
                loss.backward()
                stepper.step()
                return loss

            return step

        return checked_by_losses(fresh)

    # forward, back through the hidden states, and the gradients of both weights
    weights = RECURRENT[kind] * width * width
    return Work(contender, 2 * length * batch * 5 * weights, 28 * 2 * weights, 1e-4)


def checked_by_losses(fresh: Callable[[], Callable[[], Any]]) -> Contender:
    """The step that `fresh()` makes, and as its result the losses of the first steps of another."""

    def result() -> Sequence[Array]:
        step = fresh()
        return [np.array([step().item() for _ in range(CHECKED_STEPS)])]

    return fresh(), result


def starting_weights(seed: int, like: Any) -> Array:
    """For a weight random numbers that keep the size of what passes through; zeros for a bias."""
    shape = tuple(like.shape)
    if len(shape) == 1:
        return np.zeros(shape, np.float32)
    drawn = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return drawn / np.float32(math.sqrt(math.prod(shape[1:])))


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
