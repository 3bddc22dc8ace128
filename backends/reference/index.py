"""NumPy meanings of gather, scatter and sort."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from graphc.errors import OutOfRangeError
from graphc.ir.node import Op
from graphc.ops import index as ops

Rule = Callable[..., "np.ndarray | tuple[np.ndarray, ...]"]


def _gather(x: np.ndarray, index: np.ndarray, *, axis: int, batch_dims: int) -> np.ndarray:
    places = _inside(index, x.shape[axis])
    rows = _four(x, axis, batch_dims)
    batch = np.arange(rows.shape[0])[:, None]
    points = math.prod(index.shape[batch_dims:])
    found = rows[batch, places.reshape(rows.shape[0], points)]
    shape = (*x.shape[:axis], *index.shape[batch_dims:], *x.shape[axis + 1 :])
    return found.swapaxes(1, 2).reshape(shape)


def _scatter(combine: Callable[..., None]) -> Rule:
    def run(
        x: np.ndarray, index: np.ndarray, updates: np.ndarray, *, axis: int, batch_dims: int
    ) -> np.ndarray:
        places = _inside(index, x.shape[axis])
        result = np.array(x, order="C")  # reshaped below without another copy
        rows = _four(result, axis, batch_dims)
        count = rows.shape[0]
        points = math.prod(index.shape[batch_dims:])
        new = updates.reshape(count, rows.shape[2], points, rows.shape[3]).swapaxes(1, 2)
        combine(rows, (np.arange(count)[:, None], places.reshape(count, points)), new)
        return result

    return run


def _four(x: np.ndarray, axis: int, batch_dims: int) -> np.ndarray:
    """A view of x as (batch, axis, before, after)."""
    batch, before = math.prod(x.shape[:batch_dims]), math.prod(x.shape[batch_dims:axis])
    after = math.prod(x.shape[axis + 1 :])
    return x.reshape(batch, before, x.shape[axis], after).swapaxes(1, 2)


def _inside(index: np.ndarray, size: int) -> np.ndarray:
    """Indices counted from the front; OutOfRangeError if one is outside the axis."""
    places = index.astype(np.int64)
    outside = (places < -size) | (places >= size)
    if outside.any():
        raise OutOfRangeError(
            "an index is outside its axis",
            received=int(places[outside][0]),
            expected=f"{-size} .. {size - 1}",
        )
    return np.where(places < 0, places + size, places)


def _assign(target: np.ndarray, places: tuple[np.ndarray, ...], values: np.ndarray) -> None:
    target[places] = values


def _sort(x: np.ndarray, *, axis: int, descending: bool) -> tuple[np.ndarray, np.ndarray]:
    if descending:
        # Sorted backwards from the back, equal elements stay in their order.
        places = np.flip(
            x.shape[axis] - 1 - np.argsort(np.flip(x, axis), axis, kind="stable"), axis
        )
    else:
        places = np.argsort(x, axis, kind="stable")
    return np.take_along_axis(x, places, axis), places


# fmt: off
EVALUATE: dict[Op, Rule] = {
    ops.gather_op:      _gather,
    ops.scatter_add_op: _scatter(np.add.at),
    ops.scatter_set_op: _scatter(_assign),
    ops.sort_op:        _sort,
}
# fmt: on
