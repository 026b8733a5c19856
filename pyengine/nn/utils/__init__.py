"""Clipping gradients, freezing parameters, sequences of different lengths (`rnn`)."""

from . import rnn
from .clip_grad import clip_grad_norm_, clip_grad_value_
from .freezing import freeze

__all__ = ["clip_grad_norm_", "clip_grad_value_", "freeze", "rnn"]
