"""The C++ compiler of the machine: compiles the inspector once, and kernels for it."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
# What keeps the machine code in the order of the source, so that lanes meet again where the source says, and each
# access one access. GCC's -O2 splits stores, its -O0 does not see all of them.
_INSTRUMENT = ("-O1", "-g", "-fsanitize=thread", "-fsanitize-coverage=trace-pc")
_INSTRUMENT_GCC = (
    "-fsanitize=bounds",
    "-fno-reorder-blocks",
    "-fno-thread-jumps",
    "-fno-crossjumping",
    "-fno-tree-loop-distribute-patterns",
    # short loops of fixed length, as source says by #pragma unroll, which GCC does not read: fewer steps to look at
    *("-fpeel-loops", "--param=max-completely-peeled-insns=2000"),
    # as calls, which hooks.cpp sees: what GCC makes of them in place is not instrumented
    *("-fno-builtin-memcpy", "-fno-builtin-memmove", "-fno-builtin-memset"),
)

_INSTRUMENT_CLANG = (
    "-gdwarf-4",  # whose inlined functions addr2line reads right
    "-fsanitize=array-bounds",
    *("-mllvm", "-tsan-instrument-read-before-write=1"),
    *("-mllvm", "-simplifycfg-sink-common=false"),
    *("-mllvm", "-simplifycfg-hoist-common=false"),
)


class ToolchainError(RuntimeError):
    """Kernels cannot be inspected here, or do not compile; the message says why and what helps."""


def sources() -> Path:
    """The folder csrc: the checkout's, or the copy that is installed with the package."""
    checkout = _PACKAGE.parent / "csrc"
    return checkout if (checkout / "cudasim").is_dir() else _PACKAGE / "csrc"


@cache
def compiler() -> tuple[str, ...]:
    """The C++ compiler as the start of a command line: $CXX, or the first of c++, g++ and clang++ that is there."""
    if sys.platform != "linux":
        raise ToolchainError(
            f"inspection works on Linux only, not on {sys.platform}: it reads ELF files. Kernels run everywhere on the "
            f'device "cudasim"'
        )
    chosen = os.environ.get("CXX")
    for command in [chosen.split()] if chosen else [["c++"], ["g++"], ["clang++"]]:
        if command and shutil.which(command[0]):
            return tuple(command)
    what = f"CXX={chosen} is no command" if chosen else "there is none (c++, g++ or clang++)"
    raise ToolchainError(f"inspection needs a C++ compiler, and {what}: install one, such as Debian's package g++")


def kernel_flags() -> tuple[str, ...]:
    """The options that compile a .cu file for inspection."""
    csrc = sources()
    return (
        "-std=c++20",
        *_INSTRUMENT,
        *(_INSTRUMENT_CLANG if _is_clang() else _INSTRUMENT_GCC),
        "-Wno-unknown-pragmas",
        "-DCUDASIM_INSPECT",
        "-include",
        str(csrc / "cudasim" / "inspect" / "instrumented.h"),
        f"-I{csrc}",
        f"-I{csrc / 'cudasim' / 'include'}",
    )


def run(arguments: Sequence[str | Path]) -> None:
    """Run the compiler with these arguments; ToolchainError with its own words where it fails."""
    done = subprocess.run([*compiler(), *map(str, arguments)], capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise ToolchainError(f"{' '.join(compiler())} failed:\n{done.stderr.strip() or done.stdout.strip()}")


def library() -> Path:
    """The inspector as a shared library: compiled when it, or the compiler, is new, and kept in the user's cache."""
    one = ("-shared", "-fPIC", "-Wl,-Bsymbolic", "-ftls-model=initial-exec")
    flags = ("-std=c++20", "-O2", "-g1", *one, f"-I{sources()}")
    folder = cache_folder() / fingerprint("cudasim", flags)
    return built(folder / "libcudasim_inspect.so", (*flags, sources() / "cudasim" / "inspect" / "library.cpp"))


def linked(folder: Path) -> tuple[str, ...]:
    """The options that link with the inspector in that folder."""
    return (f"-L{folder}", "-lcudasim_inspect", f"-Wl,-rpath,{folder}")


def built(target: Path, arguments: Sequence[str | Path]) -> Path:
    """`target`, made by the compiler from these arguments unless it is there."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            run([*arguments, "-o", Path(folder) / target.name])
            (Path(folder) / target.name).replace(target)  # whole, whoever else builds it at the same time
    return target


def cache_folder() -> Path:
    """Where what is compiled for inspection is kept: pyengine/cudasim in $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pyengine" / "cudasim"


@cache
def fingerprint(folders: str, flags: tuple[str, ...] = ()) -> str:
    """A name for the state of these folders of csrc, separated by spaces, the compiler and its options."""
    digest = hashlib.sha256(" ".join((_version(), *flags)).encode())
    for name in folders.split():
        for path in sorted((sources() / name).rglob("*")):
            if path.is_file():
                digest.update(str(path).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _version() -> str:
    return subprocess.run([*compiler(), "--version"], capture_output=True, text=True).stdout  # noqa: S603


def _is_clang() -> bool:
    return "clang" in _version()
