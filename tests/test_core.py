"""Memory, threads and the processor probe: what `_core` owns for all kernels."""

import doctest
import gc
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import pyengine as pe
from pyengine import _core

MIB = 2**20
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool")


def python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints that runs `code` with pyengine imported; its error message where it fails."""
    env = os.environ | {"PYTHONPATH": str(Path(pe.__file__).parents[1])} | environment
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()


def test_docstrings() -> None:
    # doctest finds no examples of built-in functions by itself
    runner = doctest.DocTestRunner()
    functions = {name: f for name, f in vars(_core).items() if callable(f)}
    limit = _core.memory_stats()["cache_limit"]
    for name, f in functions.items():
        assert f.__doc__.partition("\n\n")[2], f"_core.{name} has no docstring"
        runner.run(doctest.DocTestParser().get_doctest(f.__doc__, functions, name, None, None))
    _core.set_cache_limit(limit)
    assert runner.tries > 10
    assert runner.failures == 0


# --- memory


@pytest.fixture
def pool() -> Iterator[None]:
    """An empty pool, which nothing but the test changes."""
    gc.collect()
    gc.disable()
    limit = _core.memory_stats()["cache_limit"]
    _core.empty_cache()
    yield
    _core.set_cache_limit(limit)
    _core.set_poison(False)
    gc.enable()


def stat(name: str) -> int:
    return _core.memory_stats()[name]


def block_size(bytes: int) -> int:
    """The bytes that a request of that many takes out of the pool."""
    before = stat("in_use")
    block = _core.empty((bytes,), "uint8")
    size = stat("in_use") - before
    del block
    assert stat("in_use") == before
    return size


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (17,), (3, 0, 5), (33, 65), (700, 1100)])
def test_empty_is_aligned_and_writable(shape: tuple[int, ...], dtype: str) -> None:
    a = _core.empty(shape, dtype)
    assert a.shape == shape
    assert a.dtype == np.dtype(dtype)
    assert a.flags.c_contiguous
    assert a.flags.writeable
    assert address(a) % 64 == 0
    a[...] = 1
    assert (a == 1).all()


def test_large_blocks_start_on_a_huge_page() -> None:
    for bytes in (2 * MIB, 2 * MIB + 1, 5 * MIB + 3):
        assert address(_core.empty((bytes,), "uint8")) % (2 * MIB) == 0


def test_results_of_kernels_come_from_the_pool(pool: None) -> None:
    before = stat("in_use")
    x = pe.ones(256, 256)
    y = x + x
    assert stat("in_use") - before == 2 * 256 * 1024
    assert address(y.numpy()) % 64 == 0


def test_size_classes_waste_at_most_a_quarter(pool: None) -> None:
    for bytes in [*range(1, 700), *(n + d for n in (1000, 4096, 12345, 3 * MIB) for d in (-1, 0, 1))]:
        size = block_size(bytes)
        assert size % 64 == 0
        assert bytes <= size <= max(-(-bytes // 64) * 64, bytes * 5 / 4)
    assert {block_size(n) for n in range(1025, 2049)} == {1280, 1536, 1792, 2048}
    assert block_size(0) == 64


def test_a_released_block_is_handed_out_again(pool: None) -> None:
    for bytes in (10, 5000, 3 * MIB):
        a = _core.empty((bytes,), "uint8")
        first, fetched = address(a), stat("from_system")
        del a
        b = _core.empty((bytes - 1,), "uint8")
        assert address(b) == first
        assert stat("from_system") == fetched
        c = _core.empty((bytes,), "uint8")
        assert address(c) != first
        assert stat("from_system") == fetched + 1


def test_a_view_keeps_its_memory(pool: None) -> None:
    before = stat("in_use")
    a = _core.empty((1000,), "float64")
    a[...] = np.arange(1000)
    view = a[10:20]
    del a
    assert stat("in_use") - before == 8192
    others = [_core.empty((1000,), "float64") for _ in range(3)]
    for other in others:
        other[...] = -1
    assert view.tolist() == list(range(10, 20))
    del view, other, others
    assert stat("in_use") == before


def test_stats(pool: None) -> None:
    before = _core.memory_stats()
    assert list(before) == ["in_use", "cached", "peak", "cache_limit", "allocations", "from_system"]
    assert before["cached"] == 0
    # higher than any peak before
    big = _core.empty((before["peak"] + 3 * MIB,), "uint8")
    held = stat("in_use") - before["in_use"]
    small = _core.empty((64,), "uint8")
    assert stat("peak") == stat("in_use") == before["in_use"] + held + 64
    del big, small
    after = _core.memory_stats()
    assert after["in_use"] == before["in_use"]
    assert after["cached"] <= after["cache_limit"]
    assert after["peak"] == before["in_use"] + held + 64
    assert after["allocations"] - before["allocations"] == after["from_system"] - before["from_system"] == 2


def test_empty_cache(pool: None) -> None:
    blocks = [_core.empty((n,), "uint8") for n in (10, 100, 10_000, 3 * MIB)]
    before = stat("in_use")
    total = 64 + 128 + 10_240 + 3 * MIB
    del blocks
    assert stat("cached") == total
    assert before - stat("in_use") == total
    pe.empty_cache()
    assert stat("cached") == 0


def test_cache_limit_is_kept(pool: None) -> None:
    _core.set_cache_limit(10 * MIB)
    blocks = [_core.empty((MIB,), "uint8") for _ in range(20)]
    del blocks
    assert stat("cached") == 10 * MIB
    _core.set_cache_limit(3 * MIB)
    assert stat("cached") == 3 * MIB
    _core.set_cache_limit(0)
    assert stat("cached") == 0
    del [_core.empty((MIB,), "uint8")][0]
    assert stat("cached") == 0


def test_sizes_out_of_use_go_first(pool: None) -> None:
    _core.set_cache_limit(6 * MIB)
    _core.empty((4 * MIB,), "uint8")
    _core.empty((3 * MIB,), "uint8")  # 7 MiB are too many; the 4 MiB went unused for longer
    assert stat("cached") == 3 * MIB
    fetched = stat("from_system")
    _core.empty((3 * MIB,), "uint8")
    assert stat("from_system") == fetched


def test_default_cache_limit() -> None:
    assert python("from pyengine import _core; print(_core.memory_stats()['cache_limit'])") == str(
        min(2**30, _core.usable_memory() // 4)
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_poison(pool: None, dtype: str) -> None:
    del [_core.empty((1000,), "uint8")[:].fill(1)][0]  # what the next block would hold
    _core.set_poison(True)
    a = _core.empty((100,), dtype)
    assert (a.view(np.uint8) == 0xFF).all()
    if np.dtype(dtype).kind in "fV":  # "V" is bfloat16
        assert np.isnan(a).all()
    a[...] = 1
    del a
    _core.set_poison(False)
    assert not (_core.empty((100,), dtype).view(np.uint8) == 0xFF).all()


def test_too_large_a_request_is_a_memory_error() -> None:
    with pytest.raises(MemoryError, match="cannot allocate 140737488355328 bytes"):
        _core.empty((2**45,), "float32")
    with pytest.raises(MemoryError, match="cannot allocate 4611686018427387904 bytes"):
        _core.empty((2**62,), "uint8")
    with pytest.raises(ValueError, match="bytes"):
        _core.empty((2**62, 2**62), "float32")
    with pytest.raises(MemoryError, match="full: out of memory: cannot allocate 140737488355328 bytes"):
        pe.zeros(2**45)
    assert pe.zeros(3).sum().item() == 0


def test_the_cache_is_given_back_before_memory_runs_out() -> None:
    code = """
