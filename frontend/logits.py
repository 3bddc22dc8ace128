"""What a softmax or a sigmoid was taken of, so that a cross-entropy need not take its logarithm.

log(softmax(x)) from x has all its digits and a derivative also where a probability has become 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from graphc.ir.node import Tensor
from graphc.ops import activation, control, elementwise, reduce
from graphc.ops.convert import TensorLike, as_tensor

from .notes import Notes


@final
@dataclass(frozen=True, slots=True)
class Origin:
    """The logits of probabilities that add up to 1 along an axis; None for single ones."""

    logits: Tensor
    axis: int | None


_origins = Notes[Origin]()


def softmax(x: TensorLike, axis: int | tuple[int, ...] = -1) -> Tensor:
    """e**x / sum of e**x along an axis; a cross-entropy of it is computed from x.

    >>> from graphc.ops.leaf import placeholder
    >>> x = placeholder((None, 3), name="doctest_logits")
    >>> logits_of(softmax(x), 1) is x
    True
    """
    logits = as_tensor(x)
    result = activation.softmax(logits, axis)  # pyright: ignore[reportArgumentType]
    if isinstance(axis, int) and logits.dtype is result.dtype:
        _origins.set(result, Origin(logits, reduce.normalize_axis(axis, logits.ndim)))
    return result


def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + e**-x); a binary cross-entropy of it is computed from x."""
    logits = as_tensor(x)
    result = elementwise.sigmoid(logits)
    if logits.dtype is result.dtype:
        _origins.set(result, Origin(logits, None))
    return result


def logits_of(probabilities: Tensor, axis: int | None) -> Tensor | None:
    """What the softmax along this axis (the sigmoid, for None) was taken of, if it was."""
    # A layer that was called by the user labels what it answers.
    while probabilities.node.op is control.label_op:
        (probabilities,) = probabilities.node.inputs
    origin = _origins.get(probabilities)
    at = None if axis is None else reduce.normalize_axis(axis, probabilities.ndim)
    return origin.logits if origin is not None and origin.axis == at else None
