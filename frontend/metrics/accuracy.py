"""How many predictions are right: 1 or 0 for each example."""

from __future__ import annotations

from graphc import dtypes
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.losses.loss import as_prediction, pair
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, movement, reduce
from graphc.ops.convert import TensorLike


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
def binary_accuracy(y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5) -> Tensor:
    """Whether (prediction > threshold) equals the target, averaged over the last axis."""
    targets, predictions = pair(y_true, y_pred)
    decided = convert.cast(elementwise.greater(predictions, threshold), targets.dtype)
    return reduce.mean(_hits(decided, targets), -1)


@eager_on_arrays
def categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Whether the largest prediction is where the largest target is."""
    targets, predictions = convert.as_tensor(y_true), as_prediction(y_pred)
    return _hits(reduce.argmax(predictions, -1), reduce.argmax(targets, -1))


@eager_on_arrays
def sparse_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Whether the largest prediction is that of the target, a class number."""
    targets, predictions = convert.as_tensor(y_true), as_prediction(y_pred)
    if targets.ndim == predictions.ndim:
        targets = movement.squeeze(targets, -1)
    return _hits(reduce.argmax(predictions, -1), convert.cast(targets, dtypes.int32))


def _hits(a: Tensor, b: Tensor) -> Tensor:
    return convert.cast(elementwise.equal(a, b), dtypes.float32)
