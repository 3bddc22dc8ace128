"""The forms that images come in: one or a batch, channels last or first, floats or whole numbers.

Inside, functions see a batch (n, height, width, channels); what they answer goes back to the form
of what was given.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc import dtypes
from graphc.dtypes import DType
from graphc.errors import ShapeError
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, movement
from graphc.ops.convert import TensorLike, as_tensor
from graphc.ops.window import is_channels_last

Back = Callable[[Tensor], Tensor]


def as_batch(images: TensorLike, data_format: str | None = None) -> tuple[Tensor, Back]:
    """Images as (n, height, width, channels), and the way back to the form that they have.

    Raises:
        ShapeError: neither three nor four axes.
    """
    x = as_tensor(images)
    if x.ndim not in (3, 4):
        raise ShapeError(
            "images have height, width and channels, and may be a batch",
            received=x.shape,
            expected="3 or 4 axes",
            fix="use gx.expand_dims(images, -1) for images without channels",
        )
    single, last = x.ndim == 3, is_channels_last(data_format)

    def back(y: Tensor) -> Tensor:
        y = y if last else movement.moveaxis(y, -1, 1)
        return movement.squeeze(y, 0) if single else y

    x = movement.expand_dims(x, 0) if single else x
    return (x if last else movement.moveaxis(x, 1, -1)), back


def as_float(x: Tensor) -> Tensor:
    """Whole numbers as float32; floats as they are."""
    return x if x.dtype.is_float else convert.cast(x, dtypes.float32)


def in_dtype(y: Tensor, kind: DType) -> Tensor:
    """Back in a dtype: rounded, and cut off at its ends, if it is one of whole numbers."""
    if kind is y.dtype:
        return y
    return convert.cast(y if kind.is_float else elementwise.round(y), kind)


def per_image(value: TensorLike, x: Tensor) -> Tensor:
    """A number, or one per image, so that it broadcasts over the pixels of a batch x."""
    tensor = convert.cast(as_tensor(value), x.dtype)
    return movement.reshape(tensor, (*tensor.shape, 1, 1, 1)) if tensor.ndim == 1 else tensor
