"""Measures kernels on a GPU beside CuPy and torch: a JSON object a line, so that a crash costs only what follows.

    python bench/gpu_rows.py --group matmul --rounds 30
    python bench/gpu_rows.py --group roof
    python bench/gpu_rows.py --device cudasim --quick --group elementwise    # tries the rows where there is no GPU

Times are those of CUDA events around one call, in turns, each after a write of twice the second-level cache: what a
call finds there else is what the one before it left. The write also takes longer than Python needs to enqueue the call,
so that the device does not wait in between. float32 against float32: torch and cuBLAS may not use TF32. On
cudasim a clock takes the place of the events; such times say nothing about a GPU.
"""

import argparse
import gc
import importlib
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pyengine import backend
from pyengine.bench.convolution import LAYERS, Layer
from pyengine.bench.kernels import Sizes, kernel_task, specs
from pyengine.bench.peers import NUMPY, TORCH, Peer
from pyengine.bench.task import Place, Spec, Task
from pyengine.bench.timing import median_interval

GROUPS = ("matmul", "conv", "elementwise", "rows", "loss", "optimizer")
QUICK = Sizes(products=((64, 64, 64),), turned=(32,), batches=(), squares=((64, 64),), narrow=((64, 10),))
LOSSES, QUICK_LOSSES = ((64, 10), (512, 1000), (4096, 50257)), ((64, 10),)
PARAMETERS, QUICK_PARAMETERS = (10_000_000, 50_000_000), (10_000,)
QUICK_LAYERS = (Layer(2, 3, 8, 4, 3), Layer(2, 4, 8, 4, 3, 4))
WARM_UP = 3


def place_of(device: str) -> Place:
    """Where pyengine's side computes."""
    kernels = backend.device(device).kernels
    if device == "cudasim":
        return Place(kernels, lambda a: a, np.asarray)
    cupy = importlib.import_module("cupy")
    return Place(kernels, cupy.asarray, cupy.asnumpy)


def peers_of(device: str) -> dict[str, Peer]:
    """CuPy and torch on the GPU, torch on the CPU beside cudasim; one that is missing is left out."""
    found = {}
    if device == "cuda":
        cupy = importlib.import_module("cupy")
        found["cupy"] = Peer("cupy", cupy, cupy.asarray, cupy.asnumpy, NUMPY)
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError:
        return found
    if device == "cuda" and not torch.cuda.is_available():
        return found
    where = "cuda" if device == "cuda" else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    found["torch"] = Peer(
        "torch",
        torch,
        lambda a: torch.from_numpy(np.copy(a, order="K")).to(where),
        lambda t: t.detach().cpu().numpy(),
        {**TORCH, "cross_entropy": _torch_cross_entropy},
    )
    return found


def _torch_cross_entropy(torch: Any, logits: Any, labels: Any, out: Any) -> Any:
    logits.requires_grad_().grad = None
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    return [loss, logits.grad]


# --- rows


def all_specs(place: Place, quick: bool) -> list[Spec]:
    """Every row, those of single kernels as on the CPU."""
    found = specs(place, QUICK if quick else Sizes())
    if quick:
        found = [spec for spec in found if "1024" not in spec.name]
    found += [_convolution(place, layer) for layer in (QUICK_LAYERS if quick else LAYERS)]
    found += [_loss(place, *shape) for shape in (QUICK_LOSSES if quick else LOSSES)]
    found += [_adam(place, count) for count in (QUICK_PARAMETERS if quick else PARAMETERS)]
    return found


