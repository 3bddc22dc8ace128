"""Convolution layers; the function they call is in graphc/ops/convolution.py."""

from __future__ import annotations

from typing import Unpack, final

from graphc.errors import ArgumentError
from graphc.frontend import activations, constraints, initializers, regularizers
from graphc.ir.node import Tensor
from graphc.ops import convert, convolution, elementwise, movement
from graphc.ops.window import Ints, is_channels_last, spread

from .layer import Layer
from .spec import BaseOptions, BuildShape, InputSpec, known_size


@final
class Conv2D(Layer):
    """y = activation(conv2d(x, kernel) + bias) over height and width.

    (batch, height, width, channels) -> (batch, new height, new width, filters); `kernel` is
    (*kernel_size, channels / groups, filters). With window extent e = dilation * (k - 1) + 1 the
    new size is floor((size - e) / stride) + 1 for "valid", ceil(size / stride) for "same" padding.
    `data_format="channels_first"` puts the channels before height and width.

    >>> from graphc.ops.leaf import placeholder
    >>> layer = Conv2D(64, 3, activation="relu")
    >>> layer(placeholder((None, 28, 28, 1))).shape[1:], layer.count_params()
    ((26, 26, 64), 640)
    """

    rank = 2

    def __init__(
        self, filters: int, kernel_size: Ints, strides: Ints = (1, 1), padding: str = "valid",
        data_format: str | None = None, dilation_rate: Ints = (1, 1), groups: int = 1,
        activation: str | activations.Activation | None = None, use_bias: bool = True,
        kernel_initializer: initializers.Given = "glorot_uniform",
        bias_initializer: initializers.Given = "zeros",
        kernel_regularizer: regularizers.Given = None,
        bias_regularizer: regularizers.Given = None,
        activity_regularizer: regularizers.Given = None,
        kernel_constraint: constraints.Given = None, bias_constraint: constraints.Given = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(activity_regularizer=activity_regularizer, **options)
        if isinstance(filters, bool) or not isinstance(filters, int) or filters < 1:
            raise ArgumentError("filters is a positive number", received=repr(filters))
        if filters % groups:
            raise ArgumentError("groups divide the filters", received=(filters, groups))
        self.filters, self.groups, self.use_bias = filters, groups, use_bias
        self.kernel_size = spread(kernel_size, self.rank, "kernel_size")
        self.strides = spread(strides, self.rank, "strides")
        self.dilation_rate = spread(dilation_rate, self.rank, "dilation_rate")
        self.padding, self.data_format = padding, data_format
        self.channels_last = is_channels_last(data_format)
        self.activation = activations.get(activation)
        self.declare("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.declare("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: BuildShape) -> None:
        axis = -1 if self.channels_last else 1
        channels = known_size(self.name, input_shape, axis)
        if channels % self.groups:
            raise ArgumentError(
                f"groups of {self.name} divide the channels", received=(channels, self.groups)
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(shape, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight((self.filters,), name="bias")
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})

    def call(self, inputs: Tensor) -> Tensor:
        y = convolution.conv(
            convert.cast(inputs, self.dtype), self.kernel, self.strides, self.padding,
            self.data_format, self.dilation_rate, self.groups, self.rank,
        )  # fmt: skip
        if self.use_bias:
            shape = (-1,) if self.channels_last else (-1, *(1,) * self.rank)
            y = elementwise.add(y, movement.reshape(self.bias, shape))
        return self.activation(y)
