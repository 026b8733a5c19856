"""Training: the loop, what to measure, what to keep.

The loop itself is four lines that a user can write (see the README); `Trainer` is those four lines plus validation,
history, the best weights and a clean stop.
"""

from ..tensor_file import BadFileError
from .callbacks import Callback, ClipGradients, EarlyStopping, Schedule
from .checkpoint import Checkpoints
from .metrics import accuracy, confusion_matrix, mean_absolute_error, r2, top_k_accuracy
from .score import Score, evaluate
from .trainer import Best, Trainer
from .transfer import Transferred, transfer

__all__ = [
    "BadFileError", "Best", "Callback", "Checkpoints", "ClipGradients", "EarlyStopping", "Schedule", "Score", "Trainer",
    "Transferred", "accuracy", "confusion_matrix", "evaluate", "mean_absolute_error", "r2", "top_k_accuracy",
    "transfer",
]  # fmt: skip
