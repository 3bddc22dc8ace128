"""The NumPy meaning of the general convolution: one matrix product per tap of the window."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from graphc.ir.node import Op
from graphc.ops import conv

from .movement import pad

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def count_places(shape: Ints, window: Ints, strides: Ints, dilation: Ints) -> Ints:
    """How many windows fit along each axis: floor((size - extent) / stride) + 1, never negative."""
    extents = [(w - 1) * d + 1 for w, d in zip(window, dilation)]
    return tuple(max((n - e) // s + 1, 0) for n, e, s in zip(shape, extents, strides))


def _conv(
    x: np.ndarray, w: np.ndarray, *, strides: Ints, padding: Pairs, input_dilation: Ints,
    kernel_dilation: Ints, groups: int, batch_groups: int,
) -> np.ndarray:  # fmt: skip
    ready = pad(
        x,
        low=(0, *(p[0] for p in padding), 0),
        high=(0, *(p[1] for p in padding), 0),
        interior=(0, *(d - 1 for d in input_dilation), 0),
        value=0,
    )
    counts = count_places(ready.shape[1:-1], w.shape[:-2], strides, kernel_dilation)
    parts = zip(np.split(ready, batch_groups), np.split(w, batch_groups, -1))
    results = [_grouped(a, b, counts, strides, kernel_dilation, groups) for a, b in parts]
    return np.concatenate(results, -1)


def _grouped(
    x: np.ndarray, w: np.ndarray, counts: Ints, strides: Ints, dilation: Ints, groups: int
) -> np.ndarray:
    """The sum over taps of the strided part of x that the tap sees, times its matrix of w."""
    taps, channels, filters = w.shape[:-2], w.shape[-2], w.shape[-1] // groups
    rows = x.shape[0] * math.prod(counts)
    if rows == 0:
        return np.zeros((x.shape[0], *counts, groups * filters), x.dtype)
    total = np.zeros((groups, rows, filters), x.dtype)
    for tap in np.ndindex(taps):
        seen = [
            slice(t * d, t * d + n * s, s) for t, d, n, s in zip(tap, dilation, counts, strides)
        ]
        cut = [slice(p.start, p.stop - p.step + 1, p.step) for p in seen]
        left = x[:, *cut].reshape(rows, groups, channels).swapaxes(0, 1)
        right = w[tap].reshape(channels, groups, filters).swapaxes(0, 1)
        total += left @ right
    return total.swapaxes(0, 1).reshape(x.shape[0], *counts, groups * filters)


EVALUATE: dict[Op, Callable[..., np.ndarray]] = {conv.conv_op: _conv}
