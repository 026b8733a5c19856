"""The operations: one record each, found by name in `OPS`."""

from typing import TYPE_CHECKING, Any

from .op import Op, Spec

if TYPE_CHECKING:
    from .table import OPS

__all__ = ["OPS", "Op", "Spec"]


def __getattr__(name: str) -> Any:
    # Only second derivatives and the profiler look operations up, and loading all of them takes a while.
    if name != "OPS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .table import OPS

    globals()[name] = OPS
    return OPS
