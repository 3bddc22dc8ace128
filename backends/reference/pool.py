"""NumPy meanings of window reductions: views of the windows, reduced over their taps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NotRequired, TypedDict, Unpack

import numpy as np
from numpy.lib.stride_tricks import as_strided

from graphc.ir.node import Op
from graphc.ops import pool

from .conv import count_places
from .movement import pad
from .reduce import highest, lowest, wide

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
Value = float | int | bool


class Places(TypedDict):
    """Where the windows are: attributes that all ops of the family have."""

    window: Ints
    strides: Ints
    padding: Pairs
    dilation: Ints
    input_dilation: NotRequired[Ints]


def windows(
    x: np.ndarray, fill: Value, window: Ints, strides: Ints, padding: Pairs, dilation: Ints,
    input_dilation: Ints | None = None,
) -> np.ndarray:  # fmt: skip
    """All windows of x as (*places, taps), with `fill` in the padding and between elements."""
    holes = tuple(d - 1 for d in input_dilation or (1,) * x.ndim)
    low, high = tuple(p[0] for p in padding), tuple(p[1] for p in padding)
    ready = pad(x, low=low, high=high, interior=holes, value=fill)
    counts = count_places(ready.shape, window, strides, dilation)
    steps = [b * s for b, s in zip(ready.strides, strides)]
    inner = [b * d for b, d in zip(ready.strides, dilation)]
    if 0 in counts:
        return np.zeros((*counts, math.prod(window)), x.dtype)
    view = as_strided(ready, (*counts, *window), (*steps, *inner), writeable=False)
    return view.reshape(*counts, math.prod(window))


def _reduce(x: np.ndarray, *, kind: str, **places: Unpack[Places]) -> np.ndarray:
    if kind == "sum":
        return windows(x, 0, **places).sum(-1, dtype=wide(x.dtype))
    if kind == "max":
        return windows(x, lowest(x.dtype), **places).max(-1, initial=lowest(x.dtype))
    return windows(x, highest(x.dtype), **places).min(-1, initial=highest(x.dtype))


def _argmax(x: np.ndarray, **places: Unpack[Places]) -> np.ndarray:
    """Only taps inside x count: an element may be as low as what fills the padding."""
    values = windows(x, lowest(x.dtype), **places)
    inside = windows(np.ones(x.shape, np.bool_), False, **places)
    largest = values == values.max(-1, keepdims=True, initial=lowest(x.dtype))
    return np.argmax(inside & (largest | np.isnan(values)), -1)


def _gather(x: np.ndarray, index: np.ndarray, **places: Unpack[Places]) -> np.ndarray:
    return _pick(windows(x, 0, **places), index)


def _scatter(
    y: np.ndarray, index: np.ndarray, *, shape: Ints, **places: Unpack[Places]
) -> np.ndarray:
    """The gather of element numbers says where each y came from; -1 is the padding."""
    size = math.prod(shape)
    targets = _pick(windows(np.arange(size).reshape(shape), -1, **places), index)
    result = np.zeros(size, y.dtype)
    np.add.at(result, targets[targets >= 0], y[targets >= 0])
    return result.reshape(shape)


def _pick(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, index[..., None].astype(np.int64), -1)[..., 0]


# fmt: off
EVALUATE: dict[Op, Callable[..., np.ndarray]] = {
    pool.window_reduce_op:  _reduce,
    pool.window_argmax_op:  _argmax,
    pool.window_gather_op:  _gather,
    pool.window_scatter_op: _scatter,
}
# fmt: on
