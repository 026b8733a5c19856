"""Inspecting the package's own kernels: which an operation uses, their compilation, and the process that runs them.

The families of kernels that an operation calls are compiled for inspection, each once, and linked with a small C
interface (csrc/cudasim/inspect/calls.h). A process of its own then runs the operation's cases with these kernels: its
end writes the report.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from .. import backend, dtypes
from ..cases import KERNELS, OPS, Call, Cases
from ..ops import OPS as RECORDS
from . import toolchain
from .report import Report

_LARGEST = 1 << 16  # elements of all operands of a case: every access of every thread is looked at, one by one
_THROUGH_COPY = {"getitem_backward", "pad", "reshape", "setitem"}  # of backend.py: they copy and fill by two kernels
_INCLUDED = re.compile(r'#include "kernels/(\w+)\.h"')
_KERNEL_NAME = re.compile(r'visit\(Kernel<[^>]*>\{\s*"(\w+)"')


def inspect_operation(name: str, cases: Sequence[int] | None, seed: int) -> Report:
    """Inspect the kernels of an operation, or one kernel, on its cases."""
    from .inspection import run_inspected

    if name not in OPS and name not in KERNELS:
        raise ValueError(f"{name} is neither a .cu file nor an operation or kernel")
    chosen = _chosen(name, cases)
    families = _families(name, [number for number, _ in chosen])
    library = _library(families)
    numbers = [str(number) for number, _ in chosen]
    return run_inspected(
        [sys.executable, "-P", "-m", "pyengine.cudasim.process", str(library), name, *numbers], seed, succeeds=True
    )


def cases_of(name: str) -> Cases:
    """The cases of the operation, or of the kernel where no operation has that name."""
    return OPS[name] if name in OPS else KERNELS[name]


def calls_of(cases: Cases) -> tuple[Call, ...]:
    """What is run: the listed calls, then some that are drawn at random, always the same."""
    from ..cases import RandomPick

    return (*cases.listed, *(cases.draw(RandomPick(seed)) for seed in range(6)))


def run_case(kernels: Any, cases: Cases, call: Call, put: Any) -> None:
    """Run one call, and for an operation its vjp, with operands that `put` has moved to where the kernels want them."""
    dtype = cases.dtypes[0]
    operands = [put(operand) for operand in call.fill(0, dtype)]
    if cases.name not in RECORDS or cases is not OPS.get(cases.name):
        getattr(kernels, cases.name)(*operands, **call.attrs)
        return
    record = RECORDS[cases.name]
    results, saved = record.forward(kernels, *operands, **call.attrs)
    outputs = results if isinstance(results, tuple) else (results,)
    needs = [isinstance(a, np.ndarray) and dtypes.is_float(a.dtype) for a in operands]
    if not any(needs) or not dtypes.is_float(outputs[0].dtype):
        return
    rng = np.random.default_rng(1)
    grads = [
        None if out is None or not dtypes.is_float(out.dtype) else put(rng.standard_normal(out.shape).astype(out.dtype))
        for out in outputs
    ]
    record.vjp(kernels, saved, *grads, needs=needs, **call.attrs)


def _chosen(name: str, numbers: Sequence[int] | None) -> list[tuple[int, Call]]:
    calls = list(enumerate(calls_of(cases_of(name))))
    if numbers is None:
        return [(number, call) for number, call in calls if _elements(call) <= _LARGEST]
    for number in numbers:
        if not 0 <= number < len(calls):
            listed = "\n".join(f"  {i}  {call}" for i, call in calls)
            raise ValueError(f"{name} has no case {number}; it has\n{listed}")
    return [calls[number] for number in numbers]


def _elements(call: Call) -> int:
    def count(operand: Any) -> int:
        if operand is None:
            return 0
        return int(np.prod(operand.shape)) if hasattr(operand, "shape") else sum(count(o) for o in operand)

    return sum(count(operand) for operand in call.operands)


class _Recorder:
    """The kernels of the CPU, which notes the names of those that are called."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        kernel = getattr(backend.cpu.kernels, name)

        def called(*args: Any, **attrs: Any) -> Any:
            self.names.add(name)
            return kernel(*args, **attrs)

        return called


