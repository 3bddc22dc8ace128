"""Ops that move elements: each is an index map, padding and joining also a choice.

y[i] = x[map(i)]        pad, concat:  y[i] = where(inside, x[map(i)], other)
"""

from __future__ import annotations

from typing import cast

from graphc.dtypes import Number
from graphc.ir.dim import Shape, Size
from graphc.ir.node import Node, Tensor
from graphc.kernels import build, index
from graphc.kernels.kernel import Affine, Expr, Index
from graphc.ops import convert, movement

from .context import At, Context, lower


def _broadcast(context: Context, node: Node, at: At) -> Expr:
    x = node.inputs[0]
    return context.value(x, broadcast_index(x, node.types[0].shape, at))


def broadcast_index(x: Tensor, shape: Shape, at: At) -> At:
    """The index into x of an element of x broadcast to a shape."""
    lead = len(shape) - x.ndim
    own = zip(at[lead:], x.shape, shape[lead:])
    return tuple(index.ZERO if size == 1 and wide != 1 else i for i, size, wide in own)


def _transpose(context: Context, node: Node, at: At) -> Expr:
    order = cast(tuple[int, ...], node.attrs["axes"])
    return context.value(node.inputs[0], tuple(at[order.index(d)] for d in range(len(order))))


def _reshape(context: Context, node: Node, at: At) -> Expr:
    x, shape = node.inputs[0], node.types[0].shape
    if context.is_stored(x):
        return context.load(context.view(context.buffers[x], shape), at)
    return context.value(x, index.regroup(at, shape, x.shape, context.ranges))


def _slice(context: Context, node: Node, at: At) -> Expr:
    starts = cast(Shape, node.attrs["start"])
    steps = cast(tuple[int, ...], node.attrs["step"])
    moved = (index.plus(index.times(i, step), start) for i, start, step in zip(at, starts, steps))
    return context.value(node.inputs[0], tuple(moved))


def _flip(context: Context, node: Node, at: At) -> Expr:
    axes, x = cast(tuple[int, ...], node.attrs["axes"]), node.inputs[0]
    turned = (
        index.plus(index.times(i, -1), x.shape[d] - 1) if d in axes else i
        for d, i in enumerate(at)
    )  # fmt: skip
    return context.value(x, tuple(turned))


def _pad(context: Context, node: Node, at: At) -> Expr:
    x, fill = node.inputs[0], cast(Number, node.attrs["value"])
    lows = cast(Shape, node.attrs["low"])
    holes = cast(tuple[int, ...], node.attrs["interior"])
    moved = [index.plus(i, 0 - low) for i, low in zip(at, lows)]
    return spread(context, x, tuple(moved), tuple(h + 1 for h in holes), fill)


def spread(context: Context, x: Tensor, at: At, dilation: tuple[int, ...], fill: Number) -> Expr:
    """x[at / dilation] where that is whole and inside, else fill."""
    places = tuple(_divide(i, d) for i, d in zip(at, dilation))
    dilated = tuple(d for d, step in enumerate(dilation) if step > 1)
    affine = all(isinstance(i, Affine) for i in places)
    if context.is_stored(x) and affine:
        return context.load(context.buffers[x], places, fill, exact=dilated)
    conditions = [index.in_range(i, size, context.ranges) for i, size in zip(places, x.shape)]
    for d in dilated:
        rest = build.op("remainder", index.as_expr(at[d]), dilation[d])
        conditions.append(build.op("equal", rest, 0))
    inside = index.all_of(conditions)
    value = context.value(x, places)
    if inside is None:
        return value
    return build.op("where", inside, value, build.const(fill, value.dtype))


def _divide(i: Index, by: int) -> Index:
    return (
        i if by == 1 else index.floor_div(i, by, {}) if not isinstance(i, Affine) else _keep(i, by)
    )


def _keep(i: Affine, by: int) -> Index:
    """The division written out, so that a load can see whether a rest is left."""
    if not i.is_plain:
        return index.floor_div(index.as_expr(i), by, {})
    return Affine(i.terms, i.const, by)


def _concat(context: Context, node: Node, at: At) -> Expr:
    axis = cast(int, node.attrs["axis"])
    starts: list[Size] = [0]
    for x in node.inputs:
        starts.append(starts[-1] + x.shape[axis])

    def between(first: int, end: int) -> Expr:
        """A choice among these inputs: as many steps as their number has digits."""
        if end - first == 1:
            here = index.plus(at[axis], 0 - starts[first])
            return context.value(node.inputs[first], (*at[:axis], here, *at[axis + 1 :]))
        middle = (first + end) // 2
        last = index.plus(at[axis], 0 - starts[middle - 1])
        size = node.inputs[middle - 1].shape[axis]
        is_before = build.op("less", index.as_expr(last), build.size_of(size))
        return build.op("where", is_before, between(first, middle), between(middle, end))

    return between(0, len(node.inputs))


lower(convert.broadcast_to_op, _broadcast)
lower(movement.transpose_op, _transpose)
lower(movement.reshape_op, _reshape)
lower(movement.slice_op, _slice)
lower(movement.flip_op, _flip)
lower(movement.pad_op, _pad)
lower(movement.concat_op, _concat)
