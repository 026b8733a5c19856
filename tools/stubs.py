"""The type stubs of the native modules: `python tools/stubs.py` writes those of the kernels, `--check` compares all.

A kernel has the signature of its reference, so the stubs of the kernel modules take over the reference's functions, and
pyengine/_core.pyi is written by hand. The check also reads the signatures of the modules that this machine runs.
"""

import argparse
import ast
import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

from pyengine import _core, reference
from pyengine.backend import ISA_LEVELS

FOLDER = Path(__file__).parents[1] / "pyengine"
MODULES = (*(f"cpu_{level}" for level in ISA_LEVELS), "cpu", "_cudasim", "_cuda")


def stubs() -> dict[str, str]:
    """The text of each generated stub by file name."""
    names = sorted(module.__name__.rpartition(".")[2] for module in reference.MODULES)
    head = "# ruff: noqa: F403\n# Written by tools/stubs.py\n"
    table = head + "".join(f"from .reference.{name} import *\n" for name in names)
    return {"_kernels.pyi": table} | {f"{module}.pyi": head + "from ._kernels import *\n" for module in MODULES}


def runnable() -> list[str]:
    """The kernel modules that this machine's processor runs."""
    best = _core.isa_level()
    levels = [f"cpu_{level}" for level in ISA_LEVELS[: ISA_LEVELS.index(best) + 1]] if best in ISA_LEVELS else ["cpu"]
    return [*levels, "_cudasim"]


def parameters(function: Any) -> list[tuple[str, Any]]:
    return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]


def compare(what: str, expected: dict[str, Any], native: dict[str, Any]) -> list[str]:
    """How two tables from names to parameters differ, in words."""
    problems = [f"{what}.{name} is missing in the native module" for name in expected.keys() - native.keys()]
    problems += [f"{what}.{name} is in the native module only" for name in native.keys() - expected.keys()]
    for name in expected.keys() & native.keys():
        if expected[name] != native[name]:
            problems.append(f"{what}.{name} has parameters {native[name]}, expected {expected[name]}")
    return problems


def kernel_problems(name: str) -> list[str]:
    module = importlib.import_module(f"pyengine.{name}")
    native = {k: parameters(f) for k, f in vars(module).items() if inspect.isbuiltin(f) and k[0] != "_"}
    return compare(name, {k: parameters(f) for k, f in reference.kernels().items()}, native)


def declared(source: str) -> dict[str, list[tuple[str, Any]]]:
    """The functions of a stub, or of a signature that pybind11 wrote, with their parameters."""
    out = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            given = [ast.literal_eval(default) for default in node.args.defaults]
            required = [inspect.Parameter.empty] * (len(node.args.args) - len(given))
            out[node.name] = list(zip([a.arg for a in node.args.args], required + given, strict=True))
    return out


def core_problems() -> list[str]:
    # pybind11 puts the signature on the first line of a docstring
    heads = [f.__doc__.partition("\n")[0] for f in vars(_core).values() if inspect.isbuiltin(f) and f.__doc__]
    native = declared("\n".join(f"def {head}: ..." for head in heads))
    return compare("_core", declared((FOLDER / "_core.pyi").read_text()), native)


def problems() -> list[str]:
    """What is out of step between stubs, references and native modules; empty where nothing is."""
    stale = [
        f"pyengine/{name} is not what tools/stubs.py writes"
        for name, text in stubs().items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text
    ]
    return stale + core_problems() + [p for name in runnable() for p in kernel_problems(name)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 where something differs")
    if not parser.parse_args().check:
        for name, text in stubs().items():
            (FOLDER / name).write_text(text)
        return 0
    found = problems()
    print("\n".join(found) or "stubs, references and native modules agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
