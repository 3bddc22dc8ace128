"""The general convolution of 1 to 3 spatial axes; its two derivatives are convolutions again.

The primitive takes x (batch, *spatial, channels) and w (*window, channels / groups, filters); what
people call conv2d, transposed, depthwise and separable convolution is written with it in nn.py.

    y[n, o, f] = sum over taps t and channels c of
                 dilated(x)[n, o*stride + t*kernel_dilation - low, c] * w[t, c, f]

`input_dilation` d puts d - 1 zeros between the elements of x; padding may be negative (a crop).
With `batch_groups` g the batch is cut into g parts, each with its own part of the filters.
"""

from __future__ import annotations

from graphc.errors import DTypeError, ShapeError
from graphc.ir.dim import Size, exact_div, floor_div, may_equal
from graphc.ir.mode import build
from graphc.ir.node import Op, Tensor, TensorType

Pair = tuple[Size, Size]


def dilated(size: Size, dilation: int) -> Size:
    """The extent of `size` elements with dilation - 1 holes between them."""
    return size if dilation == 1 or size == 0 else (size - 1) * dilation + 1


def window_count(size: Size, window: Size, stride: int, padding: Pair) -> Size:
    """How many windows fit: floor((size + low + high - window) / stride) + 1, never negative."""
    count = floor_div(size + padding[0] + padding[1] - window, stride) + 1
    return max(count, 0) if isinstance(count, int) else count


def _infer_conv(
    x: Tensor, w: Tensor, *, strides: tuple[int, ...], padding: tuple[Pair, ...],
    input_dilation: tuple[int, ...], kernel_dilation: tuple[int, ...], groups: int,
    batch_groups: int,
) -> TensorType:  # fmt: skip
    spatial = x.ndim - 2
    if not 1 <= spatial <= 3 or w.ndim != x.ndim:
        raise ShapeError(
            "a convolution takes (batch, *spatial, channels) and (*window, channels, filters)",
            received=f"{x.shape} and {w.shape}",
            expected="tensors of equal rank, 3 to 5",
        )
    if x.dtype is not w.dtype or not x.dtype.is_float:
        raise DTypeError("a convolution takes floats of one dtype", received=(x.dtype, w.dtype))
    if not may_equal(x.shape[-1], w.shape[-2] * groups):
        raise ShapeError(
            "the channels of the input do not fit the kernel",
            received=f"input {x.shape}, kernel {w.shape}, groups {groups}",
            expected="input channels = kernel channels * groups",
        )
    batch = exact_div(x.shape[0], batch_groups)
    if batch is None or exact_div(w.shape[-1], groups * batch_groups) is None:
        raise ShapeError("groups divide channels, filters and batch", received=(x.shape, w.shape))
    sizes = [
        window_count(dilated(size, d), dilated(taps, e), stride, pad)
        for size, taps, d, e, stride, pad in zip(
            x.shape[1:-1], w.shape[:-2], input_dilation, kernel_dilation, strides, padding,
            strict=True,
        )
    ]  # fmt: skip
    return TensorType((batch, *sizes, w.shape[-1]), x.dtype)


conv_op = Op("conv", _infer_conv)
OPS = (conv_op,)


def conv_general(
    x: Tensor, w: Tensor, *, strides: tuple[int, ...], padding: tuple[Pair, ...],
    input_dilation: tuple[int, ...] | None = None,
    kernel_dilation: tuple[int, ...] | None = None, groups: int = 1, batch_groups: int = 1,
) -> Tensor:  # fmt: skip
    """The primitive with its defaults; see the top of this file."""
    ones = (1,) * (x.ndim - 2)
    attrs = {
        "strides": strides,
        "padding": padding,
        "input_dilation": input_dilation or ones,
        "kernel_dilation": kernel_dilation or ones,
        "groups": groups,
        "batch_groups": batch_groups,
    }
    return build(conv_op, (x, w), attrs)[0]
