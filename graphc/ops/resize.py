"""Resizing of images: nearest by gathering, the other methods as one matrix product per axis.

Pixels are areas: the centre of output pixel i is at (i + 0.5) * in / out - 0.5 of the input
("half pixel centres"). The weights are computed here, so the sizes of resized axes must be known.

    bilinear    1 - |d| up to distance d = 1
    bicubic     Keys 1981 with a = -1/2, up to 2
    lanczos_r   sinc(d) sinc(d / r) up to r = 3 or 5 (Duchon 1979)
    area        the share of the input pixel in the area of the output pixel
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graphc.dtypes import float32
from graphc.errors import ArgumentError, ShapeError
from graphc.ir.node import Tensor

from . import convert, index, leaf, matmul, movement
from .convert import TensorLike, as_tensor
from .window import spatial_axes, spatial_rank, spread


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys 1981 with a = -1/2."""
    x = distance
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _lanczos(radius: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0.0)


_KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bilinear": lambda x: np.maximum(1 - x, 0),
    "bicubic": _cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}
_METHODS = ("nearest", *_KERNELS, "area")


def resize(
    x: TensorLike, size: int | Sequence[int], interpolation: str = "bilinear",
    antialias: bool = False, data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """Images (batch, *spatial, channels) at other spatial sizes.

    `interpolation` is nearest, bilinear, bicubic, lanczos3, lanczos5 or area; `antialias` widens
    the kernel when shrinking.

    >>> resize(leaf.zeros((1, 4, 4, 3)), (2, 8)).shape
    (1, 2, 8, 3)
    """
    tensor = as_tensor(x)
    rank = spatial_rank(tensor, None, "resize")
    wanted, axes = spread(size, rank, "size"), spatial_axes(rank, data_format)
    if interpolation not in _METHODS:
        raise ArgumentError(
            "no such interpolation", received=repr(interpolation), expected=", ".join(_METHODS)
        )
    for axis, new in zip(axes, wanted):
        old = tensor.shape[axis]
        if not isinstance(old, int):
            raise ShapeError("resize needs known image sizes", received=tensor.shape)
        if old == new:
            continue
        if interpolation == "nearest":
            places = np.floor((np.arange(new) + 0.5) * (old / new)).astype(np.int32)
            tensor = index.take(tensor, leaf.constant(places), axis)
        else:
            tensor = _along(tensor, axis, _weights(old, new, interpolation, antialias))
    return tensor


def _along(x: Tensor, axis: int, weights: np.ndarray) -> Tensor:
    """y[..., i, ...] = sum over j of weights[i, j] * x[..., j, ...]."""
    tensor = x if x.dtype.is_float else convert.cast(x, float32)
    matrix = leaf.constant(weights, tensor.dtype)
    return movement.moveaxis(matmul.dot_general(tensor, matrix, ([axis], [1])), -1, axis)


def _weights(old: int, new: int, interpolation: str, antialias: bool) -> np.ndarray:
    scale = old / new
    if interpolation == "area":
        weights = _shares(np.arange(new) * scale, np.arange(1, new + 1) * scale, old)
    else:
        centre = (np.arange(new) + 0.5) * scale - 0.5
        width = max(scale, 1.0) if antialias else 1.0
        distance = np.abs(centre[:, None] - np.arange(old)[None, :]) / width
        weights = _KERNELS[interpolation](distance)
    # What would fall outside the image is shared among the pixels inside.
    return weights / weights.sum(1, keepdims=True)


def _shares(start: np.ndarray, stop: np.ndarray, old: int) -> np.ndarray:
    """How much of the input pixel [j, j + 1) lies in [start, stop)."""
    j = np.arange(old)
    return np.maximum(np.minimum(stop[:, None], j + 1) - np.maximum(start[:, None], j), 0)
