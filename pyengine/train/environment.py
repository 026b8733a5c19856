"""What a result depends on besides the code: versions, processor, threads."""

import platform
from typing import Any

import numpy as np

from .. import __version__, _core, backend


def describe() -> dict[str, Any]:
    """Versions, system and processor of this process, ready for JSON.

    >>> sorted(describe())
    ['cpu', 'isa', 'numpy', 'platform', 'pyengine', 'python', 'threads']
    """
    return {
        "pyengine": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "cpu": _core.cpu_name(),
        "isa": backend.isa_level(),
        "threads": _core.get_num_threads(),
    }
