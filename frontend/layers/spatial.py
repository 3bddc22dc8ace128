"""What convolution layers have in common: the axes of windows, the channels, the bias."""

from __future__ import annotations

from typing import ClassVar, Unpack

from graphc.errors import ArgumentError
from graphc.frontend import activations
from graphc.frontend.config import layout
from graphc.ir.node import Tensor
from graphc.ops import elementwise, movement
from graphc.ops.variable import Variable
from graphc.ops.window import Ints, is_channels_last, spread

from .layer import Layer
from .spec import BuildShape, InputSpec, LayerOptions, known_size

PADDINGS = ("valid", "same")


class SpatialLayer(Layer):
    """A layer with a window over `rank` axes, weights, a bias and an activation.

    Windows, strides and dilations are one number for all axes or a number for each.
    """

    rank: ClassVar[int]
    paddings: ClassVar[tuple[str, ...]] = PADDINGS
    bias: Variable | None = None

    def __init__(
        self, kernel_size: Ints, strides: Ints, padding: str, data_format: str | None,
        dilation_rate: Ints, activation: str | activations.Activation | None, use_bias: bool,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.kernel_size = spread(kernel_size, self.rank, "kernel_size")
        self.strides = spread(strides, self.rank, "strides")
        self.dilation_rate = spread(dilation_rate, self.rank, "dilation_rate")
        self.padding = padding.lower() if isinstance(padding, str) else padding
        if self.padding not in self.paddings:
            raise ArgumentError(
                f"{self.name} knows no such padding",
                received=repr(padding),
                expected=", ".join(self.paddings),
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"{self.name} has strides or dilation, not both",
                received=f"strides={self.strides}, dilation_rate={self.dilation_rate}",
            )
        self.data_format = layout(data_format)
        self.channels_last = is_channels_last(self.data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias

    def channels(self, input_shape: BuildShape) -> int:
        """The channels of the input; from here on inputs have that many."""
        axis = -1 if self.channels_last else 1
        count = known_size(self.name, input_shape, axis)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: count})
        return count

    def finished(self, y: Tensor) -> Tensor:
        """The activation of y plus the bias of each channel."""
        if self.bias is not None:
            shape = (-1,) if self.channels_last else (-1, *(1,) * self.rank)
            y = elementwise.add(y, movement.reshape(self.bias, shape))
        return self.activation(y)


def positive(value: int, what: str) -> int:
    """A number of things of which there is at least one."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(f"{what} is a positive number", received=repr(value))
    return value
