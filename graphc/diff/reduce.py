"""Derivatives of reductions and of cumulative ops.

Equal largest (smallest) elements share a cotangent equally in max and min; cummax and cummin give
it to the latest of them.
"""

from __future__ import annotations

from graphc.ir.dim import product
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, index, leaf, movement
from graphc.ops import reduce as op
from graphc.ops.control import scan
from graphc.ops.elementwise import mul, where

from .rules import linear, vjp, zero_derivative, zeros_like

Axes = tuple[int, ...]


def spread(ct: Tensor, x: Tensor, axes: Axes) -> Tensor:
    """A reduced tensor repeated along the axes that were reduced."""
    return convert.broadcast_to(movement.expand_dims(ct, axes), x.shape)


def share(ct: Tensor, y: Tensor, x: Tensor, axes: Axes) -> Tensor:
    """The cotangent divided among the elements that equal the result."""
    hit = elementwise.equal(x, spread(y, x, axes))
    ties = op.sum(convert.cast(hit, x.dtype), axes)
    return where(hit, spread(elementwise.div(ct, ties), x, axes), 0)


def prod_vjp(ct: Tensor, y: Tensor, x: Tensor, *, axes: Axes) -> Tensor:
    """The derivative by x[i] is the product of all elements but x[i].

    That is what lies before times what lies after, so zeros need no division. Several axes are
    made one for this.
    """
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    order = kept + axes
    row = movement.transpose(x, order)
    flat = movement.reshape(row, (*row.shape[: len(kept)], product(x.shape[a] for a in axes)))
    before = op.cumprod(flat, exclusive=True)
    after = op.cumprod(flat, exclusive=True, reverse=True)
    others = movement.reshape(mul(before, after), row.shape)
    return mul(spread(ct, x, axes), movement.transpose(others, inverse(order)))


def cumprod_vjp(
    ct: Tensor, y: Tensor, x: Tensor, *, axis: int, reverse: bool, exclusive: bool
) -> Tensor:
    """y[i] = x[0] ... x[i], so dx[k] = x[0] ... x[k-1] * s[k] without any division, where

        s[k] = sum over i >= k of ct[i] * x[k+1] ... x[i] = ct[k] + x[k+1] * s[k+1].

    The exclusive product has y[i+1] in the place of y[i], so ct is moved by one.
    """
    if reverse:
        ct, x = movement.flip(ct, axis), movement.flip(x, axis)
    ct = _later(ct, axis) if exclusive else ct
    rows = movement.moveaxis(ct, axis, 0), movement.moveaxis(_later(x, axis), axis, 0)

    def step(s: Tensor, row: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        s = elementwise.add(row[0], mul(row[1], s))
        return s, s

    start = leaf.uniform(rows[0].shape[1:], 0, x.dtype)
    _, sums = scan(step, start, rows, reverse=True)  # pyright: ignore[reportArgumentType]
    before = op.cumprod(x, axis, exclusive=True)
    dx = mul(before, movement.moveaxis(sums, 0, axis))  # pyright: ignore[reportArgumentType]
    return movement.flip(dx, axis) if reverse else dx


def extreme_vjp(
    ct: Tensor, y: Tensor, x: Tensor, *, axis: int, reverse: bool, exclusive: bool
) -> Tensor:
    """Each y[i] is the latest x[j], j up to i, that equals y[j]; its cotangent goes there."""
    if reverse:
        ct, y, x = (movement.flip(t, axis) for t in (ct, y, x))
    places = leaf.iota(x.shape, axis)
    chosen = op.cummax(where(elementwise.equal(x, y), places, 0), axis)
    dx = put_along_axis(zeros_like(x), chosen, ct, axis)
    return movement.flip(dx, axis) if reverse else dx


def put_along_axis(x: Tensor, places: Tensor, values: Tensor, axis: int) -> Tensor:
    """x with x[..., places[..., i, ...], ...] += values[..., i, ...], for tensors of one rank."""
    last = x.ndim - 1
    moved = [movement.moveaxis(t, axis, last) for t in (x, places, values)]
    return movement.moveaxis(index.scatter_add(*moved, axis=last, batch_dims=last), last, axis)


def inverse(order: Axes) -> Axes:
    """The order of axes that undoes another."""
    return tuple(order.index(i) for i in range(len(order)))


def _later(x: Tensor, axis: int) -> Tensor:
    """x moved one place to the front along an axis; a zero enters at the end."""
    tail = movement.slice_axis(x, axis, 1, x.shape[axis]) if x.shape[axis] != 0 else x
    room = [(0, int(a == axis and x.shape[axis] != 0)) for a in range(x.ndim)]
    return movement.pad(tail, room)


# fmt: off
linear(op.sum_op,    lambda ct, y, x, axes: spread(ct, x, axes))
linear(op.cumsum_op, lambda ct, y, x, axis, reverse, exclusive:
                         op.cumsum(ct, axis, reverse=not reverse, exclusive=exclusive))
vjp(op.max_op,       lambda ct, y, x, axes: share(ct, y, x, axes))
vjp(op.min_op,       lambda ct, y, x, axes: share(ct, y, x, axes))
vjp(op.prod_op,      prod_vjp)
vjp(op.cumprod_op,   cumprod_vjp)
vjp(op.cummax_op,    extreme_vjp)
vjp(op.cummin_op,    extreme_vjp)
zero_derivative(op.argmax_op, op.argmin_op)
# fmt: on
