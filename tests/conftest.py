"""Profiles of Hypothesis, the backends under test, and what every test starts from."""

import os
import signal
from collections.abc import Iterator

import pytest
from harness import Backend, backend_names, load_backend
from hypothesis import HealthCheck, settings
from stand_in_gpu import install

import pyengine as pe
from pyengine import gpu_memory

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
# "ci" tries the same examples each time; "long" tries many new ones: PYENGINE_PROFILE=long pytest
settings.register_profile("ci", derandomize=True, max_examples=25, database=None, **_COMMON)
settings.register_profile("long", max_examples=500, print_blob=True, **_COMMON)
settings.load_profile(os.environ.get("PYENGINE_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backends", help="test these native modules only, such as cpu_v3, not all that this machine runs"
    )


def _names(config: pytest.Config) -> list[str]:
    asked = config.getoption("--backends")
    return asked.split(",") if asked else backend_names()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        names = [pytest.param(n, marks=pytest.mark.gpu) if n == "cuda" else n for n in _names(metafunc.config)]
        metafunc.parametrize("backend", names, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test of all backends is one of the GPU's where it is among them."""
    if "cuda" in _names(config):
        for item in items:
            if "backends" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """A native backend, by name of its module: the test runs once for each."""
    return load_backend(request.param)


@pytest.fixture(scope="session")
def backends(request: pytest.FixtureRequest) -> list[Backend]:
    """All native backends: for tests in which a case, and what is expected of it, cost more than the kernels."""
    return [load_backend(name) for name in _names(request.config)]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Decoded images are kept here, not in the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYENGINE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def unchanged_settings():
    """A test that fails halfway leaves no number of threads and no seed behind."""
    before = pe.get_num_threads()
    pe.manual_seed(0)
    yield
    pe.set_num_threads(before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests the lack of real data sets kept from running: a green run without them says less."""
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    lacking = sum("PYENGINE_DATA" in str(reason) for reason in skipped)
    terminalreporter.write_line(
        f"{lacking} tests skipped for lack of data (PYENGINE_DATA), {len(skipped)} skipped in all"
    )


@pytest.fixture
def default_sigint() -> Iterator[None]:
    """Python's own answer to Ctrl-C, whatever a runner in the background was started with."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def gpu() -> Iterator[pe.backend.Device]:
    """The device "cuda", whose arrays a stand-in for CuPy keeps on the host."""
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        yield pe.device("cuda")
    gpu_memory.memory.cache_clear()
