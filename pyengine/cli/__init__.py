"""The command `pyengine`.

Exit codes: 0 done; 1 it could not be done (the message says why); 2 wrong usage; 130 stopped by Ctrl-C, what there was
is written. What a command needs is imported when it runs, so that help comes at once.
"""

from . import (
    bench,
    finetune,
    info,
    inspect,
    runs,
    sample,
    sweep,
    train,
)  # each adds its commands to the app; help shows them in this order
from .common import app

for command in (
    train.train,
    runs.evaluate,
    runs.predict,
    runs.compare,
    sample.sample,
    finetune.finetune,
    sweep.sweep,
    bench.bench,
    inspect.inspect,
    info.info,
):
    app.command(name="eval" if command is runs.evaluate else None)(command)

__all__ = ["app"]
