"""Gives Tensor its operators and methods, so that ir/ knows no op by name; imported by ops."""

from __future__ import annotations

from collections.abc import Callable
from types import EllipsisType
from typing import Union

import numpy as np

from graphc import dtypes
from graphc.errors import ArgumentError, DTypeError, ModeError, OutOfRangeError, ShapeError
from graphc.ir.dim import Dim, Size
from graphc.ir.mode import decided
from graphc.ir.node import Tensor

from . import convert, elementwise, index, matmul, movement, reduce
from .convert import TensorLike

Binary = Callable[[TensorLike, TensorLike], Tensor]
Key = Union[int, slice, None, EllipsisType, Tensor]


def _power(x: TensorLike, y: TensorLike) -> Tensor:
    return elementwise.square(x) if isinstance(y, int) and y == 2 else elementwise.pow(x, y)


# fmt: off
_BINARY: dict[str, Binary] = {
    "add": elementwise.add,              "sub": elementwise.sub,      "mul": elementwise.mul,
    "truediv": elementwise.div,          "pow": _power,               "matmul": matmul.matmul,
    "floordiv": elementwise.floor_divide, "mod": elementwise.remainder,
    "lshift": elementwise.shift_left,    "rshift": elementwise.shift_right,
}
_COMPARE: dict[str, Binary] = {
    "lt": elementwise.less,    "le": elementwise.less_equal,    "eq": elementwise.equal,
    "gt": elementwise.greater, "ge": elementwise.greater_equal, "ne": elementwise.not_equal,
}
_LOGIC: dict[str, tuple[Binary, Binary]] = {  # for bool, for integers
    "and": (elementwise.logical_and, elementwise.bitwise_and),
    "or":  (elementwise.logical_or,  elementwise.bitwise_or),
    "xor": (elementwise.logical_xor, elementwise.bitwise_xor),
}
_METHODS: dict[str, Callable[..., Tensor]] = {
    "sum": reduce.sum, "prod": reduce.prod, "max": reduce.max, "min": reduce.min,
    "mean": reduce.mean, "std": reduce.std, "var": reduce.var, "any": reduce.any,
    "all": reduce.all, "argmax": reduce.argmax, "argmin": reduce.argmin,
    "cumsum": reduce.cumsum, "cumprod": reduce.cumprod, "transpose": movement.transpose,
    "flatten": movement.flatten, "squeeze": movement.squeeze, "take": index.take,
    "astype": convert.cast, "clip": elementwise.clip, "round": elementwise.round,
    "swapaxes": movement.swapaxes, "repeat": movement.repeat, "dot": matmul.dot,
}
_UFUNCS: dict[np.ufunc, Callable[..., Tensor]] = {
    np.add: elementwise.add, np.subtract: elementwise.sub, np.multiply: elementwise.mul,
    np.divide: elementwise.div, np.power: _power, np.matmul: matmul.matmul,
    np.floor_divide: elementwise.floor_divide, np.remainder: elementwise.remainder,
    np.maximum: elementwise.maximum, np.minimum: elementwise.minimum,
    np.negative: elementwise.neg, np.absolute: elementwise.abs, np.exp: elementwise.exp,
    np.log: elementwise.log, np.sqrt: elementwise.sqrt, np.tanh: elementwise.tanh,
    np.sin: elementwise.sin, np.cos: elementwise.cos, np.square: elementwise.square,
    np.sign: elementwise.sign, np.floor: elementwise.floor, np.ceil: elementwise.ceil,
    np.less: elementwise.less, np.less_equal: elementwise.less_equal,
    np.greater: elementwise.greater, np.greater_equal: elementwise.greater_equal,
    np.equal: elementwise.equal, np.not_equal: elementwise.not_equal,
    np.expm1: elementwise.expm1, np.log1p: elementwise.log1p,
}
# fmt: on


# ---------------------------------------------------------------------------- indexing


