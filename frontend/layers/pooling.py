"""Pooling layers; the functions they call are in graphc/ops/pooling.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Unpack, final

from graphc.frontend.config import layout
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree
from graphc.ops import convert, movement, pooling, reduce
from graphc.ops.elementwise import div, mul
from graphc.ops.window import Ints, is_channels_last, spread

from .layer import Layer
from .spec import InputSpec, LayerOptions


class AbstractPooling(Layer):
    """One number for each window over the spatial axes, channel by channel.

    (batch, *sizes, channels) -> (batch, *new sizes, channels); strides are pool_size where none are
    given. "same" padding is not counted: not as zeros, not in means.
    """

    function: ClassVar[Callable[..., Tensor]]
    rank: ClassVar[int]

    def __init__(
        self, pool_size: Ints = 2, strides: Ints | None = None, padding: str = "valid",
        data_format: str | None = None, **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.pool_size = spread(pool_size, self.rank, "pool_size")
        self.strides = self.pool_size if strides is None else spread(strides, self.rank, "strides")
        self.padding, self.data_format = padding, layout(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Tensor) -> Tensor:
        return type(self).function(
            inputs, self.pool_size, self.strides, self.padding, self.data_format
        )


@final
class MaxPooling1D(AbstractPooling):
    """The largest element of each window of time steps; (batch, steps, channels)."""

    function, rank = pooling.max_pool, 1


@final
class MaxPooling2D(AbstractPooling):
    """The largest element of each window; its gradient goes to the first of equal ones.

    >>> from graphc.ops.leaf import placeholder
    >>> MaxPooling2D()(placeholder((None, 26, 26, 64))).shape[1:]
    (13, 13, 64)
    """

    function, rank = pooling.max_pool, 2


@final
class MaxPooling3D(AbstractPooling):
    """The largest element of each window of a volume."""

    function, rank = pooling.max_pool, 3


@final
class AveragePooling1D(AbstractPooling):
    """The mean of each window of time steps."""

    function, rank = pooling.avg_pool, 1


@final
class AveragePooling2D(AbstractPooling):
    """The mean of each window, padding not counted."""

    function, rank = pooling.avg_pool, 2


@final
class AveragePooling3D(AbstractPooling):
    """The mean of each window of a volume."""

    function, rank = pooling.avg_pool, 3


@final
class SumPooling1D(AbstractPooling):
    """The sum of each window of time steps."""

    function, rank = pooling.sum_pool, 1


@final
class SumPooling2D(AbstractPooling):
    """The sum of each window."""

    function, rank = pooling.sum_pool, 2


@final
class SumPooling3D(AbstractPooling):
    """The sum of each window of a volume."""

    function, rank = pooling.sum_pool, 3


class AbstractGlobalPooling(Layer):
    """One number for each channel of each example: (batch, *sizes, channels) -> (batch, channels).

    With `keepdims` the axes stay, with size 1.
    """

    function: ClassVar[Callable[..., Tensor]]
    rank: ClassVar[int]

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.data_format, self.keepdims = layout(data_format), keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Tensor) -> Tensor:
        return type(self).function(inputs, self.data_format, self.keepdims)


@final
class GlobalMaxPooling1D(AbstractGlobalPooling):
    """The largest over time."""

    function, rank = pooling.global_max_pool, 1


@final
class GlobalMaxPooling2D(AbstractGlobalPooling):
    """The largest over height and width."""

    function, rank = pooling.global_max_pool, 2


@final
class GlobalMaxPooling3D(AbstractGlobalPooling):
    """The largest over depth, height and width."""

    function, rank = pooling.global_max_pool, 3


@final
class GlobalAveragePooling1D(AbstractGlobalPooling):
    """The mean over time; only over the steps that count, where the input has a mask."""

    function, rank = pooling.global_avg_pool, 1
    supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:  # pyright: ignore
        if mask is None:
            return super().call(inputs)
        axis = 1 if is_channels_last(self.data_format) else 2
        weights = movement.expand_dims(convert.cast(mask, inputs.dtype), 3 - axis)
        total = reduce.sum(mul(inputs, weights), axis, keepdims=self.keepdims)
        return div(total, reduce.sum(weights, axis, keepdims=self.keepdims))

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> None:
        return None


@final
class GlobalAveragePooling2D(AbstractGlobalPooling):
    """The mean over height and width, (batch, height, width, channels) -> (batch, channels)."""

    function, rank = pooling.global_avg_pool, 2


@final
class GlobalAveragePooling3D(AbstractGlobalPooling):
    """The mean over depth, height and width."""

    function, rank = pooling.global_avg_pool, 3
