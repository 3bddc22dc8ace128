"""Convolutions channel by channel, alone and followed by a 1x1 convolution."""

from __future__ import annotations

from typing import ClassVar, Unpack, final

from graphc.frontend import activations
from graphc.ir.node import Tensor
from graphc.ops import convert, convolution
from graphc.ops.window import Ints

from .spatial import SpatialLayer, positive
from .spec import BuildShape, DepthwiseOptions, SeparableOptions, common, rules


class AbstractDepthwiseConv(SpatialLayer):
    """Each channel with `depth_multiplier` filters of its own.

    `kernel` is (*kernel_size, channels, depth_multiplier); channel c gives the new channels
    c * depth_multiplier + m. Sizes are those of an ordinary convolution.
    """

    usual = rules(True, depthwise="glorot_uniform", bias="zeros")

    def __init__(
        self, kernel_size: Ints, strides: Ints = 1, padding: str = "valid",
        depth_multiplier: int = 1, data_format: str | None = None, dilation_rate: Ints = 1,
        activation: str | activations.Activation | None = None, use_bias: bool = True,
        **options: Unpack[DepthwiseOptions],
    ) -> None:  # fmt: skip
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            **common(options),
        )  # fmt: skip
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier")

    def build(self, input_shape: BuildShape) -> None:
        channels = self.channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self.add_weight(shape, rules="depthwise", name="kernel")
        if self.use_bias:
            self.bias = self.add_weight((channels * self.depth_multiplier,), name="bias")

    def call(self, inputs: Tensor) -> Tensor:
        return self.finished(
            convolution.depthwise_conv(
                convert.cast(inputs, self.compute_dtype), self.kernel, self.strides, self.padding,
                self.data_format, self.dilation_rate, self.rank,
            )
        )  # fmt: skip


@final
class DepthwiseConv1D(AbstractDepthwiseConv):
    """(batch, steps, channels) -> (batch, new steps, channels * depth_multiplier)."""

    rank: ClassVar[int] = 1


@final
class DepthwiseConv2D(AbstractDepthwiseConv):
    """(batch, height, width, channels) -> (batch, ..., ..., channels * depth_multiplier).

    >>> from graphc.ops.leaf import placeholder
    >>> layer = DepthwiseConv2D(3, depth_multiplier=2, padding="same")
    >>> layer(placeholder((None, 8, 8, 5))).shape[1:], layer.count_params()
    ((8, 8, 10), 100)
    """

    rank: ClassVar[int] = 2


class AbstractSeparableConv(SpatialLayer):
    """A depthwise convolution, then a 1x1 convolution that mixes its channels.

    `depthwise_kernel` is (*kernel_size, channels, depth_multiplier) and `pointwise_kernel`
    (1, ..., channels * depth_multiplier, filters): k*k*c + c*f weights instead of k*k*c*f.
    """

    usual = rules(True, depthwise="glorot_uniform", pointwise="glorot_uniform", bias="zeros")

    def __init__(
        self, filters: int, kernel_size: Ints, strides: Ints = 1, padding: str = "valid",
        data_format: str | None = None, dilation_rate: Ints = 1, depth_multiplier: int = 1,
        activation: str | activations.Activation | None = None, use_bias: bool = True,
        **options: Unpack[SeparableOptions],
    ) -> None:  # fmt: skip
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            **common(options),
        )  # fmt: skip
        self.filters = positive(filters, "filters")
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier")

    def build(self, input_shape: BuildShape) -> None:
        channels = self.channels(input_shape)
        deep = (*self.kernel_size, channels, self.depth_multiplier)
        point = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = self.add_weight(deep, rules="depthwise", name="depthwise_kernel")
        self.pointwise_kernel = self.add_weight(point, rules="pointwise", name="pointwise_kernel")
        if self.use_bias:
            self.bias = self.add_weight((self.filters,), name="bias")

    def call(self, inputs: Tensor) -> Tensor:
        return self.finished(
            convolution.separable_conv(
                convert.cast(inputs, self.compute_dtype), self.depthwise_kernel,
                self.pointwise_kernel, self.strides, self.padding, self.data_format,
                self.dilation_rate, self.rank,
            )
        )  # fmt: skip


@final
class SeparableConv1D(AbstractSeparableConv):
    """(batch, steps, channels) -> (batch, new steps, filters)."""

    rank: ClassVar[int] = 1


@final
class SeparableConv2D(AbstractSeparableConv):
    """(batch, height, width, channels) -> (batch, new height, new width, filters) (Chollet 2017).

    >>> from graphc.ops.leaf import placeholder
    >>> layer = SeparableConv2D(8, 3)
    >>> layer(placeholder((None, 8, 8, 4))).shape[1:], layer.count_params()
    ((6, 6, 8), 76)
    """

    rank: ClassVar[int] = 2
