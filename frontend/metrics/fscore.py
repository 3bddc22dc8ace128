"""F-scores: the harmonic mean of precision and recall, per class and over classes."""

from __future__ import annotations

from typing import final

from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError
from graphc.frontend.config import epsilon
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, movement, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, div, mul, sub

from .metric import Metric
from .shapes import outputs_of

AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """(1 + beta**2) * precision * recall / (beta**2 * precision + recall).

    `average`: None gives one score per class, micro counts all classes together, macro is the mean
    over classes, weighted the mean weighted by how often a class occurs. Predictions above the
    `threshold` count as positive; without one, the largest of each example.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     targets, chances = [[1, 0], [1, 0], [0, 1]], [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]
    ...     print(F1Score("macro")(targets, chances).numpy().round(4))
    0.6667

    Raises:
        ArgumentError: no such average; beta or a threshold that is no positive float.
        ShapeError: targets or predictions that are not (batch, classes).
    """

    def __init__(
        self, average: str | None = None, beta: float = 1.0, threshold: float | None = None,
        name: str = "fbeta_score", dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(dtype, name)
        if average not in AVERAGES:
            raise ArgumentError("no such average", received=average, expected=AVERAGES)
        if not isinstance(beta, float) or beta <= 0:
            raise ArgumentError("beta is a float above 0", received=repr(beta))
        if threshold is not None and not (isinstance(threshold, float) and 0 < threshold <= 1):
            raise ArgumentError("a threshold is a float in (0, 1]", received=repr(threshold))
        self.average, self.beta, self.threshold = average, beta, threshold
        self.built = False

    def build(self, classes: int) -> None:
        """Make the states for this number of classes."""
        shape = () if self.average == "micro" else (classes,)
        names = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")
        states = [self.add_variable(shape, dtype=self.dtype, name=n) for n in names]
        self.true_positives, self.false_positives, self.false_negatives = states[:3]
        self.intermediate_weights = states[3]
        self.built = True

    def update_state(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        targets, predictions = (
            convert.cast(convert.as_tensor(y), self.dtype) for y in (y_true, y_pred)
        )
        classes = outputs_of(self.name, targets, predictions)
        if not self.built:
            self.build(classes)
        positive = convert.cast(self._positive(predictions), self.dtype)
        weight = None
        if sample_weight is not None:
            weight = convert.cast(convert.as_tensor(sample_weight), self.dtype)
            weight = movement.expand_dims(weight, 1) if weight.ndim == 1 else weight
        axis = None if self.average == "micro" else 0

        def total(values: Tensor) -> Tensor:
            return reduce.sum(values if weight is None else mul(values, weight), axis)

        self.true_positives.assign_add(total(mul(positive, targets)))
        self.false_positives.assign_add(total(mul(positive, sub(1.0, targets))))
        self.false_negatives.assign_add(total(mul(sub(1.0, positive), targets)))
        self.intermediate_weights.assign_add(total(targets))

    def _positive(self, predictions: Tensor) -> Tensor:
        if self.threshold is not None:
            return elementwise.greater(predictions, self.threshold)
        top = reduce.max(predictions, -1, keepdims=True)
        largest = elementwise.greater_equal(predictions, top)
        return elementwise.logical_and(
            largest, elementwise.greater(elementwise.abs(predictions), 1e-9)
        )

    def result(self) -> Tensor:
        right = self.true_positives
        precision = div(right, add(add(right, self.false_positives), epsilon()))
        recall = div(right, add(add(right, self.false_negatives), epsilon()))
        square = self.beta**2
        below = add(add(mul(precision, square), recall), epsilon())
        scores = mul(div(mul(precision, recall), below), 1 + square)
        if self.average == "weighted":
            often = self.intermediate_weights
            return reduce.sum(mul(scores, div(often, add(reduce.sum(often), epsilon()))))
        return scores if self.average is None else reduce.mean(scores)

    def get_config(self) -> dict[str, object]:
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **own}


@final
class F1Score(FBetaScore):
    """2 * precision * recall / (precision + recall); the options are those of `FBetaScore`."""

    def __init__(
        self, average: str | None = None, threshold: float | None = None,
        name: str = "f1_score", dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, object]:
        return {n: v for n, v in super().get_config().items() if n != "beta"}
