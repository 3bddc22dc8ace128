"""all_reduce within one process is the value itself. Loops and branches are steps, not kernels."""

from __future__ import annotations

from graphc.ops import control

from .context import lower

lower(control.all_reduce_op, lambda context, node, at: context.value(node.inputs[0], at))
