"""Losses as metrics: the weighted means of their values."""

from __future__ import annotations

from typing import final

from graphc.dtypes import DTypeLike
from graphc.frontend import losses
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.losses.loss import pair
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise
from graphc.ops.convert import TensorLike

from .mean import Mean, MeanMetricWrapper


@eager_on_arrays
def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """The cosine of the angle between targets and predictions; the loss is minus that."""
    return elementwise.neg(losses.cosine_similarity(y_true, y_pred, axis))


@final
class MeanSquaredError(MeanMetricWrapper):
    """mean((y_true - y_pred)**2).

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(MeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]]).numpy())
    0.25
    """

    def __init__(self, name: str = "mean_squared_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


@final
class RootMeanSquaredError(Mean):
    """sqrt(mean((y_true - y_pred)**2)), the mean over all elements of all batches."""

    def __init__(
        self, name: str = "root_mean_squared_error", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(name, dtype)

    def update_state(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        targets, predictions = pair(y_true, convert.cast(convert.as_tensor(y_pred), self.dtype))
        squares = elementwise.square(elementwise.sub(predictions, targets))
        super().update_state(squares, sample_weight)

    def result(self) -> Tensor:
        return elementwise.sqrt(super().result())


@final
class MeanAbsoluteError(MeanMetricWrapper):
    """mean(|y_true - y_pred|)."""

    def __init__(self, name: str = "mean_absolute_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


@final
class MeanAbsolutePercentageError(MeanMetricWrapper):
    """100 * mean(|y_true - y_pred| / |y_true|)."""

    def __init__(
        self, name: str = "mean_absolute_percentage_error", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


@final
class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """mean((log(1 + y_true) - log(1 + y_pred))**2)."""

    def __init__(
        self, name: str = "mean_squared_logarithmic_error", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


@final
class LogCoshError(MeanMetricWrapper):
    """mean(log(cosh(y_pred - y_true)))."""

    def __init__(self, name: str = "logcosh", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.log_cosh, name, dtype)


@final
class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between targets and predictions."""

    def __init__(
        self, name: str = "cosine_similarity", dtype: DTypeLike | None = None, axis: int = -1
    ) -> None:
        super().__init__(cosine_similarity, name, dtype, axis=axis)


@final
class Hinge(MeanMetricWrapper):
    """mean(max(1 - y_true * y_pred, 0))."""

    def __init__(self, name: str = "hinge", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.hinge, name, dtype)


@final
class SquaredHinge(MeanMetricWrapper):
    """mean(max(1 - y_true * y_pred, 0)**2)."""

    def __init__(self, name: str = "squared_hinge", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


@final
class CategoricalHinge(MeanMetricWrapper):
    """mean(max(1 + largest wrong prediction - right prediction, 0))."""

    def __init__(self, name: str = "categorical_hinge", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)


@final
class KLDivergence(MeanMetricWrapper):
    """mean of sum(y_true * log(y_true / y_pred))."""

    def __init__(self, name: str = "kl_divergence", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


@final
class Poisson(MeanMetricWrapper):
    """mean(y_pred - y_true * log(y_pred))."""

    def __init__(self, name: str = "poisson", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.poisson, name, dtype)


@final
class BinaryCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of yes-or-no targets."""

    def __init__(
        self, name: str = "binary_crossentropy", dtype: DTypeLike | None = None,
        from_logits: bool = False, label_smoothing: float = 0,
    ) -> None:  # fmt: skip
        super().__init__(
            losses.binary_crossentropy, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing,
        )  # fmt: skip


@final
class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy with one-hot targets."""

    def __init__(
        self, name: str = "categorical_crossentropy", dtype: DTypeLike | None = None,
        from_logits: bool = False, label_smoothing: float = 0, axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(
            losses.categorical_crossentropy, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


@final
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy with class numbers as targets."""

    def __init__(
        self, name: str = "sparse_categorical_crossentropy", dtype: DTypeLike | None = None,
        from_logits: bool = False, ignore_class: int | None = None, axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(
            losses.sparse_categorical_crossentropy, name, dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip
