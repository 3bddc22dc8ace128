"""Hinge losses: 0 as soon as a prediction is on the right side by a margin of 1.

Targets are -1 and 1; targets that are all 0 or 1 are taken for that.
"""

from __future__ import annotations

from typing import final

from graphc.dtypes import DTypeLike
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import elementwise, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, mul, square, sub

from .loss import FunctionLoss, pair


@eager_on_arrays
def hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """max(1 - y_true * y_pred, 0), averaged over the last axis.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(hinge([[-1.0, 1.0]], [[0.5, 0.8]]).numpy())
    [0.85]
    """
    return reduce.mean(_margins(y_true, y_pred), -1)


@eager_on_arrays
def squared_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """max(1 - y_true * y_pred, 0)**2, averaged over the last axis."""
    return reduce.mean(square(_margins(y_true, y_pred)), -1)


@eager_on_arrays
def categorical_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """max(1 + largest prediction of a wrong class - prediction of the right one, 0)."""
    targets, predictions = pair(y_true, y_pred)
    right = reduce.sum(mul(targets, predictions), -1)
    wrong = reduce.max(mul(sub(1.0, targets), predictions), -1)
    return elementwise.maximum(add(sub(wrong, right), 1.0), 0.0)


def _margins(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    targets, predictions = pair(y_true, y_pred)
    bits = elementwise.logical_or(elementwise.equal(targets, 0), elementwise.equal(targets, 1))
    signs = sub(mul(targets, 2.0), 1.0)
    targets = elementwise.where(reduce.all(bits), signs, targets)
    return elementwise.maximum(sub(1.0, mul(targets, predictions)), 0.0)


@final
class Hinge(FunctionLoss):
    """mean(max(1 - y_true * y_pred, 0)) for targets -1 and 1, or 0 and 1."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "hinge",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(hinge, reduction, name, dtype)


@final
class SquaredHinge(FunctionLoss):
    """mean(max(1 - y_true * y_pred, 0)**2) for targets -1 and 1, or 0 and 1."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "squared_hinge",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(squared_hinge, reduction, name, dtype)


@final
class CategoricalHinge(FunctionLoss):
    """max(1 + largest wrong - right, 0) for one-hot targets."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "categorical_hinge",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(categorical_hinge, reduction, name, dtype)
