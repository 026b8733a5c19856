"""Gradients: asking for them, checking them, defining one's own, and watching how they come about."""

from .anomaly import detect_anomaly
from .checkpoint import checkpoint
from .function import Context, Function
from .gradcheck import gradcheck
from .gradients import enable_grad, grad, is_grad_enabled, no_grad, set_grad_enabled

__all__ = [
    "Context", "Function", "checkpoint", "detect_anomaly", "enable_grad", "grad", "gradcheck", "is_grad_enabled",
    "no_grad", "set_grad_enabled",
]  # fmt: skip
