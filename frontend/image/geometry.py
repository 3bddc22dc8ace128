"""Maps of the plane as vectors of eight numbers, and images moved by them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphc import dtypes
from graphc.errors import ShapeError
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.dim import Size
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, leaf, matmul, movement
from graphc.ops.convert import TensorLike, as_tensor

from .form import as_batch
from .sampling import affine_transform

Number = float | Tensor

# ---------------------------------------------------------------------------- maps of n pictures


def rotation(angle: Tensor, height: Size, width: Size) -> Tensor:
    """Turns the picture by angles in radians, counter-clockwise, about its middle.

    x' = cx + cos (x - cx) - sin (y - cy)    y' = cy + sin (x - cx) + cos (y - cy)
    """
    cx, cy = _middle(width), _middle(height)
    cos, sin = elementwise.cos(angle), elementwise.sin(angle)
    return _map(cos, -sin, cx - cx * cos + cy * sin, sin, cos, cy - cx * sin - cy * cos)


def translation(right: Tensor, down: Tensor) -> Tensor:
    """Moves the picture by pixels to the right and down."""
    return _map(1.0, 0.0, -right, 0.0, 1.0, -down)


def zoom(height_factor: Tensor, width_factor: Tensor, height: Size, width: Size) -> Tensor:
    """Shows factor times as much of the picture around its middle: above 1 it becomes smaller."""
    x, y = _middle(width) * (1.0 - width_factor), _middle(height) * (1.0 - height_factor)
    return _map(width_factor, 0.0, x, 0.0, height_factor, y)


def shear(across: Tensor, down: Tensor) -> Tensor:
    """Shifts rows by `across` times their number, columns by `down` times theirs."""
    return _map(1.0, across, 0.0, down, 1.0, 0.0)


def perspective(start_points: Tensor, end_points: Tensor) -> Tensor:
    """Moves four points (n, 4, 2) of the picture, (x, y) each, to four other points.

    Both quadrilaterals are images of the unit square (Heckbert 1989, equations 2.9 to 2.11).
    """
    product = matmul.matmul(_of_square(start_points), _adjoint(_of_square(end_points)))
    flat = movement.reshape(product, (-1, 9))
    return flat[:, :8] / flat[:, 8:]


# ---------------------------------------------------------------------------- pictures


@eager_on_arrays
def rotate(
    images: TensorLike, degrees: TensorLike, interpolation: str = "bilinear",
    fill_mode: str = "constant", fill_value: float = 0.0, data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """Images turned counter-clockwise about their middle, all alike or each by its own angle.

    >>> import numpy as np
    >>> x = np.arange(4.0).reshape(2, 2, 1)
    >>> rotate(x, 90).numpy()[..., 0].round(5).tolist()
    [[1.0, 3.0], [0.0, 2.0]]
    """
    x, _ = as_batch(images, data_format)
    angle = _vector(degrees) * (math.pi / 180)
    moved = rotation(angle, x.shape[1], x.shape[2])
    return affine_transform(images, moved, interpolation, fill_mode, fill_value, data_format)


@eager_on_arrays
def translate(
    images: TensorLike, right: TensorLike, down: TensorLike, interpolation: str = "bilinear",
    fill_mode: str = "constant", fill_value: float = 0.0, data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """Images moved by pixels, all alike or each by its own distance."""
    moved = translation(_vector(right), _vector(down))
    return affine_transform(images, moved, interpolation, fill_mode, fill_value, data_format)


@eager_on_arrays
def perspective_transform(
    images: TensorLike, start_points: TensorLike, end_points: TensorLike,
    interpolation: str = "bilinear", fill_value: float = 0.0, data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """Images with four points (x, y) moved to four others: (4, 2), or (n, 4, 2) for each image.

    The points are top left, top right, bottom left, bottom right.
    """
    start, end = (convert.cast(as_tensor(p), dtypes.float32) for p in (start_points, end_points))
    if start.shape[-2:] != (4, 2) or end.shape[-2:] != (4, 2):
        raise ShapeError("a perspective has four points", received=(start.shape, end.shape),
                         expected="(4, 2) or (n, 4, 2)")  # fmt: skip
    start, end = (movement.reshape(p, (-1, 4, 2)) for p in (start, end))
    return affine_transform(
        images, perspective(start, end), interpolation, "constant", fill_value, data_format
    )


@eager_on_arrays
def flip_left_right(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Images as in a mirror."""
    x, back = as_batch(images, data_format)
    return back(movement.flip(x, 2))


@eager_on_arrays
def flip_up_down(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Images upside down."""
    x, back = as_batch(images, data_format)
    return back(movement.flip(x, 1))


@eager_on_arrays
def rot90(images: TensorLike, k: int = 1, data_format: str | None = None) -> Tensor:
    """Images turned counter-clockwise by k right angles, exactly.

    >>> import numpy as np
    >>> rot90(np.arange(6.0).reshape(2, 3, 1)).numpy()[..., 0].tolist()
    [[2.0, 5.0], [1.0, 4.0], [0.0, 3.0]]
    """
    x, back = as_batch(images, data_format)
    turned = movement.swapaxes(x, 1, 2) if k % 2 else x
    flips = {0: (), 1: (1,), 2: (1, 2), 3: (2,)}[k % 4]
    return back(movement.flip(turned, flips))


# ---------------------------------------------------------------------------- parts


def _map(*numbers: Number) -> Tensor:
    """The vector of an affine map: a0, a1, a2, b0, b1, b2 and two zeros, as columns (n, 8)."""
    count = next(n for n in numbers if isinstance(n, Tensor)).shape
    columns = [convert.broadcast_to(convert.as_tensor(n, dtypes.float32), count)
               for n in (*numbers, 0.0, 0.0)]  # fmt: skip
    return movement.stack(columns, 1)


def _middle(size: Size) -> Number:
    return (size - 1) / 2 if isinstance(size, int) else (leaf.size_of(size, "float32") - 1.0) * 0.5


def _vector(value: TensorLike) -> Tensor:
    return movement.reshape(convert.cast(as_tensor(value), dtypes.float32), (-1,))


def _of_square(points: Tensor) -> Tensor:
    """The matrix (n, 3, 3) that takes the corners of the unit square to four points."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = ((points[:, i, 0], points[:, i, 1]) for i in range(4))
    ax, ay, bx, by = x1 - x3, y1 - y3, x2 - x3, y2 - y3
    sx, sy = x0 - x1 - x2 + x3, y0 - y1 - y2 + y3
    area = ax * by - bx * ay
    g, h = (sx * by - bx * sy) / area, (ax * sy - sx * ay) / area
    one = convert.broadcast_to(convert.as_tensor(1.0, dtypes.float32), g.shape)
    return _matrix(
        (x1 - x0 + g * x1, x2 - x0 + h * x2, x0),
        (y1 - y0 + g * y1, y2 - y0 + h * y2, y0),
        (g, h, one),
    )


def _adjoint(m: Tensor) -> Tensor:
    """The inverse of 3 x 3 matrices times their determinants; a projective map has no scale."""
    a, b, c = ([m[:, i, j] for j in range(3)] for i in range(3))
    columns = [_cross(b, c), _cross(c, a), _cross(a, b)]
    return movement.swapaxes(_matrix(*columns), 1, 2)


def _cross(a: Sequence[Tensor], b: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3))


def _matrix(*rows: Sequence[Tensor]) -> Tensor:
    return movement.stack([movement.stack(row, 1) for row in rows], 1)
