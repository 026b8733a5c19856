"""Captured training steps on a GPU: as a CUDA graph, as a list of launches, and in Python. Run by gpu.py.

    python bench/gpu_capture.py --device cuda

Prints JSON: for each network the median seconds of a step in each way, how often the graph was as quick as the list,
and in `wrong` what differed in losses or weights, which must be the same to the bit. Each way trains a model of its own
from one seed; steps of all ways are timed in turn, each until the GPU is done.
"""

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import pyengine as pe
from pyengine import nn, optim
from pyengine.capturing.passes import GRAPH, PASSES

WARM = 5  # steps before times count: recording, and the first launch of the graph

Batch = tuple[pe.Tensor, pe.Tensor]


def small() -> nn.Module:
    """64-32-10, whose kernels take less time than their launches."""
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def wide() -> nn.Module:
    """784-1024-1024-10 with dropout, whose random numbers must go on from launch to launch."""
    layers = [nn.Linear(784, 1024), nn.ReLU(), nn.Dropout(0.2), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10)]
    return nn.Sequential(*layers)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {"mlp": (small, 64, 32), "wide mlp": (wide, 784, 128)}
WAYS = {"python": None, "list": tuple(PASSES), "graph": (*PASSES, GRAPH)}


class Training:
    """A model with its step, captured or not; the learning rate changes from step to step."""

    def __init__(self, make: Callable[[], nn.Module], device: str, passes: tuple[str, ...] | None) -> None:
        pe.manual_seed(0)
        self.model = make().to(device)
        self.optimizer = optim.Adam(self.model.parameters(), lr=1e-3)
        self.schedule = optim.lr_scheduler.StepLR(self.optimizer, 10, 0.9)
        self.step = self._step if passes is None else pe.capture(self._step, passes=passes)
        self.losses: list[float] = []
        self.state = pe.random.default_generator.state.copy()

    def _step(self, x: pe.Tensor, y: pe.Tensor) -> pe.Tensor:
        self.optimizer.zero_grad()
        loss: pe.Tensor = nn.functional.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def timed(self, batch: Batch, wait: Callable[[], Any]) -> float:
        """The seconds of a step. The default generator goes on where this training left it."""
        shared = pe.random.default_generator.state
        shared[:] = self.state
        wait()
        start = time.perf_counter()
        loss = self.step(*batch)
        wait()
        seconds = time.perf_counter() - start
        self.state = shared.copy()
        self.losses.append(loss.item())
        self.schedule.step()
        return seconds

    def weights(self) -> bytes:
        """All of them, as they lie in memory."""
        return b"".join(tensor.numpy().tobytes() for tensor in self.model.state_dict().values())


def compared(name: str, device: str, rounds: int) -> dict[str, Any]:
    """Seconds by way, and what differed."""
    make, features, rows = NETWORKS[name]
    rng = np.random.default_rng(0)
    x = pe.tensor(rng.standard_normal((rows, features), dtype=np.float32), device=device)
    batch = x, pe.tensor(rng.integers(0, 10, rows), device=device)
    wait = pe.cuda.synchronize if device == "cuda" else lambda: None
    trainings = {way: Training(make, device, passes) for way, passes in WAYS.items()}
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for i in range(WARM + rounds):
            for way, training in trainings.items():
                seconds = training.timed(batch, wait)
                if i >= WARM:
                    times[way].append(seconds)
    wrong = [str(warning.message) for warning in said]
    reference = trainings["python"]
    for way, training in trainings.items():
        if training.losses != reference.losses:
            wrong.append(f"losses of {way} differ from those in Python")
        if training.weights() != reference.weights():
            wrong.append(f"weights of {way} differ from those in Python")
    pairs = zip(times["graph"], times["list"], strict=True)
    return {
        "seconds": {way: statistics.median(taken) for way, taken in times.items()},
        "graph as quick": sum(graph <= plain for graph, plain in pairs) / rounds,
        "wrong": "; ".join(wrong),
    }


def main() -> None:
    """Print the comparison of all networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cudasim"), default="cuda")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="the small network alone")
    asked = parser.parse_args()
    names = list(NETWORKS)[:1] if asked.quick else list(NETWORKS)
    print(json.dumps({name: compared(name, asked.device, asked.rounds) for name in names}))


if __name__ == "__main__":
    main()
