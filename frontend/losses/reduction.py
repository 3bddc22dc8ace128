"""From values per example to the number that training minimises: weights, masks, reductions.

    sum_over_batch_size, mean   sum of weight * value / number of values
    mean_with_sample_weight     sum of weight * value / sum of weights
    sum                         sum of weight * value
    none                        weight * value

Where a mask says what counts, `mean` divides by the number of values that count.
"""

from __future__ import annotations

from graphc.dtypes import DType
from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, leaf, movement, reduce
from graphc.ops.convert import TensorLike

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none")


def checked(reduction: str | None) -> str:
    """The name of a reduction; None is none.

    Raises:
        ArgumentError: no such reduction.
    """
    if (reduction or "none") not in REDUCTIONS:
        raise ArgumentError("no such reduction", received=reduction, expected=", ".join(REDUCTIONS))
    return reduction or "none"


def reduced(
    values: Tensor, weight: TensorLike | None, mask: Tensor | None, reduction: str
) -> Tensor:
    """The values weighted, masked and reduced; 0 and not NaN where nothing counts."""
    factor = masked_weight(weight, mask, values.dtype, reduction)
    if factor is not None:
        values, factor = same_rank(values, factor)
        factor = _along_first_axes(factor, values.ndim)
        values = elementwise.mul(values, factor)
    if reduction == "none" or values.ndim == 0:
        return values
    total = reduce.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and factor is not None:
        return quotient(total, reduce.sum(factor))
    return elementwise.div(total, elementwise.maximum(count_of(values), 1))


def masked_weight(
    weight: TensorLike | None, mask: Tensor | None, dtype: DType, reduction: str = "sum"
) -> Tensor | None:
    """A weight that is 0 where the mask does not hold; None for no weight and no mask."""
    factor = None if weight is None else convert.cast(convert.as_tensor(weight), dtype)
    if mask is None:
        return factor
    counting = _counting(mask, dtype, reduction)
    if factor is None:
        return counting
    return elementwise.mul(*same_rank(counting, factor))


def quotient(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 where b is 0."""
    empty = elementwise.equal(b, 0)
    safe = elementwise.where(empty, 1, b)
    return elementwise.where(empty, 0, elementwise.div(a, safe))


def same_rank(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both with one number of axes, where they differ by a last axis of size 1.

    (batch,) and (batch, 1) both become (batch, 1); of larger tensors the axis is taken away.
    """
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        if b.ndim == 1:
            return a, movement.expand_dims(b, -1)
        return movement.squeeze(a, -1), b
    if b.ndim == a.ndim + 1:
        second, first = same_rank(b, a)
        return first, second
    return a, b


def count_of(values: Tensor) -> Tensor:
    """How many values there are, as a scalar of their dtype."""
    return reduce.count(values, None)


def _counting(mask: Tensor, dtype: DType, reduction: str) -> Tensor:
    """1 where the mask holds; for means scaled so that only what holds is averaged."""
    counts = convert.cast(convert.cast(mask, "bool"), dtype)
    if reduction not in ("mean", "sum_over_batch_size"):
        return counts
    total = leaf.size_of(mask.size, dtype)
    return elementwise.mul(counts, quotient(total, reduce.sum(counts)))


def _along_first_axes(factor: Tensor, rank: int) -> Tensor:
    """A weight per example, or per example and time step, with axes of size 1 behind."""
    if 0 < factor.ndim < rank:
        return movement.expand_dims(factor, tuple(range(factor.ndim, rank)))
    return factor
