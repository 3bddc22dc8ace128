"""NumPy meanings of the leaves that are computed: uniform tensors, coordinates, sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.dtypes import DType
from graphc.ir.node import Op
from graphc.ops import leaf


def _iota(*, axis: int, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    column = [-1 if i == axis else 1 for i in range(len(shape))]
    return np.broadcast_to(np.arange(shape[axis]).reshape(column), shape).astype(dtype.numpy)


# fmt: off
EVALUATE: dict[Op, Callable[..., np.ndarray]] = {
    leaf.full_op:    lambda *, value, shape, dtype: np.full(shape, value, dtype.numpy),
    leaf.iota_op:    _iota,
    leaf.size_of_op: lambda *, size, dtype: np.asarray(size, dtype.numpy),
}
# fmt: on
