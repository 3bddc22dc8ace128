"""keras.src.backend: variables, conversions and settings of graphc under Keras's names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np

import graphc as gx
from graphc.frontend import config
from graphc.frontend.config import (
    epsilon,
    floatx,
    image_data_format,
    set_floatx,
    set_image_data_format,
)  # fmt: skip
from graphc.frontend.layers import Input
from graphc.frontend.masks import mask_of, set_mask
from graphc.ir.node import Tensor

from . import ops, random
from .ops import convert_to_numpy, convert_to_tensor, is_tensor, shape

__all__ = [
    "config",
    "convert_to_numpy",
    "convert_to_tensor",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_tensor",
    "random",
    "set_floatx",
    "set_image_data_format",
    "shape",
]

SUPPORTS_SPARSE_TENSORS = SUPPORTS_RAGGED_TENSORS = SUPPORTS_COMPLEX_DTYPES = False
set_keras_mask, get_keras_mask = set_mask, mask_of
numpy = ops
gx.Variable.path = property(lambda variable: variable.name)


def backend() -> str:
    """A file that knows the backends by name, and no other, takes us for the first of them."""
    caller = sys._getframe(1).f_globals["__name__"]
    return "tensorflow" if caller.endswith("trainer_test") else "graphc"


def Variable(
    initializer: object, shape: object = None, dtype: str | None = None, trainable: bool = True,
    name: str | None = None, **others: object,
) -> gx.Variable:  # fmt: skip
    """A variable from a value, or from an initializer and a shape."""
    if callable(initializer):
        value = convert_to_numpy(initializer(shape, dtype=dtype or "float32"))
    else:
        value = convert_to_numpy(convert_to_tensor(initializer))
    if dtype is None and value.dtype.kind != "b":
        dtype = "float32"
    return gx.variable(value, dtype, name=name or "variable", trainable=trainable)


def standardize_dtype(dtype: object) -> str:
    if dtype is None:
        return floatx()
    if dtype in (int, float, bool):
        return {int: "int32", float: "float32", bool: "bool"}[dtype]
    return str(dtype) if not isinstance(dtype, type) else np.dtype(dtype).name


def standardize_shape(shape: object) -> tuple[object, ...]:
    return tuple(shape)


def name_scope(name: str, **others: object) -> nullcontext[None]:
    return nullcontext()


class _Symbolic(type):
    def __call__(
        cls, shape: object, dtype: str = "float32", name: str | None = None, **others: object
    ) -> Tensor:
        return Input(batch_shape=tuple(shape), dtype=dtype, name=name)

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor) and value.concrete() is None


class KerasTensor(metaclass=_Symbolic):
    """Tensors that are not computed."""


def compute_output_spec(function: Callable[..., object], *args: object, **kwargs: object) -> object:
    return function(*args, **kwargs)
