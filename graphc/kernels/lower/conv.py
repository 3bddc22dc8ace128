"""The general convolution: a sum over taps and channels of input window times kernel."""

from __future__ import annotations

from typing import cast

from graphc.ir.node import Node
from graphc.kernels import build, index
from graphc.kernels.kernel import Expr
from graphc.ops import conv

from .context import At, Context, axis_index, lower
from .movement import spread

Ints = tuple[int, ...]


def _conv(context: Context, node: Node, at: At) -> Expr:
    x, w = node.inputs
    attrs, filters = node.attrs, at[-1]
    groups, batch_groups = cast(int, attrs["groups"]), cast(int, attrs["batch_groups"])
    names = context.axes_for(node, w.shape[:-1], at)
    taps, channel = [axis_index(n) for n in names[:-1]], axis_index(names[-1])
    part = index.floor_div(filters, w.shape[-1] // (groups * batch_groups), context.ranges)
    places = [_batch_place(node, at[0], part)]
    for o, tap, stride, dilation, pad in zip(
        at[1:-1], taps, cast(Ints, attrs["strides"]), cast(Ints, attrs["kernel_dilation"]),
        cast(tuple[conv.Pair, ...], attrs["padding"]), strict=True,
    ):  # fmt: skip
        window = index.add(index.times(o, stride), index.times(tap, dilation))
        places.append(index.plus(window, 0 - pad[0]))
    own = index.times(part, w.shape[-2]) if groups > 1 else index.ZERO
    places.append(index.add(own, channel))
    steps = (1, *cast(Ints, attrs["input_dilation"]), 1)
    element = spread(context, x, tuple(places), steps, 0)
    product = build.op("mul", element, context.value(w, (*taps, channel, filters)))
    return build.reduce("sum", product, names)


def _batch_place(node: Node, n: index.Index, part: index.Index) -> index.Index:
    if node.attrs["batch_groups"] == 1:
        return n
    return index.add(index.times(part, node.types[0].shape[0]), n)


lower(conv.conv_op, _conv)
