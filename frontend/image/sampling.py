"""Images read at computed places: the one way in which rotations, shears and perspectives are made.

A pixel (row i, column j) has its centre at (y, x) = (i, j). Between pixels there is

    nearest    the nearest pixel
    bilinear   v = sum of (1 - |y - i|) (1 - |x - j|) image[i, j] over the four pixels around

and a pixel outside of the image is

    constant   fill_value         k k k | a b c d | k k k
    nearest    the border         a a a | a b c d | d d d
    reflect    mirrored           c b a | a b c d | d c b
    wrap       the other end      b c d | a b c d | a b c
"""

from __future__ import annotations

from collections.abc import Callable

from graphc import dtypes
from graphc.errors import ArgumentError, ShapeError
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.dim import Size
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, index, leaf, movement
from graphc.ops.convert import TensorLike, as_tensor

from .form import as_batch, as_float

# Beyond it float32 has no fractions left; no image is that large.
_FAR = float(1 << 22)


def _reflected(i: Tensor, size: Tensor) -> Tensor:
    """0 1 2 .. n-1 n-1 .. 1 0 0 1 ..."""
    place = elementwise.remainder(i, size * 2)
    return elementwise.minimum(place, size * 2 - 1 - place)


def _nearest(i: Tensor, size: Tensor) -> Tensor:
    return elementwise.minimum(elementwise.maximum(i, 0), size - 1)


FILL_MODES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "constant": _nearest,
    "nearest": _nearest,
    "reflect": _reflected,
    "wrap": lambda i, size: elementwise.remainder(i, size),
}
INTERPOLATIONS = ("nearest", "bilinear")


@eager_on_arrays
def affine_transform(
    images: TensorLike, transform: TensorLike, interpolation: str = "bilinear",
    fill_mode: str = "constant", fill_value: float = 0.0, data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """Images under projective maps: pixel (x, y) of the result is the image at (x', y').

        x' = (a0 x + a1 y + a2) / k    y' = (b0 x + b1 y + b2) / k    k = c0 x + c1 y + 1

    `transform` is [a0, a1, a2, b0, b1, b2, c0, c1], or (n, 8) with one row per image.

    >>> import numpy as np
    >>> shift = [1.0, 0, 1, 0, 1, 0, 0, 0]
    >>> affine_transform(np.arange(4.0).reshape(1, 4, 1), shift).numpy()[0, :, 0].tolist()
    [1.0, 2.0, 3.0, 0.0]
    """
    x, back = as_batch(images, data_format)
    maps = convert.cast(as_tensor(transform), dtypes.float32)
    if maps.ndim not in (1, 2) or maps.shape[-1] != 8:
        raise ShapeError("a transform has eight numbers", received=maps.shape,
                         expected="(8,) or (n, 8)")  # fmt: skip
    size = (x.shape[1], x.shape[2])
    return back(moved(x, maps, size, interpolation, fill_mode, fill_value))


def moved(
    x: Tensor, maps: Tensor, size: tuple[Size, Size], interpolation: str, fill_mode: str,
    fill_value: float,
) -> Tensor:  # fmt: skip
    """A batch (n, height, width, channels) under maps (8,) or (n, 8): (n, *size, channels)."""
    maps = movement.reshape(maps, (-1, 8, 1, 1))
    a0, a1, a2, b0, b1, b2, c0, c1 = (maps[:, i] for i in range(8))
    grid = (1, *size)
    column = convert.cast(leaf.iota(grid, 2), dtypes.float32)
    row = convert.cast(leaf.iota(grid, 1), dtypes.float32)
    depth = c0 * column + c1 * row + 1.0
    depth = elementwise.where(elementwise.equal(depth, 0.0), 1e-30, depth)
    across = (a0 * column + a1 * row + a2) / depth
    down = (b0 * column + b1 * row + b2) / depth
    return sampled(x, down, across, interpolation, fill_mode, fill_value)


def sampled(
    x: Tensor, down: Tensor, across: Tensor, interpolation: str, fill_mode: str, fill_value: float
) -> Tensor:
    """A batch (n, height, width, channels) at places (n or 1, h, w): (n, h, w, channels).

    Nearest pixels keep the dtype; whole numbers become float32 by interpolation.
    """
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError("no such interpolation", received=repr(interpolation),
                            expected=", ".join(INTERPOLATIONS))  # fmt: skip
    if fill_mode not in FILL_MODES:
        raise ArgumentError("no such fill_mode", received=repr(fill_mode),
                            expected=", ".join(FILL_MODES))  # fmt: skip
    shape = (x.shape[0], *down.shape[1:])
    down, across = (
        convert.broadcast_to(elementwise.clip(t, -_FAR, _FAR), shape) for t in (down, across)
    )
    reader = _Pixels(x if interpolation == "nearest" else as_float(x), fill_mode, fill_value)
    if interpolation == "nearest":
        return reader.at(_whole(down + 0.5), _whole(across + 0.5))
    top, left = elementwise.floor(down), elementwise.floor(across)
    low, right = (
        convert.cast(movement.expand_dims(t, -1), reader.dtype) for t in (down - top, across - left)
    )
    i, j = _whole(top), _whole(left)
    above = reader.at(i, j) * (1.0 - right) + reader.at(i, j + 1) * right
    below = reader.at(i + 1, j) * (1.0 - right) + reader.at(i + 1, j + 1) * right
    return above * (1.0 - low) + below * low


class _Pixels:
    """A batch of images that can be read anywhere."""

    def __init__(self, x: Tensor, fill_mode: str, fill_value: float) -> None:
        batch, height, width, channels = x.shape
        self.flat = movement.reshape(x, (batch, height * width, channels))
        self.dtype = x.dtype
        self.height, self.width = _size(height), _size(width)
        self.inside = FILL_MODES[fill_mode]
        self.fill = fill_value if fill_mode == "constant" else None

    def at(self, i: Tensor, j: Tensor) -> Tensor:
        """The pixels at rows i and columns j: (n, h, w) twice -> (n, h, w, channels)."""
        row, column = self.inside(i, self.height), self.inside(j, self.width)
        place = movement.flatten(row * self.width + column, 1)
        found = index.gather(self.flat, place, axis=1, batch_dims=1)
        found = movement.reshape(found, (*i.shape, self.flat.shape[-1]))
        if self.fill is None:
            return found
        there = elementwise.logical_and(elementwise.equal(row, i), elementwise.equal(column, j))
        fill = leaf.full((), self.fill if self.dtype.is_float else int(self.fill), self.dtype)
        return elementwise.where(movement.expand_dims(there, -1), found, fill)


def _whole(x: Tensor) -> Tensor:
    return convert.cast(elementwise.floor(x), dtypes.int32)


def _size(size: Size) -> Tensor:
    return leaf.size_of(size, dtypes.int32)
