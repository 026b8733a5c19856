"""Learning rate schedules by name, each spread over all steps of a training."""

from typing import Any

from ..optim import CosineAnnealingLR, LinearLR, OneCycleLR, Optimizer, SequentialLR

CONSTANT = "constant"
SCHEDULES = (CONSTANT, "cosine", "warmup-cosine", "one-cycle")
WARMUP = 0.05  # the share of the steps


def schedule_of(name: str, optimizer: Optimizer, lr: float, steps: int, momentum: bool) -> Any:
    """The schedule of that name, to be stepped after each of `steps` steps; None for "constant".

    cosine         from lr down to 0 along half a cosine
    warmup-cosine  up to lr in the first twentieth of the steps, then the same
    one-cycle      up from lr/25 to lr, then down to next to nothing; momentum, if there is any, the opposite way
    """
    if name == "cosine":
        return CosineAnnealingLR(optimizer, T_max=steps)
    if name == "warmup-cosine":
        warm = max(1, round(steps * WARMUP))
        up, down = LinearLR(optimizer, 1 / warm, total_iters=warm), CosineAnnealingLR(optimizer, max(1, steps - warm))
        return SequentialLR(optimizer, [up, down], [warm])
    if name == "one-cycle":
        return OneCycleLR(optimizer, max_lr=lr, total_steps=steps, cycle_momentum=momentum)
    return None
