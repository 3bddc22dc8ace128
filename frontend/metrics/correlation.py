"""How targets and predictions vary together: correlations, and R2 over all examples."""

from __future__ import annotations

from typing import final

from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError
from graphc.frontend.config import epsilon
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.losses.loss import pair
from graphc.frontend.losses.reduction import quotient
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, leaf, movement, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, div, mul, square, sub, where

from .mean import MeanMetricWrapper
from .metric import Metric
from .shapes import outputs_of

AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


@eager_on_arrays
def pearson_correlation(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """covariance / (deviation of y_true * deviation of y_pred) along an axis."""
    a, b = (_centred(y, axis) for y in pair(y_true, y_pred))
    return div(
        reduce.mean(mul(a, b), axis),
        elementwise.sqrt(mul(reduce.mean(square(a), axis), reduce.mean(square(b), axis))),
    )


@eager_on_arrays
def concordance_correlation(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """2 * covariance / (both variances + squared difference of the means) along an axis."""
    targets, predictions = pair(y_true, y_pred)
    a, b = _centred(targets, axis), _centred(predictions, axis)
    apart = square(sub(reduce.mean(targets, axis), reduce.mean(predictions, axis)))
    spread = add(reduce.mean(square(a), axis), reduce.mean(square(b), axis))
    return div(mul(reduce.mean(mul(a, b), axis), 2.0), add(add(spread, apart), epsilon()))


def _centred(x: Tensor, axis: int) -> Tensor:
    return sub(x, reduce.mean(x, axis, keepdims=True))


@final
class PearsonCorrelation(MeanMetricWrapper):
    """The mean of the correlations of targets and predictions along an axis."""

    def __init__(
        self, name: str = "pearson_correlation", dtype: DTypeLike | None = None, axis: int = -1
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)


@final
class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean concordance of targets and predictions along an axis."""

    def __init__(
        self, name: str = "concordance_correlation", dtype: DTypeLike | None = None,
        axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(concordance_correlation, name, dtype, axis=axis)


@final
class R2Score(Metric):
    """1 - squared errors / squared deviations from the mean, per output and then over outputs.

    `num_regressors` p adjusts it: 1 - (1 - r2) * (n - 1) / (n - p - 1), where n allows it.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]).numpy().round(4))
    0.5714

    Raises:
        ArgumentError: no such aggregation, or a negative number of regressors.
    """

    def __init__(
        self, class_aggregation: str | None = "uniform_average", num_regressors: int = 0,
        name: str = "r2_score", dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(dtype, name)
        if class_aggregation not in AGGREGATIONS:
            raise ArgumentError(
                "no such class_aggregation", received=class_aggregation, expected=AGGREGATIONS
            )
        if num_regressors < 0:
            raise ArgumentError("num_regressors is 0 or more", received=num_regressors)
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable(name="num_samples")
        self.built = False

    def build(self, outputs: int) -> None:
        """Make the states for this number of outputs."""
        names = ("squared_sum", "sum", "residual", "count")
        states = [self.add_variable((outputs,), name=n) for n in names]
        self.squared_sum, self.sum, self.total_mse, self.count = states
        self.built = True

    def update_state(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        targets, predictions = pair(y_true, convert.cast(convert.as_tensor(y_pred), self.dtype))
        if not self.built:
            self.build(outputs_of(self.name, targets, predictions))
        weight = convert.cast(convert.as_tensor(1 if sample_weight is None else sample_weight),
                              self.dtype)  # fmt: skip
        if weight.ndim == 1:
            weight = movement.expand_dims(weight, 1)
        weight = convert.broadcast_to(weight, targets.shape)
        weighted = mul(targets, weight)
        residual = mul(square(sub(targets, predictions)), weight)
        self.sum.assign_add(reduce.sum(weighted, 0))
        self.squared_sum.assign_add(reduce.sum(mul(targets, weighted), 0))
        self.total_mse.assign_add(reduce.sum(residual, 0))
        self.count.assign_add(reduce.sum(weight, 0))
        self.num_samples.assign_add(leaf.size_of(targets.size, self.dtype))

    def result(self) -> Tensor:
        total = sub(self.squared_sum, mul(self.sum, div(self.sum, self.count)))
        scores = sub(1.0, div(self.total_mse, total))
        scores = where(elementwise.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = reduce.mean(scores)
        elif self.class_aggregation is not None:
            scores = div(reduce.sum(mul(total, scores)), reduce.sum(total))
        if not self.num_regressors:
            return scores
        free = sub(self.num_samples, 1.0 + self.num_regressors)
        adjusted = sub(1.0, quotient(mul(sub(1.0, scores), sub(self.num_samples, 1.0)), free))
        return where(elementwise.greater(free, 0.0), adjusted, scores)

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
