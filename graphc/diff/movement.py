"""Derivatives of ops that only move elements: the cotangent moves back."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.dtypes import Number
from graphc.ir.dim import Shape, Size
from graphc.ir.node import Tensor
from graphc.ops import movement as op
from graphc.ops import reduce
from graphc.ops.conv import dilated
from graphc.ops.convert import broadcast_to_op

from .reduce import inverse
from .rules import Flow, jvp, linear, vjp, vjp_together, zeros_like

Ints = tuple[int, ...]


def sum_to(ct: Tensor, x: Tensor, *, shape: Shape) -> Tensor:
    """The cotangent summed over the axes along which x was repeated."""
    lead = len(shape) - x.ndim
    repeated = [i for i, s in enumerate(shape) if i < lead or (x.shape[i - lead] == 1 and s != 1)]
    return op.reshape(reduce.sum(ct, repeated), x.shape) if repeated else ct


def slice_vjp(ct: Tensor, y: Tensor, x: Tensor, *, start: Shape, stop: Shape, step: Ints) -> Tensor:
    """The cotangent in its old place, with zeros where the slice took nothing."""

    def after(size: Size, begin: Size, taken: Size, stride: int) -> Size:
        return size - begin - dilated(taken, stride)

    high = map(after, x.shape, start, ct.shape, step)
    return op.pad(ct, list(zip(start, high)), interior=[s - 1 for s in step])


def pad_vjp(
    ct: Tensor, y: Tensor, x: Tensor, *, low: Shape, high: Shape, interior: Ints, value: Number
) -> Tensor:
    """The part of the cotangent that lies on x."""
    extents = [dilated(size, holes + 1) for size, holes in zip(x.shape, interior)]
    return op.slice_axes(
        ct, low, [a + e for a, e in zip(low, extents)], [holes + 1 for holes in interior]
    )


def pad_jvp(
    tangents: Flow, x: Tensor, *, low: Shape, high: Shape, interior: Ints, value: Number
) -> Flow:
    """Padding is a constant, so the tangent is padded with zeros."""
    t = tangents[0]
    return [None if t is None else op.pad(t, list(zip(low, high)), 0, interior)]


def concat_vjp(
    cts: Flow, ys: Sequence[Tensor], xs: Sequence[Tensor], wanted: Sequence[bool], *, axis: int
) -> Flow:
    """The parts of the cotangent, cut where the tensors meet."""
    ct = cts[0]
    assert ct is not None, "rules are called with a cotangent"
    parts: list[Tensor | None] = []
    start: Size = 0
    for x, want in zip(xs, wanted):
        stop = start + x.shape[axis]
        parts.append(op.slice_axis(ct, axis, start, stop) if want else None)
        start = stop
    return parts


def concat_jvp(tangents: Flow, *xs: Tensor, axis: int) -> Flow:
    """The tangents one after the other."""
    return [op.concat([zeros_like(x) if t is None else t for x, t in zip(xs, tangents)], axis)]


# fmt: off
linear(op.reshape_op,   lambda ct, y, x, shape: op.reshape(ct, x.shape))
linear(op.transpose_op, lambda ct, y, x, axes: op.transpose(ct, inverse(axes)))
linear(broadcast_to_op, lambda ct, y, x, shape: sum_to(ct, x, shape=shape))
linear(op.slice_op,     slice_vjp)
linear(op.flip_op,      lambda ct, y, x, axes: op.flip(ct, axes))
vjp(op.pad_op,                pad_vjp)
jvp(op.pad_op,                pad_jvp)
vjp_together(op.concat_op,    concat_vjp)
jvp(op.concat_op,             concat_jvp)
# fmt: on
