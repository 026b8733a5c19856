"""Tables: for the terminal, and in documents, rewritten between two markers from committed results."""

import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

Record = dict[str, Any]


def peer_names(rows: Sequence[Record]) -> list[str]:
    """All peers of these rows, in the order in which they come up."""
    return list(dict.fromkeys(name for row in rows for name in row["ratios"]))


def cells(row: Record, peers: Sequence[str]) -> list[str]:
    """A row of the table: name, time, rate, share of the roof, and for each peer how many times its time ours is."""
    seconds = row["seconds"]["pyengine"]
    by_flops = row["group"] in ("matmul", "conv", "attention", "step") or (row["group"] == "captured" and row["flops"])
    rate = f"{row['gflops']:.1f} GFLOP/s" if by_flops else f"{row['gbytes']:.1f} GB/s"
    share = f"{100 * row['share']:.0f} %"
    if row["group"] == "overhead" or not row["bytes"] or math.isnan(seconds):
        rate = share = "–"
    found = [row["name"], duration(seconds), rate, share]
    for peer in peers:
        middle, low, high = row["ratios"].get(peer, (math.nan,) * 3)
        found.append("–" if math.isnan(middle) else f"{middle:.2f} ({low:.2f}–{high:.2f})")
    if "busy" in row:
        found.append(f"{row['busy']:.1f} ×")
    return found


def columns(rows: Sequence[Record]) -> list[str]:
    """The headings above `cells`."""
    busy = ["on busy cores"] if any("busy" in row for row in rows) else []
    return ["", "time", "rate", "of the roof", *(f"× {peer}" for peer in peer_names(rows)), *busy]


FIRST = [
    "",
    "kernel calls",
    "each",
    "first calls",
    "of an eager step",
    "torch compiled's first",
    "jax's first",
    "memory",
    "of eager's",
]


def first_cells(row: Record) -> list[str]:
    """What else there is to say about a captured step, under the headings FIRST.

    The number of kernel calls that are replayed, and what each takes; the calls until it is replayed, also as multiples
    of an eager step; the first call of those who compile; the memory of the intermediates.
    """
    first, memory = row["first"], row["memory"]
    recorded = first["pyengine"][:2]
    eager = row["seconds"].get("eager", math.nan)
    compiled = [duration(first[name][0]) if name in first else "–" for name in ("torch compiled", "jax")]
    return [
        row["name"],
        f"{row['calls']:,}",
        duration(row["seconds"]["pyengine"] / row["calls"]),
        " + ".join(map(duration, recorded)),
        "–" if math.isnan(eager) else " + ".join(f"{seconds / eager:.1f}" for seconds in recorded),
        *compiled,
        size(memory["captured"]),
        f"{memory['captured'] / memory['eager']:.2f}" if memory["eager"] else "–",
    ]


def size(nbytes: float) -> str:
    """Bytes with a unit.

    >>> size(100), size(2048), size(5 << 20)
    ('100 B', '2.0 KiB', '5.0 MiB')
    """
    for unit, scale in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= scale:
            return f"{nbytes / scale:.1f} {unit}"
    return f"{nbytes} B"


def duration(seconds: float) -> str:
    """Three digits and a unit.

    >>> duration(0.00123), duration(4.56e-7), duration(12.0)
    ('1.23 ms', '456 ns', '12.0 s')
    """
    if math.isnan(seconds):
        return "–"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= scale:
            value = seconds / scale
            return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f} {unit}"
    return "0 s"


def geometric_means(rows: Sequence[Record]) -> Iterator[tuple[str, str, float, int]]:
    """(group, peer, geometric mean of the ratios, number of rows)."""
    for group in dict.fromkeys(row["group"] for row in rows):
        members = [row for row in rows if row["group"] == group]
        for peer in peer_names(members):
            ratios = [row["ratios"][peer][0] for row in members if peer in row["ratios"]]
            ratios = [r for r in ratios if r > 0]
            if ratios:
                yield group, peer, math.exp(sum(map(math.log, ratios)) / len(ratios)), len(ratios)


