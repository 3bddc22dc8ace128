"""Reductions over axes, and cumulative ops along one.

Sums of bool and of narrow integers are int32; float16 and bfloat16 are summed in float32. Sizes
unknown while building may be 0: then max is the lowest value. Derivatives are in
graphc/diff/reduce.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphc import dtypes
from graphc.dtypes import DType, DTypeLike
from graphc.errors import ArgumentError, DTypeError, ShapeError
from graphc.ir.dim import Shape, Size, product
from graphc.ir.mode import build
from graphc.ir.node import Op, Tensor, TensorType

from . import convert, elementwise, leaf, movement
from .convert import TensorLike, as_tensor

Axes = int | Iterable[int] | None


# ---------------------------------------------------------------------------- ops


def _without(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(s for i, s in enumerate(shape) if i not in axes)


def _infer_reduce(x: Tensor, *, axes: tuple[int, ...]) -> TensorType:
    return TensorType(_without(x.shape, axes), x.dtype)


def _infer_arg(x: Tensor, *, axis: int, dtype: DType) -> TensorType:
    return TensorType(_without(x.shape, (axis,)), dtype)


def _infer_cumulative(x: Tensor, *, axis: int, reverse: bool, exclusive: bool) -> TensorType:
    return x.type


_REDUCE, _CUMULATIVE = frozenset({"reduce"}), frozenset({"cumulative"})
sum_op = Op("sum", _infer_reduce, traits=_REDUCE)
prod_op = Op("prod", _infer_reduce, traits=_REDUCE)
max_op = Op("max", _infer_reduce, traits=_REDUCE)
min_op = Op("min", _infer_reduce, traits=_REDUCE)
argmax_op = Op("argmax", _infer_arg)
argmin_op = Op("argmin", _infer_arg)
cumsum_op = Op("cumsum", _infer_cumulative, traits=_CUMULATIVE)
cumprod_op = Op("cumprod", _infer_cumulative, traits=_CUMULATIVE)
cummax_op = Op("cummax", _infer_cumulative, traits=_CUMULATIVE)
cummin_op = Op("cummin", _infer_cumulative, traits=_CUMULATIVE)

OPS = (sum_op, prod_op, max_op, min_op, argmax_op, argmin_op)
OPS += (cumsum_op, cumprod_op, cummax_op, cummin_op)

# ---------------------------------------------------------------------------- public functions


def sum(
    x: TensorLike, axis: Axes = None, *, keepdims: bool = False, dtype: DTypeLike | None = None
) -> Tensor:
    """The sum over axes (all of them for None)."""
    tensor = as_tensor(x)
    return _reduce(sum_op, convert.cast(tensor, dtype or _sum_dtype(tensor)), axis, keepdims)


def prod(
    x: TensorLike, axis: Axes = None, *, keepdims: bool = False, dtype: DTypeLike | None = None
) -> Tensor:
    """The product over axes."""
    tensor = as_tensor(x)
    return _reduce(prod_op, convert.cast(tensor, dtype or _sum_dtype(tensor)), axis, keepdims)


def max(x: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The largest element over axes; NaN if there is one. An axis of size 0 is an error."""
    return _reduce(max_op, _not_empty(as_tensor(x), axis), axis, keepdims)


