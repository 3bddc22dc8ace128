"""NumPy meanings of the ops that only move elements."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.ir.node import Op
from graphc.ops import convert
from graphc.ops import movement as ops

Ints = tuple[int, ...]


def pad(
    x: np.ndarray, *, low: Ints, high: Ints, interior: Ints, value: float | int | bool
) -> np.ndarray:
    """A constant around x and between its elements; negative amounts cut off."""
    extents = [s if s == 0 else (s - 1) * (h + 1) + 1 for s, h in zip(x.shape, interior)]
    wide = np.full(extents, value, x.dtype)
    wide[tuple(slice(None, None, h + 1) for h in interior)] = x
    kept = tuple(slice(max(-a, 0), s - max(-b, 0)) for a, b, s in zip(low, high, extents))
    around = [(max(a, 0), max(b, 0)) for a, b in zip(low, high)]
    return np.pad(wide[kept], around, constant_values=value) if around else wide


def _slice(x: np.ndarray, *, start: Ints, stop: Ints, step: Ints) -> np.ndarray:
    return x[tuple(map(slice, start, stop, step))]


# fmt: off
EVALUATE: dict[Op, Callable[..., np.ndarray]] = {
    ops.reshape_op:          lambda x, *, shape: x.reshape(shape),
    ops.transpose_op:        lambda x, *, axes: x.transpose(axes),
    convert.broadcast_to_op: lambda x, *, shape: np.broadcast_to(x, shape),
    ops.slice_op:            _slice,
    ops.pad_op:              pad,
    ops.concat_op:           lambda *xs, axis: np.concatenate(xs, axis),
    ops.flip_op:             lambda x, *, axes: np.flip(x, axes),
}
# fmt: on
