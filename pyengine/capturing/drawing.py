"""A picture of a step's memory over time."""

from collections.abc import Iterator
from html import escape

from .arena import Arena, Place
from .trace import Trace

# in pixels
LEFT, TOP, RIGHT, BOTTOM = 64, 40, 72, 120
COLUMN, HEIGHT, LEAST = 16, 320, 560
COLOURS = ("#2563eb", "#059669", "#d97706", "#dc2626", "#7c3aed", "#0891b2", "#65a30d", "#db2777")
TEXT = "#111827"


def draw_arena(arena: Arena, trace: Trace) -> str:
    """An SVG: a column for each call, upwards the bytes of the arena, a box for each result, coloured by its kernel."""
    width = max(LEFT + COLUMN * len(trace.calls) + RIGHT, LEAST)
    height = TOP + HEIGHT + BOTTOM
    title = f"{len(trace.calls)} calls, results in {arena.nbytes:,} bytes, {arena.unshared:,} without sharing"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11" fill="{TEXT}">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="13" font-weight="bold">{title}</text>',
        *_axis(arena.nbytes),
        *_boxes(arena, trace),
        *_names(trace),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axis(nbytes: int) -> Iterator[str]:
    for share in (0.0, 0.5, 1.0):
        y = TOP + HEIGHT * (1 - share)
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_size(nbytes * share)}</text>'


def _boxes(arena: Arena, trace: Trace) -> Iterator[str]:
    kernels = sorted({call.kernel for call in trace.calls})
    for place in arena.places.values():
        kernel = trace.maker(place.number).kernel
        colour = COLOURS[kernels.index(kernel) % len(COLOURS)]
        yield _box(place, arena.nbytes, len(trace.calls), f"{kernel}: {place.nbytes:,} bytes", colour)


def _box(place: Place, nbytes: int, calls: int, text: str, colour: str) -> str:
    scale = HEIGHT / max(nbytes, 1)
    x = LEFT + COLUMN * place.first
    wide = COLUMN * (min(place.last, calls - 1) - place.first + 1)
    high = max(place.nbytes * scale, 1.0)
    y = TOP + HEIGHT - place.offset * scale - high
    about = f"{text}, from call {place.first} to {place.last}"
    return (
        f'<rect x="{x}" y="{y:.1f}" width="{wide}" height="{high:.1f}" fill="{colour}" fill-opacity="0.75" '
        f'stroke="white"><title>{escape(about)}</title></rect>'
    )


def _names(trace: Trace) -> Iterator[str]:
    for i, call in enumerate(trace.calls):
        x, y = LEFT + COLUMN * (i + 0.5), TOP + HEIGHT + 10
        yield (
            f'<text transform="translate({x:.1f} {y}) rotate(60)">{i} {escape(call.kernel)}'
            f"<title>{escape(call.line)}</title></text>"
        )


def _size(nbytes: float) -> str:
    return f"{nbytes / 2**20:.1f} MiB" if nbytes >= 2**20 else f"{nbytes / 1024:.1f} KiB"
