"""Finds places in the sources where one small change must make a test fail.

C++ is changed as text: comments, strings, directives, template heads and what only words errors are blanked first, and
clang-format's spacing tells a binary operator from anything else. Python is changed in its syntax tree.
"""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Mutant(NamedTuple):
    """One change: `old` at characters start … end of the file becomes `new`."""

    path: str
    line: int
    start: int
    end: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: `{self.old.strip()}` → `{self.new.strip()}`"

    def applied(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]


# --- what is left alone in C++, and why

# Integral constants named k… (and two tile lengths) are sizes by which work is cut, and capacities. Any value, or any
# larger one, gives right results: they are tuned, not tested. Only these mean something else:
MEANINGS = {
    "kBias", "kDropped", "kFraction", "kM", "kMantissa", "kN", "kSize", "kUnit", "kWidth", "kWordsPerElement",
}  # fmt: skip
SIZE = r"\b(?:k[A-Z]\w*|MR|NV)\b"
_CONSTANT = re.compile(rf"constexpr (?:int|int64_t|size_t) ({SIZE}) =")

PERFORMANCE = (
    (r"select\(([\w.\[\]]+) > ([\w.\[\]]+), \1, \2\)", "a maximum: of two equal numbers either will do"),
    (r"return -1;", "stands for none: any negative number does"),
    (r"levels_\[64\]", "room that may be larger"),
    (r"alignas\(|__builtin_prefetch|cut\.chunk =|cut\.depth =|int64_t bytes =|int64_t wanted =", "speed"),
    (r"pack_[ab] =|bool apart =|bool tiles =", "ways to the same result"),
    (r"across \*= 2|along \*= 2|while \(across|columns >= 2 \* rows|rows > 4 \*|columns > 2 \*", "how many tasks"),
    (r"at_once = std::max|job_size =|parallel_ranges\(\w+, std::max|std::max<int64_t>\(1, kBlock", "size of a task"),
    (r"elements / std::max<int64_t>\(row_length|rows / kLanes<T> \* kLanes<T>|elements = 16384", "rows of a task"),
    (r"kDropped = |static_cast<size_t>\(kWidth", "checked by the compiler"),
)

# Survivors that were looked at and compute the same: what their line holds, the change, and why. The number of caught
# mutants is one of those that could be.
EQUIVALENT = (
    (
        r"same_shape\(a, \*arrays\[0\]\)",
        "0",
        "inputs shaped like the first one, but not like the result, do not pass below",
    ),
    (r"== DType::f64\) return (take|put)<double>", " == ", "eight bytes are moved, whatever they mean"),
    (r"step<false, false, 2>", "false", "there is no momentum to look ahead with"),
    (r"counts\[Item::kBytes\]\[256\]", "256", "one count more, of a value that no byte has"),
    (r"i > 0; --i\)", " > ", "the row is below the outermost length by then: its remainder is itself, its quotient 0"),
)

BLANKED = (
    r"//[^\n]*",
    r"/\*.*?\*/",
    r'"(?:\\.|[^"\\\n])*"',
    r"^\s*#.*?$",
    r"static_assert\(.*?\);",
    r"throw .*?;",
    r"template <[^{;]*?>\n",
    r"(?:typedef|using) [^;]*;",
    r"case [^:]*:",
)

SWAPS = {
    " + ": " - ", " - ": " + ", " * ": " / ", " / ": " * ", " % ": " / ",
    " += ": " -= ", " -= ": " += ", " *= ": " /= ", " /= ": " *= ",
    " < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ", " == ": " != ", " != ": " == ",
    " && ": " || ", " || ": " && ", " & ": " | ", " | ": " & ", " ^ ": " | ", " << ": " >> ", " >> ": " << ",
    "std::min": "std::max", "std::max": "std::min", "true": "false", "false": "true",
}  # fmt: skip

# longest first, so that ` <= ` is not read as ` < `
_SWAP = re.compile("|".join(re.escape(s) for s in sorted(SWAPS, key=len, reverse=True)))
_INTEGER = re.compile(r"(?<![\w.'])\d+(?![\w.'])")
_FLOAT = re.compile(r"(?<![\w.])(?:\d+\.\d+|0x1(?:\.[0-9a-f]+)?p-?\d+)f?(?![\w.])")
_SUBSCRIPT = re.compile(r"(?<=\w\[)(?!k[A-Z])[a-z]\w*(?=\])")  # not the capacity in a declaration
_NEGATION = re.compile(r"(?<=[(\s])!(?=[a-z])|(?<=return )-(?=\w)")


