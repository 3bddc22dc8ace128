"""Metrics of a whole curve of thresholds: areas under it, and points on it.

ROC     recall over false positive rate        PR  precision over recall
PRGAIN  both as gains over always saying yes   (Flach and Kull 2015)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from graphc import dtypes
from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError, ShapeError
from graphc.frontend.config import epsilon
from graphc.frontend.losses.reduction import quotient
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, div, log, maximum, minimum, mul, sub, where

from .counts import counted
from .metric import Metric

CURVES = ("ROC", "PR", "PRGAIN")
METHODS = ("interpolation", "minoring", "majoring")


def even_thresholds(number: int) -> list[float]:
    """Thresholds strictly between 0 and 1, at the same distances."""
    return [(i + 1) / (number - 1) for i in range(number - 2)]


class Curve(Metric):
    """The four counts at many thresholds."""

    def __init__(self, dtype: DTypeLike | None, name: str | None) -> None:
        super().__init__(dtype, name)
        self.thresholds: list[float] = []

    def make_states(self, shape: tuple[int, ...]) -> None:
        """The counts, as states of this shape."""
        names = ("true_positives", "false_positives", "true_negatives", "false_negatives")
        states = [self.add_variable(shape, name=n) for n in names]
        self.true_positives, self.false_positives = states[:2]
        self.true_negatives, self.false_negatives = states[2:]

    def count(
        self, y_true: TensorLike, y_pred: TensorLike, weight: TensorLike | None, **options: object
    ) -> None:
        """Add the counts of a batch."""
        predictions = elementwise.clip(convert.cast(convert.as_tensor(y_pred), "float32"), 0, 1)
        counts = counted(y_true, predictions, self.thresholds, weight, **options)  # pyright: ignore[reportArgumentType]
        self.true_positives.assign_add(counts.tp)
        self.false_positives.assign_add(counts.fp)
        self.true_negatives.assign_add(counts.tn)
        self.false_negatives.assign_add(counts.fn)

    def recall_rate(self) -> Tensor:
        """tp / (tp + fn), which is also called sensitivity."""
        return _share(self.true_positives, self.false_negatives)

    def precision_rate(self) -> Tensor:
        """tp / (tp + fp)."""
        return _share(self.true_positives, self.false_positives)

    def specificity_rate(self) -> Tensor:
        """tn / (tn + fp)."""
        return _share(self.true_negatives, self.false_positives)


class PointOnCurve(Curve):
    """The best of one rate where another is at least some value, over evenly spaced thresholds."""

    # The argument that says the value.
    argument = ""

    def __init__(
        self, value: float, num_thresholds: int = 200, class_id: int | None = None,
        name: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(dtype, name)
        if not 0 <= value <= 1:
            raise ArgumentError(f"{self.argument} is in 0 .. 1", received=value)
        if num_thresholds <= 0:
            raise ArgumentError("num_thresholds is above 0", received=num_thresholds)
        self.value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        one = num_thresholds == 1
        self.thresholds = [0.5] if one else [0.0, *even_thresholds(num_thresholds), 1.0]
        self.make_states((len(self.thresholds),))

    def update_state(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        self.count(y_true, y_pred, sample_weight, class_id=self.class_id)

    def best(self, constrained: Tensor, wanted: Tensor) -> Tensor:
        """The largest wanted rate where the constrained one is at least the value."""
        allowed = elementwise.greater_equal(constrained, self.value)
        return reduce.max(where(allowed, wanted, 0.0))

    def get_config(self) -> dict[str, object]:
        own = {
            self.argument: self.value,
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
        }
        return {**super().get_config(), **own}


@final
class SensitivityAtSpecificity(PointOnCurve):
    """The best tp / (tp + fn) where tn / (tn + fp) is at least `specificity`."""

    argument = "specificity"

    def __init__(
        self, specificity: float, num_thresholds: int = 200, class_id: int | None = None,
        name: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> Tensor:
        return self.best(self.specificity_rate(), self.recall_rate())


@final
class SpecificityAtSensitivity(PointOnCurve):
    """The best tn / (tn + fp) where tp / (tp + fn) is at least `sensitivity`."""

    argument = "sensitivity"

    def __init__(
        self, sensitivity: float, num_thresholds: int = 200, class_id: int | None = None,
        name: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> Tensor:
        return self.best(self.recall_rate(), self.specificity_rate())


@final
class PrecisionAtRecall(PointOnCurve):
    """The best tp / (tp + fp) where tp / (tp + fn) is at least `recall`."""

    argument = "recall"

    def __init__(
        self, recall: float, num_thresholds: int = 200, class_id: int | None = None,
        name: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> Tensor:
        return self.best(self.recall_rate(), self.precision_rate())


@final
class RecallAtPrecision(PointOnCurve):
    """The best tp / (tp + fn) where tp / (tp + fp) is at least `precision`."""

    argument = "precision"

    def __init__(
        self, precision: float, num_thresholds: int = 200, class_id: int | None = None,
        name: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> Tensor:
        return self.best(self.precision_rate(), self.recall_rate())


@final
class AUC(Curve):
    """The area under a curve, from the counts at some thresholds.

    `curve` is ROC, PR or PRGAIN. `summation_method`: interpolation takes the trapezoids (of PR the
    interpolation of Davis and Goadrich 2006), minoring and majoring the smaller and larger of two
    neighbouring heights. With `multi_label` there is an area per label, and the mean of them,
    weighted by `label_weights`.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]).numpy())
    0.75

    Raises:
        ArgumentError: no such curve or method, or too few thresholds.
        ShapeError: predictions without an axis of labels, with `multi_label`.
    """

    def __init__(
        self, num_thresholds: int = 200, curve: str = "ROC",
        summation_method: str = "interpolation", name: str | None = None,
        dtype: DTypeLike | None = None, thresholds: Sequence[float] | None = None,
        multi_label: bool = False, num_labels: int | None = None,
        label_weights: Sequence[float] | None = None, from_logits: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(dtype, name)
        self.curve = _choice("curve", CURVES, curve)
        self.summation_method = _choice("summation_method", METHODS, summation_method)
        if thresholds is None and num_thresholds <= 1:
            raise ArgumentError("num_thresholds is above 1", received=num_thresholds)
        if num_labels and not multi_label:
            raise ArgumentError("num_labels is for multi_label=True", received=num_labels)
        self.init_thresholds = None if thresholds is None else [float(t) for t in thresholds]
        given = self.init_thresholds
        inside = sorted(given) if given is not None else even_thresholds(num_thresholds)
        self.thresholds = [-epsilon(), *inside, 1.0 + epsilon()]
        self.num_thresholds = len(self.thresholds)
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        self.built = False
        if num_labels or not multi_label:
            self.build((None, num_labels or 1))

    def build(self, shape: Sequence[object]) -> None:
        """Make the states for predictions of this shape."""
        if self.multi_label and (len(shape) != 2 or not isinstance(shape[1], int)):
            raise ShapeError("multi_label takes predictions (batch, labels)", received=shape)
        labels = (shape[1],) if self.multi_label and isinstance(shape[1], int) else ()
        self.make_states((self.num_thresholds, *labels))
        self.built = True

    def update_state(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        predictions = convert.as_tensor(y_pred)
        if not self.built:
            self.build(predictions.shape)
        if self.from_logits:
            predictions = elementwise.sigmoid(predictions)
        weights = None if self.multi_label else self._label_weights()
        self.count(
            y_true, predictions, sample_weight, per_label=self.multi_label, label_weights=weights
        )

    def result(self) -> Tensor:
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._mean_of_labels(self._interpolated_precision())
        x, y = self._points()
        first, second = y[:-1], y[1:]
        if self.summation_method == "interpolation":
            heights = mul(add(first, second), 0.5)
        else:
            choose = minimum if self.summation_method == "minoring" else maximum
            heights = choose(first, second)
        return self._mean_of_labels(mul(sub(x[:-1], x[1:]), heights))

    def _points(self) -> tuple[Tensor, Tensor]:
        if self.curve == "ROC":
            return _share(self.false_positives, self.true_negatives), self.recall_rate()
        if self.curve == "PR":
            return self.recall_rate(), self.precision_rate()
        tp, fp = self.true_positives, self.false_positives
        odds = quotient(add(tp, self.false_negatives), add(self.true_negatives, fp))
        none = elementwise.equal(tp, 0.0)
        gains = [sub(1.0, mul(odds, quotient(_f(e), _f(tp)))) for e in (self.false_negatives, fp)]
        return maximum(where(none, 0.0, gains[0]), 0.0), where(none, 1.0, gains[1])

    def _interpolated_precision(self) -> Tensor:
        """The area of each piece of the PR curve: between two thresholds tp and fp grow linearly.

        With P = tp + fp, slope = dtp / dP and intercept = tp - slope * P, a piece is
        slope * (dtp + intercept * log(P before / P after)) / (tp + fn).
        """
        tp, positive = self.true_positives, add(self.true_positives, self.false_positives)
        grown, more = sub(tp[:-1], tp[1:]), sub(positive[:-1], positive[1:])
        slope = quotient(grown, maximum(more, 0.0))
        intercept = sub(tp[1:], mul(slope, positive[1:]))
        both = elementwise.logical_and(
            elementwise.greater(positive[:-1], 0.0), elementwise.greater(positive[1:], 0.0)
        )
        ratio = where(both, div(positive[:-1], where(both, positive[1:], 1.0)), 1.0)
        area = mul(slope, add(grown, mul(intercept, log(ratio))))
        return quotient(area, add(tp[1:], self.false_negatives[1:]))

    def _mean_of_labels(self, pieces: Tensor) -> Tensor:
        if not self.multi_label:
            return reduce.sum(pieces)
        areas, weights = reduce.sum(pieces, 0), self._label_weights()
        if weights is None:
            return reduce.mean(areas)
        return quotient(reduce.sum(mul(areas, weights)), reduce.sum(weights))

    def _label_weights(self) -> Tensor | None:
        given = self.label_weights
        return None if given is None else convert.as_tensor(given, dtypes.float32)

    def get_config(self) -> dict[str, object]:
        own: dict[str, object] = {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        if self.init_thresholds is not None:
            own["thresholds"] = self.init_thresholds
        return {**super().get_config(), **own}


def _share(part: Tensor, rest: Tensor) -> Tensor:
    return quotient(_f(part), add(part, rest))


def _f(state: Tensor) -> Tensor:
    return convert.cast(state, dtypes.float32)


def _choice(what: str, known: Sequence[str], given: str) -> str:
    found = [name for name in known if name.casefold() == str(given).casefold()]
    if not found:
        raise ArgumentError(f"no such {what}", received=given, expected=", ".join(known))
    return found[0]
