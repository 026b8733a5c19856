"""The benchmark: it notices wrong results, other programs and impossible figures, and its child process works."""

import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import pyengine as pe
from pyengine.bench import (
    alive,
    attention,
    busy,
    captured,
    convolution,
    kernels,
    measure,
    networks,
    peers,
    report,
    run,
    timing,
    training,
)
from pyengine.bench.task import Spec, Task, UnavailableError
from pyengine.bench.timing import median_interval, others_running, take_turns
from pyengine.bench.work import Step
from pyengine.cli import app
from pyengine.recipes import RECIPES


def row(**changes):
    found = {
        "group": "rows",
        "name": "sum 4x4",
        "kernel": "sum",
        "flops": 16,
        "bytes": 64,
        "seconds": {"pyengine": 1e-6, "numpy": 2e-6},
        "ratios": {"numpy": [2.0, 1.9, 2.1]},
        "gflops": 0.016,
        "gbytes": 0.064,
        "share": 0.5,
        "dropped": 0,
        "wrong": [],
    }
    return {**found, **changes}


SETTINGS = {"cpu": "A", "isa": "v3", "threads": 1, "roof_gflops": 100.0, "mode": "best", "peers": {}}
RESULT = {"settings": {**SETTINGS, "roof_paces": [[1 << 27, 20.0], [1 << 16, 90.0]]}, "rows": [row()]}