def _families(name: str, numbers: Sequence[int]) -> list[str]:
    """The families of kernels that these cases use."""
    recorder = _Recorder()
    cases = cases_of(name)
    calls = calls_of(cases)
    for number in numbers:
        run_case(recorder, cases, calls[number], lambda operand: operand)
    homes = {kernel: family for family, kernels in _kernels_by_family() for kernel in kernels}
    used = sorted({homes[kernel] for kernel in recorder.names if kernel in homes})
    used = sorted({*used, *(homes[k] for k in ("copy", "full") if recorder.names & _THROUGH_COPY)})
    if not used:
        raise ValueError(f"{name} calls no kernel: it only looks at memory in another way")
    return _with_those_they_call(used)


def _with_those_they_call(families: Sequence[str]) -> list[str]:
    """The families, and those whose declarations their kernels include because they call them."""
    known = {family for family, _ in _kernels_by_family()}
    return [name for name in _included_by(families, ("cuda/{}.cu",)) if name in known]


def _included_by(names: Sequence[str], where: Sequence[str]) -> list[str]:
    """These names and all X whose kernels/X.h is included, however far, in files named by the patterns."""
    found, unread = set(names), list(names)
    while unread:
        name = unread.pop()
        files = [toolchain.sources() / pattern.format(name) for pattern in where]
        called = {x for file in files if file.exists() for x in _INCLUDED.findall(file.read_text())} - found
        found |= called
        unread += called
    return sorted(found)


def _kernels_by_family() -> Iterator[tuple[str, list[str]]]:
    for header in sorted((toolchain.sources() / "kernels").glob("*.h")):
        if names := _KERNEL_NAME.findall(header.read_text()):
            yield header.stem, names


def _library(families: Sequence[str]) -> Path:
    """The families' kernels as one shared library."""
    csrc = toolchain.sources()
    flags = ("-fPIC", *toolchain.kernel_flags())
    folder = toolchain.cache_folder() / toolchain.fingerprint("core cuda cudasim kernels", flags)
    sources = [csrc / "cuda" / f"{name}.cu" for name in ("device", *families)]
    missing = [source.stem for source in sources if not source.exists()]
    if missing:
        raise ValueError(f"there is no CUDA kernel of {', '.join(missing)} yet")
    plain = ("-std=c++20", "-O1", "-g1", "-fPIC", f"-I{csrc}")
    names = _included_by(families, ("kernels/{}.h", "kernels/{}.cpp"))
    rules = [source for name in names if (source := csrc / "kernels" / f"{name}.cpp").exists()]
    core = [csrc / "core" / "array.cpp", csrc / "core" / "core_api.cpp"]
    commands = {folder / f"{s.stem}.o": (*flags, "-x", "c++", "-c", s) for s in sources}
    commands |= {folder / f"{s.stem}_host.o": (*plain, "-c", s) for s in (*rules, *core)}
    with ThreadPoolExecutor(os.cpu_count()) as compilers:
        objects = list(compilers.map(toolchain.built, commands, commands.values()))
    with tempfile.TemporaryDirectory() as temporary:
        calls = Path(temporary) / "calls.cpp"
        calls.write_text(_calls_source(families))
        target = folder / f"lib{'-'.join(families)}.so"
        linked = toolchain.linked(toolchain.library().parent)
        whole = ("-shared", "-Wl,-Bsymbolic", "-Wl,--no-undefined")
        return toolchain.built(target, (*whole, *plain, calls, *objects, *linked))


def _calls_source(families: Sequence[str]) -> str:
    includes = "".join(f'#include "kernels/{family}.h"\n' for family in families)
    visits = "".join(f"  pe::for_each_{family}_kernel(visit);\n" for family in families)
    return (
        f'#include "cudasim/inspect/calls.h"\n{includes}'
        f"template <class Visitor>\nstatic void for_each(Visitor&& visit) {{\n{visits}}}\nCUDASIM_CALLS(for_each)\n"
    )
