"""Lowering rules from graph ops to kernel expressions, one file per op family; LOWER is the table.

Ops without a rule are not pointwise in their output: scatters, sorts, cumulative ops, loops.
"""

from __future__ import annotations

from . import control, conv, elementwise, index, leaf, matmul, movement, pool, random, reduce
from .context import LOWER, Context

__all__ = [
    "LOWER",
    "Context",
    "control",
    "conv",
    "elementwise",
    "index",
    "leaf",
    "matmul",
    "movement",
    "pool",
    "random",
    "reduce",
]