def in_cpp(path: str, text: str) -> Iterator[Mutant]:
    """All mutants of a C++ file."""
    blanked = text
    for pattern in BLANKED:
        blanked = re.sub(pattern, lambda m: re.sub(r"[^\n]", "\0", m.group()), blanked, flags=re.MULTILINE | re.DOTALL)
    lines = text.splitlines()

    def mutant(start: int, end: int, new: str) -> Mutant:
        return Mutant(path, text.count("\n", 0, start) + 1, start, end, text[start:end], new)

    found = [mutant(m.start(), m.end(), SWAPS[m.group()]) for m in _SWAP.finditer(blanked)]
    found += [mutant(m.start(), m.end(), str(int(m.group()) + 1)) for m in _INTEGER.finditer(blanked)]
    found += [mutant(m.start(), m.end(), _changed_float(m.group())) for m in _FLOAT.finditer(blanked)]
    found += [mutant(m.start(), m.end(), f"{m.group()} + 1") for m in _SUBSCRIPT.finditer(blanked)]
    found += [mutant(m.start(), m.end(), "") for m in _NEGATION.finditer(blanked)]
    for m in sorted(found, key=lambda m: m.start):
        line = lines[m.line - 1]
        alone = any(re.search(pattern, line) for pattern, _ in PERFORMANCE)
        alone |= any(old == m.old and re.search(pattern, line) for pattern, old, _ in EQUIVALENT)
        if not alone and not _is_size(line, m):
            yield m


def _is_size(line: str, mutant: Mutant) -> bool:
    """Whether the change is of a size, or of a comparison with one, which chooses between ways to the same result."""
    defined = _CONSTANT.search(line)
    if defined:
        return defined[1] not in MEANINGS
    if mutant.old not in (" < ", " <= ", " > ", " >= "):
        return False
    sizes = set(re.findall(SIZE, line)) - MEANINGS
    return bool(sizes) and bool(re.search(rf"{mutant.old}[^;&|]*{SIZE}|{SIZE}{mutant.old}", line))


def _changed_float(literal: str) -> str:
    return f"({literal} * 2)" if "x" in literal or float(literal.rstrip("f")) else "1.0"


# --- Python

LEFT_ALONE = re.compile(r"_infer|infer_|_cost|_hint|require_|broadcast_shapes|nbytes|_no_specs|__")
KERNELS = {"add": "sub", "sub": "add", "mul": "add", "div": "mul"}
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.FloorDiv: ast.Mult, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or,
    ast.Or: ast.And,
}  # fmt: skip


def in_python(path: str, text: str) -> Iterator[Mutant]:
    """All mutants of the functions that compute, and of where the records say that saved values come from."""
    lines = text.splitlines(keepends=True)
    starts = list(itertools.accumulate(map(len, lines), initial=0))

    def place(line: int, column: int) -> int:  # the tree counts columns in bytes
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    for top in ast.parse(text).body:
        if isinstance(top, ast.FunctionDef) and not LEFT_ALONE.search(top.name):
            roots: list[ast.AST] = [s for s in top.body if not isinstance(s, ast.Raise)]
        elif isinstance(top, ast.Assign) and isinstance(top.value, ast.Call):
            roots = [k.value for k in top.value.keywords if k.arg == "saves"]
        else:
            continue
        for node in (n for root in roots for n in _inside(root)):
            for new in _changes(node):
                start, end = place(node.lineno, node.col_offset), place(node.end_lineno, node.end_col_offset)
                yield Mutant(path, node.lineno, start, end, text[start:end], f"({new})")


def _inside(root: ast.AST) -> Iterator[ast.AST]:
    """`root` and what is below it, without docstrings, annotations and what is raised."""
    if isinstance(root, ast.Raise | ast.JoinedStr | ast.arguments):
        return
    if isinstance(root, ast.Expr) and isinstance(root.value, ast.Constant):
        return
    yield root
    for child in ast.iter_child_nodes(root):
        yield from _inside(child)


def _changes(node: ast.AST) -> Iterator[str]:
    """The text of each change of this very node."""
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield ast.unparse(ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right))
    elif isinstance(node, ast.BoolOp):
        yield ast.unparse(ast.BoolOp(OPERATORS[type(node.op)](), node.values))
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        yield ast.unparse(ast.Compare(node.left, [OPERATORS[type(node.ops[0])](), *node.ops[1:]], node.comparators))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield ast.unparse(node.operand)
    elif isinstance(node, ast.IfExp):
        yield ast.unparse(ast.IfExp(node.test, node.orelse, node.body))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield str(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield str(node.value + 1)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "k":
        yield from _kernel_changes(node, node.func.attr)


def _kernel_changes(node: ast.Call, kernel: str) -> Iterator[str]:
    def call(name: str, arguments: list[ast.expr]) -> str:
        return ast.unparse(ast.Call(ast.Attribute(ast.Name("k"), name), arguments, node.keywords))

    if kernel in KERNELS:
        yield call(KERNELS[kernel], node.args)
    if kernel == "neg":
        yield ast.unparse(node.args[0])
    if kernel in ("matmul", "sub", "div", "softmax_backward", "relu_backward"):
        yield call(kernel, [node.args[1], node.args[0], *node.args[2:]])


def find(root: Path) -> list[Mutant]:
    """The mutants of all kernels and of all operations. roof.cpp measures time: no test can say what it must find."""
    found: list[Mutant] = []
    for pattern, mutants in (("csrc/cpu/*.cpp", in_cpp), ("csrc/cpu/*.h", in_cpp), ("pyengine/ops/*.py", in_python)):
        for path in sorted(p for p in root.glob(pattern) if p.name != "roof.cpp"):
            found += mutants(str(path.relative_to(root)), path.read_text())
    return found
