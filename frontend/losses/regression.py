"""Losses of numbers, each averaged over the last axis: (batch, ..., n) twice -> (batch, ...).

With e = y_pred - y_true:

    mean_squared_error               mean of e**2
    mean_absolute_error              mean of |e|
    mean_absolute_percentage_error   100 * mean of |e| / max(|y_true|, epsilon)
    mean_squared_logarithmic_error   mean of (log(1 + y_pred) - log(1 + y_true))**2
    huber                            mean of e**2 / 2 up to |e| = delta, then a line (Huber 1964)
    log_cosh                         mean of log(cosh(e)): e**2 / 2 near 0, |e| - log 2 far away
    cosine_similarity                -sum of y_true * y_pred / (|y_true| |y_pred|)
"""

from __future__ import annotations

import math
from typing import final

from graphc.dtypes import DTypeLike
from graphc.frontend.config import epsilon
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import activation, elementwise, normalization, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, div, less, log, maximum, minimum, mul, square, sub, where

from .loss import FunctionLoss, pair

# ---------------------------------------------------------------------------- functions


@eager_on_arrays
def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The mean of squared differences over the last axis."""
    targets, predictions = pair(y_true, y_pred)
    return reduce.mean(square(sub(predictions, targets)), -1)


@eager_on_arrays
def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The mean of absolute differences over the last axis."""
    targets, predictions = pair(y_true, y_pred)
    return reduce.mean(elementwise.abs(sub(predictions, targets)), -1)


@eager_on_arrays
def mean_absolute_percentage_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """100 times the mean of differences relative to the targets, over the last axis.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(mean_absolute_percentage_error([[1.0, 4.0]], [[1.5, 3.0]]).numpy())
    [37.5]
    """
    targets, predictions = pair(y_true, y_pred)
    size = maximum(elementwise.abs(targets), epsilon())
    return mul(reduce.mean(div(elementwise.abs(sub(predictions, targets)), size), -1), 100.0)


@eager_on_arrays
def mean_squared_logarithmic_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The mean of squared differences of log(1 + y); what is below epsilon counts as epsilon."""
    targets, predictions = pair(y_true, y_pred)
    logs = [log(add(maximum(y, epsilon()), 1.0)) for y in (predictions, targets)]
    return reduce.mean(square(sub(*logs)), -1)


@eager_on_arrays
def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Tensor:
    """e**2 / 2 where |e| <= delta, else delta * |e| - delta**2 / 2, averaged over the last axis."""
    targets, predictions = pair(y_true, y_pred)
    size = elementwise.abs(sub(predictions, targets))
    inside = minimum(size, delta)
    return reduce.mean(add(mul(square(inside), 0.5), mul(sub(size, inside), delta)), -1)


@eager_on_arrays
def log_cosh(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """log(cosh(e)), averaged over the last axis; exact for small e, no overflow for large e."""
    targets, predictions = pair(y_true, y_pred)
    error = sub(predictions, targets)
    small = less(elementwise.abs(error), 1.0)
    # log(cosh(e)) = log(1 + 2 sinh(e / 2)**2) = e + log(1 + exp(-2e)) - log 2
    half = elementwise.sinh(mul(where(small, error, 0.0), 0.5))
    near = elementwise.log1p(mul(square(half), 2.0))
    far = sub(add(error, activation.softplus(mul(error, -2.0))), math.log(2.0))
    return reduce.mean(where(small, near, far), -1)


@eager_on_arrays
def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between the vectors along an axis; 0 for a vector of zeros."""
    targets, predictions = pair(y_true, y_pred)
    return elementwise.neg(reduce.sum(mul(unit(targets, axis), unit(predictions, axis)), axis))


def unit(x: Tensor, axis: int) -> Tensor:
    """x / |x| along an axis."""
    return normalization.l2_normalize(x, axis, epsilon() ** 2)


# ---------------------------------------------------------------------------- classes


@final
class MeanSquaredError(FunctionLoss):
    """mean((y_true - y_pred)**2).

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(MeanSquaredError()([0, 0, 1, 1], [1, 1, 1, 0]).numpy())
    0.75
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mean_squared_error, reduction, name, dtype)


@final
class MeanAbsoluteError(FunctionLoss):
    """mean(|y_true - y_pred|)."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mean_absolute_error, reduction, name, dtype)


@final
class MeanAbsolutePercentageError(FunctionLoss):
    """100 * mean(|y_true - y_pred| / |y_true|)."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error", dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


@final
class MeanSquaredLogarithmicError(FunctionLoss):
    """mean((log(1 + y_true) - log(1 + y_pred))**2)."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error", dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


@final
class Huber(FunctionLoss):
    """Squares of small errors, a line for errors above delta: outliers count less.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(Huber()([0.0, 0.0], [1.0, 3.0]).numpy())
    1.5
    """

    def __init__(
        self, delta: float = 1.0, reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss", dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(huber, reduction, name, dtype, delta=delta)


@final
class LogCosh(FunctionLoss):
    """mean(log(cosh(y_pred - y_true)))."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "log_cosh",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(log_cosh, reduction, name, dtype)


@final
class CosineSimilarity(FunctionLoss):
    """Minus the cosine of the angle between targets and predictions along an axis."""

    def __init__(
        self, axis: int = -1, reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity", dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)