def heading(settings: Record, how: bool = True) -> str:
    """One line of what the figures depend on; without `how` the peers were started, where it is said elsewhere."""
    peers = ", ".join(f"{name} {peer['version']} ({peer['uses']})" for name, peer in settings["peers"].items())
    mode = {"installed": "; peers as installed", "best": "; peers at their best: heap retained"}[settings["mode"]]
    return (
        f"{settings['cpu']}, {settings['isa']}, {settings['threads']} threads, "
        f"peak {settings['roof_gflops']:.0f} GFLOP/s{mode if how else ''}; {peers or 'no peers'}"
    )


def table(result: Record) -> "Table":
    """For the terminal."""
    from rich.table import Table

    rows = result["rows"]
    peers = peer_names(rows)
    made = Table(title=heading(result["settings"]), title_justify="left")
    _add_columns(made, columns(rows))
    group = None
    for row in rows:
        if group not in (None, row["group"]):
            made.add_section()
        group = row["group"]
        made.add_row(*cells(row, peers))
    return made


def first_table(rows: Sequence[Record]) -> "Table":
    """For the terminal, `first_cells` of captured steps."""
    from rich.table import Table

    made = Table()
    _add_columns(made, FIRST)
    for row in rows:
        made.add_row(*first_cells(row))
    return made


def _add_columns(made: "Table", names: Sequence[str]) -> None:
    for i, name in enumerate(names):
        made.add_column(name, justify="right" if i else "left", no_wrap=True)


def width(made: "Table") -> int:
    """The columns of a terminal in which nothing of the table is cut off."""
    from rich.console import Console

    return Console(width=1000).measure(made).maximum


def markdown(result: Record, kernels: Collection[str] | None = None) -> str:
    """The same as a Markdown table, of the rows of some kernels or all."""
    rows = [row for row in result["rows"] if kernels is None or row["kernel"] in kernels]
    peers = peer_names(rows)
    lines = [f"*{heading(result['settings'])}*", "", *_lines(columns(rows), [cells(row, peers) for row in rows])]
    if first := [first_cells(row) for row in rows if "first" in row]:
        lines += ["", *_lines(FIRST, first)]
    return "\n".join(lines)


def _lines(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    head = ["|" + "|".join(f" {name} " for name in headings) + "|", "| --- |" + " ---: |" * (len(headings) - 1)]
    return head + ["| " + " | ".join(row) + " |" for row in rows]


GROUPS = {
    "matmul": "matrix products",
    "conv": "convolutions, forward and with both gradients",
    "attention": "attention, forward and with all gradients",
    "elementwise": "elementwise functions",
    "rows": "sums, softmax, layer norm, sorting: row by row",
    "function": "pooling, batch norm, dropout, random numbers",
    "loss": "cross-entropy with its gradient",
    "optimizer": "optimizer steps",
    "step": "training steps of small networks",
    "captured": "captured steps",
    "overhead": "operations on 4 numbers",
}


def summary(results: Sequence[Record]) -> str:
    """A Markdown table of geometric means, a line for each group. Of torch's ways to do a row, the fastest counts."""
    columns: dict[str, dict[str, float]] = {}
    for result in results:
        for library, name in (("numpy", "NumPy"), ("torch", "PyTorch")):
            how = {"installed": "as installed", "best": "at its best"}[result["settings"]["mode"]]
            columns[f"× {name} {how}"] = _means(result["rows"], library)
    lines = [f"*{heading(results[0]['settings'], how=False)}*", ""]
    lines += ["| | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    for group, words in GROUPS.items():
        found = [means.get(group) for means in columns.values()]
        if any(found):
            lines.append(f"| {words} | " + " | ".join("–" if m is None else f"{m:.2f}" for m in found) + " |")
    return "\n".join(lines)


def _means(rows: Sequence[Record], library: str) -> dict[str, float]:
    """By group, the geometric mean of what the fastest of a library's contenders takes over what we do."""
    logs: dict[str, list[float]] = {}
    for row in rows:
        ratios = [ratio[0] for peer, ratio in row["ratios"].items() if peer.startswith(library)]
        if ratios and min(ratios) > 0:
            logs.setdefault(row["group"], []).append(math.log(min(ratios)))
    return {group: math.exp(sum(found) / len(found)) for group, found in logs.items()}


def rewrite(document: Path, name: str, text: str) -> bool:
    """Put `text` between the lines `<!-- name -->` and `<!-- /name -->`; False where the document has no such place."""
    before, start, rest = document.read_text().partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not start or not end:
        return False
    document.write_text(f"{before}{start}{text}\n{end}{after}")
    return True
