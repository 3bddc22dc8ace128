"""Convolutions and transposed convolutions; the functions are in graphc/ops/convolution.py."""

from __future__ import annotations

from typing import ClassVar, Unpack, final

from graphc.errors import ArgumentError
from graphc.frontend import activations
from graphc.ir.node import Tensor
from graphc.ops import convert, convolution, movement
from graphc.ops.window import Ints

from .spatial import PADDINGS, SpatialLayer, positive
from .spec import BuildShape, KernelOptions, common, rules


class AbstractConv(SpatialLayer):
    """y = activation(conv(x, kernel) + bias), `kernel` (*kernel_size, channels / groups, filters).

    With window extent e = dilation * (k - 1) + 1 the new size of an axis is
    floor((size - e) / stride) + 1 for "valid" and ceil(size / stride) for "same" padding.
    """

    usual = rules(True, kernel="glorot_uniform", bias="zeros")

    def __init__(
        self, filters: int, kernel_size: Ints, strides: Ints = 1, padding: str = "valid",
        data_format: str | None = None, dilation_rate: Ints = 1, groups: int = 1,
        activation: str | activations.Activation | None = None, use_bias: bool = True,
        **options: Unpack[KernelOptions],
    ) -> None:  # fmt: skip
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            **common(options),
        )  # fmt: skip
        self.filters, self.groups = positive(filters, "filters"), positive(groups, "groups")
        if filters % groups:
            raise ArgumentError("groups divide the filters", received=(filters, groups))

    def build(self, input_shape: BuildShape) -> None:
        channels = self.channels(input_shape)
        if channels % self.groups:
            raise ArgumentError(
                f"groups of {self.name} divide the channels", received=(channels, self.groups)
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(shape, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight((self.filters,), name="bias")

    def call(self, inputs: Tensor) -> Tensor:
        x = convert.cast(inputs, self.compute_dtype)
        return self.finished(
            convolution.conv(
                x, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate,
                self.groups, self.rank,
            )
        )  # fmt: skip


@final
class Conv1D(AbstractConv):
    """Convolution over time: (batch, steps, channels) -> (batch, new steps, filters).

    "causal" padding, d * (k - 1) zeros before the first step, lets y[t] depend on x[..t] only.

    >>> from graphc.ops.leaf import placeholder
    >>> Conv1D(8, 3, padding="causal")(placeholder((None, 20, 4))).shape[1:]
    (20, 8)
    """

    rank: ClassVar[int] = 1
    paddings = (*PADDINGS, "causal")

    def call(self, inputs: Tensor) -> Tensor:
        if self.padding != "causal":
            return super().call(inputs)
        before = self.dilation_rate[0] * (self.kernel_size[0] - 1)
        widths = [(0, 0), (before, 0), (0, 0)]
        if not self.channels_last:
            widths[1], widths[2] = widths[2], widths[1]
        x = movement.pad(convert.cast(inputs, self.compute_dtype), widths)
        return self.finished(
            convolution.conv(
                x, self.kernel, self.strides, "valid", self.data_format, self.dilation_rate,
                self.groups, self.rank,
            )
        )  # fmt: skip


@final
class Conv2D(AbstractConv):
    """Convolution of images: (batch, height, width, channels) -> (batch, ..., ..., filters).

    `data_format="channels_first"` puts the channels before height and width.

    >>> from graphc.ops.leaf import placeholder
    >>> layer = Conv2D(64, 3, activation="relu")
    >>> layer(placeholder((None, 28, 28, 1))).shape[1:], layer.count_params()
    ((26, 26, 64), 640)
    """

    rank: ClassVar[int] = 2


@final
class Conv3D(AbstractConv):
    """Convolution of volumes and films: (batch, depth, height, width, channels)."""

    rank: ClassVar[int] = 3


class AbstractConvTranspose(SpatialLayer):
    """The convolution that turns shapes of outputs into shapes of inputs, as in decoders.

    `kernel` is (*kernel_size, filters, channels). The new size of an axis is, with window extent e,
    size * stride + max(e - stride, 0) for "valid" and size * stride for "same" padding, or
    (size - 1) * stride + e - 2 * padding + output_padding with an `output_padding`.
    """

    usual = rules(True, kernel="glorot_uniform", bias="zeros")

    def __init__(
        self, filters: int, kernel_size: Ints, strides: Ints = 1, padding: str = "valid",
        output_padding: Ints | None = None, data_format: str | None = None,
        dilation_rate: Ints = 1, activation: str | activations.Activation | None = None,
        use_bias: bool = True, **options: Unpack[KernelOptions],
    ) -> None:  # fmt: skip
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            **common(options),
        )  # fmt: skip
        self.filters = positive(filters, "filters")
        self.output_padding = output_padding

    def build(self, input_shape: BuildShape) -> None:
        shape = (*self.kernel_size, self.filters, self.channels(input_shape))
        self.kernel = self.add_weight(shape, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight((self.filters,), name="bias")

    def call(self, inputs: Tensor) -> Tensor:
        return self.finished(
            convolution.conv_transpose(
                convert.cast(inputs, self.compute_dtype), self.kernel, self.strides, self.padding,
                self.output_padding, self.data_format, self.dilation_rate, self.rank,
            )
        )  # fmt: skip


@final
class Conv1DTranspose(AbstractConvTranspose):
    """Transposed convolution over time: (batch, steps, channels) -> (batch, new steps, filters)."""

    rank: ClassVar[int] = 1


@final
class Conv2DTranspose(AbstractConvTranspose):
    """Transposed convolution of images (Zeiler et al. 2010).

    >>> from graphc.ops.leaf import placeholder
    >>> Conv2DTranspose(8, 3, strides=2, padding="same")(placeholder((None, 7, 7, 4))).shape[1:]
    (14, 14, 8)
    """

    rank: ClassVar[int] = 2


@final
class Conv3DTranspose(AbstractConvTranspose):
    """Transposed convolution of volumes: (batch, depth, height, width, channels).

    Keras has the two arguments behind `padding` the other way round here.
    """

    rank: ClassVar[int] = 3

    def __init__(
        self, filters: int, kernel_size: Ints, strides: Ints = 1, padding: str = "valid",
        data_format: str | None = None, output_padding: Ints | None = None,
        dilation_rate: Ints = 1, activation: str | activations.Activation | None = None,
        use_bias: bool = True, **options: Unpack[KernelOptions],
    ) -> None:  # fmt: skip
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate,
            activation, use_bias, **options,
        )  # fmt: skip
