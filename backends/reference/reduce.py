"""NumPy meanings of reductions and cumulative ops. float32 sums accumulate in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.dtypes import DType
from graphc.ir.node import Op
from graphc.ops import reduce as ops

Rule = Callable[..., np.ndarray]


def lowest(dtype: np.dtype) -> float | int | bool:
    """What max changes nothing with."""
    return -np.inf if dtype.kind == "f" else dtype.kind != "b" and int(np.iinfo(dtype).min)


def highest(dtype: np.dtype) -> float | int | bool:
    """What min changes nothing with."""
    return np.inf if dtype.kind == "f" else dtype.kind == "b" or int(np.iinfo(dtype).max)


def wide(dtype: np.dtype) -> np.dtype:
    """The dtype that sums are accumulated in."""
    return np.dtype(np.float64) if dtype.kind == "f" else dtype


def _arg(function: Callable[..., np.ndarray]) -> Rule:
    """A size that turns out to be 0 has no largest element; any index will do."""

    def run(x: np.ndarray, *, axis: int, dtype: DType) -> np.ndarray:
        if x.shape[axis] == 0:
            return np.zeros(x.shape[:axis] + x.shape[axis + 1 :], dtype.numpy)
        return function(x, axis=axis).astype(dtype.numpy)

    return run


def _cumulative(function: np.ufunc, first: int = 0) -> Rule:
    def run(x: np.ndarray, *, axis: int, reverse: bool, exclusive: bool) -> np.ndarray:
        order = np.flip(x, axis) if reverse else x
        if exclusive:
            # Shifted by one place and not divided out, so zeros and infinities do no harm.
            start = np.full_like(order.take([0] if x.shape[axis] else [], axis), first)
            kept = order.take(range(max(x.shape[axis] - 1, 0)), axis)
            order = np.concatenate([start, kept], axis)
        result = function.accumulate(order, axis, dtype=wide(x.dtype))
        return np.flip(result, axis) if reverse else result

    return run


# fmt: off
EVALUATE: dict[Op, Rule] = {
    ops.sum_op:     lambda x, *, axes: x.sum(axes, dtype=wide(x.dtype)),
    ops.prod_op:    lambda x, *, axes: x.prod(axes, dtype=x.dtype),
    ops.max_op:     lambda x, *, axes: x.max(axes, initial=lowest(x.dtype)),
    ops.min_op:     lambda x, *, axes: x.min(axes, initial=highest(x.dtype)),
    ops.argmax_op:  _arg(np.argmax),
    ops.argmin_op:  _arg(np.argmin),
    ops.cumsum_op:  _cumulative(np.add),
    ops.cumprod_op: _cumulative(np.multiply, 1),
    ops.cummax_op:  _cumulative(np.maximum),
    ops.cummin_op:  _cumulative(np.minimum),
}
# fmt: on
