"""Losses of embeddings: examples of one class near, of other classes far."""

from __future__ import annotations

from typing import final

import numpy as np

from graphc import dtypes
from graphc.dtypes import DTypeLike
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.masks import set_mask
from graphc.ir.node import Tensor
from graphc.ops import activation, convert, elementwise, leaf, matmul, movement, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, logical_and, logical_not, maximum, mul, sub, where

from .loss import FunctionLoss, as_prediction


@eager_on_arrays
def circle(
    y_true: TensorLike, y_pred: TensorLike, ref_labels: TensorLike | None = None,
    ref_embeddings: TensorLike | None = None, remove_diagonal: bool = True, gamma: float = 80.0,
    margin: float = 0.4,
) -> Tensor:  # fmt: skip
    """softplus(logsumexp of near pairs + logsumexp of far pairs) (Sun et al. 2020).

    With d = 1 - cosine of two embeddings (rows of length 1), a pair of one class weighs
    gamma * (d + margin) * (d - margin), a pair of two classes
    gamma * (1 + margin - d) * (1 - margin - d). Pairs are taken with the batch itself, or with
    reference embeddings and their labels.

    (batch,) class numbers and (batch, n) -> (batch,)
    """
    embeddings = as_prediction(y_pred)
    labels = convert.cast(convert.as_tensor(y_true), dtypes.int32)
    others = embeddings if ref_embeddings is None else as_prediction(ref_embeddings)
    other_labels = labels if ref_labels is None else convert.as_tensor(ref_labels)
    same = elementwise.equal(_column(labels), movement.transpose(_column(other_labels)))
    different = logical_not(same)
    if remove_diagonal:
        rows, columns = (leaf.iota(same.shape, axis) for axis in (0, 1))
        same = logical_and(same, elementwise.not_equal(rows, columns))
    cosine = matmul.matmul(embeddings, movement.transpose(others))
    distance = maximum(sub(1.0, cosine), 0.0)
    near = mul(mul(add(distance, margin), sub(distance, margin)), gamma)
    push = maximum(sub(1.0 + margin, distance), 0.0)
    far = mul(mul(push, sub(1.0 - margin, distance)), gamma)
    value = activation.softplus(add(_log_of_sum(near, same), _log_of_sum(far, different)))
    counts = elementwise.greater(value, 0.0)
    loss = where(counts, value, 0.0)
    set_mask(loss, counts)
    return loss


def _column(labels: Tensor) -> Tensor:
    return movement.expand_dims(labels, -1) if labels.ndim == 1 else labels


def _log_of_sum(values: Tensor, where_true: Tensor) -> Tensor:
    # A finite number for what is left out: with -inf a row without any pair would have NaN as
    # its derivative.
    lowest = float(np.finfo(np.float16).min) if values.dtype.bits == 16 else -1e30
    return reduce.logsumexp(where(where_true, values, lowest), 1)


@final
class Circle(FunctionLoss):
    """Circle loss of embeddings of length 1, with class numbers as targets."""

    def __init__(
        self, gamma: float = 80.0, margin: float = 0.4, remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size", name: str = "circle",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            circle, reduction, name, dtype,
            gamma=gamma, margin=margin, remove_diagonal=remove_diagonal,
        )  # fmt: skip

    def as_target(self, y_true: TensorLike) -> Tensor:
        return convert.as_tensor(y_true)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.fn(y_true, y_pred, **self.options)
