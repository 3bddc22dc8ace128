"""all_reduce in one process, `after`, labels are the value itself; loops and branches are steps."""

from __future__ import annotations

from graphc.ops import control

from .context import lower

for op in (control.all_reduce_op, control.after_op, control.label_op):
    lower(op, lambda context, node, at: context.value(node.inputs[0], at))
