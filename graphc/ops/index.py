"""Reading and writing at computed places: gather, scatter, sort, and functions of them.

Indices are integers of any width; negative ones count from the end, as in NumPy. An index outside
its axis raises OutOfRangeError when the function runs. Points that meet in a scatter are added in
order, or the last one stays, so results do not depend on threads.

    gather       y[b, o, i, t] = x[b, o, index[b, i], t]     b: batch axes, o/t: axes before/after
    scatter_add  y = x; y[b, o, index[b, i], t] += u[b, o, i, t], in the order of i
    scatter_set  y = x; y[b, o, index[b, i], t]  = u[b, o, i, t], in the order of i
"""

from __future__ import annotations

from graphc import dtypes
from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError, DTypeError, ShapeError
from graphc.ir.dim import Shape, may_equal
from graphc.ir.mode import build
from graphc.ir.node import Op, Tensor, TensorType

from . import convert, elementwise, leaf, movement, reduce
from .convert import TensorLike, as_tensor

# ---------------------------------------------------------------------------- ops


def gathered_shape(x: Tensor, index: Tensor, axis: int, batch_dims: int) -> Shape:
    """The shape of a gather: the axis replaced by the index axes that are no batch axes."""
    if not index.dtype.is_integer:
        raise DTypeError("an index is an integer tensor", received=index.dtype)
    batch = zip(x.shape[:batch_dims], index.shape[:batch_dims])
    if batch_dims > min(axis, index.ndim) or not all(may_equal(a, b) for a, b in batch):
        raise ShapeError(
            "leading batch axes of tensor and index differ",
            received=f"{x.shape}, index {index.shape}, batch_dims {batch_dims}",
        )
    return (*x.shape[:axis], *index.shape[batch_dims:], *x.shape[axis + 1 :])


def _infer_gather(x: Tensor, index: Tensor, *, axis: int, batch_dims: int) -> TensorType:
    return TensorType(gathered_shape(x, index, axis, batch_dims), x.dtype)


def _infer_scatter(
    x: Tensor, index: Tensor, updates: Tensor, *, axis: int, batch_dims: int
) -> TensorType:
    shape = gathered_shape(x, index, axis, batch_dims)
    if updates.dtype is not x.dtype:
        raise DTypeError("updates have the dtype of the tensor", received=(updates.dtype, x.dtype))
    if len(shape) != updates.ndim or not all(map(may_equal, shape, updates.shape)):
        raise ShapeError("updates have another shape", received=updates.shape, expected=shape)
    return x.type


def _infer_sort(x: Tensor, *, axis: int, descending: bool) -> tuple[TensorType, TensorType]:
    return x.type, TensorType(x.shape, dtypes.int32)


gather_op = Op("gather", _infer_gather)
scatter_add_op = Op("scatter_add", _infer_scatter)
scatter_set_op = Op("scatter_set", _infer_scatter)
sort_op = Op("sort", _infer_sort)
OPS = (gather_op, scatter_add_op, scatter_set_op, sort_op)

# ---------------------------------------------------------------------------- public functions


def take(x: TensorLike, indices: TensorLike, axis: int = 0) -> Tensor:
    """Parts of x along an axis, in the order of the indices."""
    return gather(x, indices, axis)


def gather(x: TensorLike, indices: TensorLike, axis: int = 0, batch_dims: int = 0) -> Tensor:
    """`take` where the first `batch_dims` axes of x and indices go together.

    >>> gather(leaf.zeros((5, 7)), leaf.constant([0, 2])).shape
    (2, 7)
    """
    tensor = as_tensor(x)
    at = reduce.normalize_axis(axis, tensor.ndim)
    attrs = {"axis": at, "batch_dims": batch_dims}
    return build(gather_op, (tensor, as_index(indices)), attrs)[0]


def take_along_axis(x: TensorLike, indices: TensorLike, axis: int = -1) -> Tensor:
    """y[..., i, ...] = x[..., indices[..., i, ...], ...] for tensors of one rank."""
    tensor, index = as_tensor(x), as_index(indices)
    last = tensor.ndim - 1
    moved, places = movement.moveaxis(tensor, axis, last), movement.moveaxis(index, axis, last)
    lead = convert.broadcast_shapes(moved.shape[:-1], places.shape[:-1])
    moved = convert.broadcast_to(moved, (*lead, moved.shape[-1]))
    places = convert.broadcast_to(places, (*lead, places.shape[-1]))
    return movement.moveaxis(gather(moved, places, last, batch_dims=last), last, axis)


def scatter_add(
    x: TensorLike, indices: TensorLike, updates: TensorLike, axis: int = 0, batch_dims: int = 0
) -> Tensor:
    """x with updates added at the indices along an axis, in order."""
    return _scatter(scatter_add_op, x, indices, updates, axis, batch_dims)


def scatter_set(
    x: TensorLike, indices: TensorLike, updates: TensorLike, axis: int = 0, batch_dims: int = 0
) -> Tensor:
    """x with updates written at the indices along an axis; the last of equal indices stays."""
    return _scatter(scatter_set_op, x, indices, updates, axis, batch_dims)


def sort(x: TensorLike, axis: int = -1, *, descending: bool = False) -> Tensor:
    """The elements in order along an axis; NaNs come last (first when descending)."""
    return _sort(x, axis, descending)[0]


def argsort(x: TensorLike, axis: int = -1, *, descending: bool = False) -> Tensor:
    """The indices (int32) that put the elements in order; equal elements keep their order."""
    return _sort(x, axis, descending)[1]


def top_k(x: TensorLike, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The k largest elements in descending order, and their indices."""
    tensor = as_tensor(x)
    size = tensor.shape[reduce.normalize_axis(axis, tensor.ndim)]
    if k < 0 or (isinstance(size, int) and k > size):
        raise ArgumentError(
            "k is at most the size of the axis", received=k, expected=f"0 .. {size}"
        )
    values, places = _sort(tensor, axis, True)
    return movement.slice_axis(values, axis, 0, k), movement.slice_axis(places, axis, 0, k)


def one_hot(indices: TensorLike, classes: int, dtype: DTypeLike = dtypes.float32) -> Tensor:
    """1 at the index along a new last axis, 0 elsewhere; all 0 for an index out of range."""
    index = as_index(indices)
    places = leaf.iota((*index.shape, classes), index.ndim, index.dtype)
    return convert.cast(elementwise.equal(places, movement.expand_dims(index, -1)), dtype)


def as_index(value: TensorLike) -> Tensor:
    """An integer tensor from a tensor, numbers or an array."""
    index = as_tensor(value)
    if not index.dtype.is_integer:
        raise DTypeError("an index is an integer tensor", received=index.dtype, fix="gx.cast it")
    return index


def _scatter(
    op: Op, x: TensorLike, indices: TensorLike, updates: TensorLike, axis: int, batch_dims: int
) -> Tensor:
    tensor, index = as_tensor(x), as_index(indices)
    at = reduce.normalize_axis(axis, tensor.ndim)
    shape = gathered_shape(tensor, index, at, batch_dims)
    values = convert.broadcast_to(as_tensor(updates, tensor.dtype), shape)
    return build(op, (tensor, index, values), {"axis": at, "batch_dims": batch_dims})[0]


def _sort(x: TensorLike, axis: int, descending: bool) -> tuple[Tensor, Tensor]:
    tensor = as_tensor(x)
    attrs = {"axis": reduce.normalize_axis(axis, tensor.ndim), "descending": descending}
    values, places = build(sort_op, (tensor,), attrs)
    return values, places
