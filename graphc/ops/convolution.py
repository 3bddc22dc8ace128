"""Convolutions by Keras' names and layouts, written with the one primitive of conv.py.

Kernels are (*window, channels / groups, filters); of transposed convolutions (*window, filters,
channels); of depthwise ones (*window, channels, multiplier). Like all of deep learning these
compute cross-correlations: the kernel is not flipped.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.dtypes import float32
from graphc.errors import ArgumentError, ShapeError
from graphc.ir.dim import Size
from graphc.ir.node import Tensor

from . import convert, movement
from .conv import Pair, conv_general, dilated
from .convert import TensorLike
from .window import Ints, Padding, is_channels_last, not_empty, pairs, spatial_rank, spread

# ---------------------------------------------------------------------------- ordinary


def conv(
    x: TensorLike, kernel: TensorLike, strides: Ints = 1, padding: Padding = "valid",
    data_format: str | None = None, dilation_rate: Ints = 1, groups: int = 1,
    rank: int | None = None,
) -> Tensor:  # fmt: skip
    """The convolution of 1 to 3 spatial axes; `rank` asks for a number of axes.

    y[n, o, f] = sum over taps t and channels c of
                 padded(x)[n, o*stride + t*dilation, c] * kernel[t, c, f]

    >>> from . import leaf
    >>> conv(leaf.zeros((1, 5, 5, 3)), leaf.zeros((3, 3, 3, 4)), strides=2).shape
    (1, 2, 2, 4)
    """
    tensor, weights, last = _prepared(x, kernel, data_format, rank, "a convolution")
    count = tensor.ndim - 2
    steps, holes = spread(strides, count, "strides"), spread(dilation_rate, count, "dilation_rate")
    sides = pairs(padding, tensor.shape[1:-1], weights.shape[:-2], steps, holes, count == 1)
    result = conv_general(
        tensor, weights, strides=steps, padding=sides, kernel_dilation=holes,
        groups=_positive(groups, "groups"),
    )  # fmt: skip
    result = not_empty(result, range(1, count + 1), tensor, "a convolution")
    return result if last else movement.moveaxis(result, -1, 1)


def conv1d(
    x: TensorLike, kernel: TensorLike, strides: Ints = 1, padding: Padding = "valid",
    data_format: str | None = None, dilation_rate: Ints = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """`conv` along one axis; padding may be "causal": nothing after an element is seen."""
    return conv(x, kernel, strides, padding, data_format, dilation_rate, groups, 1)


def conv2d(
    x: TensorLike, kernel: TensorLike, strides: Ints = 1, padding: Padding = "valid",
    data_format: str | None = None, dilation_rate: Ints = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """`conv` over two axes: (batch, height, width, channels) with a (kh, kw, in, out) kernel."""
    return conv(x, kernel, strides, padding, data_format, dilation_rate, groups, 2)


def conv3d(
    x: TensorLike, kernel: TensorLike, strides: Ints = 1, padding: Padding = "valid",
    data_format: str | None = None, dilation_rate: Ints = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """`conv` over three axes."""
    return conv(x, kernel, strides, padding, data_format, dilation_rate, groups, 3)


# ---------------------------------------------------------------------------- transposed


def conv_transpose(
    x: TensorLike, kernel: TensorLike, strides: Ints = 1, padding: str = "valid",
    output_padding: Ints | None = None, data_format: str | None = None, dilation_rate: Ints = 1,
    rank: int | None = None,
) -> Tensor:  # fmt: skip
    """The adjoint of `conv` in x: every element writes its multiple of the kernel into the output.

    With the extent e = (window - 1) * dilation + 1 the output has these sizes:

        valid    in * stride + max(e - stride, 0),  or (in - 1) * stride + e + output_padding
        same     in * stride,                       or (in - 1) * stride + e % 2 + output_padding
    """
    tensor, weights, last = _prepared(x, kernel, data_format, rank, "a transposed convolution")
    count = tensor.ndim - 2
    steps, holes = spread(strides, count, "strides"), spread(dilation_rate, count, "dilation_rate")
    extra = _output_padding(output_padding, steps)
    extents = tuple(map(dilated, weights.shape[:-2], holes))
    sides = tuple(_transposed(e, s, padding, o) for e, s, o in zip(extents, steps, extra))
    flipped = movement.swapaxes(movement.flip(weights, range(count)), -1, -2)
    result = conv_general(
        tensor, flipped, strides=(1,) * count, padding=sides, input_dilation=steps,
        kernel_dilation=holes,
    )  # fmt: skip
    return result if last else movement.moveaxis(result, -1, 1)


def conv_transpose1d(
    x: TensorLike, kernel: TensorLike, strides: Ints = 1, padding: str = "valid",
    output_padding: Ints | None = None, data_format: str | None = None, dilation_rate: Ints = 1,
) -> Tensor:  # fmt: skip
    """`conv_transpose` along one axis."""
    return conv_transpose(
        x, kernel, strides, padding, output_padding, data_format, dilation_rate, 1
    )


def conv_transpose2d(
    x: TensorLike, kernel: TensorLike, strides: Ints = 1, padding: str = "valid",
    output_padding: Ints | None = None, data_format: str | None = None, dilation_rate: Ints = 1,
) -> Tensor:  # fmt: skip
    """`conv_transpose` over two axes."""
    return conv_transpose(
        x, kernel, strides, padding, output_padding, data_format, dilation_rate, 2
    )


def conv_transpose3d(
    x: TensorLike, kernel: TensorLike, strides: Ints = 1, padding: str = "valid",
    output_padding: Ints | None = None, data_format: str | None = None, dilation_rate: Ints = 1,
) -> Tensor:  # fmt: skip
    """`conv_transpose` over three axes."""
    return conv_transpose(
        x, kernel, strides, padding, output_padding, data_format, dilation_rate, 3
    )


def _transposed(extent: Size, stride: int, padding: str, output_padding: int | None) -> Pair:
    """The padding of the dilated input that gives Keras' output size."""
    if not isinstance(extent, int):
        raise ShapeError("the window of a transposed convolution is known", received=extent)
    match padding.lower() if isinstance(padding, str) else padding:
        case "valid":
            more = max(stride - extent, 0) if output_padding is None else output_padding
            return extent - 1, extent - 1 + more
        case "same":
            more = stride if output_padding is None else extent % 2 + output_padding
            total = extent - 2 + more
            before = min(total - total // 2, extent - 1)
            return before, total - before
    raise ArgumentError(
        "not a padding of a transposed convolution", received=repr(padding), expected="valid, same"
    )


def _output_padding(value: Ints | None, strides: tuple[int, ...]) -> tuple[int | None, ...]:
    if value is None:
        return (None,) * len(strides)
    numbers = tuple(value) if isinstance(value, Sequence) else (value,) * len(strides)
    fits = len(numbers) == len(strides) and all(0 <= n < s for n, s in zip(numbers, strides))
    if not fits:
        raise ArgumentError(
            "output_padding is less than the stride of its axis",
            received=value,
            expected=f"0 .. stride - 1 for strides {strides}",
        )
    return numbers


# ---------------------------------------------------------------------------- depthwise


def depthwise_conv(
    x: TensorLike, kernel: TensorLike, strides: Ints = 1, padding: Padding = "valid",
    data_format: str | None = None, dilation_rate: Ints = 1, rank: int | None = None,
) -> Tensor:  # fmt: skip
    """Each channel with its own filters: kernel (*window, channels, multiplier).

    y[n, o, c*multiplier + m] = sum over taps t of x[n, o + t, c] * kernel[t, c, m]
    """
    weights = convert.as_tensor(kernel)
    if weights.ndim < 3:
        raise ShapeError(
            "a depthwise kernel is (*window, channels, multiplier)", received=weights.shape
        )
    channels, multiplier = weights.shape[-2:]
    if not isinstance(channels, int):
        raise ShapeError("the number of channels of a kernel is known", received=weights.shape)
    merged = movement.reshape(weights, (*weights.shape[:-2], 1, channels * multiplier))
    return conv(x, merged, strides, padding, data_format, dilation_rate, channels, rank)


def depthwise_conv1d(
    x: TensorLike, kernel: TensorLike, strides: Ints = 1, padding: Padding = "valid",
    data_format: str | None = None, dilation_rate: Ints = 1,
) -> Tensor:  # fmt: skip
    """`depthwise_conv` along one axis."""
    return depthwise_conv(x, kernel, strides, padding, data_format, dilation_rate, 1)


def depthwise_conv2d(
    x: TensorLike, kernel: TensorLike, strides: Ints = 1, padding: Padding = "valid",
    data_format: str | None = None, dilation_rate: Ints = 1,
) -> Tensor:  # fmt: skip
    """`depthwise_conv` over two axes."""
    return depthwise_conv(x, kernel, strides, padding, data_format, dilation_rate, 2)


def separable_conv(
    x: TensorLike, depthwise_kernel: TensorLike, pointwise_kernel: TensorLike, strides: Ints = 1,
    padding: Padding = "valid", data_format: str | None = None, dilation_rate: Ints = 1,
    rank: int | None = None,
) -> Tensor:  # fmt: skip
    """A depthwise convolution, then one with a window of 1 that mixes the channels."""
    y = depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate, rank)
    return conv(y, pointwise_kernel, 1, "valid", data_format, rank=rank)


