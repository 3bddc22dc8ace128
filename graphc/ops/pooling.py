"""Pooling by Keras' names, over 1 to 3 spatial axes, written with window_reduce of pool.py."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphc.dtypes import float32
from graphc.ir.node import Tensor

from . import convert, elementwise, leaf, pool, reduce
from .convert import TensorLike, as_tensor
from .window import Ints, Padding, not_empty, pairs, spatial_axes, spatial_rank, spread


def max_pool(
    x: TensorLike, pool_size: Ints, strides: Ints | None = None, padding: Padding = "valid",
    data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """The largest element of each window; the gradient goes to the first of equal ones.

    >>> max_pool(leaf.zeros((1, 4, 4, 3)), 2).shape
    (1, 2, 2, 3)
    """
    return _Windows(as_tensor(x), pool_size, strides, padding, data_format).reduce("max")


def min_pool(
    x: TensorLike, pool_size: Ints, strides: Ints | None = None, padding: Padding = "valid",
    data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """The smallest element of each window."""
    return _Windows(as_tensor(x), pool_size, strides, padding, data_format).reduce("min")


def sum_pool(
    x: TensorLike, pool_size: Ints, strides: Ints | None = None, padding: Padding = "valid",
    data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """The sum of each window."""
    return _Windows(as_tensor(x), pool_size, strides, padding, data_format).reduce("sum")


def avg_pool(
    x: TensorLike, pool_size: Ints, strides: Ints | None = None, padding: Padding = "valid",
    data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window; padding is not counted. Integers become float32."""
    tensor = as_tensor(x)
    tensor = tensor if tensor.dtype.is_float else convert.cast(tensor, float32)
    windows = _Windows(tensor, pool_size, strides, padding, data_format)
    return elementwise.div(windows.reduce("sum"), windows.counts())


def global_max_pool(
    x: TensorLike, data_format: str | None = None, keepdims: bool = False
) -> Tensor:
    """The largest over the spatial axes: (batch, *spatial, channels) -> (batch, channels)."""
    tensor = as_tensor(x)
    rank = spatial_rank(tensor, None, "global pooling")
    return reduce.max(tensor, spatial_axes(rank, data_format), keepdims=keepdims)


def global_avg_pool(
    x: TensorLike, data_format: str | None = None, keepdims: bool = False
) -> Tensor:
    """The mean over the spatial axes: (batch, *spatial, channels) -> (batch, channels)."""
    tensor = as_tensor(x)
    rank = spatial_rank(tensor, None, "global pooling")
    return reduce.mean(tensor, spatial_axes(rank, data_format), keepdims=keepdims)


class _Windows:
    """Windows over the spatial axes of a tensor."""

    def __init__(
        self, x: Tensor, pool_size: Ints, strides: Ints | None, padding: Padding,
        data_format: str | None,
    ) -> None:  # fmt: skip
        self.x, rank = x, spatial_rank(x, None, "pooling")
        self.axes = spatial_axes(rank, data_format)
        self.window = spread(pool_size, rank, "pool_size")
        self.strides = self.window if strides is None else spread(strides, rank, "strides")
        sizes = [x.shape[a] for a in self.axes]
        self.padding = pairs(padding, sizes, self.window, self.strides, (1,) * rank)

    def reduce(self, kind: str, x: Tensor | None = None) -> Tensor:
        """The sum, max or min of each window of x, or of another tensor of its spatial sizes."""
        source = self.x if x is None else x
        result = pool.window_reduce(
            source,
            kind,
            window=self.everywhere(self.window, 1),
            strides=self.everywhere(self.strides, 1),
            padding=self.everywhere(self.padding, (0, 0)),
        )
        return not_empty(result, self.axes, source, "pooling")

    def counts(self) -> Tensor:
        """How many elements each window has inside the tensor, of a shape that broadcasts."""
        if all(p == (0, 0) for p in self.padding):
            return leaf.full((), float(math.prod(self.window)), self.x.dtype)
        shape = [s if a in self.axes else 1 for a, s in enumerate(self.x.shape)]
        inside = self.reduce("sum", leaf.ones(shape, self.x.dtype))
        # A window wholly in the padding has the sum 0, which stays 0.
        return elementwise.maximum(inside, 1)

    def everywhere(self, values: Sequence[object], other: object) -> tuple:
        """Values of the spatial axes, and another one for batch and channels."""
        place = dict(zip(self.axes, values))
        return tuple(place.get(a, other) for a in range(self.x.ndim))
