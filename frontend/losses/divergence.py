"""Losses of distributions and of counts: Kullback-Leibler divergence, Poisson."""

from __future__ import annotations

from typing import final

from graphc.dtypes import DTypeLike
from graphc.frontend.config import epsilon
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, clip, div, log, mul, sub

from .loss import FunctionLoss, pair


@eager_on_arrays
def kl_divergence(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """sum of y_true * log(y_true / y_pred) over the last axis, both kept in [epsilon, 1].

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(kl_divergence([[0.5, 0.5]], [[0.5, 0.5]]).numpy())
    [0.]
    """
    p, q = (clip(y, epsilon(), 1.0) for y in pair(y_true, y_pred))
    return reduce.sum(mul(p, log(div(p, q))), -1)


@eager_on_arrays
def poisson(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean of y_pred - y_true * log(y_pred + epsilon) over the last axis.

    Up to a constant this is minus the log-likelihood of counts y_true with means y_pred.
    """
    counts, means = pair(y_true, y_pred)
    return reduce.mean(sub(means, mul(counts, log(add(means, epsilon())))), -1)


@final
class KLDivergence(FunctionLoss):
    """sum(y_true * log(y_true / y_pred)), how much y_pred differs from the distribution y_true."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "kl_divergence",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(kl_divergence, reduction, name, dtype)


@final
class Poisson(FunctionLoss):
    """mean(y_pred - y_true * log(y_pred)), for counts."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "poisson",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(poisson, reduction, name, dtype)
