"""The sums of an epoch that runs."""

import math
import time
from typing import Any


class Running:
    """A mean over samples that arrive in batches, and the time that it takes."""

    def __init__(self, total: float = 0.0, samples: int = 0, batches: int = 0, seconds: float = 0.0) -> None:
        self.total = total
        self.samples = samples
        self.batches = batches
        self._before = seconds
        self._start: float | None = time.perf_counter()

    def add(self, mean: float, samples: int) -> None:
        """Count a batch of that many samples with that mean."""
        self.total += mean * samples
        self.samples += samples
        self.batches += 1

    @property
    def mean(self) -> float:
        """The mean so far; NaN before the first batch."""
        return self.total / self.samples if self.samples else math.nan

    @property
    def seconds(self) -> float:
        """How long it has taken, pauses left out."""
        return self._before + (0.0 if self._start is None else time.perf_counter() - self._start)

    @property
    def rate(self) -> float:
        """Samples per second."""
        return self.samples / max(self.seconds, 1e-9)

    def pause(self) -> None:
        """Stop the clock."""
        self._before, self._start = self.seconds, None

    def go_on(self) -> None:
        """Start the clock again."""
        self._start = time.perf_counter()

    def sums(self) -> dict[str, Any]:
        """What makes an equal one, for a checkpoint."""
        return {"total": self.total, "samples": self.samples, "batches": self.batches, "seconds": self.seconds}