def _convolution(place: Place, layer: Layer) -> Spec:
    name = f"conv {layer.name}"
    attrs = {"padding": layer.kernel // 2, "groups": layer.groups}

    def by_torch(torch: Any, a: Any, w: Any, out: Any) -> Any:
        return torch.nn.functional.conv2d(a, w, **attrs)

    def make(peers: dict[str, Peer]) -> Task:
        rng = np.random.default_rng(0)
        per_group = layer.channels // layer.groups
        a = rng.standard_normal((layer.images, layer.channels, layer.size, layer.size), dtype=np.float32)
        w = rng.standard_normal((layer.out, per_group, layer.kernel, layer.kernel), dtype=np.float32)
        own = {"torch": peers["torch"]._replace(functions={"conv2d": by_torch})} if "torch" in peers else {}
        units = 16 * (per_group * layer.kernel**2) ** 0.5
        return kernel_task("conv", name, "conv2d", [a, w], own, attrs, units, place=place)

    return Spec("conv", name, "conv2d", make)


def _loss(place: Place, rows: int, classes: int) -> Spec:
    name = f"cross_entropy {rows}x{classes}"

    def make(peers: dict[str, Peer]) -> Task:
        rng = np.random.default_rng(0)
        logits = rng.standard_normal((rows, classes), dtype=np.float32)
        labels = rng.integers(0, classes, rows)
        attrs = {"with_grad": True}
        return kernel_task("loss", name, "cross_entropy", [logits, labels], peers, attrs, 256.0, place=place)

    return Spec("loss", name, "cross_entropy", make)


def _adam(place: Place, count: int) -> Spec:
    """The step that is timed changes its operands, so the result that is compared is a first step on fresh ones."""
    name = f"Adam {count}"
    constants = {"lr": np.array([1e-3], np.float32), "betas": np.array([0.9, 0.999], np.float32)}

    def operands(put: Callable[[Any], Any], dtype: Any) -> dict[str, Any]:
        rng = np.random.default_rng(0)
        p, g = (rng.standard_normal(count).astype(np.float32).astype(dtype) for _ in range(2))
        lists = {"params": p, "grads": g, "exp_avgs": np.zeros_like(p), "exp_avg_sqs": np.zeros_like(p)}
        given = {key: [put(a)] for key, a in lists.items()}
        steps = [put(np.zeros(1, dtype))]
        return {
            **given,
            "max_exp_avg_sqs": [],
            "steps": steps,
            **{key: put(a.astype(dtype)) for key, a in constants.items()},
        }

    def after_one_step(kernels: Any, put: Any, get: Any, dtype: Any) -> list[np.ndarray]:
        given = operands(put, dtype)
        kernels.adam_step(**given)
        return [get(given["params"][0])]

    def make(peers: dict[str, Peer]) -> Task:
        given = operands(place.put, np.float32)
        reference = backend.device("numpy").kernels
        task = Task(
            "optimizer",
            name,
            lambda: place.kernels.adam_step(**given),
            lambda: after_one_step(place.kernels, place.put, place.get, np.float32),
            lambda: after_one_step(reference, lambda a: a, np.asarray, np.float64),
            12 * count,
            28 * count,
            np.dtype(np.float32),
            16 * 2.0**-24,
        )
        if "torch" in peers:
            task.peers["torch"] = _torch_adam(peers["torch"], operands(lambda a: a, np.float32))
        return task

    return Spec("optimizer", name, "adam_step", make)


def _torch_adam(peer: Peer, given: dict[str, Any]) -> tuple[Callable[[], object], Callable[[], Sequence[np.ndarray]]]:
    torch = peer.library

    def fresh() -> tuple[Any, Any]:
        parameter = torch.nn.Parameter(peer.convert(given["params"][0]))
        parameter.grad = peer.convert(given["grads"][0])
        return parameter, torch.optim.Adam([parameter], lr=1e-3, fused=True)

    def result() -> list[np.ndarray]:
        parameter, optimizer = fresh()
        optimizer.step()
        return [peer.back(parameter)]

    _, optimizer = fresh()
    return optimizer.step, result


# --- time


class EventClock:
    """Seconds of one call by CUDA events, behind a write that empties the second-level cache."""

    def __init__(self) -> None:
        self.cupy = importlib.import_module("cupy")
        cache = self.cupy.cuda.Device().attributes["L2CacheSize"]
        self.flush = self.cupy.zeros(max(2 * cache, 1 << 20) // 4, self.cupy.float32)

    def __call__(self, call: Callable[[], object]) -> float:
        """Of one call on the current stream, which torch's calls are on too: the default one."""
        begin, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        self.flush += 1
        begin.record()
        call()
        end.record()
        end.synchronize()
        return float(self.cupy.cuda.get_elapsed_time(begin, end)) * 1e-3


def wall_clock(call: Callable[[], object]) -> float:
    """Where nothing runs beside the caller."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measured(task: Task, clock: Callable[[Callable[[], object]], float], rounds: int) -> dict[str, Any]:
    """Times in turns, the ratios of each round, and whose result is wrong."""
    contenders = {"pyengine": task.ours, **{name: once for name, (once, _) in task.peers.items()}}
    for call in contenders.values():
        for _ in range(WARM_UP):
            clock(call)
    names = list(contenders)
    times: dict[str, list[float]] = {name: [] for name in names}
    for i in range(rounds):
        for name in (*names[i % len(names) :], *names[: i % len(names)]):
            times[name].append(clock(contenders[name]))
    ours = statistics.median(times["pyengine"])
    return {
        "group": task.group,
        "name": task.name,
        "flops": task.flops,
        "bytes": task.bytes,
        "seconds": {name: statistics.median(values) for name, values in times.items()},
        "ratios": {
            name: median_interval([t / own for t, own in zip(times[name], times["pyengine"], strict=True)])
            for name in names[1:]
        },
        "gflops": task.flops / ours / 1e9,
        "gbytes": task.bytes / ours / 1e9,
        "wrong": task.wrong(),
    }


def rows(device: str, group: str, rounds: int, quick: bool) -> Iterator[dict[str, Any]]:
    """The rows of a group; one that fails becomes its error."""
    place, peers = place_of(device), peers_of(device)
    clock = EventClock() if device == "cuda" else wall_clock
    for spec in all_specs(place, quick):
        if spec.group == group:
            try:
                yield {"kernel": spec.kernel, **measured(spec.make(peers), clock, rounds)}
            except Exception as error:
                yield {"kernel": spec.kernel, "group": group, "name": spec.name, "error": f"{error!r}"}
            gc.collect()


# --- roofs

_FMA = r"""
extern "C" __global__ void fma_peak(float* out, int rounds) {
  float sums[16];
  for (int i = 0; i < 16; ++i) sums[i] = threadIdx.x + i;
  for (int r = 0; r < rounds; ++r)
    for (int i = 0; i < 16; ++i) sums[i] = fmaf(sums[i], 0.999f, 0.001f);
  float total = 0;
  for (int i = 0; i < 16; ++i) total += sums[i];
  out[blockIdx.x * blockDim.x + threadIdx.x] = total;
}
"""


def roof(rounds: int) -> dict[str, Any]:
    """What the GPU can do at best: FLOP/s of FMA chains in registers, bytes/s of a copy within its memory."""
    cupy = importlib.import_module("cupy")
    clock = EventClock()
    source, target = cupy.zeros(1 << 28, cupy.float32), cupy.empty(1 << 28, cupy.float32)
    copied = 2 * source.nbytes / min(clock(lambda: cupy.copyto(target, source)) for _ in range(rounds))
    blocks, threads, turns = 32 * cupy.cuda.Device().attributes["MultiProcessorCount"], 256, 4096
    kernel, out = cupy.RawKernel(_FMA, "fma_peak"), cupy.empty(blocks * threads, cupy.float32)
    seconds = min(clock(lambda: kernel((blocks,), (threads,), (out, np.int32(turns)))) for _ in range(rounds))
    return {"group": "roof", "gflops": 2 * 16 * turns * blocks * threads / seconds / 1e9, "gbytes": copied / 1e9}


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cudasim"), default="cuda")
    parser.add_argument("--group", choices=("roof", *GROUPS), required=True)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    asked = parser.parse_args()
    found = (
        [roof(asked.rounds)] if asked.group == "roof" else rows(asked.device, asked.group, asked.rounds, asked.quick)
    )
    for record in found:
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
