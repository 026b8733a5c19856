# ruff: noqa: F403
# Written by tools/stubs.py
from ._kernels import *