def min(x: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The smallest element over axes; NaN if there is one. An axis of size 0 is an error."""
    return _reduce(min_op, _not_empty(as_tensor(x), axis), axis, keepdims)


def any(x: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Whether any element is true (not 0)."""
    return _reduce(max_op, convert.cast(x, dtypes.bool_), axis, keepdims)


def all(x: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Whether all elements are true (not 0)."""
    return _reduce(min_op, convert.cast(x, dtypes.bool_), axis, keepdims)


def mean(x: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The sum over axes divided by the number of elements; integers become float32."""
    tensor = _as_float(x)
    total = sum(tensor, axis, keepdims=keepdims)
    return elementwise.div(total, count(tensor, axis))


def var(x: TensorLike, axis: Axes = None, *, keepdims: bool = False, correction: int = 0) -> Tensor:
    """The mean of squared distances from the mean, over n - correction elements."""
    tensor = _as_float(x)
    distance = elementwise.sub(tensor, mean(tensor, axis, keepdims=True))
    total = sum(elementwise.square(distance), axis, keepdims=keepdims)
    return elementwise.div(total, elementwise.sub(count(tensor, axis), correction))


def std(x: TensorLike, axis: Axes = None, *, keepdims: bool = False, correction: int = 0) -> Tensor:
    """The square root of `var`."""
    return elementwise.sqrt(var(x, axis, keepdims=keepdims, correction=correction))


def argmax(
    x: TensorLike, axis: int | None = None, *, keepdims: bool = False,
    dtype: DTypeLike = dtypes.int32,
) -> Tensor:  # fmt: skip
    """The index of the first largest element (the first NaN if there is one)."""
    return _arg(argmax_op, as_tensor(x), axis, keepdims, dtype)


def argmin(
    x: TensorLike, axis: int | None = None, *, keepdims: bool = False,
    dtype: DTypeLike = dtypes.int32,
) -> Tensor:  # fmt: skip
    """The index of the first smallest element (the first NaN if there is one)."""
    return _arg(argmin_op, as_tensor(x), axis, keepdims, dtype)


def cumsum(
    x: TensorLike, axis: int = -1, *, reverse: bool = False, exclusive: bool = False
) -> Tensor:
    """y[i] = x[0] + ... + x[i]; exclusive leaves x[i] out, reverse sums from the end."""
    tensor = as_tensor(x)
    return _cumulative(
        cumsum_op, convert.cast(tensor, _sum_dtype(tensor)), axis, reverse, exclusive
    )


def cumprod(
    x: TensorLike, axis: int = -1, *, reverse: bool = False, exclusive: bool = False
) -> Tensor:
    """y[i] = x[0] * ... * x[i] along an axis."""
    tensor = as_tensor(x)
    return _cumulative(
        cumprod_op, convert.cast(tensor, _sum_dtype(tensor)), axis, reverse, exclusive
    )


def cummax(x: TensorLike, axis: int = -1, *, reverse: bool = False) -> Tensor:
    """The largest element so far along an axis."""
    return _cumulative(cummax_op, as_tensor(x), axis, reverse, False)


def cummin(x: TensorLike, axis: int = -1, *, reverse: bool = False) -> Tensor:
    """The smallest element so far along an axis."""
    return _cumulative(cummin_op, as_tensor(x), axis, reverse, False)


def logsumexp(x: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))), without overflow."""
    tensor = _as_float(x)
    top = elementwise.stop_gradient(max(tensor, axis, keepdims=True))
    shift = elementwise.where(elementwise.isfinite(top), top, 0)
    total = sum(elementwise.exp(elementwise.sub(tensor, shift)), axis, keepdims=True)
    result = elementwise.add(elementwise.log(total), shift)
    return result if keepdims else movement.squeeze(result, normalize_axes(axis, tensor.ndim))


# ---------------------------------------------------------------------------- helpers


def normalize_axis(axis: int, rank: int) -> int:
    """An axis counted from the front; ShapeError if there is no such axis."""
    if isinstance(axis, bool) or not isinstance(axis, int) or not -rank <= axis < rank:
        raise ShapeError("no such axis", received=axis, expected=f"{-rank} .. {rank - 1}")
    return axis % rank


def normalize_axes(axis: Axes, rank: int) -> tuple[int, ...]:
    """Sorted axes counted from the front; None means all."""
    if axis is None:
        return tuple(range(rank))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    found = sorted(normalize_axis(a, rank) for a in axes)
    if len(set(found)) != len(found):
        raise ShapeError("an axis is named twice", received=axes)
    return tuple(found)


def count(x: Tensor, axis: Axes) -> Tensor:
    """How many elements a reduction over these axes adds, as a scalar of the tensor's dtype."""
    total: Size = product(x.shape[a] for a in normalize_axes(axis, x.ndim))
    return leaf.size_of(total, x.dtype)


def _reduce(op: Op, x: Tensor, axis: Axes, keepdims: bool) -> Tensor:
    axes = normalize_axes(axis, x.ndim)
    result = build(op, (x,), {"axes": axes})[0] if axes else x
    return movement.expand_dims(result, axes) if keepdims and axes else result


def _arg(op: Op, x: Tensor, axis: int | None, keepdims: bool, dtype: DTypeLike) -> Tensor:
    kind = dtypes.as_dtype(dtype)
    if not kind.is_integer:
        raise DTypeError("an index is an integer", received=kind)
    if axis is None:
        flat = build(op, (movement.reshape(x, (-1,)),), {"axis": 0, "dtype": kind})[0]
        return movement.reshape(flat, (1,) * x.ndim) if keepdims else flat
    at = normalize_axis(axis, x.ndim)
    result = build(op, (_not_empty(x, at),), {"axis": at, "dtype": kind})[0]
    return movement.expand_dims(result, at) if keepdims else result


def _cumulative(op: Op, x: Tensor, axis: int, reverse: bool, exclusive: bool) -> Tensor:
    attrs = {"axis": normalize_axis(axis, x.ndim), "reverse": reverse, "exclusive": exclusive}
    return build(op, (x,), attrs)[0]


def _not_empty(x: Tensor, axis: Axes) -> Tensor:
    if product(x.shape[a] for a in normalize_axes(axis, x.ndim)) == 0:
        raise ArgumentError("the largest of no elements is not defined", received=x.shape)
    return x


def _sum_dtype(x: Tensor) -> DType:
    if x.dtype.is_float or x.dtype.bits >= 32:
        return x.dtype
    return dtypes.uint32 if x.dtype.kind == "u" else dtypes.int32


def _as_float(x: TensorLike) -> Tensor:
    tensor = as_tensor(x)
    return tensor if tensor.dtype.is_float else convert.cast(tensor, dtypes.float32)
