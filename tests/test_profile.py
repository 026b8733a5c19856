"""The profiler: counts and traces, not times."""

import json

import numpy as np
import pytest
from harness import threads

import pyengine as pe
from pyengine import nn, optim, tape
from pyengine.roof import roof


def training_step():
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    optimizer = optim.Adam(model.parameters())
    loss_fn = nn.CrossEntropyLoss()
    x, labels = pe.rand(8, 6), pe.tensor(np.arange(8) % 3)

    def step():
        optimizer.zero_grad()
        loss = loss_fn(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def test_a_step_is_counted_by_kernel():
    step = training_step()
    recorded = [call.kernel for call in pe.record(step).calls]
    with pe.profile() as p:
        step()
    rows = {row.kernel: row for row in p.rows()}
    assert rows["adam_step"].calls == 1
    # two forward, two for the weights, one for the hidden layer
    assert rows["matmul"].calls == 5
    assert rows["matmul"].flops == 2 * 8 * (6 * 5 * 2 + 5 * 3 * 3)
    assert sum(row.calls for row in p.rows()) == len(p.events)
    assert {e.kernel for e in p.events} <= set(recorded) | {"full"}
    assert "permute" not in rows


def test_bytes_and_allocations():
    a, b = pe.ones(64, 32), pe.ones(32, 16)
    with pe.profile() as p:
        c = a @ b
        c += 1.0
    first = p.events[0]
    assert first.kernel == "matmul"
    assert first.bytes == 4 * (64 * 32 + 32 * 16 + 64 * 16)
    assert first.allocated == 4 * 64 * 16
    assert p.events[-1].allocated == 0  # in place
    assert p.peak >= 4 * 64 * 16


def test_times_add_up():
    with pe.profile() as p:
        for _ in range(3):
            pe.ones(100, 100).exp().sum()
    assert all(e.seconds > 0 for e in p.events)
    assert sum(e.seconds for e in p.events) <= p.seconds
    starts = [e.start for e in p.events]
    assert starts == sorted(starts)
    times = [row.seconds for row in p.rows()]
    assert times == sorted(times, reverse=True)
    assert all(row.share > 0 for row in p.rows())


def test_the_trace_is_what_a_browser_reads(tmp_path):
    with pe.profile() as p:
        pe.ones(4, 4) @ pe.ones(4, 4)
    p.save(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert len(trace["traceEvents"]) == len(p.events)
    for event in trace["traceEvents"]:
        assert event["ph"] == "X"
        assert event["dur"] >= 0
        assert event["ts"] >= 0
        assert {"name", "pid", "tid"} <= event.keys()
    product = next(e for e in trace["traceEvents"] if e["name"] == "matmul")
    assert product["args"]["inputs"] == ["float32[4, 4]", "float32[4, 4]"]
    assert product["args"]["flops"] == 2 * 4**3


def test_the_table_names_its_roof(capsys):
    with pe.profile() as p:
        pe.ones(4, 4).exp()
    p.print()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["kernel", "calls"]
    assert any(line.split()[:2] == ["exp", "1"] for line in lines)
    assert "ms in kernels" in lines[-2]
    assert lines[-1].startswith("roof: ")
    assert "GFLOP/s" in lines[-1]
    assert len({len(line) for line in lines[:-2]}) == 1


def test_profiling_changes_no_result():
    pe.manual_seed(3)
    plain = [training_step()() for _ in range(2)]
    pe.manual_seed(3)
    with pe.profile():
        seen = [training_step()() for _ in range(2)]
    assert seen == plain


def test_profiles_do_not_nest_and_end_when_the_block_raises():
    inner = pe.profile()
    with pe.profile(), pytest.raises(RuntimeError, match="profile: a profile or recording is already running"):
        inner.__enter__()
    assert tape.observer is None
    with pytest.raises(ZeroDivisionError), pe.profile():
        _ = 1 / 0
    assert tape.observer is None


# --- the roof


def test_the_roof_is_measured_once_and_a_smaller_array_has_no_lower_one():
    assert roof() is roof()
    assert roof().flops > 0
    sizes, paces = zip(*roof().paces, strict=True)
    assert list(sizes) == sorted(sizes, reverse=True)
    assert list(paces) == sorted(paces)
    assert roof().pace(10**12) == paces[0]
    assert roof().pace(1) == paces[-1]


def test_measuring_again_only_raises_the_roof():
    before = roof()
    after = roof(again=True)
    assert after.flops >= before.flops
    assert all(new >= old for (_, new), (_, old) in zip(after.paces, before.paces, strict=True))
    assert roof() is after


def test_each_number_of_threads_has_a_roof_of_its_own():
    with threads(1):
        one = roof()
    with threads(2):
        assert roof() is not one


def test_no_kernel_is_above_the_roof():
    a, b, x = pe.rand(512, 512), pe.rand(512, 512), pe.rand(3, 1000, 1000)
    small, rows, double = pe.rand(64, 32), pe.randint(0, 1000, (20,)), pe.rand(200, 200, dtype=pe.float64)
    with pe.profile() as p:
        for _ in range(20):
            _ = (
                a @ b,
                a + b,
                a * a,
                x.exp(),
                x.sum(),
                x.sum(0),
                small + small,
                small.relu(),
                x[0][rows],
                double @ double,
            )
    assert {row.kernel for row in p.rows()} >= {"matmul", "add", "mul", "exp", "sum", "index"}
    above = {row.kernel: row.share for row in p.rows() if row.share > 1}
    assert not above


def moved(step):
    with pe.profile() as p:
        step()
    (event,) = p.events
    return event.bytes


def test_bytes_that_operands_share_count_once():
    x, column = pe.rand(100, 50), pe.rand(100, 1)
    size = 4 * 100 * 50
    assert moved(lambda: x + x) == 2 * size
    assert moved(lambda: x @ x.T) == size + 4 * 100 * 100
    assert moved(lambda: x[:-1] + x[1:]) == size + 4 * 99 * 50
    assert moved(lambda: x[::2] + x[1::2]) == size + size // 2
    assert moved(lambda: x + column) == 2 * size + 4 * 100
    assert moved(lambda: x + column.expand(100, 50)) == 2 * size + 4 * 100
    assert moved(lambda: x.add_(1.0)) == size + 4
    assert moved(lambda: x[pe.tensor([3, 4])]) == 2 * 4 * 2 * 50 + 2 * 8


def test_float64_has_half_the_roof_of_float32():
    top = roof()
    work = 10**12
    assert top.seconds(work, 8, np.dtype(np.float64)) == 2 * top.seconds(work, 8, np.dtype(np.float32))