def get_item(x: Tensor, key: Key | tuple[Key, ...]) -> Tensor:
    """x[key] with integers, slices, None, ... and at most one integer tensor.

    Slices may have negative steps; their bounds follow Python's rules where the size is known.
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    used = sum(k is not None and k is not Ellipsis for k in keys)
    if used > x.ndim:
        raise ShapeError("more indices than axes", received=used, expected=f"at most {x.ndim}")
    if not any(k is Ellipsis for k in keys):
        keys.append(Ellipsis)
    at = next(i for i, k in enumerate(keys) if k is Ellipsis)
    keys[at : at + 1] = [slice(None)] * (x.ndim - used)
    axis = 0
    for k in keys:
        x, axis = _select(x, k, axis)
    return x


def _select(x: Tensor, key: Key, axis: int) -> tuple[Tensor, int]:
    if key is None:
        return movement.expand_dims(x, axis), axis + 1
    if isinstance(key, slice):
        return _slice(x, key, axis), axis + 1
    if isinstance(key, Tensor | np.ndarray | list):
        places = index.as_index(key)
        return index.take(x, places, axis), axis + places.ndim
    if isinstance(key, bool) or not isinstance(key, int | np.integer):
        raise DTypeError("not an index", received=repr(key), expected="int, slice, None, ...")
    size, place = x.shape[axis], int(key)
    if isinstance(size, int) and not -size <= place < size:
        raise OutOfRangeError("the index is outside its axis", received=place, expected=size)
    start: Size = place if place >= 0 else size + place
    return movement.squeeze(movement.slice_axis(x, axis, start, start + 1), axis), axis


def _slice(x: Tensor, key: slice, axis: int) -> Tensor:
    size = x.shape[axis]
    if key == slice(None):
        return x
    bounds = (key.start, key.stop, key.step)
    if key.step == 0 or not all(b is None or isinstance(b, int | Dim | np.integer) for b in bounds):
        raise ArgumentError(
            "not a slice", received=repr(key), expected="integers, and a step not 0"
        )
    step = 1 if key.step is None else int(key.step)
    if isinstance(size, int):
        start, stop, step = key.indices(size)
        if step > 0:
            return movement.slice_axis(x, axis, start, max(start, stop), step)
        count = len(range(start, stop, step))
        low = start + (count - 1) * step
        part = movement.slice_axis(x, axis, low, start + 1, -step) if count else None
        empty = movement.slice_axis(x, axis, 0, 0)
        return movement.flip(part, axis) if part is not None else empty
    if step == -1 and key.start is None and key.stop is None:
        return movement.flip(x, axis)
    if step < 0:
        raise ShapeError("a backward slice of an unknown size is x[::-1]", received=key)
    start, stop = _bound(key.start, size, 0), _bound(key.stop, size, size)
    return movement.slice_axis(x, axis, start, stop, step)


def _bound(value: int | Dim | None, size: Size, default: Size) -> Size:
    if value is None:
        return default
    return size + value if isinstance(value, int) and value < 0 else value


# ---------------------------------------------------------------------------- attaching


def _logic(pair: tuple[Binary, Binary]) -> Binary:
    def run(a: TensorLike, b: TensorLike) -> Tensor:
        tensor = a if isinstance(a, Tensor) else convert.as_tensor(b)
        return pair[0 if tensor.dtype is dtypes.bool_ else 1](a, b)

    return run


def _invert(x: Tensor) -> Tensor:
    logical = x.dtype is dtypes.bool_
    return elementwise.logical_not(x) if logical else elementwise.bitwise_not(x)


def _truth(x: Tensor) -> bool:
    value = x.concrete()
    if value is None and (answer := decided(x)) is not None:
        return answer
    if value is None:
        raise ModeError(
            f"the symbolic tensor {x.name} has no truth value while building",
            fix="use gx.where or gx.cond, or run inside gx.eager()",
        )
    return bool(value)


def _whole(x: Tensor) -> int:
    if x.shape or not x.dtype.is_integer:
        raise DTypeError("not a whole number", received=str(x.type), expected="one integer")
    return int(x.numpy())


def _length(x: Tensor) -> int:
    if not x.shape or not isinstance(x.shape[0], int):
        raise ShapeError("no length is known", received=x.shape)
    return x.shape[0]


def _array(x: Tensor, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
    value = x.numpy()
    return np.array(value, dtype=dtype) if copy else np.asarray(value, dtype=dtype)


def _array_ufunc(
    x: Tensor, ufunc: np.ufunc, method: str, *inputs: object, **options: object
) -> Tensor:
    if method != "__call__" or options or ufunc not in _UFUNCS:
        raise DTypeError(f"np.{ufunc.__name__} is not defined for tensors", fix="use graphc's own")
    return _UFUNCS[ufunc](*inputs)


_SPECIAL: dict[str, object] = {
    "__neg__": lambda x: elementwise.neg(x),
    "__abs__": lambda x: elementwise.abs(x),
    "__invert__": _invert,
    "__getitem__": get_item,
    "__bool__": _truth,
    "__len__": _length,
    "__iter__": lambda x: (get_item(x, i) for i in range(_length(x))),
    "__float__": lambda x: float(x.numpy()),
    "__int__": lambda x: int(x.numpy()),
    "__index__": _whole,
    "__array__": _array,
    "__array_ufunc__": _array_ufunc,
    "reshape": lambda x, *shape: movement.reshape(x, shape[0] if len(shape) == 1 else shape),
    "T": property(movement.transpose),
}


def _attach() -> None:
    logic = {name: _logic(pair) for name, pair in _LOGIC.items()}
    for name, function in (_BINARY | logic).items():
        setattr(Tensor, f"__{name}__", lambda a, b, f=function: f(a, b))
        setattr(Tensor, f"__r{name}__", lambda a, b, f=function: f(b, a))
    for name, function in _COMPARE.items():
        setattr(Tensor, f"__{name}__", lambda a, b, f=function: f(a, b))
    for name, function in _METHODS.items():
        setattr(Tensor, name, function)
    for name, function in _SPECIAL.items():
        setattr(Tensor, name, function)


_attach()