class Clock:
    """Time that passes only where a contender says so: no test depends on how busy the machine is."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(timing, "perf_counter", made)
    monkeypatch.setattr(timing, "_settle", lambda: None)
    return made


def test_ratios_are_of_the_same_round(clock) -> None:
    pace = iter(range(1, 1000))  # the machine slows down all the time; both contenders of a round feel about the same
    now = {"slow": 1}

    def short() -> None:
        now["slow"] = next(pace)
        clock.work(0.002 * now["slow"])

    found = take_turns({"short": short, "long": lambda: clock.work(0.006 * now["slow"])}, 5, others=lambda: 0)
    assert len(found.ratios["long"]) == 5
    assert found.dropped == 0
    assert sorted(found.ratios["long"])[2] == pytest.approx(3, rel=0.3)


def test_short_calls_are_repeated(clock) -> None:
    calls = []

    def short() -> None:
        calls.append(1)
        clock.work(2.0**-16)

    found = take_turns({"short": short}, 2, others=lambda: 0)
    # each sample begins with as many that are not timed; 2 ms hold 132 of them
    assert len(calls) == timing.WARM_UP + timing.WARM_UP + 2 * (132 + 132)
    assert found.seconds["short"] == 2.0**-16


def test_long_calls_need_no_warming_up(clock) -> None:
    calls = []

    def long() -> None:
        calls.append(1)
        clock.work(0.03)

    take_turns({"long": long}, 5, others=lambda: 0)
    assert len(calls) == timing.WARM_UP + timing.WARM_UP + 5


def test_rounds_beside_other_programs_are_dropped(clock) -> None:
    busy = iter([0, 0, 0, 1, 0, 0] + [0] * 100)  # before and after the sample, three rounds of them: the second is bad
    found = take_turns({"only": lambda: clock.work(0.002)}, 4, others=lambda: next(busy))
    assert found.dropped == 1
    always = take_turns({"only": lambda: clock.work(0.001)}, 3, others=lambda: 1)
    assert always.dropped == 12
    assert math.isnan(always.seconds["only"])


def test_others_running_does_not_count_this_process() -> None:
    assert min(others_running() for _ in range(50)) < 50


def test_interval_of_the_median_holds_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        _, low, high = median_interval(list(rng.standard_normal(30)))
        inside += low <= 0 <= high
    assert inside / 400 >= 0.93


def a_task(got) -> Task:
    return Task(
        "rows", "sum", lambda: None, lambda: [got], lambda: [np.ones(3)], 3, 12, np.dtype(np.float32), tolerance=1e-6
    )


@pytest.mark.parametrize("bad", [1.1, np.nan, np.inf])
def test_a_wrong_result_is_noticed(bad) -> None:
    assert a_task(np.ones(3)).wrong() == []
    assert "pyengine, sum: result 0 is off by" in a_task(np.array([1.0, bad, 1.0])).wrong()[0]


def test_a_wrong_peer_is_noticed() -> None:
    task = a_task(np.ones(3))
    task.peers["other"] = (lambda: None, lambda: [np.zeros(3)])
    assert "other, sum" in task.wrong()[0]


def test_complaints_of_what_cannot_be() -> None:
    assert run.complaints([row()]) == []
    assert "of its roof cannot be" in run.complaints([row(share=1.2)])[0]
    assert "other programs" in run.complaints([row(seconds={"pyengine": math.nan})])[0]
    assert run.complaints([row(wrong=["sum: off"])]) == ["sum: off"]


def test_the_child_gets_no_crippled_blas(monkeypatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1")
    child = run.environment_for("installed", 2)
    assert [key for key in child if key.startswith("OPENBLAS_")] == ["OPENBLAS_THREAD_TIMEOUT"]
    assert "MALLOC_TOP_PAD_" not in child
    assert run.environment_for("best", 2)["MALLOC_TOP_PAD_"]


def test_every_row_is_named_once() -> None:
    names = [spec.name for spec in measure.all_specs()]
    assert len(names) == len(set(names))
    assert {spec.group for spec in measure.all_specs()} == set(measure.GROUPS)


SMALL = [s for s in kernels.specs() if not any(n in s.name for n in ("4096", "2048", "50257", "1024"))]
SMALL += [s for s in attention.specs() if "512" not in s.name]
SMALL += [s for s in convolution.specs() if any(n in s.name for n in ("64x1x", "64x32x", "depthwise"))]


@pytest.mark.parametrize("spec", SMALL, ids=lambda spec: spec.name)
def test_rows_of_kernels_are_right_and_so_are_the_peers(spec) -> None:
    found = {name: peer for name in ("numpy", "torch") if (peer := peers.find(name, 1)) is not None}
    assert spec.make(found).wrong() == []


SLOW = ("4096", "SGD step of a CNN")
TRAINING = [s for s in training.specs() if not any(n in s.name for n in SLOW) and "M" not in s.name.split()[-1]]


@pytest.mark.parametrize("spec", TRAINING, ids=lambda spec: spec.name)
def test_rows_of_user_code_are_right_and_so_is_torch(spec) -> None:
    found = {name: peer for name in ("torch",) if (peer := peers.find(name, 1)) is not None}
    task = spec.make(found)
    task.peers.pop("torch compiled", None)  # compiles for a minute
    assert task.wrong() == []


SMALL_MLP = networks.mlp(8, 6, 4, batch=5)._replace(modes=("fused",))  # compiling takes a while
CAPTURED = [
    captured.network_row(SMALL_MLP, "SGD"),
    captured.network_row(SMALL_MLP, "Adam"),
    captured.chain_row(1000),
    captured.calls_row(20),
    captured.recipe_row(RECIPES["sine"]),  # with an LSTM
    captured.recipe_row(RECIPES["next-word"]),
]


@pytest.mark.parametrize("spec", CAPTURED, ids=lambda spec: spec.name)
def test_rows_of_captured_steps_are_right_and_so_are_the_peers(spec) -> None:
    found = {name: peer for name in ("torch", "jax") if (peer := peers.find(name, 1)) is not None}
    task = spec.make(found)
    task.peers.pop("torch compiled", None)
    task.ours()
    more = task.more()
    assert task.wrong() == []
    assert more["calls"] == len(captured.plan_of(task.ours.step)) > 0
    assert len(more["first"]["pyengine"]) == captured.FIRST
    assert min(more["first"]["pyengine"]) > 0


def test_a_captured_step_that_goes_wrong_is_noticed() -> None:
    def fresh(library, array, mode) -> Step:
        weight = array(np.ones(3, np.float32))

        def step():
            weight.data[...] += 0.0 if weight.device.name == "numpy" else 1.0
            return weight.sum()

        return Step(step, ())

    found = captured._task("counting", fresh, 0, 0).wrong()
    assert [words.split(",")[0] for words in found] == ["pyengine", "eager"]


def test_a_row_without_its_data_is_left_out(monkeypatch, capsys) -> None:
    def make(found):
        raise UnavailableError("no such folder")

    spec = Spec("captured", "captured step of nothing", "captured", make)
    monkeypatch.setattr(measure, "all_specs", lambda: [spec])
    assert len(list(measure.measure([], [], 1, 5))) == 1  # the settings
    assert capsys.readouterr().err == "captured step of nothing: left out. no such folder\n"


def test_a_recipe_without_its_data_has_no_row(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PYENGINE_DATA", str(tmp_path))
    with pytest.raises(UnavailableError, match="mnist"):
        captured.recipe_row(RECIPES["mnist"]).make({})


def test_intermediates_are_counted_while_they_live() -> None:
    x = pe.ones(8, 8).requires_grad_()
    square, one = 8 * 8 * 4, 4

    def backward() -> None:
        x.grad = None
        x.exp().sum().backward()

    # exp, which its gradient needs, and the sum; then the sum is gone, and its gradient and that of x are there
    assert alive.most_alive(Step(backward, (), [x])) == square + one
    assert alive.most_alive(Step(backward, ())) == 2 * square + one


def test_command_writes_figures_and_a_picture(tmp_path) -> None:
    figures, picture = tmp_path / "figures.json", tmp_path / "roofline.png"
    command = ["bench", "relu 256x256", "--against", "numpy", "--rounds", "5", "--threads", "1", "--peers", "best"]
    done = CliRunner().invoke(app, [*command, "--json", str(figures), "--plot", str(picture)])
    assert "relu 256x256" in done.output
    (found,) = json.loads(figures.read_text())["runs"]
    assert found["settings"]["mode"] == "best"
    assert found["rows"][0]["wrong"] == []
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_command_says_which_peers_are_not_there(monkeypatch) -> None:
    monkeypatch.setattr(run, "run", lambda *arguments: RESULT)
    done = CliRunner().invoke(app, ["bench", "sum", "--against", "jax", "--peers", "best"])
    assert "jax is not installed: left out" in done.output
    assert "sum 4x4" in done.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no_such_kernel"], "nothing is called no_such_kernel; there are the groups "),
        (["relu", "no_such_kernel"], "nothing is called no_such_kernel; there are the groups "),
        (["--against", "matlab"], "no peer matlab"),
        (["--peers", "all"], "'installed', 'best' or 'both'"),
    ],
)
def test_command_says_what_is_wrong(arguments, words) -> None:
    done = CliRunner().invoke(app, ["bench", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())


def test_tables() -> None:
    text = report.markdown(RESULT)
    assert "| sum 4x4 | 1.00 µs | 0.1 GB/s | 50 % | 2.00 (1.90–2.10) |" in text
    assert list(report.geometric_means(RESULT["rows"])) == [("rows", "numpy", pytest.approx(2.0), 1)]
    assert report.width(report.table(RESULT)) > 40
    assert "sum 4x4" not in report.markdown(RESULT, {"mean"})
    text = report.summary([{**RESULT, "rows": [row(ratios={"torch": [3.0, 3, 3], "torch fused": [2.0, 2, 2]})]}])
    assert "| sums, softmax, layer norm, sorting: row by row | – | 2.00 |" in text


def test_time_on_busy_cores_is_a_column_and_has_a_limit() -> None:
    assert report.cells(row(busy=2.04), ["numpy"])[-1] == "2.0 ×"
    assert report.columns([row(busy=2.04)])[-1] == "on busy cores"
    assert run.complaints([row(busy=2.04)]) == []
    assert "4.5 times as long" in run.complaints([row(busy=4.5)])[0]


def test_first_calls_and_memory_of_captured_steps_are_a_table() -> None:
    first = {"pyengine": [2e-3, 1e-3, 1e-5], "eager": [1e-4] * 3, "torch compiled": [2.5, 1e-4, 1e-4]}
    captured_row = row(
        group="captured",
        kernel="captured",
        name="a step",
        seconds={"pyengine": 2e-5, "eager": 1e-4},
        first=first,
        calls=10,
        memory={"captured": 3072, "eager": 4096},
    )
    text = report.markdown({**RESULT, "rows": [captured_row]})
    line = "| a step | 10 | 2.00 µs | 2.00 ms + 1.00 ms | 20.0 + 10.0 | 2.50 s | – | 3.0 KiB | 0.75 |"
    assert line in text
    assert "first calls" not in report.markdown(RESULT)
    assert report.width(report.first_table([captured_row])) > 40


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the system for the children of a process")
def test_busy_programs_end_with_the_one_that_started_them() -> None:
    keeping = "from pyengine.bench.busy import busy_cores\nwith busy_cores(): print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", keeping], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        parent.stdout.readline()
        children = list(map(int, Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()))
        parent.send_signal(signal.SIGKILL)
    assert children
    deadline = time.monotonic() + 20
    while any(map(runs, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(runs, children))


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_busy_cores_slow_everything_down(monkeypatch) -> None:
    with busy.busy_cores():
        time.sleep(0.2)  # until the count of runnable tasks has them all
        assert others_running() >= 1
    monkeypatch.setattr(busy, "SAMPLE_SECONDS", 0.02)
    assert busy.slowdown(lambda: sum(range(1000))) > 0.5


def test_documents_are_rewritten_between_markers(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
    assert report.rewrite(page, "figures", "new")
    assert page.read_text() == "before\n<!-- figures -->\nnew\n<!-- /figures -->\nafter\n"
    assert not report.rewrite(page, "others", "new")
