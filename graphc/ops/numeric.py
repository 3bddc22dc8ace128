"""Functions of NumPy and the array API that are made of primitives and belong to no family."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence

import ml_dtypes
import numpy as np

from graphc import dtypes
from graphc.dtypes import DTypeLike, Number, as_dtype
from graphc.errors import ArgumentError, ShapeError
from graphc.ir.dim import Size
from graphc.ir.node import Tensor

from . import convert, elementwise, leaf, movement, reduce
from .convert import TensorLike, as_tensor
from .elementwise import (
    add,
    div,
    equal,
    less,
    less_equal,
    log,
    logical_and,
    logical_or,
    mul,
    sub,
    where,
)

# ---------------------------------------------------------------------------- making


def linspace(
    start: Number, stop: Number, num: int = 50, endpoint: bool = True,
    dtype: DTypeLike = dtypes.float32,
) -> Tensor:  # fmt: skip
    """`num` evenly spaced numbers from start to stop.

    >>> linspace(0, 1, 3).numpy().tolist()
    [0.0, 0.5, 1.0]
    """
    if num < 0:
        raise ArgumentError("a number of points is negative", received=num, expected=">= 0")
    return leaf.constant(np.linspace(start, stop, num, endpoint), dtype)


def eye(n: Size, m: Size | None = None, k: int = 0, dtype: DTypeLike = dtypes.float32) -> Tensor:
    """The (n, m) matrix with ones where column - row == k, else zeros."""
    row, column = _coordinates((n, n if m is None else m))
    return convert.cast(equal(add(row, k), column), dtype)


def zeros_like(x: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """Zeros of the shape (and dtype) of x."""
    return full_like(x, 0, dtype)


def ones_like(x: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """Ones of the shape (and dtype) of x."""
    return full_like(x, 1, dtype)


def full_like(x: TensorLike, value: Number, dtype: DTypeLike | None = None) -> Tensor:
    """One number in the shape (and dtype) of x."""
    tensor = as_tensor(x)
    return leaf.uniform(tensor.shape, value, tensor.dtype if dtype is None else as_dtype(dtype))


def meshgrid(*xs: TensorLike, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid from vectors: result i varies along its own axis only.

    "ij" keeps the order of the vectors as axes, "xy" exchanges the first two.
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError("no such indexing", received=repr(indexing), expected="'xy' or 'ij'")
    vectors = [as_tensor(x) for x in xs]
    if builtins.any(v.ndim > 1 for v in vectors):
        raise ShapeError("meshgrid takes vectors", received=[v.shape for v in vectors])
    rank = len(vectors)
    order = list(range(rank))
    if indexing == "xy" and rank > 1:
        order[0], order[1] = 1, 0
    columns = [
        movement.reshape(v, [v.size if i == axis else 1 for i in range(rank)])
        for v, axis in zip(vectors, order)
    ]
    shape = convert.broadcast_shapes(*(c.shape for c in columns))
    return [convert.broadcast_to(c, shape) for c in columns]


# ---------------------------------------------------------------------------- matrices


def tril(x: TensorLike, k: int = 0) -> Tensor:
    """The lower triangle of the last two axes: 0 where column - row > k."""
    tensor = _matrix(x)
    row, column = _coordinates(tensor.shape)
    return where(less_equal(column, add(row, k)), tensor, 0)


def triu(x: TensorLike, k: int = 0) -> Tensor:
    """The upper triangle of the last two axes: 0 where column - row < k."""
    tensor = _matrix(x)
    row, column = _coordinates(tensor.shape)
    return where(less_equal(add(row, k), column), tensor, 0)


def diag(x: TensorLike, k: int = 0) -> Tensor:
    """The matrix with the vector x on its k-th diagonal, or the k-th diagonal of the matrix x.

    >>> diag(leaf.zeros(3)).shape, diag(leaf.zeros((3, 4)), 1).shape
    ((3, 3), (3,))
    """
    tensor = as_tensor(x)
    if tensor.ndim != 1:
        return diagonal(tensor, k)
    size = tensor.shape[0]
    square = where(eye(size, dtype=dtypes.bool_), movement.expand_dims(tensor, 0), 0)
    below, above = builtins.max(-k, 0), builtins.max(k, 0)
    return movement.pad(square, [(below, above), (above, below)])


def diagonal(x: TensorLike, k: int = 0) -> Tensor:
    """The elements with column - row == k of the last two axes."""
    tensor = _matrix(x)
    below, above = builtins.max(-k, 0), builtins.max(k, 0)
    rows, columns = tensor.shape[-2] - below, tensor.shape[-1] - above
    if isinstance(rows, int) and isinstance(columns, int):
        rows = columns = builtins.max(builtins.min(rows, columns), 0)
    elif rows != columns:
        raise ShapeError(
            "the length of the diagonal is not known", received=tensor.shape, expected="a square"
        )
    if rows == 0:
        return leaf.zeros((*tensor.shape[:-2], 0), tensor.dtype)
    part = movement.slice_axis(tensor, -2, below, below + rows)
    part = movement.slice_axis(part, -1, above, above + columns)
    only = where(eye(rows, dtype=dtypes.bool_), part, 0)
    if part.dtype is dtypes.bool_:
        return reduce.any(only, -1)
    return reduce.sum(only, -1, dtype=part.dtype)


def trace(x: TensorLike, k: int = 0) -> Tensor:
    """The sum of a diagonal of the last two axes."""
    tensor = _matrix(x)
    row, column = _coordinates(tensor.shape)
    return reduce.sum(where(equal(add(row, k), column), tensor, 0), (-2, -1))


def norm(
    x: TensorLike, axis: int | Sequence[int] | None = None, order: float = 2, keepdims: bool = False
) -> Tensor:
    """(sum of |x|**order)**(1/order) over axes; the largest |x| for infinity.

    Of a matrix this is the Frobenius norm (order 2), not an operator norm.
    """
    size = elementwise.abs(x)
    if order == math.inf:
        return reduce.max(size, axis, keepdims=keepdims)
    if order == 1:
        return reduce.sum(size, axis, keepdims=keepdims)
    if order == 2:
        total = reduce.sum(elementwise.square(_float(x)), axis, keepdims=keepdims)
        return elementwise.sqrt(total)
    if order <= 0:
        raise ArgumentError("not a norm", received=order, expected="a number > 0")
    total = reduce.sum(elementwise.pow(_float(size), float(order)), axis, keepdims=keepdims)
    return elementwise.pow(total, 1 / order)


# ---------------------------------------------------------------------------- elementwise


def exp2(x: TensorLike) -> Tensor:
    """2**x."""
    return elementwise.pow(2.0, _float(x))


def log2(x: TensorLike) -> Tensor:
    """The logarithm to base 2."""
    return mul(log(x), 1 / math.log(2))


def log10(x: TensorLike) -> Tensor:
    """The logarithm to base 10."""
    return mul(log(x), 1 / math.log(10))


def logaddexp(a: TensorLike, b: TensorLike) -> Tensor:
    """log(e**a + e**b), without overflow."""
    x, y = convert.promote(a, b)
    swapped = less(x, y)
    high, low = where(swapped, y, x), where(swapped, x, y)
    # Two infinities of one sign differ by 0, not by NaN.
    same = logical_and(elementwise.isinf(high), equal(high, low))
    distance = where(same, 0, sub(low, high))
    return add(high, elementwise.log1p(elementwise.exp(distance)))


def hypot(a: TensorLike, b: TensorLike) -> Tensor:
    """sqrt(a*a + b*b), without overflow of the squares."""
    x, y = convert.broadcast(*convert.promote(elementwise.abs(a), elementwise.abs(b)))
    high, low = elementwise.maximum(x, y), elementwise.minimum(x, y)
    plain = logical_or(equal(high, 0), elementwise.isinf(high))
    ratio = where(plain, 0, div(low, where(plain, 1, high)))
    return mul(high, elementwise.sqrt(add(elementwise.square(ratio), 1)))


def heaviside(x: TensorLike, at_zero: TensorLike) -> Tensor:
    """0 where x < 0, 1 where x > 0, `at_zero` where x is 0."""
    tensor = _float(x)
    sides = convert.cast(less(0, tensor), tensor.dtype)
    step = where(equal(tensor, 0), convert.cast(at_zero, tensor.dtype), sides)
    return where(elementwise.isnan(tensor), tensor, step)


def nan_to_num(
    x: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN replaced by a number, infinities by the largest and lowest of the dtype."""
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        return tensor
    largest = float(ml_dtypes.finfo(tensor.dtype.numpy).max)
    high = largest if posinf is None else posinf
    low = -largest if neginf is None else neginf
    finite = where(elementwise.isnan(tensor), nan, tensor)
    finite = where(equal(finite, math.inf), high, finite)
    return where(equal(finite, -math.inf), low, finite)


