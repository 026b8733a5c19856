"""CUDA kernels without a GPU: run on the simulator and inspected, access by access.

The simulator is C++ (csrc/cudasim), and so is the inspector; here is what compiles them, starts them and reads their
report. docs/cudasim.md explains how both work.
"""

from .inspection import inspect
from .report import Branch, Deed, Finding, Kernel, Line, Place, Report
from .toolchain import ToolchainError

__all__ = ["Branch", "Deed", "Finding", "Kernel", "Line", "Place", "Report", "ToolchainError", "inspect"]
