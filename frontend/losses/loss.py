"""The base of all losses: a number per example, weighted and reduced to what training minimises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

import numpy as np

from graphc.dtypes import DType, DTypeLike, as_dtype
from graphc.errors import ArgumentError, ShapeError
from graphc.frontend import config as settings
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.masks import mask_of
from graphc.frontend.naming import snake_case
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise
from graphc.ops.convert import TensorLike

from . import reduction as reductions

Function = Callable[..., Tensor]


class Loss:
    """A loss of targets and predictions; a subclass says in `call` what it is per example.

    `reduction` is sum_over_batch_size or mean (the sum over all values divided by their number),
    mean_with_sample_weight (divided by the sum of the weights), sum, or none. Targets and
    predictions are converted to `dtype`, which is `config.floatx()` where it is not given. Called
    with arrays or lists it is computed at once.

    >>> from graphc.knobs import settings
    >>> class Quartic(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return (y_true - y_pred) ** 4
    >>> with settings(backend="reference"):
    ...     print(Quartic()([1.0, 2.0], [2.0, 4.0]).numpy())
    8.5
    """

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        self.name = name or snake_case(type(self).__name__)
        self.reduction = reductions.checked(reduction)
        self._dtype = as_dtype(dtype or settings.floatx())

    @property
    def dtype(self) -> DType:
        """The dtype in which the loss is computed."""
        return self._dtype

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each example."""
        raise ArgumentError(
            f"{type(self).__name__} has no formula", fix="define call(self, y_true, y_pred)"
        )

    @eager_on_arrays
    def __call__(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> Tensor:
        """The reduced loss; `sample_weight` multiplies the values before the reduction.

        A weight is a number, or has the first axes of the values: one per example, or one per
        example and time step. What the mask of the predictions leaves out does not count.
        """
        predictions = convert.cast(convert.as_tensor(y_pred), self.dtype)
        values = self.call(self.as_target(y_true), predictions)
        mask = _both(mask_of(y_pred), mask_of(values))
        values = convert.cast(values, self.dtype)
        return reductions.reduced(values, sample_weight, mask, self.reduction)

    def as_target(self, y_true: TensorLike) -> Tensor:
        """Targets as `call` takes them."""
        return convert.cast(convert.as_tensor(y_true), self.dtype)

    def check_targets(self, targets: np.ndarray, predictions: tuple[int | None, ...]) -> None:
        """Raise DataError for targets that this loss has no value for; called once per fit."""

    def get_config(self) -> dict[str, object]:
        """The arguments that make this loss again."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """A loss from what `get_config` gave."""
        return cls(**config)  # pyright: ignore[reportArgumentType]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class FunctionLoss(Loss):
    """A function of targets and predictions as a loss; `options` are its further arguments."""

    def __init__(
        self, fn: Function, reduction: str | None = "sum_over_batch_size",
        name: str | None = None, dtype: DTypeLike | None = None, **options: object,
    ) -> None:  # fmt: skip
        super().__init__(name or str(vars(fn).get("name") or fn.__name__), reduction, dtype)
        self.fn, self.options = fn, options

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.fn(*reductions.same_rank(y_true, y_pred), **self.options)

    def get_config(self) -> dict[str, object]:
        own = {} if type(self) is not FunctionLoss else {"fn": self.fn}
        return {**super().get_config(), **own, **self.options}


def as_prediction(value: TensorLike) -> Tensor:
    """A float tensor."""
    tensor = convert.as_tensor(value)
    return tensor if tensor.dtype.is_float else convert.cast(tensor, settings.floatx())


def pair(y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor]:
    """Targets and predictions of one rank and of the dtype of the predictions.

    A last axis of size 1 may be missing on one side: (batch,) goes with (batch, 1).
    """
    targets, predictions = reductions.same_rank(convert.as_tensor(y_true), as_prediction(y_pred))
    if targets.ndim != predictions.ndim and targets.ndim and predictions.ndim:
        raise ShapeError(
            "targets and predictions have different numbers of axes",
            received=f"targets {targets.shape}, predictions {predictions.shape}",
            fix="for class numbers as targets use a sparse_ loss",
        )
    return convert.cast(targets, predictions.dtype), predictions


def _both(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    if a is None or b is None:
        return a if b is None else b
    return elementwise.logical_and(convert.cast(a, "bool"), convert.cast(b, "bool"))
