"""Loss bricks: losses of one output with their textbook constants, (batch, ...) -> the same.

square       (x - d)**2 / 2              d/dx  x - d
log          log(1 + e**(-c x))                -c / (1 + e**(c x))         c = -1 or 1
hinge        max(0, m - c x)                   -c where c x < m            c = -1 or 1
log_softmax  log(sum of e**x) - x[c]           softmax(x) - one_hot(c)     c a class number
max_margin   max(0, max of x[k] + m - x[c])    1 at k, -1 at c if above 0  k != c
"""

from __future__ import annotations

from graphc import dtypes
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import activation, convert, elementwise, leaf, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import add, maximum, mul, square, sub, where

from .crossentropy import class_numbers, sparse_categorical_crossentropy
from .loss import as_prediction, pair


@eager_on_arrays
def square_brick(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """(y_pred - y_true)**2 / 2 of each element."""
    targets, predictions = pair(y_true, y_pred)
    return mul(square(sub(predictions, targets)), 0.5)


@eager_on_arrays
def log_brick(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """log(1 + e**(-y_true * y_pred)) of each element, for targets -1 and 1."""
    targets, predictions = pair(y_true, y_pred)
    return activation.softplus(elementwise.neg(mul(targets, predictions)))


@eager_on_arrays
def hinge_brick(y_true: TensorLike, y_pred: TensorLike, margin: float = 1.0) -> Tensor:
    """max(0, margin - y_true * y_pred) of each element, for targets -1 and 1."""
    targets, predictions = pair(y_true, y_pred)
    return maximum(sub(margin, mul(targets, predictions)), 0.0)


@eager_on_arrays
def log_softmax_brick(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """-log(softmax(y_pred)[y_true]) for class numbers; (batch,), (batch, classes) -> (batch,)."""
    return sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)


@eager_on_arrays
def max_margin_brick(y_true: TensorLike, y_pred: TensorLike, margin: float = 1.0) -> Tensor:
    """max(0, largest wrong output + margin - right output) for class numbers.

    (batch,) and (batch, classes) -> (batch,)

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(max_margin_brick([1], [[1.0, 2.0, 3.0]]).numpy())
    [2.]
    """
    predictions = as_prediction(y_pred)
    at = predictions.ndim - 1
    labels = class_numbers(convert.as_tensor(y_true), predictions, at)
    chosen = elementwise.equal(leaf.iota(predictions.shape, at, dtypes.int32), labels)
    right = reduce.sum(where(chosen, predictions, 0.0), at)
    wrong = reduce.max(where(chosen, float("-inf"), predictions), at)
    return maximum(sub(add(wrong, margin), right), 0.0)
