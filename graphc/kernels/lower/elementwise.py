"""Elementwise ops as kernel expressions: the op of that name on the values at the same index."""

from __future__ import annotations

from graphc import dtypes
from graphc.ir.node import Node
from graphc.kernels import build
from graphc.kernels.kernel import Expr
from graphc.ops import convert, elementwise

from .context import At, Context, lower


def _same_index(context: Context, node: Node, at: At) -> Expr:
    args = [context.value(t, at) for t in node.inputs]
    return build.op(node.op.name, *args, dtype=build.compute_dtype(node.types[0].dtype))


def _cast(context: Context, node: Node, at: At) -> Expr:
    value, kind = context.value(node.inputs[0], at), node.types[0].dtype
    return round_to(build.op("cast", value, dtype=build.compute_dtype(kind)), kind)


def round_to(value: Expr, kind: dtypes.DType) -> Expr:
    """A float32 value rounded to what a narrow storage dtype can hold."""
    if kind not in (dtypes.float16, dtypes.bfloat16):
        return value
    return build.op(f"round_{kind.name}", value, dtype=dtypes.float32)


for op in elementwise.DOMAINS:
    lower(op, _same_index)
lower(elementwise.stop_gradient_op, lambda c, node, at: c.value(node.inputs[0], at))
lower(convert.cast_op, _cast)