import resource
from pyengine import _core
_core.set_cache_limit(2**40)
_core.empty((512 * 2**20,), "uint8")
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100 * 2**20,) * 2)
print(_core.memory_stats()["cached"] >> 20, end=" ")
_core.empty((300 * 2**20,), "uint8")
print(_core.memory_stats()["cached"] >> 20)
"""
    assert python(code) == "512 320"


@pytest.mark.parametrize("dtype", ["complex64", ">f4", "<U3", "uint16"])
def test_unknown_dtype(dtype: str) -> None:
    with pytest.raises(TypeError, match=f"empty: dtype must be float32, .* not {dtype}"):
        _core.empty((2,), dtype)


@pytest.mark.parametrize(
    ("shape", "error"), [((-1,), ValueError), ((1,) * 9, ValueError), ((2.5,), TypeError), (("a",), TypeError)]
)
def test_bad_shape(shape: tuple, error: type[Exception]) -> None:
    with pytest.raises(error):
        _core.empty(shape, "float32")


# --- threads


def work() -> bytes:
    """Kernels with many blocks; the bits of their result."""
    k = pe.device("cpu").kernels
    x = np.arange(300_000, dtype=np.float32).reshape(300, 1000) / 300_000
    y = k.matmul(x, x.reshape(1000, 300), act="relu")
    return k.add(y, k.sum(y, axis=1, keepdims=True)).tobytes()


WORK = inspect.getsource(work)  # for interpreters of their own


def test_number_of_threads() -> None:
    for n in (1, 3, 1024, 2):
        pe.set_num_threads(n)
        assert pe.get_num_threads() == n
    for n in (0, -1, 1025, 2**40):
        with pytest.raises(ValueError, match=f"set_num_threads: expected a whole number from 1 to 1024, not {n}"):
            pe.set_num_threads(n)
    for wrong in (2.5, "2", None):
        with pytest.raises(TypeError):
            pe.set_num_threads(wrong)
    assert pe.get_num_threads() == 2


def test_threads_may_change_at_any_time() -> None:
    pe.set_num_threads(1)
    expected = work()
    for n in (4, 2, 5, 1, 3):
        pe.set_num_threads(n)
        assert work() == expected


def test_workers_are_as_many_as_asked_for_and_sleep_when_idle() -> None:
    code = f"""
