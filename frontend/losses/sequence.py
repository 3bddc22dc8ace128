"""Connectionist temporal classification: labels of a sequence without their times."""

from __future__ import annotations

from typing import final

from graphc import dtypes
from graphc.dtypes import DTypeLike
from graphc.errors import ShapeError
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import activation, control, convert, elementwise, index, leaf, movement, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, equal, logical_and, mul, not_equal, sub, where

from .loss import FunctionLoss, as_prediction

# In the place of log(0): sums of it stay finite.
_NEVER = -1e30


@eager_on_arrays
def ctc(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """-log of the probability of the labels, over all ways to spread them in time (Graves 2006).

    (batch, length) class numbers from 1, padded with 0, and (batch, time, classes) logits, of
    which class 0 is the blank -> (batch,). With the labels l1 l2 ... between blanks,
    a[t, s] is the log-probability of being at s of `0 l1 0 l2 ... 0` at time t:

        a[t, s] = log(sum of e**a[t - 1, s - k], k = 0, 1, and 2 if l differs) + log p[t, s]

    Raises:
        ShapeError: targets or logits with other axes.
    """
    labels, logits = convert.as_tensor(y_true), as_prediction(y_pred)
    if labels.ndim != 2 or logits.ndim != 3:
        raise ShapeError(
            "ctc takes labels (batch, length) and logits (batch, time, classes)",
            received=f"labels {labels.shape}, logits {logits.shape}",
        )
    labels = convert.cast(labels, dtypes.int32)
    path = _between_blanks(labels)
    logs = activation.log_softmax(logits, -1)
    steps = movement.moveaxis(_chosen(logs, path), 1, 0)
    place = leaf.iota(path.shape, 1)
    skips = logical_and(equal(place % 2, 1), not_equal(path, _moved(path, 2, 0)))
    begin = where(elementwise.less(place, 2), steps[0], _NEVER)

    def forward(before: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
        by_two = where(skips, _moved(before, 2, _NEVER), _NEVER)
        ways = movement.stack([before, _moved(before, 1, _NEVER), by_two], 0)
        after = add(reduce.logsumexp(ways, 0), now)
        return after, reduce.sum(after)

    last, _ = control.scan(forward, begin, steps[1:])  # pyright: ignore[reportArgumentType]
    assert isinstance(last, Tensor), "one carry"
    length = mul(reduce.sum(convert.cast(not_equal(labels, 0), dtypes.int32), 1), 2)
    after_end = sub(place, movement.expand_dims(length, 1))
    ends = elementwise.logical_or(equal(after_end, 0), equal(after_end, -1))
    return elementwise.neg(reduce.logsumexp(where(ends, last, _NEVER), 1))


def _between_blanks(labels: Tensor) -> Tensor:
    """0 l1 0 l2 ... 0: (batch, length) -> (batch, 2 * length + 1)."""
    blanks = mul(labels, 0)
    pairs = movement.stack([blanks, labels], 2)
    flat = movement.reshape(pairs, (labels.shape[0], labels.shape[1] * 2))
    return movement.concat([flat, blanks[:, :1]], 1)


def _chosen(logs: Tensor, path: Tensor) -> Tensor:
    """logs[b, t, path[b, s]]: (batch, time, positions)."""
    return index.gather(logs, path, axis=2, batch_dims=1)


def _moved(x: Tensor, by: int, fill: float) -> Tensor:
    """x moved to the right along its last axis."""
    return movement.pad(x, [(0, 0), (by, 0)], fill)[:, : x.shape[1]]


@final
class CTC(FunctionLoss):
    """Connectionist temporal classification of labels from 1, padded with 0, from logits."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "ctc",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(ctc, reduction, name, dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.fn(y_true, y_pred)
