"""Reductions over sliding windows, and the two adjoints that max pooling needs.

All attributes have one entry per axis of the tensor, so any layout works. A window that starts in
the padding sees the identity of the reduction there.

    window_reduce   y[o] = reduce over taps t of dilated(x)[o*stride + t*dilation - low]
    window_argmax   i[o] = the first tap (row-major) that holds the maximum, or a NaN
    window_gather   y[o] = x at tap i[o] of window o                    (linear in x)
    window_scatter  x[p] = sum of y[o] over windows o whose tap i[o] is p   (its adjoint)
"""

from __future__ import annotations

import math

from graphc import dtypes
from graphc.errors import DTypeError, ShapeError
from graphc.ir.dim import Shape
from graphc.ir.mode import build
from graphc.ir.node import Op, Tensor, TensorType

from .conv import Pair, dilated, window_count

Ints = tuple[int, ...]


def _windows(
    shape: Shape, window: Ints, strides: Ints, padding: tuple[Pair, ...], dilation: Ints,
    input_dilation: Ints | None = None,
) -> Shape:  # fmt: skip
    holes = input_dilation or (1,) * len(shape)
    lengths = {len(window), len(strides), len(padding), len(dilation), len(holes)}
    if lengths != {len(shape)}:
        raise ShapeError("one window size per axis", received=window, expected=f"{len(shape)} axes")
    return tuple(
        window_count(dilated(s, h), dilated(w, d), stride, pad)
        for s, h, w, d, stride, pad in zip(shape, holes, window, dilation, strides, padding)
    )


def _infer_reduce(
    x: Tensor, *, kind: str, window: Ints, strides: Ints, padding: tuple[Pair, ...],
    dilation: Ints, input_dilation: Ints,
) -> TensorType:  # fmt: skip
    if kind not in ("sum", "max", "min"):
        raise DTypeError("windows are reduced by sum, max or min", received=kind)
    return TensorType(
        _windows(x.shape, window, strides, padding, dilation, input_dilation), x.dtype
    )


def _infer_argmax(
    x: Tensor, *, window: Ints, strides: Ints, padding: tuple[Pair, ...], dilation: Ints
) -> TensorType:
    kind = dtypes.uint8 if math.prod(window) <= 256 else dtypes.int32
    return TensorType(_windows(x.shape, window, strides, padding, dilation), kind)


def _infer_gather(
    x: Tensor, index: Tensor, *, window: Ints, strides: Ints, padding: tuple[Pair, ...],
    dilation: Ints,
) -> TensorType:  # fmt: skip
    return TensorType(_windows(x.shape, window, strides, padding, dilation), x.dtype)


def _infer_scatter(
    y: Tensor, index: Tensor, *, shape: Shape, window: Ints, strides: Ints,
    padding: tuple[Pair, ...], dilation: Ints,
) -> TensorType:  # fmt: skip
    return TensorType(shape, y.dtype)


window_reduce_op = Op("window_reduce", _infer_reduce)
window_argmax_op = Op("window_argmax", _infer_argmax)
window_gather_op = Op("window_gather", _infer_gather)
window_scatter_op = Op("window_scatter", _infer_scatter)
OPS = (window_reduce_op, window_argmax_op, window_gather_op, window_scatter_op)


def window_reduce(
    x: Tensor, kind: str, *, window: Ints, strides: Ints, padding: tuple[Pair, ...],
    dilation: Ints | None = None, input_dilation: Ints | None = None,
) -> Tensor:  # fmt: skip
    """The sum, max or min over each window; see the top of this file."""
    ones = (1,) * x.ndim
    attrs = {
        "kind": kind, "window": window, "strides": strides, "padding": padding,
        "dilation": dilation or ones, "input_dilation": input_dilation or ones,
    }  # fmt: skip
    return build(window_reduce_op, (x,), attrs)[0]
