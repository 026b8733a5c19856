"""What an inspection found, as the inspector writes it to its JSON file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """A line of a source file."""

    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}"


@dataclass(frozen=True)
class Deed:
    """Something that a thread did: "writes", "waits"; `place` is None where no line is known.

    `block` and `thread` are indices along x, y and z, and None where the host did it.
    """

    what: str
    place: Place | None
    inlined_into: tuple[Place, ...]
    block: tuple[int, int, int] | None
    thread: tuple[int, int, int] | None
    warp: int | None
    lane: int | None

    @property
    def who(self) -> str:
        """The thread in words."""
        if self.block is None or self.thread is None:
            return "the host"
        return f"block {_index(self.block)}, thread {_index(self.thread)} (warp {self.warp}, lane {self.lane})"


@dataclass(frozen=True)
class Finding:
    """Something wrong: `fault` is its kind, such as "race"; `index` is an element of `array`, where one is meant."""

    fault: str
    kernel: str
    what: str
    array: str
    index: int | None
    deeds: tuple[Deed, ...]
    hint: str
    count: int


@dataclass(frozen=True)
class Line:
    """What one access of a line cost, over all warps.

    A request is one instruction of a warp. `used` counts what its requests moved, sectors of 32 bytes in global memory,
    wavefronts in shared memory, and `ideal` how few could have done. `lanes` were at work of `lanes_there`.
    """

    place: Place
    does: str
    array: str
    space: str
    bytes: int
    requests: int
    lanes: int
    lanes_there: int
    used: int
    ideal: int


@dataclass(frozen=True)
class Branch:
    """A line that the lanes of a warp did not come to together: `lanes` of `lanes_there`, in `times` runs of it."""

    place: Place
    times: int
    lanes: int
    lanes_there: int


@dataclass(frozen=True)
class Kernel:
    """A kernel's costs. `partial` says that a warp did more between two barriers than was kept to count."""

    name: str
    launches: int
    partial: bool
    lines: tuple[Line, ...]
    branches: tuple[Branch, ...]


@dataclass(frozen=True)
class Report:
    """All findings and costs of a run; `data` is the inspector's own record of them."""

    findings: tuple[Finding, ...]
    kernels: tuple[Kernel, ...]
    data: Mapping[str, Any] = field(repr=False)


def report_from(data: Mapping[str, Any]) -> Report:
    """The report that the inspector wrote as JSON."""
    return Report(
        tuple(_finding(f) for f in data["findings"]),
        tuple(
            Kernel(
                k["name"],
                k["launches"],
                k["partial"],
                tuple(_line(line) for line in k["lines"]),
                tuple(Branch(_place(b), b["times"], b["lanes"], b["lanes_there"]) for b in k["branches"]),
            )
            for k in data["kernels"]
        ),
        data,
    )


def _index(index: tuple[int, int, int]) -> str:
    return str(index[0]) if index[1:] == (0, 0) else str(index)


def _place(data: Mapping[str, Any]) -> Place:
    return Place(Path(data["file"]), data["line"], data["text"])


def _line(data: Mapping[str, Any]) -> Line:
    kept = ("does", "array", "space", "bytes", "requests", "lanes", "lanes_there", "ideal")
    used = data["sectors"] if data["space"] == "global" else data["wavefronts"]
    return Line(place=_place(data), used=used, **{name: data[name] for name in kept})


def _finding(data: Mapping[str, Any]) -> Finding:
    kept = ("fault", "kernel", "what", "array", "hint", "count")
    deeds = tuple(_deed(d) for d in data["deeds"])
    return Finding(index=data.get("index"), deeds=deeds, **{name: data[name] for name in kept})


def _deed(data: Mapping[str, Any]) -> Deed:
    on_device = "block" in data
    return Deed(
        data["what"],
        _place(data) if data["line"] else None,
        tuple(_place(p) for p in data.get("inlined_into", ())),
        tuple(data["block"]) if on_device else None,
        tuple(data["thread"]) if on_device else None,
        data.get("warp"),
        data.get("lane"),
    )
