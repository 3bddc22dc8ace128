"""Filters: weighted sums over neighbours."""

from __future__ import annotations

from graphc.errors import ArgumentError
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, leaf, movement, reduce
from graphc.ops.convert import TensorLike, as_tensor

from .form import as_batch, as_float, in_dtype

_SOBEL = (1.0, 2.0, 1.0), (-1.0, 0.0, 1.0)


@eager_on_arrays
def gaussian_blur(
    images: TensorLike, kernel_size: int | tuple[int, int] = (3, 3),
    sigma: TensorLike = (1.0, 1.0), data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """Images blurred by normal weights exp(-d**2 / (2 sigma**2)), 0 around them.

    `sigma` is one number, (x, y), or (n, 2) with a pair per image; kernel_size is (x, y) too.

    >>> import numpy as np
    >>> gaussian_blur(np.ones((5, 5, 1), np.float32)).numpy()[2, :, 0].round(3).tolist()[:3]
    [0.7260000109672546, 1.0, 1.0]
    """
    x, back = as_batch(images, data_format)
    sizes = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
    if len(sizes) != 2 or min(sizes) < 1:
        raise ArgumentError("kernel_size is a positive number or two", received=kernel_size)
    widths = convert.cast(as_tensor(sigma), as_float(x).dtype)
    widths = convert.broadcast_to(widths, (2,)) if widths.ndim == 0 else widths
    widths = movement.reshape(widths, (-1, 2))
    blurred = along(as_float(x), 2, gaussian(sizes[0], widths[:, :1]))
    return back(in_dtype(along(blurred, 1, gaussian(sizes[1], widths[:, 1:])), x.dtype))


@eager_on_arrays
def sobel_edges(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Differences down and across (Sobel 1968): (..., channels) -> (..., channels, 2).

    The borders are mirrored.
    """
    x, back = as_batch(images, data_format)
    y = as_float(x)
    for axis in (1, 2):
        size = y.shape[axis]
        ends = [movement.slice_axis(y, axis, at, at + 1) for at in (1, size - 2)]
        y = movement.concat([ends[0], y, ends[1]], axis)
    smooth, change = (leaf.constant([weights], y.dtype) for weights in _SOBEL)
    down = along(along(y, 1, change, same=False), 2, smooth, same=False)
    across = along(along(y, 1, smooth, same=False), 2, change, same=False)
    return movement.stack([back(down), back(across)], -1)


def sharpened(x: Tensor, factor: Tensor) -> Tensor:
    """A batch of floats moved from its smoothed form (factor 0) beyond itself (factor > 1).

    The smoothed pixel is 5/13 of the pixel and 1/13 of each of its neighbours.
    """
    ones = leaf.full((1, 3), 1.0, x.dtype)
    smooth = (along(along(x, 1, ones), 2, ones) + x * 4.0) / 13.0
    return x + (1.0 - factor) * (smooth - x)


def gaussian(size: int, sigma: Tensor) -> Tensor:
    """Normal weights with sum 1: (n, 1) -> (n, size)."""
    place = convert.cast(leaf.iota((1, size), 1), sigma.dtype) - (size - 1) / 2
    weights = elementwise.exp(elementwise.square(place / sigma) * -0.5)
    return weights / reduce.sum(weights, 1, keepdims=True)


def along(x: Tensor, axis: int, weights: Tensor, same: bool = True) -> Tensor:
    """y[i] = sum over t of weights[:, t] * x[i + t - middle] along an axis of a batch.

    `weights` are (n or 1, size). With `same` there is 0 around the batch; else the result is
    shorter by size - 1.
    """
    size = weights.shape[1]
    assert isinstance(size, int), "filters have known sizes"
    if same:
        padding = [(0, 0)] * x.ndim
        padding[axis] = ((size - 1) // 2, size // 2)
        x = movement.pad(x, padding)
    length = x.shape[axis] - (size - 1)
    shape = (weights.shape[0], *(1,) * (x.ndim - 1))
    terms = [
        movement.slice_axis(x, axis, t, t + length) * movement.reshape(weights[:, t], shape)
        for t in range(size)
    ]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
