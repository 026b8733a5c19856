"""Captured steps on the stand-in for a GPU: their calls as a CUDA graph, and one by one where there can be none.

The stand-in's streams note what is put on them or do it, as CUDA's do; what CUDA makes of it only a GPU can say.
"""

import sys
import warnings

import numpy as np
import pytest

import pyengine as pe
from pyengine import nn, optim
from pyengine.capturing.graph import graph_of
from pyengine.models import GPT, generate


def losses(device, steps=8, **options):
    """Of a small training with what changes from step to step: random numbers, a schedule, Adam's count."""
    pe.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, 3)).to(device)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    schedule = optim.lr_scheduler.StepLR(optimizer, 2, 0.5)

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = pe.capture(step, **options) if options.pop("captured", True) else step
    rng, found = np.random.default_rng(0), []
    for _ in range(steps):
        x = pe.tensor(rng.standard_normal((5, 4), dtype=np.float32), device=device)
        found.append(run(x, pe.tensor(rng.integers(0, 3, 5), device=device)).item())
        schedule.step()
    return found, run


@pytest.fixture
def launches(gpu, monkeypatch):
    """How often a graph was launched."""
    stream = sys.modules["cupy"].cuda.Stream
    counted, end = [], stream.end_capture

    def end_capture(self):
        graph = end(self)
        launch = graph.launch
        graph.launch = lambda: (counted.append(len(counted)), launch())
        return graph

    monkeypatch.setattr(stream, "end_capture", end_capture)
    return counted


def test_a_step_becomes_a_graph_and_computes_the_same(launches) -> None:
    plain, _ = losses("cuda", captured=False)
    found, step = losses("cuda")
    assert found == plain
    assert len(step.recordings) == 1
    assert len(launches) == 6  # of 8 steps the first two were recorded


def test_without_graphs_the_calls_are_a_list(launches) -> None:
    plain, _ = losses("cuda", captured=False)
    found, _ = losses("cuda", passes=())
    assert found == plain
    assert not launches


def test_the_simulated_gpu_has_a_list(launches) -> None:
    plain, _ = losses("cudasim", captured=False)
    found, step = losses("cudasim")
    assert found == plain
    assert step.recordings
    assert not launches


def test_where_there_can_be_no_graph_it_is_said_once_and_the_calls_go_one_by_one(gpu, monkeypatch) -> None:
    plain, _ = losses("cuda", captured=False)
    stream = sys.modules["cupy"].cuda.Stream

    def refuse(self):
        self.noted = None
        raise RuntimeError("operation failed due to a previous error during capture")

    monkeypatch.setattr(stream, "end_capture", refuse)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found, _ = losses("cuda")
    assert found == plain
    assert [str(warning.message) for warning in said] == [
        "capture: these calls cannot be a CUDA graph (operation failed due to a previous error during capture); they "
        "are launched one by one"
    ]


def test_a_call_that_fails_while_noted_ends_the_noting(gpu) -> None:
    cupy, seen = sys.modules["cupy"], []

    class Waits:
        def run(self):
            stream = cupy.cuda.get_current_stream()
            seen.append(stream)
            stream.synchronize()

    with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
        graph_of(Waits(), cupy)
    (stream,) = seen
    assert stream.noted is None
    assert cupy.cuda.get_current_stream() is not stream


def test_steps_on_two_devices_are_no_graph(launches) -> None:
    @pe.capture
    def step(x, y):
        return x * 2, y + 1

    for _ in range(4):
        a, b = step(pe.ones(2, device="cuda"), pe.ones(2, device="cudasim"))
        assert a.tolist() == b.tolist() == [2.0, 2.0]
    assert step.recordings
    assert not launches


def test_text_is_written_by_a_graph(launches) -> None:
    pe.manual_seed(0)
    model = GPT(vocab_size=11, n_positions=16, n_embd=12, n_layer=2, n_head=3).to("cuda")
    prompt = pe.tensor([[1, 5, 7]], device="cuda")
    plain, captured = (
        generate(model, prompt, 20, generator=pe.Generator(3), capture=capture).tolist() for capture in (False, True)
    )
    assert plain == captured
    assert launches
