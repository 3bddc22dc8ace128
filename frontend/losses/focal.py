"""Cross-entropies for unbalanced classes and for wrong labels.

    focal              alpha * (1 - p)**gamma * cross-entropy          (Lin et al. 2018)
    generalized        (1 - p**q) / q, for q -> 0 the cross-entropy    (Zhang, Sabuncu 2018)

Here p is the probability given to the target: examples that are easy count less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from graphc import dtypes
from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import activation, convert, elementwise, leaf, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, div, log, mul, sub, where

from .crossentropy import bits_entropy, checked_pair, class_numbers, probabilities, smoothed
from .loss import FunctionLoss, as_prediction

Alpha = float | Sequence[float]


@eager_on_arrays
def categorical_focal_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, alpha: Alpha = 0.25, gamma: float = 2.0,
    from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
) -> Tensor:  # fmt: skip
    """-sum over classes of alpha * (1 - p)**gamma * y_true * log(p).

    (batch, classes) twice -> (batch,); `alpha` is a number, or one per class.
    """
    targets, predictions = checked_pair(y_true, y_pred, axis)
    targets = smoothed(targets, label_smoothing, axis)
    p = activation.softmax(predictions, axis) if from_logits else predictions
    p = probabilities(p, axis)
    weight = mul(_power(sub(1.0, p), gamma), convert.as_tensor(alpha, p.dtype))
    return elementwise.neg(reduce.sum(mul(weight, mul(targets, log(p))), axis))


@eager_on_arrays
def binary_focal_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, apply_class_balancing: bool = False,
    alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False,
    label_smoothing: float = 0.0, axis: int = -1,
) -> Tensor:  # fmt: skip
    """The mean over the axis of (1 - p)**gamma times the binary cross-entropy, with p for y_true.

    (batch, n) twice -> (batch,); with `apply_class_balancing` class 1 weighs alpha, class 0 the
    rest.
    """
    targets, predictions = checked_pair(y_true, y_pred, axis)
    targets = smoothed(targets, label_smoothing)
    p = elementwise.sigmoid(predictions) if from_logits else predictions
    zeros = sub(1.0, targets)
    right = add(mul(targets, p), mul(zeros, sub(1.0, p)))
    loss = mul(_power(sub(1.0, right), gamma), bits_entropy(targets, p))
    if apply_class_balancing:
        loss = mul(add(mul(targets, alpha), mul(zeros, 1.0 - alpha)), loss)
    return reduce.mean(loss, axis)


@eager_on_arrays
def categorical_generalized_cross_entropy(
    y_true: TensorLike, y_pred: TensorLike, q: float = 0.5
) -> Tensor:
    """(1 - p[y_true]**q) / q: (batch,) and (batch, classes) -> (batch,)."""
    predictions = as_prediction(y_pred)
    at = predictions.ndim - 1
    labels = class_numbers(convert.as_tensor(y_true), predictions, at)
    chosen = elementwise.equal(leaf.iota(predictions.shape, at, dtypes.int32), labels)
    p = reduce.sum(where(chosen, predictions, 0.0), at)
    return div(sub(1.0, elementwise.pow(p, q)), q)


def _power(base: Tensor, exponent: float) -> Tensor:
    """A power by whole squares where that is possible: its derivative at 0 is no NaN."""
    return elementwise.square(base) if exponent == 2 else elementwise.pow(base, exponent)


@final
class CategoricalFocalCrossentropy(FunctionLoss):
    """The cross-entropy with one-hot targets in which easy examples count less.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     easy, hard = CategoricalFocalCrossentropy(reduction="none")(
    ...         [[0, 1], [0, 1]], [[0.1, 0.9], [0.6, 0.4]]
    ...     ).numpy()
    >>> bool(hard > 100 * easy)
    True
    """

    def __init__(
        self, alpha: Alpha = 0.25, gamma: float = 2.0, from_logits: bool = False,
        label_smoothing: float = 0.0, axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy", dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            categorical_focal_crossentropy, reduction, name, dtype, alpha=alpha, gamma=gamma,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


@final
class BinaryFocalCrossentropy(FunctionLoss):
    """The cross-entropy of yes-or-no targets in which easy examples count less."""

    def __init__(
        self, apply_class_balancing: bool = False, alpha: float = 0.25, gamma: float = 2.0,
        from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
        reduction: str | None = "sum_over_batch_size", name: str = "binary_focal_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            binary_focal_crossentropy, reduction, name, dtype,
            apply_class_balancing=apply_class_balancing, alpha=alpha, gamma=gamma,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


@final
class CategoricalGeneralizedCrossEntropy(FunctionLoss):
    """(1 - p**q) / q with class numbers as targets: wrong labels do less harm.

    Raises:
        ArgumentError: a q that is not between 0 and 1.
    """

    def __init__(
        self, q: float = 0.5, reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy", dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        if not 0 < q < 1:
            raise ArgumentError("q is between 0 and 1", received=q)
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)

    def as_target(self, y_true: TensorLike) -> Tensor:
        return convert.as_tensor(y_true)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.fn(y_true, y_pred, **self.options)
