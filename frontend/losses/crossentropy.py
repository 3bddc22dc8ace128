"""Cross-entropies: minus the logarithm of the probability that was given to the target.

    categorical  -sum over classes of y * log(p)      sparse: -log(p[class])
    binary       -(y * log(p) + (1 - y) * log(1 - p))

From logits x the logarithms are log_softmax(x) and log_sigmoid(x), which never overflow.
Probabilities are made to sum to 1 and kept in [1e-7, 1 - 1e-7], as in Keras.
"""

from __future__ import annotations

import math
from typing import final

import numpy as np

from graphc import dtypes
from graphc.errors import ArgumentError, DataError, ShapeError
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import activation, convert, elementwise, leaf, movement, reduce
from graphc.ops.convert import TensorLike

from .loss import Loss, as_prediction, same_rank

EPSILON = 1e-7


class AbstractCrossentropy(Loss):
    """What cross-entropies have in common: whether predictions are logits, and the class axis."""

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
        reduction: str | None = "sum_over_batch_size", name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(reduction=reduction, name=name)
        if not 0 <= label_smoothing <= 1:
            raise ArgumentError("label_smoothing is 0 .. 1", received=label_smoothing)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
        }


@final
class CategoricalCrossentropy(AbstractCrossentropy):
    """The cross-entropy with one-hot targets, or any probabilities as targets."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return categorical_crossentropy(
            y_true, y_pred, self.from_logits, self.label_smoothing, self.axis
        )


@final
class BinaryCrossentropy(AbstractCrossentropy):
    """The cross-entropy of independent yes-or-no targets, averaged over the axis."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return binary_crossentropy(
            y_true, y_pred, self.from_logits, self.label_smoothing, self.axis
        )


@final
class SparseCategoricalCrossentropy(Loss):
    """The cross-entropy with class numbers as targets.

    A class number that does not exist (or NaN) is a DataError in `fit` and `evaluate`; in a graph,
    where values are not known beforehand, the loss of that example is NaN.

    >>> from graphc.knobs import settings
    >>> p = [[0.9, 0.05, 0.05], [0.5, 0.89, 0.6], [0.05, 0.01, 0.94]]
    >>> with settings(backend="reference"):
    ...     print(round(float(SparseCategoricalCrossentropy()([0, 1, 2], p)), 6))
    0.323968
    """

    def __init__(
        self, from_logits: bool = False, axis: int = -1,
        reduction: str | None = "sum_over_batch_size", name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(reduction=reduction, name=name)
        self.from_logits, self.axis = from_logits, axis

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, self.axis)

    def check_targets(self, targets: np.ndarray, predictions: tuple[int | None, ...]) -> None:
        classes = predictions[self.axis]
        if not targets.size or classes is None:
            return
        low, high = targets.min(), targets.max()
        whole = targets.dtype.kind in "biu" or bool(np.all(targets == np.trunc(targets)))
        if not (whole and low >= 0 and high < classes):
            raise DataError(
                f"targets of {self.name} are class numbers",
                received=f"{'' if whole else 'broken '}numbers from {low} to {high}",
                expected=f"0 .. {classes - 1}, for {classes} outputs of the model",
                fix="give the last layer one output per class, or number the classes from 0",
            )

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "from_logits": self.from_logits, "axis": self.axis}


@eager_on_arrays
def categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False,
    label_smoothing: float = 0.0, axis: int = -1,
) -> Tensor:  # fmt: skip
    """-sum over classes of y_true * log(p): (batch, classes) twice -> (batch,)."""
    targets, predictions = same_rank(convert.as_tensor(y_true), as_prediction(y_pred))
    if label_smoothing:
        classes = reduce.count(predictions, axis)
        even = elementwise.div(label_smoothing, classes)
        targets = elementwise.add(elementwise.mul(targets, 1.0 - label_smoothing), even)
    logs = _log_probabilities(predictions, from_logits, axis)
    return elementwise.neg(reduce.sum(elementwise.mul(targets, logs), axis))


@eager_on_arrays
def sparse_categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-log(p[y_true]): (batch,) and (batch, classes) -> (batch,); NaN for no class of the axis."""
    predictions = as_prediction(y_pred)
    at = reduce.normalize_axis(axis, predictions.ndim)
    labels = _labels(convert.as_tensor(y_true), predictions, at)
    places = leaf.iota(predictions.shape, at, dtypes.int32)
    chosen = elementwise.equal(places, labels)
    logs = _log_probabilities(predictions, from_logits, at)
    loss = elementwise.neg(reduce.sum(elementwise.where(chosen, logs, 0.0), at))
    return elementwise.where(reduce.any(chosen, at), loss, math.nan)


@eager_on_arrays
def binary_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False,
    label_smoothing: float = 0.0, axis: int = -1,
) -> Tensor:  # fmt: skip
    """The mean over the axis of -(y log p + (1 - y) log(1 - p)): (batch, n) twice -> (batch,)."""
    targets, predictions = same_rank(convert.as_tensor(y_true), as_prediction(y_pred))
    if label_smoothing:
        targets = elementwise.add(
            elementwise.mul(targets, 1.0 - label_smoothing), 0.5 * label_smoothing
        )
    if from_logits:
        # -log(sigmoid(x)) = softplus(-x) = softplus(x) - x
        plus = activation.softplus(predictions)
        return reduce.mean(elementwise.sub(plus, elementwise.mul(predictions, targets)), axis)
    p = elementwise.clip(predictions, EPSILON, 1.0 - EPSILON)
    q = elementwise.sub(1.0, p)
    yes = elementwise.mul(targets, elementwise.log(p))
    no = elementwise.mul(elementwise.sub(1.0, targets), elementwise.log(q))
    return elementwise.neg(reduce.mean(elementwise.add(yes, no), axis))


def _log_probabilities(predictions: Tensor, from_logits: bool, axis: int) -> Tensor:
    if from_logits:
        return activation.log_softmax(predictions, axis)
    total = reduce.sum(predictions, axis, keepdims=True)
    p = elementwise.div(predictions, total)
    return elementwise.log(elementwise.clip(p, EPSILON, 1.0 - EPSILON))


def _labels(y_true: Tensor, predictions: Tensor, axis: int) -> Tensor:
    """Class numbers with an axis of size 1 in the place of the classes; NaN becomes -1."""
    if y_true.ndim == predictions.ndim - 1:
        y_true = movement.expand_dims(y_true, axis)
    if y_true.ndim != predictions.ndim or y_true.shape[axis] != 1:
        raise ShapeError(
            "a sparse loss takes one class number per example",
            received=f"targets {y_true.shape}, predictions {predictions.shape}",
            fix="for one-hot targets use categorical_crossentropy",
        )
    if y_true.dtype.is_float:
        y_true = elementwise.where(elementwise.isnan(y_true), -1, y_true)
    return convert.cast(y_true, dtypes.int32)
