"""Every public name is documented, with an example that runs (test_doctests.py runs them all).

Public is what `__all__` names, or where a module has none, what it defines without a leading underscore, in the modules
listed here; and the public methods of public classes. Of each we demand:

- a docstring; a method may inherit the one of the method that it overrides
- an example in each function, each class that is no exception, and each method of Tensor. The methods of other classes
  are shown by their class's example; properties need none
- the errors: whatever the function itself, or a private helper of its module that it calls, raises with `raise` is
  named in its docstring; for a method (of Tensor excepted) its class's will do. NotImplementedError is how a base
  class says "override me" and needs no words
- shapes: a function of tensors says "shape", "axis", "axes" or "element", or gives a shape such as (rows, classes)
"""

import ast
import functools
import importlib
import inspect
import re
import textwrap
import types

from pyengine import Tensor

MODULES = (
    "pyengine", "pyengine.autograd", "pyengine.data", "pyengine.data.transforms", "pyengine.models", "pyengine.nn",
    "pyengine.nn.functional", "pyengine.nn.init", "pyengine.nn.utils", "pyengine.optim",
    "pyengine.optim.lr_scheduler", "pyengine.train",
)  # fmt: skip


def public_names(module: types.ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def find_public() -> dict[str, object]:
    """Functions and classes, by the first name under which each is found."""
    found: dict[str, object] = {}
    for path in MODULES:
        module = importlib.import_module(path)
        for name in public_names(module):
            value = getattr(module, name)
            documented = inspect.isclass(value) or inspect.isroutine(value)
            if documented and value.__module__.startswith("pyengine") and all(value is not v for v in found.values()):
                found[f"{path}.{name}"] = value
    return found


def find_methods() -> dict[str, tuple[type, object]]:
    """Public methods and properties of public classes, each once, with the class under which it was found."""
    found: dict[str, tuple[type, object]] = {}
    seen = set()
    for path, cls in CLASSES.items():
        for owner in (c for c in cls.__mro__ if c.__module__.startswith("pyengine")):
            for name, member in vars(owner).items():
                function = function_of(member)
                hidden = name.startswith("_") or inspect.getattr_static(cls, name) is not member
                if not hidden and function is not None and function not in seen:
                    seen.add(function)
                    found[f"{path}.{name}"] = (cls, member)
    return found


def function_of(member: object) -> object | None:
    """The function behind a member of a class."""
    if isinstance(member, property):
        return member.fget
    return (
        member.__func__
        if isinstance(member, staticmethod | classmethod)
        else (member if inspect.isfunction(member) else None)
    )


PUBLIC = find_public()
FUNCTIONS = {path: value for path, value in PUBLIC.items() if not inspect.isclass(value)}
CLASSES = {path: value for path, value in PUBLIC.items() if inspect.isclass(value)}
METHODS = find_methods()


def doc_of(value: object) -> str:
    return inspect.getdoc(value) or ""


@functools.cache
def tree_of(value: object) -> ast.AST | None:
    """The syntax of a function of this package; None for native ones."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(value))))
    except (TypeError, OSError):
        return None


def errors_raised(function: object, seen: frozenset[str] = frozenset()) -> set[str]:
    """The names of the exceptions that the body, or a private helper of the same module, raises with `raise`."""
    tree = tree_of(function) if getattr(function, "__module__", "").startswith("pyengine") else None
    if tree is None:
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            found |= {n.id for n in ast.walk(node.exc) if isinstance(n, ast.Name) and re.search(r"(Error|stop)$", n.id)}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.startswith("_"):
            helper = getattr(inspect.unwrap(function), "__globals__", {}).get(node.func.id)
            if helper is not None and node.func.id not in seen:
                found |= errors_raised(helper, seen | {node.func.id})
    return found - {"NotImplementedError"}


def takes_tensors(function: object) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return any("Tensor" in str(p.annotation) for p in parameters if p.name != "self")


def tells_shapes(doc: str) -> bool:
    return re.search(r"\b(shapes?|ax[ie]s|elements?)\b|\([\w.…*·, ]+,[\w.…*·, ]*\)", doc) is not None


def test_the_walk_finds_what_there_is() -> None:
    """Guards the tests below against an empty table."""
    assert {"pyengine.zeros", "pyengine.memory_stats", "pyengine.nn.functional.relu"} <= FUNCTIONS.keys()
    assert {"pyengine.Tensor", "pyengine.nn.Linear", "pyengine.optim.SGD", "pyengine.train.Trainer"} <= CLASSES.keys()
    assert {"pyengine.Tensor.item", "pyengine.Tensor.backward", "pyengine.train.Trainer.fit"} <= METHODS.keys()
    assert "ValueError" in errors_raised(FUNCTIONS["pyengine.nn.functional.dropout"])


def test_all_have_docstrings() -> None:
    bare = [path for path, value in PUBLIC.items() if len((value.__doc__ or "").strip()) < 10]
    for path, (cls, _) in METHODS.items():
        name = path.rpartition(".")[2]
        if not any(doc_of(vars(c)[name]) for c in cls.__mro__ if name in vars(c)):
            bare.append(path)
    assert bare == []


def test_all_have_examples() -> None:
    need = dict(FUNCTIONS) | {path: c for path, c in CLASSES.items() if not issubclass(c, Exception)}
    need |= {path: m for path, (cls, m) in METHODS.items() if cls is Tensor and not isinstance(m, property)}
    assert [path for path, value in need.items() if ">>> " not in (value.__doc__ or "")] == []
    assert [path for path, value in need.items() if "+SKIP" in value.__doc__] == []


def test_all_name_their_errors() -> None:
    silent = {}
    for path, value in PUBLIC.items():
        silent[path] = unnamed(value.__init__ if inspect.isclass(value) else value, doc_of(value))
    for path, (cls, member) in METHODS.items():
        doc = doc_of(member) if cls is Tensor else doc_of(member) + doc_of(cls)
        silent[path] = unnamed(function_of(member), doc)
    assert {path: errors for path, errors in silent.items() if errors} == {}


def unnamed(function: object, doc: str) -> list[str]:
    return sorted(error for error in errors_raised(function) if error not in doc)


def test_functions_of_tensors_tell_shapes() -> None:
    takers = {path: f for path, f in FUNCTIONS.items() if tree_of(f) is not None and takes_tensors(f)}
    assert len(takers) > 40
    assert [path for path, f in takers.items() if not tells_shapes(doc_of(f))] == []
