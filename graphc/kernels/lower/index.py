"""Gather: an element at a computed place. Scatters are stores, made by `schedule/scatter.py`.

A negative index counts from the end. Indices out of range are found by a kernel of their own
(`schedule/checks.py`); here they are limited to the axis so that memory is never left.
"""

from __future__ import annotations

from typing import cast

from graphc import dtypes
from graphc.ir.dim import Size
from graphc.ir.node import Node, Tensor
from graphc.kernels import build
from graphc.kernels.kernel import Expr
from graphc.ops import index as ops

from .context import At, Context, lower


def _gather(context: Context, node: Node, at: At) -> Expr:
    x, places = node.inputs
    axis, batch = cast(int, node.attrs["axis"]), cast(int, node.attrs["batch_dims"])
    inner = places.ndim - batch
    own = (*at[:batch], *at[axis : axis + inner])
    place = wrapped(context.value(places, own), x.shape[axis])
    return context.value(x, (*at[:axis], place, *at[axis + inner :]))


def wrapped(place: Expr, size: Size) -> Expr:
    """An index counted from the front, limited to the axis."""
    wide = build.op("cast", place, dtype=dtypes.int64)
    if place.dtype.kind == "i":
        from_end = build.op("add", wide, build.size_of(size))
        wide = build.op("where", build.op("less", wide, 0), from_end, wide)
    last = build.op("sub", build.size_of(size), 1)
    return build.op("maximum", build.op("minimum", wide, last), build.const(0, dtypes.int64))


def indexed(node: Node) -> tuple[Tensor, Tensor]:
    """The tensor and the index of a gather or scatter."""
    return node.inputs[0], node.inputs[1]


lower(ops.gather_op, _gather)
