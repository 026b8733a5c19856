"""`inspect`: runs CUDA kernels on the simulator and says what is wrong with them and what they cost."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import toolchain
from .report import Report, report_from

_CHEVRONS = re.compile(r"<<<.*?>>>")


def inspect(what: str | os.PathLike[str], *, cases: Sequence[int] | None = None, seed: int = 1) -> Report:
    """Inspect a program of kernels, a .cu file with a `main`, or the package's own kernels of an operation.

    A file is compiled with the C++ compiler of the machine and run; what its `main` launches is inspected. Threads take
    turns in an order drawn from `seed`. An operation, such as "softmax", runs its cases of moderate size, forward and
    backward, or those of them that `cases` counts from 0.

    Raises `ToolchainError` where there is no compiler or the file does not compile, FileNotFoundError where there is no
    such file, and ValueError for a name that is no operation's.

    >>> import pyengine as pe
    >>> pe.cudasim.inspect("no_such_file.cu")
    Traceback (most recent call last):
        ...
    FileNotFoundError: there is no file no_such_file.cu
    """
    path = Path(what)
    if path.suffix not in (".cu", ".cuh", ".cpp", ".cc"):
        from .operation import inspect_operation

        return inspect_operation(str(what), cases, seed)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    _refuse_chevrons(path)
    library = toolchain.library()
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / path.stem
        compiled = program.with_suffix(".o")
        toolchain.run(
            [*toolchain.kernel_flags(), f"-I{path.parent}", "-x", "c++", "-c", path.resolve(), "-o", compiled]
        )
        toolchain.run([compiled, *toolchain.linked(library.parent), "-o", program])
        return run_inspected([str(program)], seed)


def run_inspected(command: list[str], seed: int, succeeds: bool = False) -> Report:
    """The report of a program that is linked with the inspector.

    RuntimeError where it ends before it reports, and, where it `succeeds`, with an exit code that no finding explains.
    """
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "report.json"
        environment = os.environ | {"CUDASIM_REPORT": str(written), "CUDASIM_SEED": str(seed)}
        stderr = 2  # where the program's own output goes: standard output may be for the report
        done = subprocess.run(command, env=environment, stdout=stderr)  # noqa: S603
        if not written.exists():
            raise RuntimeError(f"{Path(command[0]).name} ended with {done.returncode} before it could report")
        report = report_from(json.loads(written.read_text()))
        if succeeds and done.returncode and not report.findings:
            raise RuntimeError(f"the kernels were not inspected to the end: exit code {done.returncode}, see above")
        return report


def _refuse_chevrons(path: Path) -> None:
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if _CHEVRONS.search(line.split("//")[0]):
            raise toolchain.ToolchainError(
                f"{path}:{number}: a C++ compiler cannot read kernel<<<grid, block>>>(arguments): write "
                f"launch(kernel, grid, block)(arguments), which cudasim/cudasim.h defines for nvcc too"
            )
