"""The coefficients of csrc/cpu/vec_math.h, vec_trig.h and vec_activations.h: polynomials with the least relative error.

    pip install mpmath
    python tools/minimax.py             every table
    python tools/minimax.py erf         those whose name contains it

The exchange algorithm of E. Remez (1934): where n coefficients cannot be bettered, the weighted error reaches its
largest size n + 1 times with alternating sign. So solve for the polynomial whose error alternates at n + 1 points, move
the points to where the error of that polynomial is largest, and repeat.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np

mp.mp.dps = 80
Function = Callable[[Any], Any]


class Table(NamedTuple):
    """Approximate `f` on [low, high] by `count` coefficients; `weight` turns its error into one of the result."""

    f: Function
    weight: Function
    low: Any
    high: Any
    counts: dict[type, int]


def remez(table: Table, count: int) -> tuple[list[Any], Any]:
    """The coefficients, lowest first, and the largest weighted error."""
    low, high = mp.mpf(table.low), mp.mpf(table.high)

    def chebyshev(i: int, n: int) -> Any:
        return (low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / n)

    points = [chebyshev(2 * i + 1, 2 * count + 2) for i in range(count + 1)]
    for _ in range(20):
        equations, values = mp.matrix(count + 1, count + 1), mp.matrix(count + 1, 1)
        for row, x in enumerate(points):
            for k in range(count):
                equations[row, k] = x**k
            equations[row, count] = (-1) ** row / table.weight(x)
            values[row] = table.f(x)
        solution = mp.lu_solve(equations, values)
        coefficients, even = list(solution[:count]), abs(solution[count])

        def error(x: Any, c: list[Any] = coefficients) -> Any:
            return table.weight(x) * (table.f(x) - mp.polyval(c[::-1], x))

        points, largest = extrema(error, [chebyshev(i, 40 * count) for i in range(40 * count + 1)], count + 1)
        if largest < even * (1 + mp.mpf(10) ** -6):
            break
    return coefficients, largest


def extrema(error: Function, grid: list[Any], wanted: int) -> tuple[list[Any], Any]:
    """Where |error| is largest between two changes of sign, `wanted` points, and the largest |error|."""
    values = [error(x) for x in grid]
    found, begin = [], 0
    while begin < len(grid):
        end = begin
        while end < len(grid) and (values[end] > 0) == (values[begin] > 0):
            end += 1
        at = max(range(begin, end), key=lambda i: abs(values[i]))
        x = grid[at] if at in (0, len(grid) - 1) else sharpen(error, grid[at - 1], grid[at + 1])
        found.append((x, abs(error(x))))
        begin = end
    while len(found) > wanted:
        found.pop(0 if found[0][1] < found[-1][1] else -1)
    if len(found) < wanted:
        raise ValueError(f"the error has {len(found)} extrema, not {wanted}: it is below the precision")
    return [x for x, _ in found], max(size for _, size in found)


def sharpen(error: Function, low: Any, high: Any) -> Any:
    """The greatest |error| between two neighbours of the grid, by golden section."""
    ratio = (mp.sqrt(5) - 1) / 2
    for _ in range(25):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if abs(error(left)) > abs(error(right)):
            high = right
        else:
            low = left
    return (low + high) / 2


def series(term: Callable[[int], Any]) -> Function:
    """The power series with these coefficients, for |x| <= 1."""
    terms = [mp.mpf(term(k)) for k in range(80)][::-1]
    return lambda x: mp.polyval(terms, x)


NEVER_ZERO = mp.mpf(10) ** -12  # keeps a weight that vanishes at 0 usable
ERF_MIDDLE = mp.mpf("2.5")
TANH_SMALL = mp.mpf("0.55")
HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.001")
exp_rest = series(lambda k: 1 / mp.factorial(k + 2))
atanh_rest = series(lambda k: mp.mpf(2) / (2 * k + 3))
sin_rest = series(lambda k: mp.mpf(-1) ** (k + 1) / mp.factorial(2 * k + 3))
cos_rest = series(lambda k: mp.mpf(-1) ** k / mp.factorial(2 * k + 4))
erf_rest = series(lambda k: 2 / mp.sqrt(mp.pi) * (-1) ** k / (mp.factorial(k) * (2 * k + 1)) - (1 if k == 0 else 0))


def tanh_rest(z: Any) -> Any:
    """(tanh(x) / x - 1) / x^2 in z = x^2: what x + x^3·P(x^2) needs."""
    if z < mp.mpf(10) ** -20:
        return mp.mpf(-1) / 3 + 2 * z / 15
    x = mp.sqrt(z)
    return (mp.tanh(x) / x - 1) / z


TABLES = {
    "exp": Table(
        exp_rest,
        lambda r: abs(r / (1 + r * exp_rest(r))) + NEVER_ZERO,
        -HALF_LN2,
        HALF_LN2,
        {np.float32: 5, np.float64: 10},
    ),
    "log": Table(atanh_rest, lambda z: z / 2 + NEVER_ZERO**3, 0, (mp.sqrt(2) - 1) ** 4, {np.float32: 4, np.float64: 7}),
    "sin": Table(sin_rest, lambda z: z / (1 + z * sin_rest(z)) + NEVER_ZERO**3, 0, mp.pi**2 / 16, {np.float64: 6}),
    "cos": Table(
        cos_rest, lambda z: z**2 / (1 - z / 2 + z**2 * cos_rest(z)) + NEVER_ZERO**3, 0, mp.pi**2 / 16, {np.float64: 6}
    ),
    "tanh": Table(
        tanh_rest,
        lambda z: z / (1 + z * tanh_rest(z)) + NEVER_ZERO**3,
        0,
        TANH_SMALL**2,
        {np.float32: 5, np.float64: 10},
    ),
    "erf": Table(erf_rest, lambda z: 1 / (1 + erf_rest(z)), 0, 1, {np.float32: 7, np.float64: 12}),
    "erf from 1": Table(
        lambda x: mp.erf(x + ERF_MIDDLE),
        lambda x: 1 / mp.erf(x + ERF_MIDDLE),
        1 - ERF_MIDDLE,
        mp.mpf("3.92") - ERF_MIDDLE,
        {np.float32: 13},
    ),
    "log erfc to 6": Table(lambda x: mp.log(mp.erfc(x)), lambda x: mp.erfc(x) / mp.erf(x), 1, 6, {np.float64: 18}),
}


# float32 that is computed in float64 needs fewer coefficients than float64.
for name, few in {"exp": 6, "log": 4, "sin": 3, "cos": 3}.items():
    TABLES[f"{name} for float32 in float64"] = TABLES[name]._replace(counts={np.float64: few})


def main() -> None:
    for name, table in TABLES.items():
        if not any(word in name for word in sys.argv[1:] or [""]):
            continue
        for dtype, count in table.counts.items():
            coefficients, error = remez(table, count)
            ulps = mp.nstr(error / mp.mpf(float(np.finfo(dtype).eps)), 3)
            print(f"{name}, {np.dtype(dtype)}: error {ulps} ulp before rounding")
            print("  " + ", ".join(float(dtype(float(c))).hex() for c in coefficients))


if __name__ == "__main__":
    main()