def isclose(
    a: TensorLike, b: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """|a - b| <= atol + rtol * |b|; infinities are close to themselves only."""
    x, y = convert.promote(_float(a), _float(b))
    near = less_equal(elementwise.abs(sub(x, y)), add(mul(elementwise.abs(y), rtol), atol))
    close = logical_or(equal(x, y), logical_and(near, elementwise.isfinite(y)))
    if not equal_nan:
        return close
    return logical_or(close, logical_and(elementwise.isnan(x), elementwise.isnan(y)))


def allclose(
    a: TensorLike, b: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether all elements are close, as a bool scalar."""
    return reduce.all(isclose(a, b, rtol, atol, equal_nan))


# ---------------------------------------------------------------------------- along an axis


def diff(x: TensorLike, n: int = 1, axis: int = -1) -> Tensor:
    """x[i + 1] - x[i] along an axis, n times."""
    tensor = as_tensor(x)
    at = reduce.normalize_axis(axis, tensor.ndim)
    if n < 0:
        raise ArgumentError("the order of differences is negative", received=n, expected=">= 0")
    for _ in range(n):
        size = tensor.shape[at]
        if size == 0:
            return tensor
        ahead = movement.slice_axis(tensor, at, 1, size)
        tensor = sub(ahead, movement.slice_axis(tensor, at, 0, size - 1))
    return tensor


def count_nonzero(x: TensorLike, axis: int | Sequence[int] | None = None) -> Tensor:
    """How many elements are not 0 (int32)."""
    return reduce.sum(convert.cast(elementwise.not_equal(x, 0), dtypes.int32), axis)


def average(
    x: TensorLike, axis: int | Sequence[int] | None = None, weights: TensorLike | None = None
) -> Tensor:
    """sum(x * weights) / sum(weights) over axes; the mean without weights."""
    if weights is None:
        return reduce.mean(x, axis)
    tensor, factor = convert.broadcast(*convert.promote(_float(x), weights))
    return div(reduce.sum(mul(tensor, factor), axis), reduce.sum(factor, axis))


def _coordinates(shape: Sequence[Size]) -> tuple[Tensor, Tensor]:
    """Row and column number of each element, counted along the last two axes."""
    rank = len(shape)
    return leaf.iota(shape, rank - 2), leaf.iota(shape, rank - 1)


def _matrix(x: TensorLike) -> Tensor:
    tensor = as_tensor(x)
    if tensor.ndim < 2:
        raise ShapeError("not a matrix", received=tensor.shape, expected="at least 2 axes")
    return tensor


def _float(x: TensorLike) -> Tensor:
    tensor = as_tensor(x)
    return tensor if tensor.dtype.is_float else convert.cast(tensor, dtypes.float32)
