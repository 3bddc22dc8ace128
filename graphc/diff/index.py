"""Derivatives of reading and writing at computed places: gather and scatter_add are adjoint."""

from __future__ import annotations

from graphc import dtypes
from graphc.ir.dim import product
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, leaf, movement
from graphc.ops import index as op

from .reduce import put_along_axis
from .rules import linear, vjp, zeros_like


def kept_updates(
    ct: Tensor, y: Tensor, x: Tensor, places: Tensor, u: Tensor, *, axis: int, batch_dims: int
) -> Tensor:
    """Of several updates written at one place only the last is seen, so only it has a cotangent.

    Which one that is: the updates' numbers are written in the same order and read again.
    """
    batch, rest = places.shape[:batch_dims], places.shape[batch_dims:]
    count = product(rest)
    flat = movement.reshape(places, (*batch, count))
    numbers = leaf.iota((*batch, count), batch_dims)
    table = leaf.full((*batch, x.shape[axis]), 0, dtypes.int32)
    at = {"axis": batch_dims, "batch_dims": batch_dims}
    written = op.gather(op.scatter_set(table, flat, numbers, **at), flat, **at)
    before, after = axis - batch_dims, x.ndim - axis - 1
    last = movement.reshape(
        elementwise.equal(written, numbers), (*batch, *[1] * before, *rest, *[1] * after)
    )
    taken = op.gather(ct, places, axis, batch_dims)
    return elementwise.where(convert.broadcast_to(last, taken.shape), taken, 0)


# fmt: off
linear(op.gather_op,
       lambda ct, y, x, i, axis, batch_dims: op.scatter_add(zeros_like(x), i, ct, axis, batch_dims),
       None)
linear(op.scatter_add_op,
       lambda ct, y, x, i, u, axis, batch_dims: ct,
       None,
       lambda ct, y, x, i, u, axis, batch_dims: op.gather(ct, i, axis, batch_dims))
linear(op.scatter_set_op,
       lambda ct, y, x, i, u, axis, batch_dims:
           op.scatter_set(ct, i, zeros_like(u), axis, batch_dims),
       None,
       kept_updates)
vjp(op.sort_op,
    lambda ct, y, x, axis, descending: put_along_axis(zeros_like(x), y[1], ct[0], axis))
# fmt: on
