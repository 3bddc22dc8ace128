"""True and false positives and negatives at thresholds, and precision and recall of them.

A prediction is positive where it is above the threshold. With weights w, targets y in {0, 1}:

    tp = sum of w * y * positive          fn = sum of w * y       - tp
    fp = sum of w * (1 - y) * positive    tn = sum of w * (1 - y) - fp
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from graphc import dtypes
from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError, ShapeError
from graphc.frontend.losses.reduction import quotient, same_rank
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, index, leaf, movement, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, mul, sub, where
from graphc.ops.variable import Variable

from .metric import Metric

Thresholds = float | Sequence[float] | None
# Below every prediction; predictions that are not among the k largest become that.
LOWEST = -1e10


@final
@dataclass(frozen=True, slots=True)
class Counts:
    """How many of each kind there are, one number per threshold (and label)."""

    tp: Tensor
    fp: Tensor
    tn: Tensor
    fn: Tensor


def counted(
    y_true: TensorLike, y_pred: TensorLike, thresholds: Sequence[float],
    weight: TensorLike | None = None, *, top_k: int | None = None, class_id: int | None = None,
    per_label: bool = False, label_weights: Tensor | None = None,
) -> Counts:  # fmt: skip
    """The counts of a batch: (thresholds,), or (thresholds, labels) `per_label`."""
    targets, predictions = same_rank(
        convert.cast(convert.as_tensor(y_true), "float32"),
        convert.cast(convert.as_tensor(y_pred), "float32"),
    )
    if top_k is not None:
        predictions = _only_largest(predictions, top_k)
    if class_id is not None:
        if predictions.ndim == 1:
            raise ShapeError("class_id needs predictions per class", received=predictions.shape)
        targets, predictions = targets[..., class_id], predictions[..., class_id]
    factor = _weights(weight, predictions)
    if label_weights is not None:
        factor = mul(factor, label_weights)
    yes = mul(convert.cast(convert.cast(targets, "bool"), "float32"), factor)
    no = sub(factor, yes)
    axes = (0,) if per_label else tuple(range(predictions.ndim))
    limits = convert.as_tensor(list(thresholds), dtypes.float32)
    limits = movement.expand_dims(limits, tuple(range(1, predictions.ndim + 1)))
    positive = elementwise.greater(movement.expand_dims(predictions, 0), limits)
    over = tuple(a + 1 for a in axes)
    tp, fp = (reduce.sum(where(positive, part, 0.0), over) for part in (yes, no))
    return Counts(tp, fp, sub(reduce.sum(no, axes), fp), sub(reduce.sum(yes, axes), tp))


def _weights(weight: TensorLike | None, predictions: Tensor) -> Tensor:
    """A weight for each prediction."""
    if weight is None:
        return elementwise.add(mul(predictions, 0.0), 1.0)
    factor = convert.cast(convert.as_tensor(weight), "float32")
    if factor.ndim == predictions.ndim + 1 and factor.shape[-1] == 1:
        factor = movement.squeeze(factor, -1)
    if 0 < factor.ndim < predictions.ndim:
        factor = movement.expand_dims(factor, tuple(range(factor.ndim, predictions.ndim)))
    return convert.broadcast_to(factor, predictions.shape)


def _only_largest(predictions: Tensor, k: int) -> Tensor:
    """Predictions with all but the k largest of the last axis far below every threshold."""
    _, places = index.top_k(predictions, k)
    classes = leaf.iota((*predictions.shape[:-1], 1, predictions.shape[-1]), -1)
    chosen = reduce.any(elementwise.equal(movement.expand_dims(places, -1), classes), -2)
    return where(chosen, predictions, LOWEST)


def checked_thresholds(given: Thresholds, default: float) -> list[float]:
    """Thresholds as a list; ArgumentError for one that is not in 0 .. 1."""
    if given is None:
        return [default]
    found = list(given) if isinstance(given, Sequence) else [given]
    wrong = [t for t in found if t is None or not 0 <= t <= 1]
    if wrong:
        raise ArgumentError("thresholds are in 0 .. 1", received=wrong)
    return [float(t) for t in found]


class ConditionCount(Metric):
    """How many predictions are of one kind, at each threshold."""

    kind = "tp"

    def __init__(
        self, thresholds: Thresholds = None, name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.thresholds = checked_thresholds(thresholds, 0.5)
        self.accumulator = self.add_variable((len(self.thresholds),), name="accumulator")

    def update_state(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        counts = counted(y_true, y_pred, self.thresholds, sample_weight)
        by_kind = {"tp": counts.tp, "fp": counts.fp, "tn": counts.tn, "fn": counts.fn}
        self.accumulator.assign_add(by_kind[self.kind])

    def result(self) -> Tensor:
        return _one_or_all(convert.cast(self.accumulator, self.dtype))

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


@final
class TruePositives(ConditionCount):
    """How many positives were found."""

    kind = "tp"


@final
class FalsePositives(ConditionCount):
    """How many negatives were taken for positives."""

    kind = "fp"


@final
class TrueNegatives(ConditionCount):
    """How many negatives were found."""

    kind = "tn"


@final
class FalseNegatives(ConditionCount):
    """How many positives were taken for negatives."""

    kind = "fn"


class Share(Metric):
    """tp / (tp + others) at each threshold; 0 where there are none.

    `top_k` lets only the k largest predictions of an example count, `class_id` looks at one class.
    """

    others = ""

    def __init__(
        self, thresholds: Thresholds = None, top_k: int | None = None,
        class_id: int | None = None, name: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(dtype, name)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = checked_thresholds(thresholds, 0.5 if top_k is None else LOWEST)
        shape = (len(self.thresholds),)
        self.true_positives = self.add_variable(shape, name="true_positives")
        self.rest = self.add_variable(shape, name=self.others)

    def update_state(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        counts = counted(
            y_true, y_pred, self.thresholds, sample_weight,
            top_k=self.top_k, class_id=self.class_id,
        )  # fmt: skip
        self.true_positives.assign_add(counts.tp)
        self.rest.assign_add(counts.fp if self.others == "false_positives" else counts.fn)

    def result(self) -> Tensor:
        total = add(self.true_positives, self.rest)
        return _one_or_all(quotient(as_float(self.true_positives), total))

    def get_config(self) -> dict[str, object]:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


@final
class Precision(Share):
    """tp / (tp + fp): how many of those taken for positive are.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(Precision()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0]).numpy().round(4))
    0.6667
    """

    others = "false_positives"

    @property
    def false_positives(self) -> Variable:
        """How many negatives were taken for positives."""
        return self.rest


@final
class Recall(Share):
    """tp / (tp + fn): how many of the positives were found."""

    others = "false_negatives"

    @property
    def false_negatives(self) -> Variable:
        """How many positives were taken for negatives."""
        return self.rest


def as_float(state: Tensor) -> Tensor:
    """A state as a tensor to compute with."""
    return convert.cast(state, "float32")


def _one_or_all(values: Tensor) -> Tensor:
    return values[0] if values.shape[0] == 1 else values