import os, time
import numpy as np
import pyengine as pe
{WORK}
def workers():
    work()
    names = [open(f"/proc/self/task/{{t}}/comm").read().strip() for t in os.listdir("/proc/self/task")]
    return names.count("pyengine")
counts = []
for n in (1, 4, 2, 3):
    pe.set_num_threads(n)
    counts.append(workers())
time.sleep(0.05)
before = time.process_time()
time.sleep(0.4)
print(counts, time.process_time() - before < 0.1)
"""
    assert python(code) == "[0, 3, 1, 2] True"


def test_environment_variable() -> None:
    code = "import pyengine as pe; print(pe.get_num_threads())"
    assert python(code, PYENGINE_NUM_THREADS="7") == "7"
    assert python(code, PYENGINE_NUM_THREADS="") == str(_core.usable_cores())
    for wrong in ("0", "-2", "four", "2.5", " 2", "1025", "99999999999999999999"):
        message = f"ImportError: PYENGINE_NUM_THREADS='{wrong}': expected a whole number from 1 to 1024"
        assert python(code, PYENGINE_NUM_THREADS=wrong).endswith(message)


def test_affinity_bounds_the_default() -> None:
    code = """
import os
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
import pyengine as pe
print(pe.get_num_threads())
"""
    assert python(code, PYENGINE_NUM_THREADS="") == "1"


def test_two_python_threads_at_once() -> None:
    pe.set_num_threads(3)
    expected, results, together = work(), [], threading.Barrier(4)

    def repeat() -> None:
        together.wait()
        results.extend(work() for _ in range(10))

    threads = [threading.Thread(target=repeat, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert results == [expected] * 40


def test_a_fork_works_in_parent_and_child() -> None:
    """Forks while other threads are inside of the pools; each child computes with threads of its own."""
    code = f"""
