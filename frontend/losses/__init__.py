"""Losses by class, function and name; one file per family."""

from __future__ import annotations

from collections.abc import Callable

from graphc.frontend.lookup import Config, resolve
from graphc.ir.node import Tensor

from .crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from .loss import FunctionLoss, Loss
from .regression import (
    MeanAbsoluteError,
    MeanSquaredError,
    mean_absolute_error,
    mean_squared_error,
)

# Both spellings are in use.
BinaryCrossEntropy = BinaryCrossentropy
CategoricalCrossEntropy = CategoricalCrossentropy
SparseCategoricalCrossEntropy = SparseCategoricalCrossentropy
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error

Given = str | type[Loss] | Loss | Callable[[Tensor, Tensor], Tensor] | Config

BY_NAME: dict[str, type[Loss]] = {
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}


def get(given: Given) -> Loss:
    """The loss meant by a name, a class, an object, a config, or a function (y_true, y_pred).

    >>> get("mse").name, get(SparseCategoricalCrossEntropy).name
    ('mean_squared_error', 'sparse_categorical_crossentropy')
    """
    if callable(given) and not isinstance(given, type | Loss):
        return FunctionLoss(given, given.__name__)
    return resolve("loss", BY_NAME, given, Loss)


__all__ = [
    "MAE",
    "MSE",
    "BinaryCrossEntropy",
    "BinaryCrossentropy",
    "CategoricalCrossEntropy",
    "CategoricalCrossentropy",
    "FunctionLoss",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossEntropy",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "get",
    "mae",
    "mean_absolute_error",
    "mean_squared_error",
    "mse",
    "sparse_categorical_crossentropy",
]
