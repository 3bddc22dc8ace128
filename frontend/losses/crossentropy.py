"""Cross-entropies: minus the logarithm of the probability that was given to the target.

    categorical  -sum over classes of y * log(p)      sparse: -log(p[class])
    binary       -(y * log(p) + (1 - y) * log(1 - p))

From logits x the logarithms are log_softmax(x) and log_sigmoid(x), which never overflow.
Probabilities are made to sum to 1 and kept in [1e-7, 1 - 1e-7], as in Keras; those that an
activation softmax or sigmoid has just computed count as logits (frontend/logits.py).
"""

from __future__ import annotations

import math
from typing import final

import numpy as np

from graphc import dtypes
from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError, DataError, ShapeError
from graphc.frontend.config import epsilon
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.logits import logits_of
from graphc.frontend.masks import set_mask
from graphc.ir.dim import may_equal
from graphc.ir.node import Tensor
from graphc.ops import activation, convert, elementwise, leaf, movement, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, log, mul, sub, where

from .loss import FunctionLoss, as_prediction, pair

# ---------------------------------------------------------------------------- functions


@eager_on_arrays
def categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False,
    label_smoothing: float = 0.0, axis: int = -1,
) -> Tensor:  # fmt: skip
    """-sum over classes of y_true * log(p): (batch, classes) twice -> (batch,).

    `label_smoothing` takes that share of the target from its class and gives it to all evenly.
    """
    targets, predictions = checked_pair(y_true, y_pred, axis)
    targets = smoothed(targets, label_smoothing, axis)
    logs = _log_probabilities(predictions, from_logits, axis)
    return elementwise.neg(reduce.sum(mul(targets, logs), axis))


@eager_on_arrays
def sparse_categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False,
    ignore_class: int | None = None, axis: int = -1,
) -> Tensor:  # fmt: skip
    """-log(p[y_true]): (batch,) and (batch, classes) -> (batch,); NaN for no class of the axis.

    Where the class is `ignore_class` the loss is 0 and does not count in means.
    """
    predictions = as_prediction(y_pred)
    at = reduce.normalize_axis(check_axis(axis), predictions.ndim)
    labels = class_numbers(convert.as_tensor(y_true), predictions, at)
    places = leaf.iota(predictions.shape, at, dtypes.int32)
    chosen = elementwise.equal(places, labels)
    logs = _log_probabilities(predictions, from_logits, at)
    loss = elementwise.neg(reduce.sum(where(chosen, logs, 0.0), at))
    loss = where(reduce.any(chosen, at), loss, math.nan)
    if ignore_class is None:
        return loss
    valid = movement.squeeze(elementwise.not_equal(labels, ignore_class), at)
    loss = where(valid, loss, 0.0)
    set_mask(loss, valid)
    return loss


@eager_on_arrays
def binary_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False,
    label_smoothing: float = 0.0, axis: int = -1,
) -> Tensor:  # fmt: skip
    """The mean over the axis of -(y log p + (1 - y) log(1 - p)): (batch, n) twice -> (batch,).

    `label_smoothing` moves targets that share of the way to 1/2.
    """
    targets, predictions = checked_pair(y_true, y_pred, axis)
    targets = smoothed(targets, label_smoothing)
    logits = predictions if from_logits else logits_of(predictions, None)
    if logits is not None:
        # -log(sigmoid(x)) = softplus(-x) = softplus(x) - x
        return reduce.mean(sub(activation.softplus(logits), mul(logits, targets)), axis)
    return reduce.mean(bits_entropy(targets, predictions), axis)


# ---------------------------------------------------------------------------- parts


def bits_entropy(targets: Tensor, predictions: Tensor) -> Tensor:
    """-(y log p + (1 - y) log(1 - p)) of each element."""
    p = elementwise.clip(predictions, epsilon(), 1.0 - epsilon())
    yes, no = mul(targets, log(p)), mul(sub(1.0, targets), log(sub(1.0, p)))
    return elementwise.neg(add(yes, no))


def probabilities(predictions: Tensor, axis: int) -> Tensor:
    """Predictions that add up to 1 along an axis, kept away from 0 and 1."""
    total = reduce.sum(predictions, axis, keepdims=True)
    return elementwise.clip(elementwise.div(predictions, total), epsilon(), 1.0 - epsilon())


def smoothed(targets: Tensor, share: float, axis: int | None = None) -> Tensor:
    """Targets with a share of them spread evenly over the classes of an axis, or over 0 and 1."""
    if not share:
        return targets
    if not 0 <= share <= 1:
        raise ArgumentError("label_smoothing is 0 .. 1", received=share)
    even = 0.5 * share if axis is None else elementwise.div(share, reduce.count(targets, axis))
    return add(mul(targets, 1.0 - share), even)


