"""keras.src.backend: variables, conversions and settings of graphc under Keras's names."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np

import graphc as gx
from graphc.frontend.config import epsilon, floatx, set_floatx
from graphc.frontend.masks import mask_of, set_mask
from graphc.frontend.seeds import SeedGenerator
from graphc.ir.node import Tensor

from .ops import convert_to_numpy, convert_to_tensor, is_tensor, shape, zeros

__all__ = [
    "convert_to_numpy",
    "convert_to_tensor",
    "epsilon",
    "floatx",
    "is_tensor",
    "set_floatx",
    "shape",
]

SUPPORTS_SPARSE_TENSORS = SUPPORTS_RAGGED_TENSORS = False
set_keras_mask, get_keras_mask = set_mask, mask_of
random = SimpleNamespace(SeedGenerator=SeedGenerator)
numpy = SimpleNamespace(zeros=zeros)


def backend() -> str:
    return "graphc"


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


def name_scope(name: str, **others: object) -> nullcontext[None]:
    return nullcontext()


config = SimpleNamespace(
    image_data_format=lambda: "channels_last", floatx=floatx, epsilon=epsilon, set_floatx=set_floatx
)
image_data_format = config.image_data_format


def KerasTensor(shape: object, dtype: str = "float32", **others: object) -> Tensor:
    return gx.placeholder(tuple(shape), dtype)


def compute_output_spec(function: Callable[..., object], *args: object, **kwargs: object) -> object:
    return function(*args, **kwargs)
