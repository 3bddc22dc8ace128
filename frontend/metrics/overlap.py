"""Confusion matrices, and how far true and predicted regions overlap.

IoU of a class = true and predicted / (true or predicted)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError
from graphc.frontend.config import epsilon
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, index, leaf, movement, numeric, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, div, logical_and, mul, sub, where
from graphc.provenance import warn

from .metric import Metric


@eager_on_arrays
def confusion_matrix(
    labels: TensorLike, predictions: TensorLike, num_classes: int,
    weights: TensorLike | None = None, dtype: DTypeLike = "int32",
) -> Tensor:  # fmt: skip
    """How often class `row` was taken for class `column`: (n,) twice -> (classes, classes).

    Pairs with a number that is no class do not count.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(confusion_matrix([0, 1, 1], [0, 0, 1], 2).numpy().tolist())
    [[1, 0], [1, 1]]
    """
    true, guessed = (
        movement.flatten(convert.cast(convert.as_tensor(y), "int32")) for y in (labels, predictions)
    )
    fine = logical_and(_is_class(true, num_classes), _is_class(guessed, num_classes))
    factor = convert.cast(convert.as_tensor(1 if weights is None else weights), dtype)
    factor = movement.flatten(factor) if factor.ndim > 1 else factor
    factor = where(fine, convert.broadcast_to(factor, true.shape), 0)
    places = where(fine, add(mul(true, num_classes), guessed), 0)
    empty = leaf.zeros((num_classes * num_classes,), dtype)
    counts = index.scatter_add(empty, places, factor)
    return movement.reshape(counts, (num_classes, num_classes))


def _is_class(numbers: Tensor, classes: int) -> Tensor:
    return logical_and(elementwise.greater_equal(numbers, 0), elementwise.less(numbers, classes))


class ConfusionMatrix(Metric):
    """The confusion matrix of all batches: rows are targets, columns predictions.

    `sparse_y_true`, `sparse_y_pred` say whether class numbers are given; else the largest along
    `axis` is taken. Targets of `ignore_class` do not count.
    """

    def __init__(
        self, num_classes: int, name: str | None = None, dtype: DTypeLike | None = None,
        ignore_class: int | None = None, sparse_y_true: bool = True, sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(dtype or "int32", name)
        self.num_classes, self.ignore_class, self.axis = num_classes, ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        shape = (num_classes, num_classes)
        self.total_cm = self.add_variable(shape, dtype=self.dtype, name="total_confusion_matrix")

    def update_state(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        targets, predictions = convert.as_tensor(y_true), convert.as_tensor(y_pred)
        if sample_weight is not None and self.total_cm.dtype.is_integer:
            sample_weight = self._whole(convert.as_tensor(sample_weight))
        if not self.sparse_y_true:
            targets = reduce.argmax(targets, self.axis)
        if not self.sparse_y_pred:
            predictions = reduce.argmax(predictions, self.axis)
        targets = convert.cast(targets, "int32")
        if self.ignore_class is not None:
            targets = where(elementwise.equal(targets, self.ignore_class), -1, targets)
        batch = confusion_matrix(targets, predictions, self.num_classes, sample_weight, self.dtype)
        self.total_cm.assign_add(batch)

    def _whole(self, weight: Tensor) -> Tensor:
        if weight.dtype.is_float:
            warn(
                f"{self.name} counts in {self.dtype}, so broken weights are cut off; "
                "give dtype='float32' to count them"
            )
        return convert.cast(weight, self.dtype)

    def result(self) -> Tensor:
        return convert.cast(self.total_cm, self.dtype)

    def get_config(self) -> dict[str, object]:
        names = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**super().get_config(), **{n: vars(self)[n] for n in names}}


class IoU(ConfusionMatrix):
    """The mean over some classes of (true and predicted) / (true or predicted).

    Classes that neither occur nor are predicted do not count.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(IoU(2, [0])([0, 0, 1, 1], [0, 1, 0, 1]).numpy().round(4))
    0.3333

    Raises:
        ArgumentError: a target class that there is not.
    """

    def __init__(
        self, num_classes: int, target_class_ids: Sequence[int], name: str | None = None,
        dtype: DTypeLike | None = None, ignore_class: int | None = None,
        sparse_y_true: bool = True, sparse_y_pred: bool = True, axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)
        if max(target_class_ids) >= num_classes:
            raise ArgumentError(
                "target_class_ids are class numbers",
                received=list(target_class_ids),
                expected=f"0 .. {num_classes - 1}",
            )
        self.target_class_ids = list(target_class_ids)

    def result(self) -> Tensor:
        matrix = convert.cast(self.total_cm, "float32")
        both = numeric.diagonal(matrix)
        either = sub(add(reduce.sum(matrix, 0), reduce.sum(matrix, 1)), both)
        both, either = (index.take(t, self.target_class_ids) for t in (both, either))
        there = elementwise.greater(either, 1e-9)
        share = where(there, div(both, add(either, epsilon())), 0.0)
        number = reduce.sum(convert.cast(there, "float32"))
        return div(reduce.sum(share), add(number, epsilon()))

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "target_class_ids": self.target_class_ids}


def _without(config: dict[str, object], *names: str) -> dict[str, object]:
    return {n: v for n, v in config.items() if n not in names}


@final
class BinaryIoU(IoU):
    """The overlap of two classes, where predictions from the threshold on are class 1."""

    def __init__(
        self, target_class_ids: Sequence[int] = (0, 1), threshold: float = 0.5,
        name: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        predictions = convert.cast(convert.as_tensor(y_pred), "float32")
        decided = elementwise.greater_equal(predictions, self.threshold)
        super().update_state(y_true, convert.cast(decided, "int32"), sample_weight)

    def get_config(self) -> dict[str, object]:
        names = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**_without(super().get_config(), *names), "threshold": self.threshold}


class MeanIoU(IoU):
    """The mean overlap of all classes that occur or are predicted."""

    def __init__(
        self, num_classes: int, name: str | None = None, dtype: DTypeLike | None = None,
        ignore_class: int | None = None, sparse_y_true: bool = True, sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(
            num_classes, range(num_classes), name, dtype, ignore_class,
            sparse_y_true, sparse_y_pred, axis,
        )  # fmt: skip

    def get_config(self) -> dict[str, object]:
        return _without(super().get_config(), "target_class_ids")


@final
class OneHotIoU(IoU):
    """The overlap of some classes, with one-hot targets."""

    def __init__(
        self, num_classes: int, target_class_ids: Sequence[int], name: str | None = None,
        dtype: DTypeLike | None = None, ignore_class: int | None = None,
        sparse_y_pred: bool = False, axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )

    def get_config(self) -> dict[str, object]:
        return _without(super().get_config(), "sparse_y_true")


@final
class OneHotMeanIoU(MeanIoU):
    """The mean overlap of all classes, with one-hot targets."""

    def __init__(
        self, num_classes: int, name: str | None = None, dtype: DTypeLike | None = None,
        ignore_class: int | None = None, sparse_y_pred: bool = False, axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, object]:
        return _without(super().get_config(), "sparse_y_true")
