"""Reductions; argmax is a maximum, then the smallest coordinate that holds it (or a NaN)."""

from __future__ import annotations

from typing import cast

from graphc import dtypes
from graphc.ir.node import Node
from graphc.kernels import build
from graphc.kernels.kernel import Expr, ReduceKind
from graphc.ops import reduce

from .context import At, Context, axis_index, lower


def _reduce(context: Context, node: Node, at: At) -> Expr:
    axes, x = cast(tuple[int, ...], node.attrs["axes"]), node.inputs[0]
    names = context.axes_for(node, tuple(x.shape[a] for a in axes), at)
    inner = context.value(x, insert(at, axes, names))
    return build.reduce(cast(ReduceKind, node.op.name), inner, names)


def insert(at: At, axes: tuple[int, ...], names: tuple[str, ...]) -> At:
    """The index with the reduced axes put back."""
    kept, over = iter(at), dict(zip(axes, names))
    rank = len(at) + len(axes)
    return tuple(axis_index(over[d]) if d in over else next(kept) for d in range(rank))


def _arg(context: Context, node: Node, at: At) -> Expr:
    axis, x = cast(int, node.attrs["axis"]), node.inputs[0]
    (name,) = context.axes_for(node, (x.shape[axis],), at)
    value = context.value(x, insert(at, (axis,), (name,)))
    top = build.reduce("max" if node.op is reduce.argmax_op else "min", value, (name,))
    hit = build.op("equal", value, top)
    if value.dtype.is_float:
        hit = build.op("logical_or", hit, build.op("isnan", value))
    wide = build.coord(axis_index(name), dtypes.int64)
    none = build.const(2**62, dtypes.int64)
    first = build.reduce("min", build.op("where", hit, wide, none), (name,))
    return build.op("cast", first, dtype=node.types[0].dtype)


for op in (reduce.sum_op, reduce.prod_op, reduce.max_op, reduce.min_op):
    lower(op, _reduce)
lower(reduce.argmax_op, _arg)
lower(reduce.argmin_op, _arg)
