"""Capturing a step: run once in Python, then replayed natively, kernel after kernel."""

from .captured import Captured, capture
from .recorder import CaptureError

__all__ = ["CaptureError", "Captured", "capture"]