import os, signal, threading
import numpy as np
import pyengine as pe
{WORK}
pe.set_num_threads(3)
expected, stop = work(), threading.Event()
def keep_busy():
    while not stop.is_set():
        assert work() == expected
threads = [threading.Thread(target=keep_busy) for _ in range(2)]
for thread in threads:
    thread.start()
codes = []
for _ in range(10):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if all(work() == expected for _ in range(3)) else 1)
    codes.append(os.waitpid(child, 0)[1])
stop.set()
for thread in threads:
    thread.join()
print(codes, work() == expected)
"""
    assert python(code, PYTHONWARNINGS="ignore") == f"{[0] * 10} True"


def test_an_error_in_a_kernel_leaves_the_pool_usable() -> None:
    pe.set_num_threads(3)
    expected = work()
    labels = np.zeros(20_000, np.int64)
    labels[[4321, 4322, 19_999]] = 10, 11, -1
    kernels = pe.device("cpu").kernels
    for _ in range(20):
        with pytest.raises(ValueError, match="4321"):
            kernels.cross_entropy(_core.empty((20_000, 10), "float32"), labels)
    assert work() == expected


# --- what this process may use


def control_group(root: Path, line: str, files: dict[str, str]) -> str:
    for name, text in ({"proc/self/cgroup": line + "\n"} | files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


MANY = "99900000 100000\n"  # 999 cores


@pytest.mark.parametrize(
    ("line", "files", "cores"),
    [
        ("0::/", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/", {"cpu.max": "max 100000\n"}, None),
        ("0::/", {"cpu.max": MANY}, None),
        ("0::/", {}, None),
        ("0::/", {"cpu.max": "nonsense\n"}, None),
        ("0::/a/b", {"a/b/cpu.max": MANY, "a/cpu.max": "100000 100000\n", "cpu.max": MANY}, 1),  # every ancestor binds
        ("0::/host/only", {"cpu.max": "100000 100000\n"}, 1),  # a container's view
        ("4:cpu,cpuacct:/job", {"cpu/job/cpu.cfs_quota_us": "70000\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, 1),
        ("4:cpu:/", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ("4:cpuset:/", {"cpuset/cpu.cfs_quota_us": "1\n", "cpuset/cpu.cfs_period_us": "100000\n"}, None),
    ],
)
def test_cpu_quota(tmp_path: Path, line: str, files: dict[str, str], cores: int | None) -> None:
    root = control_group(tmp_path, line, {f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    allowed = len(os.sched_getaffinity(0))
    assert _core.usable_cores(root) == (allowed if cores is None else min(cores, allowed))


@pytest.mark.parametrize(
    ("line", "name", "text", "limit"),
    [
        ("0::/job", "job/memory.max", "1048576\n", MIB),
        ("0::/job", "job/memory.max", "max\n", None),
        ("7:memory:/job", "memory/job/memory.limit_in_bytes", "2097152\n", 2 * MIB),
        ("7:memory:/", "memory/memory.limit_in_bytes", "9223372036854771712\n", None),
    ],
)
def test_memory_limit(tmp_path: Path, line: str, name: str, text: str, limit: int | None) -> None:
    root = control_group(tmp_path, line, {f"sys/fs/cgroup/{name}": text})
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert _core.usable_memory(root) == (machine if limit is None else limit)


def test_isa_level_agrees_with_the_kernel() -> None:
    info = Path("/proc/cpuinfo").read_text()
    if "flags\t" not in info:
        assert _core.isa_level() == "arm"
        return
    flags = set(info.partition("flags\t")[2].partition("\n")[0].split())
    v3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}
    v4 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
    assert _core.isa_level() == ("v4" if v3 | v4 <= flags else "v3" if v3 <= flags else "v2")
    assert f": {_core.cpu_name()}\n" in info
