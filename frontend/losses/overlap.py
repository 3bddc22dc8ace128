"""Losses of segmentation: 1 minus how far predicted and true regions overlap.

    Dice     1 - 2 * both / (true + predicted)
    Tversky  1 - both / (both + alpha * only true + beta * only predicted)   (Salehi et al. 2017)

`axis` are the axes that make one region; None takes all examples together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from graphc.dtypes import DTypeLike
from graphc.frontend.config import epsilon
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, div, mul, sub

from .loss import FunctionLoss, pair

Axes = int | Sequence[int] | None


@eager_on_arrays
def dice(y_true: TensorLike, y_pred: TensorLike, axis: Axes = None) -> Tensor:
    """1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred)) over the axes."""
    targets, predictions = pair(y_true, y_pred)
    both = reduce.sum(mul(targets, predictions), axis)
    total = add(reduce.sum(targets, axis), reduce.sum(predictions, axis))
    return sub(1.0, div(mul(both, 2.0), add(total, epsilon())))


@eager_on_arrays
def tversky(
    y_true: TensorLike, y_pred: TensorLike, alpha: float = 0.5, beta: float = 0.5,
    axis: Axes = None,
) -> Tensor:  # fmt: skip
    """1 - both / (both + alpha * only true + beta * only predicted), sums over the axes."""
    targets, predictions = pair(y_true, y_pred)
    both = reduce.sum(mul(targets, predictions), axis)
    missed = reduce.sum(mul(targets, sub(1.0, predictions)), axis)
    wrong = reduce.sum(mul(sub(1.0, targets), predictions), axis)
    total = add(both, add(mul(missed, alpha), mul(wrong, beta)))
    return sub(1.0, div(both, add(total, epsilon())))


@final
class Dice(FunctionLoss):
    """1 - 2 * both / (true + predicted).

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(Dice()([1.0, 1.0, 0.0], [1.0, 0.0, 1.0]).numpy())
    0.5
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "dice",
        axis: Axes = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(dice, reduction, name, dtype, axis=axis)


@final
class Tversky(FunctionLoss):
    """1 - both / (both + alpha * only true + beta * only predicted)."""

    def __init__(
        self, alpha: float = 0.5, beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size", name: str = "tversky",
        axis: Axes = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
