"""`pyengine info`."""

import json
from pathlib import Path
from typing import Any

import typer

import pyengine as pe

from .common import AsJson, console, messages


def info(as_json: AsJson = False) -> None:
    """Show what this installation is and what it runs on: worth pasting into a bug report."""
    with messages():
        facts = _facts()
        if as_json:
            typer.echo(json.dumps(facts))
            return
        from rich.table import Table

        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        for key, value in facts.items():
            table.add_row(key.replace("_", " "), _words(value))
        console().print(table, soft_wrap=True)


def _facts() -> dict[str, Any]:
    from importlib import metadata

    from ..train import environment

    packages = {}
    for name in ("safetensors", "typer", "rich", "matplotlib", "cupy"):
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = "not installed"
    return {
        **environment.describe(),
        "devices": pe.backend.available(),
        "packages": packages,
        "memory": pe.memory_stats(),
        "location": str(Path(pe.__file__).parent),
    }


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {part}" for key, part in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