def checked_pair(y_true: TensorLike, y_pred: TensorLike, axis: int) -> tuple[Tensor, Tensor]:
    """Targets and predictions, if they have one shape; ShapeError if not."""
    targets, predictions = pair(y_true, y_pred)
    check_axis(axis)
    same = targets.ndim == predictions.ndim and all(
        map(may_equal, targets.shape, predictions.shape)
    )
    if not same:
        raise ShapeError(
            "targets and predictions of a cross-entropy have one shape",
            received=f"targets {targets.shape}, predictions {predictions.shape}",
            fix="for class numbers as targets use a sparse_ loss",
        )
    return targets, predictions


def check_axis(axis: int) -> int:
    """The axis, if it is a number."""
    if isinstance(axis, bool):
        raise ArgumentError("an axis is a number", received=axis)
    return axis


def class_numbers(y_true: Tensor, predictions: Tensor, axis: int) -> Tensor:
    """Class numbers with an axis of size 1 in the place of the classes; NaN becomes -1."""
    if y_true.ndim == predictions.ndim - 1:
        y_true = movement.expand_dims(y_true, axis)
    others = [i for i in range(predictions.ndim) if i != axis]
    fits = y_true.ndim == predictions.ndim and y_true.shape[axis] == 1
    if not fits or not all(may_equal(y_true.shape[i], predictions.shape[i]) for i in others):
        raise ShapeError(
            "a sparse loss takes one class number per example",
            received=f"targets {y_true.shape}, predictions {predictions.shape}",
            fix="for one-hot targets use categorical_crossentropy",
        )
    if y_true.dtype.is_float:
        y_true = where(elementwise.isnan(y_true), -1, y_true)
    return convert.cast(y_true, dtypes.int32)


def _log_probabilities(predictions: Tensor, from_logits: bool, axis: int) -> Tensor:
    logits = predictions if from_logits else logits_of(predictions, axis)
    if logits is not None:
        return activation.log_softmax(logits, axis)
    return log(probabilities(predictions, axis))


# ---------------------------------------------------------------------------- classes


@final
class CategoricalCrossentropy(FunctionLoss):
    """The cross-entropy with one-hot targets, or any probabilities as targets.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(round(float(CategoricalCrossentropy()([0, 1, 0], [0.2, 0.7, 0.1])), 6))
    0.356675
    """

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
        reduction: str | None = "sum_over_batch_size", name: str = "categorical_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            categorical_crossentropy, reduction, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


@final
class BinaryCrossentropy(FunctionLoss):
    """The cross-entropy of independent yes-or-no targets, averaged over the axis.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(round(float(BinaryCrossentropy()([0, 1], [0.1, 0.8])), 6))
    0.164252
    """

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
        reduction: str | None = "sum_over_batch_size", name: str = "binary_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            binary_crossentropy, reduction, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


@final
class SparseCategoricalCrossentropy(FunctionLoss):
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
        self, from_logits: bool = False, ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size", axis: int = -1,
        name: str = "sparse_categorical_crossentropy", dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            sparse_categorical_crossentropy, reduction, name, dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip
        self.ignore_class, self.axis = ignore_class, axis

    def as_target(self, y_true: TensorLike) -> Tensor:
        return convert.as_tensor(y_true)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.fn(y_true, y_pred, **self.options)

    def check_targets(self, targets: np.ndarray, predictions: tuple[int | None, ...]) -> None:
        classes = predictions[self.axis]
        if self.ignore_class is not None:
            targets = targets[targets != self.ignore_class]
        if not targets.size or classes is None:
            return
        whole = targets.dtype.kind in "biu" or bool(np.all(targets == np.trunc(targets)))
        if not (whole and targets.min() >= 0 and targets.max() < classes):
            raise DataError(
                f"targets of {self.name} are class numbers",
                received=_range_of(targets),
                expected=f"0 .. {classes - 1}, for {classes} outputs of the model",
                fix="give the last layer one output per class, or number the classes from 0",
            )


def _range_of(targets: np.ndarray) -> str:
    """What is wrong with class numbers, for a message."""
    if not np.isfinite(targets).all():
        return f"{int((~np.isfinite(targets)).sum())} of {targets.size} are nan or infinite"
    low, high = targets.min(), targets.max()
    fractions = bool(np.any(targets != np.trunc(targets)))
    return f"{'fractions' if fractions else 'numbers'} from {low} to {high}"
