"""Leaves of the graph: constants, uniform tensors, placeholders, variables, coordinates, sizes.

A Python number in an expression becomes `full` of the shape around it, so that patterns such as
`x * 1` need no broadcast. Turning values into tensors is `convert.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from graphc import dtypes
from graphc.dtypes import DType, DTypeLike, Number, as_dtype
from graphc.errors import ArgumentError, DTypeError
from graphc.ir.dim import Dim, Shape, Size, as_size
from graphc.ir.literal import Literal
from graphc.ir.mode import build
from graphc.ir.node import Op, Tensor, TensorType

LEAF = frozenset({"leaf"})
ShapeLike = Iterable[int | str | Dim | None]

# ---------------------------------------------------------------------------- ops

constant_op = Op("constant", lambda *, value: TensorType(value.shape, value.dtype), traits=LEAF)
placeholder_op = Op(
    "placeholder", lambda *, name, shape, dtype: TensorType(shape, dtype), traits=LEAF
)
variable_op = Op("variable", lambda *, name, shape, dtype: TensorType(shape, dtype), traits=LEAF)
parameter_op = Op(
    "parameter", lambda *, depth, index, shape, dtype: TensorType(shape, dtype), traits=LEAF
)
eager_op = Op("eager_value", lambda *, serial, shape, dtype: TensorType(shape, dtype), traits=LEAF)
full_op = Op("full", lambda *, value, shape, dtype: TensorType(shape, dtype))
iota_op = Op("iota", lambda *, axis, shape, dtype: TensorType(shape, dtype))
size_of_op = Op("size_of", lambda *, size, dtype: TensorType((), dtype))

# ---------------------------------------------------------------------------- public functions


def placeholder(
    shape: ShapeLike = (), dtype: DTypeLike = dtypes.float32, *, name: str | None = None
) -> Tensor:
    """An input of a function. None in the shape is a size of its own, a name is a shared one.

    >>> placeholder((None, 3), name="x").dtype
    float32
    """
    sizes, kind = as_shape(shape), as_dtype(dtype)
    if name is not None and not isinstance(name, str):
        raise ArgumentError("the name of a placeholder is a text", received=repr(name))
    label = name if name is not None else f"input_{next(_unnamed)}"
    return build(placeholder_op, (), {"name": label, "shape": sizes, "dtype": kind})[0]


def full(shape: ShapeLike, value: Number, dtype: DTypeLike | None = None) -> Tensor:
    """A tensor whose elements are all the same number."""
    kind = as_dtype(dtype) if dtype is not None else dtypes.of_number(value)
    return uniform(as_shape(shape), value, kind)


def uniform(shape: Shape, value: Number, dtype: DType) -> Tensor:
    """`full` on sizes and dtypes that are already checked."""
    attrs = {"value": _cast_number(value, dtype), "shape": shape, "dtype": dtype}
    return build(full_op, (), attrs)[0]


def zeros(shape: ShapeLike, dtype: DTypeLike = dtypes.float32) -> Tensor:
    """A tensor of zeros."""
    return full(shape, 0, dtype)


def ones(shape: ShapeLike, dtype: DTypeLike = dtypes.float32) -> Tensor:
    """A tensor of ones."""
    return full(shape, 1, dtype)


def iota(shape: ShapeLike, axis: int, dtype: DTypeLike = dtypes.int32) -> Tensor:
    """The coordinate along one axis: iota((2, 3), 1) is [[0, 1, 2], [0, 1, 2]]."""
    sizes = as_shape(shape)
    if not -len(sizes) <= axis < len(sizes):
        raise ArgumentError("no such axis", received=axis, expected=f"an axis of {len(sizes)}")
    attrs = {"axis": axis % len(sizes), "shape": sizes, "dtype": as_dtype(dtype)}
    return build(iota_op, (), attrs)[0]


def arange(
    start: int | float, stop: int | float | None = None, step: int | float = 1,
    dtype: DTypeLike | None = None,
) -> Tensor:  # fmt: skip
    """Evenly spaced numbers from start up to but without stop, as NumPy has it."""
    if step == 0:
        raise ArgumentError("the step of a range is not 0", received=step)
    values = np.arange(start) if stop is None else np.arange(start, stop, step)
    kind = dtypes.int32 if values.dtype.kind == "i" else dtypes.float32
    return constant(values, kind if dtype is None else dtype)


def size_of(size: Size, dtype: DTypeLike = dtypes.int64) -> Tensor:
    """A size as a scalar tensor; its value is known when the function is called."""
    kind = as_dtype(dtype)
    if isinstance(size, int):
        return uniform((), size, kind)
    return build(size_of_op, (), {"size": size, "dtype": kind})[0]


def constant(
    value: object, dtype: DTypeLike | None = None, shape: ShapeLike | None = None
) -> Tensor:
    """A tensor with a fixed value, from numbers, nested lists or a NumPy array.

    Python numbers become float32, int32 or bool; NumPy arrays keep their dtype.

    >>> constant([1, 2, 4]).dtype, constant(3.0).shape
    (int32, ())
    """
    array = as_array(value, as_dtype(dtype) if dtype is not None else None)
    if shape is not None:
        array = np.broadcast_to(array, tuple(shape)) if array.ndim == 0 else array.reshape(shape)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return build(constant_op, (), {"value": Literal(array)})[0]


def eager_leaf(array: np.ndarray) -> Tensor:
    """A leaf with a value and an identity of its own: data that enters eager mode."""
    kind = as_dtype(array.dtype)
    attrs = {"serial": next(_eager), "shape": array.shape, "dtype": kind}
    tensor = build(eager_op, (), attrs)[0]
    tensor._value = array
    return tensor


def parameter(depth: int, index: int, kind: TensorType) -> Tensor:
    """Input `index` of a region."""
    attrs = {"depth": depth, "index": index, "shape": kind.shape, "dtype": kind.dtype}
    return build(parameter_op, (), attrs)[0]


# ---------------------------------------------------------------------------- values


def as_shape(shape: ShapeLike | int) -> Shape:
    """A shape from numbers, names, None and Dims."""
    return tuple(map(as_size, (shape,) if isinstance(shape, int | str | Dim) else shape))


def as_array(value: object, dtype: DType | None = None) -> np.ndarray:
    """A NumPy array of numbers; Python numbers become float32, int32 (int64 if needed) or bool."""
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "biuf" and array.dtype not in (d.numpy for d in dtypes.FLOATS):
        raise DTypeError(
            "not an array of numbers",
            received=f"{type(value).__name__} of dtype {array.dtype}",
            expected="numbers, nested lists of one shape, or a NumPy array of numbers",
        )
    if dtype is not None:
        return array.astype(dtype.numpy)
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        return array
    if array.dtype == np.int64:
        wide = array.size and (array.min() < -(2**31) or array.max() >= 2**31)
        return array if wide else array.astype(np.int32)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _cast_number(value: Number, dtype: DType) -> Number:
    if dtype.kind == "b":
        return bool(value)
    if dtype.is_float:
        return float(value)
    limits = np.iinfo(dtype.numpy)
    if not limits.min <= value <= limits.max:
        raise ArgumentError(
            f"the number does not fit into {dtype}",
            received=value,
            expected=f"{limits.min} .. {limits.max}",
        )
    return int(value)


_unnamed = itertools.count(1)
_eager = itertools.count()
