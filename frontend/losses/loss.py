"""The base of all losses: a number per example, weighted and reduced to what training minimises."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.errors import ArgumentError, ShapeError
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.naming import snake_case
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, movement, reduce
from graphc.ops.convert import TensorLike

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "none")


class Loss:
    """A loss of targets and predictions; a subclass says in `call` what it is per example.

    `reduction` is sum_over_batch_size or mean (the sum over all values divided by their number),
    sum, or none. Called with arrays or lists it is computed at once.
    """

    def __init__(
        self, *, reduction: str | None = "sum_over_batch_size", name: str | None = None
    ) -> None:
        if (reduction or "none") not in REDUCTIONS:
            raise ArgumentError(
                "no such reduction", received=reduction, expected=", ".join(REDUCTIONS)
            )
        self.reduction = reduction or "none"
        self.name = name or snake_case(type(self).__name__)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each example."""
        raise ArgumentError(
            f"{type(self).__name__} has no formula", fix="define call(self, y_true, y_pred)"
        )

    @eager_on_arrays
    def __call__(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> Tensor:
        """The reduced loss; `sample_weight` multiplies the values before the reduction."""
        values = self.call(convert.as_tensor(y_true), as_prediction(y_pred))
        if sample_weight is not None:
            values = elementwise.mul(values, _aligned(sample_weight, values))
        match self.reduction:
            case "none":
                return values
            case "sum":
                return reduce.sum(values)
        return reduce.mean(values)

    def check_targets(self, targets: np.ndarray, predictions: tuple[int | None, ...]) -> None:
        """Raise DataError for targets that this loss has no value for; called once per fit."""

    def get_config(self) -> dict[str, object]:
        """The arguments that make this loss again."""
        return {"reduction": self.reduction, "name": self.name}


class FunctionLoss(Loss):
    """A function of targets and predictions in the place of a formula."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], name: str) -> None:
        super().__init__(name=name)
        self.function = function

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.function(y_true, y_pred)


def as_prediction(value: TensorLike) -> Tensor:
    """A float tensor."""
    tensor = convert.as_tensor(value)
    return tensor if tensor.dtype.is_float else convert.cast(tensor, "float32")


def same_rank(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Targets and predictions of one rank and of the dtype of the predictions.

    A last axis of size 1 may be missing on one side: (batch,) goes with (batch, 1).
    """
    if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
        y_true = movement.expand_dims(y_true, -1)
    elif y_pred.ndim == y_true.ndim - 1 and y_true.shape[-1] == 1:
        y_pred = movement.expand_dims(y_pred, -1)
    if y_true.ndim != y_pred.ndim:
        raise ShapeError(
            "targets and predictions have different numbers of axes",
            received=f"targets {y_true.shape}, predictions {y_pred.shape}",
            fix="for class numbers as targets use a sparse_ loss",
        )
    return convert.cast(y_true, y_pred.dtype), y_pred


def _aligned(weight: TensorLike, values: Tensor) -> Tensor:
    tensor = convert.as_tensor(weight, values.dtype)
    while tensor.ndim < values.ndim:
        tensor = movement.expand_dims(tensor, -1)
    if tensor.ndim > values.ndim and tensor.shape[-1] == 1:
        tensor = movement.squeeze(tensor, -1)
    return tensor
