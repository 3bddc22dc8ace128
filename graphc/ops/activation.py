"""Activation functions with Keras' names, defaults and formulas, as functions over primitives.

`tanh`, `sigmoid` and `exp` are primitives. None of these overflows; where a formula has branches,
the branch that is not taken stays finite, so its derivative does no harm.
"""

from __future__ import annotations

import math

from graphc.dtypes import float32
from graphc.errors import ArgumentError
from graphc.ir.node import Tensor

from . import convert, elementwise, index, leaf, movement, reduce
from .convert import TensorLike, as_tensor
from .elementwise import add, div, exp, expm1, less, less_equal, log1p, minimum, mul, sub, where
from .reduce import Axes

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805

# ---------------------------------------------------------------------------- piecewise linear


def relu(
    x: TensorLike, negative_slope: float = 0.0, max_value: float | None = None,
    threshold: float = 0.0,
) -> Tensor:  # fmt: skip
    """max(x, 0); in general x above the threshold, at most max_value, and a slope below.

    y = min(x, max_value) if x > threshold else negative_slope * (x - threshold)

    The derivative at 0 is 0.
    """
    if max_value is not None and max_value < 0:
        raise ArgumentError("max_value of relu is negative", received=max_value, expected=">= 0")
    tensor = as_tensor(x)
    if negative_slope and max_value is None and threshold == 0:
        return leaky_relu(tensor, negative_slope)
    # A branch and not a maximum: its derivative at the border is 0, and NaN stays NaN.
    below = less_equal(tensor, threshold)
    y = where(below, 0, tensor)
    if max_value is not None:
        y = minimum(y, max_value)
    return where(below, mul(sub(tensor, threshold), negative_slope), y) if negative_slope else y


def relu6(x: TensorLike) -> Tensor:
    """min(max(x, 0), 6)."""
    return relu(x, max_value=6)


def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """x if x >= 0 else negative_slope * x."""
    return prelu(x, negative_slope)


def prelu(x: TensorLike, alpha: TensorLike) -> Tensor:
    """x if x >= 0 else alpha * x, where alpha may be a tensor that is learned."""
    tensor = as_tensor(x)
    return where(less(tensor, 0), mul(tensor, alpha), tensor)


def hard_tanh(x: TensorLike) -> Tensor:
    """The ramp max(-1, min(1, x))."""
    return elementwise.clip(x, -1, 1)


def hard_sigmoid(x: TensorLike) -> Tensor:
    """min(max(x + 3, 0), 6) / 6."""
    return div(relu6(add(x, 3.0)), 6.0)


def hard_silu(x: TensorLike) -> Tensor:
    """x * hard_sigmoid(x)."""
    return mul(x, hard_sigmoid(x))


def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x where |x| > threshold, else 0."""
    return where(less(threshold, elementwise.abs(x)), x, 0)


def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by the threshold: sign(x) * max(|x| - threshold, 0)."""
    return sub(relu(sub(x, threshold)), relu(sub(-threshold, x)))


def threshold(x: TensorLike, threshold: float, default_value: float = 0.0) -> Tensor:
    """x where x > threshold, else default_value."""
    return where(less(threshold, x), x, default_value)


def binary_step(x: TensorLike) -> Tensor:
    """1 where x >= 0, else 0, in the dtype of x: the step of a perceptron. Its derivative is 0."""
    tensor = as_tensor(x)
    return convert.cast(less_equal(0, tensor), tensor.dtype)


def sparse_plus(x: TensorLike) -> Tensor:
    """0 up to -1, (x + 1)**2 / 4 up to 1, then x: a softplus that is 0 for small x."""
    tensor = as_tensor(x)
    inside = elementwise.clip(tensor, -1, 1)
    curve = mul(elementwise.square(add(inside, 1)), 0.25)
    return where(less(tensor, 1), curve, tensor)


def sparse_sigmoid(x: TensorLike) -> Tensor:
    """(x + 1) / 2, kept in [0, 1]: the derivative of `sparse_plus`."""
    return mul(add(elementwise.clip(x, -1, 1), 1), 0.5)


def linear(x: TensorLike) -> Tensor:
    """x itself."""
    return as_tensor(x)


# ---------------------------------------------------------------------------- exponential


