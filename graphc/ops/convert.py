"""Turning what users write into tensors that an op takes: numbers, arrays, promotion, broadcasting.

Primitive elementwise ops want inputs of one shape; `broadcast` and `promote` insert the nodes that
make it so. Two unknown sizes that meet are taken to be equal; the compiled function checks it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar

import numpy as np

from graphc import dtypes
from graphc.dtypes import DType, Number
from graphc.errors import ShapeError
from graphc.ir.dim import Shape, Size, may_equal
from graphc.ir.mode import build, is_eager
from graphc.ir.node import Op, Tensor, TensorType

from . import leaf

TensorLike = Tensor | Number | np.ndarray | np.generic | Sequence["TensorLike"]
_WEAK: tuple[type, ...] = (bool, int, float, np.float64, np.int64, np.bool_)

cast_op = Op("cast", lambda x, *, dtype: TensorType(x.shape, dtype))


def _infer_broadcast(x: Tensor, *, shape: Shape) -> TensorType:
    lead = len(shape) - x.ndim
    pairs = zip(x.shape, shape[max(lead, 0) :])
    if lead < 0 or not all(a == 1 or may_equal(a, b) for a, b in pairs):
        raise ShapeError(
            "the shape cannot be broadcast",
            received=x.shape,
            expected=f"axes equal to those of {shape}, counted from the last, or 1",
        )
    return TensorType(shape, x.dtype)


broadcast_to_op = Op("broadcast_to", _infer_broadcast)


READER: ContextVar[Callable[[Tensor], Tensor] | None] = ContextVar("reader", default=None)
"""What tensors become where an operation reads them; mixed precision converts weights here."""


def _read(tensor: Tensor) -> Tensor:
    reader = READER.get()
    return tensor if reader is None else reader(tensor)


def as_tensor(value: TensorLike, dtype: DType | None = None) -> Tensor:
    """A tensor from a tensor, number, nested list or array."""
    if isinstance(value, Tensor):
        return _read(value) if dtype is None else cast(value, dtype)
    if isinstance(value, _WEAK):
        number = _number(value)
        return leaf.uniform((), number, dtype or dtypes.of_number(number))
    array = leaf.as_array(value, dtype)
    return leaf.eager_leaf(array) if is_eager() else leaf.constant(array)


def cast(x: TensorLike, dtype: dtypes.DTypeLike) -> Tensor:
    """The elements converted to another dtype.

    Floats become integers by dropping the fraction; values out of range become the nearest end,
    NaN becomes 0. Numbers become bool by `x != 0`.
    """
    kind, tensor = dtypes.as_dtype(dtype), x if isinstance(x, Tensor) else as_tensor(x)
    if tensor.dtype is kind:
        return tensor
    return build(cast_op, (tensor,), {"dtype": kind})[0]


def promote(*values: TensorLike) -> list[Tensor]:
    """Tensors of one dtype: the join of the tensors' dtypes, where numbers are weak."""
    strong = [_read(v) if isinstance(v, Tensor) else None for v in values]
    for i, v in enumerate(values):
        if strong[i] is None and not isinstance(v, _WEAK):
            strong[i] = as_tensor(v)
    found = [t.dtype for t in strong if t is not None]
    numbers = [_number(v) for v in values if isinstance(v, _WEAK)]
    if found:
        kind = dtypes.promote(*found)
        for number in numbers:
            kind = dtypes.promote_number(kind, number)
    else:
        kind = dtypes.promote(*(dtypes.of_number(n) for n in numbers))
    return [
        cast(t, kind) if t is not None else leaf.uniform((), _number(v), kind)
        for t, v in zip(strong, values)
    ]


def _number(value: TensorLike) -> Number:
    return value.item() if isinstance(value, np.generic) else value  # pyright: ignore[reportReturnType]


def broadcast(*tensors: Tensor) -> list[Tensor]:
    """The tensors broadcast to their common shape."""
    shape = broadcast_shapes(*(t.shape for t in tensors))
    return [broadcast_to(t, shape) for t in tensors]


def broadcast_to(x: TensorLike, shape: leaf.ShapeLike) -> Tensor:
    """The tensor repeated along new axes at the front and along axes of size 1.

    y[..., i, ...] = x[..., 0 or i, ...]

    >>> broadcast_to(leaf.zeros((3, 1)), (2, 3, 4)).shape
    (2, 3, 4)
    """
    tensor, sizes = as_tensor(x), leaf.as_shape(shape)
    if tensor.shape == sizes or _same(tensor.shape, sizes):
        return tensor
    if tensor.node.op is leaf.full_op:
        _infer_broadcast(tensor, shape=sizes)
        return leaf.uniform(sizes, tensor.node.attrs["value"], tensor.dtype)  # pyright: ignore[reportArgumentType]
    return build(broadcast_to_op, (tensor,), {"shape": sizes})[0]


def _same(a: Shape, b: Shape) -> bool:
    """Equal, or unknown sizes that are taken to be equal (1 against an unknown size is not)."""
    if len(a) != len(b):
        return False
    return all(x == y or (x != 1 and y != 1 and may_equal(x, y)) for x, y in zip(a, b))


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The common shape of several, by NumPy's rules.

    >>> broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    if all(s == shapes[0] for s in shapes):
        return shapes[0] if shapes else ()
    rank = max(map(len, shapes), default=0)
    result: list[Size] = []
    for axis in range(-rank, 0):
        sizes = [s[axis] for s in shapes if -axis <= len(s)]
        result.append(_common(sizes, shapes))
    return tuple(result)


def _common(sizes: list[Size], shapes: tuple[Shape, ...]) -> Size:
    proper = [s for s in sizes if s != 1]
    if not proper:
        return 1
    known = next((s for s in proper if isinstance(s, int)), proper[0])
    if not all(may_equal(s, known) for s in proper):
        raise ShapeError(
            "shapes do not fit together",
            received=", ".join(map(str, shapes)),
            expected="axes, counted from the last, that are equal or 1",
            fix="check which axis is missing, or insert one with gx.expand_dims",
        )
    return known
