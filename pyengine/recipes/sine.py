"""The next value of a time series: two sines with noise on them, read by an LSTM."""

import itertools
import math
from pathlib import Path

import numpy as np

from ..data import TensorDataset
from ..data.dataset import Subset
from ..random import Generator, randn, uniform
from ..tensor import Tensor
from ..train import BadFileError
from ..train.metrics import Array
from .job import job_of
from .recipe import Job, Recipe, Settings
from .samples import read_samples

LENGTH, WINDOW = 2000, 40  # values of the series, and how many of them a forecast sees
SPLIT = (0.70, 0.85)  # where, in time, validation and test begin
PERIODS = (25.0, 60.0)  # of the two sines, in steps, before the seed stretches them by up to a tenth
NOISE = 0.1  # standard deviation, beside a slow sine of size 1 and a quick one of half that


def draw_series(seed: int, length: int = LENGTH) -> Array:
    """Two sines whose periods and phases the seed draws, with noise: float64 [length].

    >>> draw_series(0, 5).shape
    (5,)
    """
    generator = Generator(seed)
    drawn = uniform((4,), generator=generator).numpy().astype(np.float64)
    quick, slow = (period * (0.9 + 0.2 * d) for period, d in zip(PERIODS, drawn[:2], strict=True))
    t, phases = np.arange(length), 2 * math.pi * drawn[2:]
    clean = 0.5 * np.sin(2 * math.pi * t / quick + phases[0]) + np.sin(2 * math.pi * t / slow + phases[1])
    noise: Array = randn(length, generator=generator).numpy()
    return np.asarray(clean + NOISE * noise)


def build(settings: Settings) -> Job:
    """Data, model, loss and optimizer. The seed decides the series, initial weights and the order of samples.

    The series is cut in time, so that what is tested on lies behind everything that was trained on; no window reaches
    from one part into another. Values are normalised by the training part.
    """
    series = draw_series(settings.seed)
    cuts = [0, *(int(share * LENGTH) for share in SPLIT), LENGTH]
    mean, std = float(series[: cuts[1]].mean()), float(series[: cuts[1]].std())
    values = ((series - mean) / std).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(values, WINDOW + 1)
    whole = TensorDataset(*(Tensor(a.copy(), device=settings.device) for a in (windows[:, :-1], windows[:, -1:])))
    parts = [Subset(whole, np.arange(a, b - WINDOW)) for a, b in itertools.pairwise(cuts)]
    sizes = "{:,} + {:,} + {:,}".format(*(len(part) for part in parts))
    notes = (
        f"{LENGTH:,} values of two sines with noise: {sizes} windows of {WINDOW} to train, validate and test with",
        f"no forecast can be nearer than the noise: a mean error of {NOISE * math.sqrt(2 / math.pi):.3f}",
    )

    def read(path: Path) -> Array:
        samples = read_samples(path)
        if samples.ndim != 2 or samples.shape[1] != WINDOW:
            raise BadFileError(
                f"{path}: rows of {WINDOW} values are read, one after the other in time; this has {list(samples.shape)}"
            )
        return ((samples - mean) / std).astype(np.float32)

    return job_of(settings, parts, (WINDOW,), read, scale=(mean, std), notes=notes)


RECIPE = Recipe(
    name="sine",
    summary="the next value of a time series, two sines with noise",
    # Chosen on the validation part, never on the test part: docs/recipes.md says how
    defaults=Settings(
        epochs=30, batch_size=32, lr=5e-3, momentum=0.0, weight_decay=0.0, hidden=32, schedule="one-cycle",
        model="lstm", optimizer="adam",
    ),
    build=build,
    models=("lstm", "mlp", "linear"),
    usual={"mlp": {"lr": 2e-3}, "linear": {"lr": 1e-2}},
)  # fmt: skip
