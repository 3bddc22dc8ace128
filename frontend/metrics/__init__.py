"""Metrics by name or function: numbers per example, averaged over all examples of an epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphc.errors import ArgumentError
from graphc.frontend import losses
from graphc.frontend.lookup import find
from graphc.ir.node import Tensor
from graphc.ops import reduce

from .accuracy import (
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
)

Function = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Metric:
    """A function of targets and predictions whose mean is reported under a name."""

    name: str
    function: Function

    def __call__(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean over a batch, a scalar."""
        return reduce.mean(self.function(y_true, y_pred))


Given = str | Metric | losses.Loss | type[losses.Loss] | Function

BY_NAME: dict[str, Function] = {
    "accuracy": accuracy,
    "acc": accuracy,
    "binary_accuracy": binary_accuracy,
    "categorical_accuracy": categorical_accuracy,
    "sparse_categorical_accuracy": sparse_categorical_accuracy,
    "mse": losses.mean_squared_error,
    "mean_squared_error": losses.mean_squared_error,
    "mae": losses.mean_absolute_error,
    "mean_absolute_error": losses.mean_absolute_error,
    "binary_crossentropy": losses.binary_crossentropy,
    "categorical_crossentropy": losses.categorical_crossentropy,
    "sparse_categorical_crossentropy": losses.sparse_categorical_crossentropy,
}


def get(given: Given) -> Metric:
    """The metric meant by a name, a metric, a loss, or a function (y_true, y_pred).

    It is reported under the name by which it was asked for.

    >>> get("acc").name, get("accuracy").function is get("acc").function
    ('acc', True)
    """
    if isinstance(given, Metric):
        return given
    if isinstance(given, str):
        return Metric(given, find("metric", BY_NAME, given))
    if isinstance(given, type | losses.Loss):
        loss = losses.as_loss(given)
        return Metric(loss.name, loss.call)
    if callable(given):
        return Metric(given.__name__, given)
    raise ArgumentError(
        "not a metric", received=repr(given), expected=f"a function or one of {', '.join(BY_NAME)}"
    )


__all__ = [
    "Metric",
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "get",
    "sparse_categorical_accuracy",
]
