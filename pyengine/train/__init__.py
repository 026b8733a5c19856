"""Training: the loop, what to measure, what to keep.

The loop itself is four lines that a user can write (see the README); `Trainer` is those four lines plus validation,
history, the best weights and a clean stop.
"""

from .callbacks import Callback
from .metrics import accuracy
from .trainer import Best, Trainer

__all__ = ["Best", "Callback", "Trainer", "accuracy"]
