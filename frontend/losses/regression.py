"""Losses of numbers, averaged over the last axis."""

from __future__ import annotations

from typing import final

from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, reduce
from graphc.ops.convert import TensorLike

from .loss import Loss, as_prediction, same_rank


@final
class MeanSquaredError(Loss):
    """mean((y_true - y_pred)**2).

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(MeanSquaredError()([0, 0, 1, 1], [1, 1, 1, 0]).numpy())
    0.75
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return mean_squared_error(y_true, y_pred)


@final
class MeanAbsoluteError(Loss):
    """mean(|y_true - y_pred|)."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return mean_absolute_error(y_true, y_pred)


@eager_on_arrays
def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """(batch, ..., n) -> (batch, ...): the mean of squared differences over the last axis."""
    return reduce.mean(elementwise.square(_difference(y_true, y_pred)), -1)


@eager_on_arrays
def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """(batch, ..., n) -> (batch, ...): the mean of absolute differences over the last axis."""
    return reduce.mean(elementwise.abs(_difference(y_true, y_pred)), -1)


def _difference(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    targets, predictions = same_rank(convert.as_tensor(y_true), as_prediction(y_pred))
    return elementwise.sub(predictions, targets)
