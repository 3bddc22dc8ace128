"""Pooling layers; the functions they call are in graphc/ops/pooling.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Unpack, final

from graphc.ir.node import Tensor
from graphc.ops import pooling
from graphc.ops.window import Ints, spread

from .layer import Layer
from .spec import InputSpec, LayerOptions


class AbstractPooling(Layer):
    """One number for each window over the spatial axes, channel by channel."""

    function: ClassVar[Callable[..., Tensor]]
    rank: ClassVar[int]

    def __init__(
        self, pool_size: Ints = 2, strides: Ints | None = None, padding: str = "valid",
        data_format: str | None = None, **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.pool_size = spread(pool_size, self.rank, "pool_size")
        self.strides = self.pool_size if strides is None else spread(strides, self.rank, "strides")
        self.padding, self.data_format = padding, data_format
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Tensor) -> Tensor:
        return type(self).function(
            inputs, self.pool_size, self.strides, self.padding, self.data_format
        )


@final
class MaxPooling2D(AbstractPooling):
    """The largest element of each window; its gradient goes to the first of equal ones.

    (batch, height, width, channels) -> (batch, height', width', channels); strides are pool_size
    where none are given.

    >>> from graphc.ops.leaf import placeholder
    >>> MaxPooling2D()(placeholder((None, 26, 26, 64))).shape[1:]
    (13, 13, 64)
    """

    function, rank = pooling.max_pool, 2


@final
class AveragePooling2D(AbstractPooling):
    """The mean of each window, padding not counted; shapes as in MaxPooling2D."""

    function, rank = pooling.avg_pool, 2


class AbstractGlobalPooling(Layer):
    """One number for each channel of each example."""

    function: ClassVar[Callable[..., Tensor]]
    rank: ClassVar[int]

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.data_format, self.keepdims = data_format, keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Tensor) -> Tensor:
        return type(self).function(inputs, self.data_format, self.keepdims)


@final
class GlobalAveragePooling2D(AbstractGlobalPooling):
    """The mean over height and width, (batch, height, width, channels) -> (batch, channels)."""

    function, rank = pooling.global_avg_pool, 2