def separable_conv1d(
    x: TensorLike, depthwise_kernel: TensorLike, pointwise_kernel: TensorLike, strides: Ints = 1,
    padding: Padding = "valid", data_format: str | None = None, dilation_rate: Ints = 1,
) -> Tensor:  # fmt: skip
    """`separable_conv` along one axis."""
    return separable_conv(
        x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate, 1
    )


def separable_conv2d(
    x: TensorLike, depthwise_kernel: TensorLike, pointwise_kernel: TensorLike, strides: Ints = 1,
    padding: Padding = "valid", data_format: str | None = None, dilation_rate: Ints = 1,
) -> Tensor:  # fmt: skip
    """`separable_conv` over two axes."""
    return separable_conv(
        x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate, 2
    )


# ---------------------------------------------------------------------------- common


def _prepared(
    x: TensorLike, kernel: TensorLike, data_format: str | None, rank: int | None, what: str
) -> tuple[Tensor, Tensor, bool]:
    """Input with channels last and kernel, of one float dtype; whether channels were last."""
    tensor, weights = convert.promote(x, kernel)
    if not tensor.dtype.is_float:
        tensor, weights = convert.cast(tensor, float32), convert.cast(weights, float32)
    count, last = spatial_rank(tensor, rank, what), is_channels_last(data_format)
    if weights.ndim != count + 2:
        raise ShapeError(
            f"the kernel of {what} has another number of axes than the input",
            received=f"input {tensor.shape}, kernel {weights.shape}",
            expected=f"{count} window sizes, channels, filters",
        )
    return tensor if last else movement.moveaxis(tensor, 1, -1), weights, last


def _positive(value: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(f"{what} is a positive int", received=repr(value), expected=">= 1")
    return value
