"""The examples in docstrings, of the package as it is installed."""

import doctest
import importlib
import pkgutil
import traceback

import numpy as np
import pytest

import pyengine


def module_names() -> list[str]:
    """All modules written in Python, the package itself first. The native ones may be for another processor."""
    found = pkgutil.walk_packages(pyengine.__path__, "pyengine.", onerror=lambda name: None)
    written = [m.name for m in found if m.module_finder.find_spec(m.name).origin.endswith(".py")]
    return ["pyengine", *(name for name in written if not name.endswith("__main__"))]


@pytest.mark.parametrize("name", module_names())
def test_examples_run(name, monkeypatch) -> None:
    # Before Python 3.12 doctest takes the last part of an error for all of it: the note, where it has one.
    words = traceback.format_exception_only
    monkeypatch.setattr(traceback, "format_exception_only", lambda *error: ["".join(words(*error))])
    module = importlib.import_module(name)
    with np.printoptions(legacy=False):
        failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(len(finder.find(importlib.import_module(name))) for name in module_names()) > 40
