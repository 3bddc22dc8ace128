"""Derivatives of window reductions: sums slide back, maxima send the cotangent to one tap."""

from __future__ import annotations

import math

from graphc.ir.mode import build
from graphc.ir.node import Tensor
from graphc.ops import elementwise, movement
from graphc.ops.conv import Pair
from graphc.ops.pool import (
    window_argmax_op,
    window_gather_op,
    window_reduce,
    window_reduce_op,
    window_scatter_op,
)

from .conv import input_padding
from .rules import linear, vjp, zero_derivative

Ints = tuple[int, ...]
Pairs = tuple[Pair, ...]


def window_vjp(
    ct: Tensor, y: Tensor, x: Tensor, *, kind: str, window: Ints, strides: Ints, padding: Pairs,
    dilation: Ints, input_dilation: Ints,
) -> Tensor:  # fmt: skip
    """sum: every place gets the sum of the windows that see it, which are windows over dilated ct.

    max, min: the first tap that holds the extreme of a window gets its cotangent.
    """
    if kind == "sum":
        low = [p[0] for p in padding]
        back = map(input_padding, x.shape, window, ct.shape, strides, low, input_dilation, dilation)
        return window_reduce(
            ct, "sum", window=window, strides=input_dilation, padding=tuple(back),
            dilation=dilation, input_dilation=strides,
        )  # fmt: skip
    none = [(0, 0)] * x.ndim
    top = x if kind == "max" else elementwise.neg(x)
    spaced = movement.pad(top, none, -math.inf, [d - 1 for d in input_dilation])
    places = {"window": window, "strides": strides, "padding": padding, "dilation": dilation}
    chosen = build(window_argmax_op, (spaced,), places)[0]
    dx = build(window_scatter_op, (ct, chosen), {"shape": spaced.shape, **places})[0]
    return movement.slice_axes(dx, [0] * x.ndim, dx.shape, input_dilation)


def gather_vjp(ct: Tensor, y: Tensor, x: Tensor, chosen: Tensor, **places: Ints | Pairs) -> Tensor:
    """Each cotangent goes back to the tap it was taken from."""
    return build(window_scatter_op, (ct, chosen), {"shape": x.shape, **places})[0]


def scatter_vjp(
    ct: Tensor, y: Tensor, u: Tensor, chosen: Tensor, *, shape: Ints, **places: Ints | Pairs
) -> Tensor:
    """Each element takes the cotangent of the place it was added to."""
    return build(window_gather_op, (ct, chosen), places)[0]


# fmt: off
vjp(window_reduce_op,     window_vjp)
linear(window_gather_op,  gather_vjp,  None)
linear(window_scatter_op, scatter_vjp, None)
zero_derivative(window_argmax_op)
# fmt: on
