"""The NumPy meaning of dot_general: a batched matrix product of the axes in order."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from graphc.ir.node import Op
from graphc.ops import matmul

AxisPair = tuple[tuple[int, ...], tuple[int, ...]]


def _dot_general(
    a: np.ndarray, b: np.ndarray, *, contract: AxisPair, batch: AxisPair
) -> np.ndarray:
    free_a = [i for i in range(a.ndim) if i not in contract[0] + batch[0]]
    free_b = [i for i in range(b.ndim) if i not in contract[1] + batch[1]]
    x = a.transpose(*batch[0], *free_a, *contract[0])
    y = b.transpose(*batch[1], *contract[1], *free_b)
    lead, inner = [a.shape[i] for i in batch[0]], math.prod(a.shape[i] for i in contract[0])
    rows, columns = [a.shape[i] for i in free_a], [b.shape[i] for i in free_b]
    left = x.reshape(*lead, math.prod(rows), inner)
    right = y.reshape(*lead, inner, math.prod(columns))
    return np.matmul(left, right).reshape((*lead, *rows, *columns))


EVALUATE: dict[Op, Callable[..., np.ndarray]] = {matmul.dot_general_op: _dot_general}