def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x if x > 0 else alpha * (e**x - 1)."""
    tensor = as_tensor(x)
    positive = less_equal(0, tensor)
    return where(positive, tensor, mul(expm1(where(positive, 0.0, tensor)), alpha))


def selu(x: TensorLike) -> Tensor:
    """1.0507 * elu(x, 1.6733) (Klambauer et al. 2017): keeps mean 0 and variance 1."""
    return mul(elu(x, _SELU_ALPHA), _SELU_SCALE)


def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """max(x, 0) + min(alpha * (e**(x / alpha) - 1), 0)."""
    if alpha == 0:
        raise ArgumentError("alpha of celu is 0", received=alpha, expected="another number")
    tensor = as_tensor(x)
    positive = less_equal(0, tensor)
    negative = mul(expm1(div(where(positive, 0.0, tensor), alpha)), alpha)
    return where(positive, tensor, negative)


def gelu(x: TensorLike, approximate: bool = False) -> Tensor:
    """x * P(X <= x) for a standard normal X (Hendrycks and Gimpel 2016).

    y = x * (1 + erf(x / sqrt(2))) / 2, or approximately
    y = x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2
    """
    tensor = as_tensor(x)
    if approximate:
        cube = mul(elementwise.square(tensor), tensor)
        part = elementwise.tanh(mul(add(tensor, mul(cube, 0.044715)), math.sqrt(2 / math.pi)))
    else:
        part = elementwise.erf(mul(tensor, math.sqrt(0.5)))
    return mul(mul(tensor, 0.5), add(part, 1.0))


def silu(x: TensorLike) -> Tensor:
    """x * sigmoid(x)."""
    return mul(x, elementwise.sigmoid(x))


swish = silu


def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """a * sigmoid(b) for the two halves a, b of x along an axis."""
    first, second = movement.split(x, 2, axis)
    return mul(first, elementwise.sigmoid(second))


def softplus(x: TensorLike) -> Tensor:
    """log(1 + e**x) = max(x, 0) + log(1 + e**-|x|)."""
    tensor = as_tensor(x)
    # Branches and not |x|, so that the derivative at 0 is sigmoid(0) too.
    positive = less(0, tensor)
    small = exp(where(positive, elementwise.neg(tensor), tensor))
    return add(where(positive, tensor, 0), log1p(small))


def log_sigmoid(x: TensorLike) -> Tensor:
    """log(sigmoid(x)) = -softplus(-x)."""
    return elementwise.neg(softplus(elementwise.neg(x)))


def mish(x: TensorLike) -> Tensor:
    """x * tanh(softplus(x))."""
    return mul(x, elementwise.tanh(softplus(x)))


def softsign(x: TensorLike) -> Tensor:
    """x / (1 + |x|)."""
    return div(x, add(elementwise.abs(x), 1))


def squareplus(x: TensorLike, b: float = 4.0) -> Tensor:
    """(x + sqrt(x*x + b)) / 2."""
    return mul(add(x, elementwise.sqrt(add(elementwise.square(x), b))), 0.5)


def tanh_shrink(x: TensorLike) -> Tensor:
    """x - tanh(x)."""
    return sub(x, elementwise.tanh(x))


def exponential(x: TensorLike) -> Tensor:
    """e**x."""
    return exp(x)


# ---------------------------------------------------------------------------- along an axis


def softmax(x: TensorLike, axis: Axes = -1) -> Tensor:
    """e**x / sum of e**x along an axis (or several), without overflow; rows add up to 1.

    >>> from . import leaf
    >>> softmax(leaf.zeros((2, 3))).shape
    (2, 3)
    """
    tensor = _float(x)
    top = elementwise.stop_gradient(reduce.max(tensor, axis, keepdims=True))
    powers = exp(sub(tensor, top))
    return div(powers, reduce.sum(powers, axis, keepdims=True))


def log_softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """x - log(sum of e**x) along an axis: log(softmax(x)) without overflow."""
    tensor = _float(x)
    # Shifted first: subtracting the logarithm from a large x directly would lose its digits.
    top = elementwise.stop_gradient(reduce.max(tensor, axis, keepdims=True))
    shifted = sub(tensor, top)
    return sub(shifted, elementwise.log(reduce.sum(exp(shifted), axis, keepdims=True)))


def sparsemax(x: TensorLike, axis: int = -1) -> Tensor:
    """The point of the probability simplex nearest to x (Martins and Astudillo 2016).

    y = max(x - t, 0), with t such that y adds up to 1 along the axis.
    """
    tensor = movement.moveaxis(_float(x), axis, -1)
    ordered = index.sort(tensor, descending=True)
    rank = add(leaf.iota(ordered.shape, -1, ordered.dtype), 1)
    used = less(sub(reduce.cumsum(ordered), 1), mul(rank, ordered))
    count = reduce.sum(convert.cast(used, ordered.dtype), -1, keepdims=True)
    total = reduce.sum(where(used, ordered, 0), -1, keepdims=True)
    result = relu(sub(tensor, div(sub(total, 1), count)))
    return movement.moveaxis(result, -1, axis)


def _float(x: TensorLike) -> Tensor:
    tensor = as_tensor(x)
    return tensor if tensor.dtype.is_float else convert.cast(tensor, float32)
