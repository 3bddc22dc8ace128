"""How many predictions are right: 1 or 0 for each example, and the means of that.

accuracy                           the one that fits the shapes of targets and predictions
Accuracy                           y_true == y_pred, for labels as predictions
binary_accuracy                    (y_pred > threshold) == y_true
categorical_accuracy               argmax(y_pred) == argmax(y_true)
sparse_categorical_accuracy        argmax(y_pred) == y_true
(sparse_)top_k_categorical_...     fewer than k predictions are larger than that of the target
"""

from __future__ import annotations

from typing import final

from graphc import dtypes
from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError
from graphc.frontend import config as settings
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.losses.loss import as_prediction
from graphc.frontend.losses.reduction import same_rank
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, leaf, movement, reduce
from graphc.ops.convert import TensorLike

from .mean import MeanMetricWrapper

# ---------------------------------------------------------------------------- functions


@eager_on_arrays
def accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The accuracy that fits the shapes: binary for one output, one-hot targets, or class numbers.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(accuracy([0, 1], [[0.9, 0.1], [0.8, 0.2]]).numpy())
    [1. 0.]
    """
    targets, predictions = convert.as_tensor(y_true), as_prediction(y_pred)
    if predictions.ndim < 2 or predictions.shape[-1] == 1:
        return binary_accuracy(targets, predictions)
    if targets.ndim == predictions.ndim and targets.shape[-1] != 1:
        return categorical_accuracy(targets, predictions)
    return sparse_categorical_accuracy(targets, predictions)


@eager_on_arrays
def equality(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Whether prediction and target are the same number, for each element."""
    targets, predictions = same_rank(convert.as_tensor(y_true), convert.as_tensor(y_pred))
    return _hits(convert.cast(targets, predictions.dtype), predictions)


@eager_on_arrays
def binary_accuracy(y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5) -> Tensor:
    """Whether (prediction > threshold) equals the target, for each element."""
    targets, predictions = same_rank(convert.as_tensor(y_true), as_prediction(y_pred))
    decided = convert.cast(elementwise.greater(predictions, threshold), targets.dtype)
    return _hits(decided, targets)


@eager_on_arrays
def categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Whether the largest prediction is where the largest target is: (..., classes) -> (...)."""
    targets, predictions = convert.as_tensor(y_true), as_prediction(y_pred)
    return _hits(reduce.argmax(predictions, -1), reduce.argmax(targets, -1))


@eager_on_arrays
def sparse_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Whether the largest prediction is that of the target, a class number."""
    predictions = as_prediction(y_pred)
    return _hits(reduce.argmax(predictions, -1), _numbers(y_true, predictions))


@eager_on_arrays
def top_k_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike, k: int = 5) -> Tensor:
    """Whether the prediction of the largest target is among the k largest."""
    targets = reduce.argmax(convert.as_tensor(y_true), -1)
    return sparse_top_k_categorical_accuracy(targets, y_pred, k)


@eager_on_arrays
def sparse_top_k_categorical_accuracy(
    y_true: TensorLike, y_pred: TensorLike, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """Whether the prediction of the target, a class number, is among the k largest.

    With `from_sorted_ids` the predictions are class numbers, the best first.
    """
    if from_sorted_ids:
        ranked = convert.as_tensor(y_pred)
        targets = movement.expand_dims(_numbers(y_true, ranked), -1)
        return _float(reduce.any(elementwise.equal(targets, ranked[..., :k]), -1))
    predictions = as_prediction(y_pred)
    labels = movement.expand_dims(_numbers(y_true, predictions), -1)
    chosen = elementwise.equal(leaf.iota(predictions.shape, -1, dtypes.int32), labels)
    own = reduce.sum(elementwise.where(chosen, predictions, 0.0), -1, keepdims=True)
    larger = convert.cast(elementwise.greater(predictions, own), dtypes.int32)
    known = elementwise.logical_and(reduce.any(chosen, -1), elementwise.isfinite(own[..., 0]))
    found = elementwise.less(reduce.sum(larger, -1), k)
    return _float(elementwise.logical_and(known, found))


def _numbers(y_true: TensorLike, predictions: Tensor) -> Tensor:
    """Class numbers with one axis less than the predictions."""
    targets = convert.as_tensor(y_true)
    if targets.ndim == predictions.ndim and targets.shape[-1] == 1:
        targets = movement.squeeze(targets, -1)
    return convert.cast(targets, dtypes.int32)


def _hits(a: Tensor, b: Tensor) -> Tensor:
    return _float(elementwise.equal(a, b))


def _float(x: Tensor) -> Tensor:
    return convert.cast(x, settings.floatx())


# ---------------------------------------------------------------------------- classes


@final
class Accuracy(MeanMetricWrapper):
    """How often predictions equal the targets, both labels.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(Accuracy()([1, 2, 3, 4], [0, 2, 3, 4]).numpy())
    0.75
    """

    def __init__(self, name: str = "accuracy", dtype: DTypeLike | None = None) -> None:
        super().__init__(equality, name, dtype)


@final
class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions are on the right side of the threshold."""

    def __init__(
        self, name: str = "binary_accuracy", dtype: DTypeLike | None = None,
        threshold: float = 0.5,
    ) -> None:  # fmt: skip
        if threshold is not None and not 0 < threshold < 1:
            raise ArgumentError("a threshold is between 0 and 1", received=threshold)
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


@final
class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is that of the class, with one-hot targets."""

    def __init__(self, name: str = "categorical_accuracy", dtype: DTypeLike | None = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


@final
class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is that of the class, with class numbers as targets."""

    def __init__(
        self, name: str = "sparse_categorical_accuracy", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


@final
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class is among the k largest predictions, with one-hot targets."""

    def __init__(
        self, k: int = 5, name: str = "top_k_categorical_accuracy",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)
        self.k = k


@final
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class is among the k largest predictions, with class numbers as targets."""

    def __init__(
        self, k: int = 5, name: str = "sparse_top_k_categorical_accuracy",
        dtype: DTypeLike | None = None, from_sorted_ids: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k, self.from_sorted_ids = k, from_sorted_ids
