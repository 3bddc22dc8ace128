"""Derivatives of the convolution: both are convolutions again.

With p + low = o*stride + t*kernel_dilation for the place p that tap t of output o sees in the
dilated input (Dumoulin and Visin 2016, "A guide to convolution arithmetic"):

    dx[n, p, c] = sum over t, f of ct[n, o, f] * w[t, c, f]     slides flipped taps over dilated ct
    dw[t, c, f] = sum over n, o of x[n, p, c] * ct[n, o, f]     slides dilated ct over x

Strides and dilations change places, and so do groups and batch groups. The padding after the last
element is what makes the result as large as x (or w), also where strides do not divide the size.
"""

from __future__ import annotations

from graphc.ir.dim import Size, exact_div
from graphc.ir.node import Tensor
from graphc.ops import movement
from graphc.ops.conv import Pair, conv_general, conv_op, dilated

from .rules import bilinear

Ints = tuple[int, ...]
Pairs = tuple[Pair, ...]


def input_padding(
    size: Size, taps: Size, places: Size, stride: int, low: Size, holes: int, spread: int
) -> Pair:
    """Padding of ct so that flipped taps slid over it end on `size` input places.

    `places` is the number of outputs, `holes` the input dilation, `spread` that of the kernel.
    """
    window = dilated(taps, spread)
    front = window - 1 - low
    return front, (size - 1) * holes + window - dilated(places, stride) - front


def input_vjp(
    ct: Tensor, y: Tensor, x: Tensor, w: Tensor, *, strides: Ints, padding: Pairs,
    input_dilation: Ints, kernel_dilation: Ints, groups: int, batch_groups: int,
) -> Tensor:  # fmt: skip
    """Taps flipped, channels and filters exchanged, strides become dilation.

    A batch group makes its part of x from its own filters, so the convolution has as many groups
    and answers all parts side by side as channels, which are then stacked along the batch again.
    """
    low = [p[0] for p in padding]
    sizes = zip(x.shape[1:-1], w.shape[:-2], ct.shape[1:-1], strides, low, input_dilation,
                kernel_dilation)  # fmt: skip
    kernel = _exchange(movement.flip(w, range(w.ndim - 2)), groups * batch_groups)
    dx = conv_general(
        ct, kernel, strides=input_dilation, padding=tuple(input_padding(*s) for s in sizes),
        input_dilation=strides, kernel_dilation=kernel_dilation, groups=groups * batch_groups,
    )  # fmt: skip
    return dx if batch_groups == 1 else _stack_parts(dx, x, batch_groups)


def kernel_vjp(
    ct: Tensor, y: Tensor, x: Tensor, w: Tensor, *, strides: Ints, padding: Pairs,
    input_dilation: Ints, kernel_dilation: Ints, groups: int, batch_groups: int,
) -> Tensor:  # fmt: skip
    """ct slides over x as the kernel; the batch is summed over, the channels of x are the batch."""

    def pad(size: Size, taps: Size, places: Size, stride: int, low: Size, holes: int, spread: int
            ) -> Pair:  # fmt: skip
        window = dilated(places, stride)
        return low, (taps - 1) * spread + window - dilated(size, holes) - low

    low = [p[0] for p in padding]
    sizes = zip(x.shape[1:-1], w.shape[:-2], ct.shape[1:-1], strides, low, input_dilation,
                kernel_dilation)  # fmt: skip
    last = x.ndim - 1
    dw = conv_general(
        movement.swapaxes(x, 0, last), movement.moveaxis(ct, 0, last - 1),
        strides=kernel_dilation, padding=tuple(pad(*s) for s in sizes),
        input_dilation=input_dilation, kernel_dilation=strides,
        groups=batch_groups, batch_groups=groups,
    )  # fmt: skip
    return movement.moveaxis(dw, 0, last - 1)


def _exchange(w: Tensor, groups: int) -> Tensor:
    """A kernel (*window, c, groups * f) as (*window, f, groups * c)."""
    window, channels, filters = w.shape[:-2], w.shape[-2], w.shape[-1]
    each = exact_div(filters, groups)
    assert each is not None, "groups divide the filters"
    cut = movement.reshape(w, (*window, channels, groups, each))
    turned = movement.swapaxes(cut, -1, -3)
    return movement.reshape(turned, (*window, each, groups * channels))


def _stack_parts(dx: Tensor, x: Tensor, parts: int) -> Tensor:
    """(n, *spatial, parts * channels) as (parts * n, *spatial, channels)."""
    cut = movement.reshape(dx, (*dx.shape[:-1], parts, x.shape[-1]))
    return movement.reshape(movement.moveaxis(cut, -2, 0), x.shape)


bilinear(conv_op, input_vjp, kernel_vjp)
