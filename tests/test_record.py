"""The recorder: what a training step asks of the kernels, in order."""

import numpy as np
import pytest
from harness import threads

import pyengine as pe
from pyengine import nn, optim, tape


def training_step(seed: int = 0, rows: int = 8):
    pe.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loss_fn = nn.CrossEntropyLoss()
    images, labels = pe.rand(rows, 6), pe.tensor(np.arange(rows) % 3)

    def step():
        loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def test_a_training_step_is_a_list_of_kernel_calls() -> None:
    step = training_step()
    step()
    recording = pe.record(step)
    kernels = [call.kernel for call in recording.calls]
    assert kernels.count("cross_entropy") == 1
    assert kernels.count("sgd_step") == 1
    # two forward, two for the weights, one for the hidden layer; none for the input
    assert kernels.count("matmul") == 5
    assert kernels.index("cross_entropy") < kernels.index("sgd_step") == len(kernels) - 1
    assert isinstance(recording.result, float)
    assert len(recording) == len(recording.calls)


def test_recording_changes_no_result() -> None:
    plain, recorded = training_step(), training_step()
    for _ in range(3):
        assert pe.record(recorded).result == plain()


def test_calls_name_shapes_dtypes_and_attributes() -> None:
    x = pe.ones(2, 3)
    lines = str(pe.record(lambda: (x @ x.T).relu().sum(0))).splitlines()
    assert lines[0] == "  0  matmul(float32[2, 3], float32[3, 2]) -> float32[2, 2]"
    assert lines[1] == "  1  relu(float32[2, 2]) -> float32[2, 2]"
    assert lines[2].startswith("  2  sum(float32[2, 2], axis=0")
    assert lines[2].endswith("-> float32[2]")
    assert len(lines) == 3


def test_views_are_listed_when_asked_for() -> None:
    recording = pe.record(lambda: pe.ones(2, 3).T)
    assert "permute" not in recording.table()
    assert "permute(float32[2, 3]" in recording.table(views=True)


def test_print_prints_the_table(capsys) -> None:
    recording = pe.record(lambda: pe.ones(2) + 1)
    recording.print()
    assert capsys.readouterr().out == recording.table() + "\n"


def test_optional_results_and_lists_of_arrays_are_shown() -> None:
    lines = str(pe.record(training_step())).splitlines()
    sgd = next(line for line in lines if "sgd_step" in line)
    assert "[float32[5, 6], float32[5], float32[3, 5], float32[3]]" in sgd
    assert "float32[1], float32[1], weight_decay=0.0" in sgd  # lr and momentum, which schedules change
    entropy = next(line for line in lines if "cross_entropy" in line)
    assert entropy.endswith("-> float32[], float32[8, 3]")


def test_recordings_do_not_nest() -> None:
    with pytest.raises(RuntimeError, match="recordings do not nest"):
        pe.record(lambda: pe.record(lambda: None))
    assert tape.observer is None


def test_a_recording_ends_when_the_step_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        pe.record(lambda: 1 / 0)
    assert tape.observer is None
    assert len(pe.record(lambda: pe.ones(2) + 1)) > 0


def test_second_derivatives_are_recorded_too() -> None:
    x = pe.tensor(2.0, requires_grad=True)

    def step():
        (dx,) = pe.grad(x * x * x, x, create_graph=True)
        return pe.grad(dx, x)[0].item()

    recording = pe.record(step)
    assert recording.result == 12.0
    assert [call.kernel for call in recording.calls].count("mul") >= 4


@pytest.mark.parametrize("rows", [8, 1000])
def test_training_gives_the_same_bits_for_any_number_of_threads(rows) -> None:
    histories = []
    for count in (1, 2, 4):
        with threads(count):
            step = training_step(seed=4, rows=rows)
            histories.append([step() for _ in range(5)])
    assert histories[1] == histories[0]
    assert histories[2] == histories[0]
    assert histories[0][-1] < histories[0][0]
