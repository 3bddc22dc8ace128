"""Parts and borders of images: crops, padding, other sizes, patches."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.errors import ArgumentError, ShapeError
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import index, leaf, movement
from graphc.ops import resize as resizing
from graphc.ops.convert import TensorLike
from graphc.ops.window import Ints, pairs, spread

from .form import as_batch, in_dtype


@eager_on_arrays
def resize(
    images: TensorLike, size: int | Sequence[int], interpolation: str = "bilinear",
    antialias: bool = False, crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False, fill_mode: str = "constant", fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """Images of another size (height, width); whole numbers come back rounded.

    Interpolation is nearest, bilinear, bicubic, lanczos3, lanczos5 or area (means of the areas of
    the new pixels). `antialias` widens the others when images become smaller. Images are stretched,
    or cropped in the middle, or padded with fill_value, to the form of the new size.

    >>> import numpy as np
    >>> resize(np.zeros((2, 4, 6, 3), np.uint8), (2, 2)).shape
    (2, 2, 2, 3)
    """
    x, back = as_batch(images, data_format)
    wanted = spread(size, 2, "size")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError(
            "images are cropped or padded, not both",
            fix="give one of crop_to_aspect_ratio, pad_to_aspect_ratio",
        )
    if fill_mode != "constant":
        raise ArgumentError("padding is constant", received=repr(fill_mode), expected="'constant'")
    if crop_to_aspect_ratio:
        x = cropped_to_form(x, wanted)
    elif pad_to_aspect_ratio:
        x = _padded_to_form(x, wanted, fill_value)
    return back(in_dtype(resizing.resize(x, wanted, interpolation, antialias), x.dtype))


@eager_on_arrays
def crop_images(
    images: TensorLike, top_cropping: int | None = None, left_cropping: int | None = None,
    bottom_cropping: int | None = None, right_cropping: int | None = None,
    target_height: int | None = None, target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """A part of images: two of (before, behind, size) for each axis.

    >>> import numpy as np
    >>> x = np.arange(16).reshape(4, 4, 1)
    >>> crop_images(x, 1, 2, target_height=2, target_width=1).numpy()[..., 0].tolist()
    [[6], [10]]
    """
    x, back = as_batch(images, data_format)
    sizes = known_sizes(x)
    rows = _completed(top_cropping, bottom_cropping, target_height, sizes[0], 1)
    columns = _completed(left_cropping, right_cropping, target_width, sizes[1], 1)
    return back(_part(x, rows[0], columns[0], rows[2], columns[2]))


@eager_on_arrays
def pad_images(
    images: TensorLike, top_padding: int | None = None, left_padding: int | None = None,
    bottom_padding: int | None = None, right_padding: int | None = None,
    target_height: int | None = None, target_width: int | None = None,
    data_format: str | None = None, *, fill_value: float = 0.0,
) -> Tensor:  # fmt: skip
    """Images with a border: two of (before, behind, size) for each axis."""
    x, back = as_batch(images, data_format)
    sizes = known_sizes(x)
    rows = _completed(top_padding, bottom_padding, target_height, sizes[0], -1)
    columns = _completed(left_padding, right_padding, target_width, sizes[1], -1)
    return back(movement.pad(x, [(0, 0), rows[:2], columns[:2], (0, 0)], fill_value))


@eager_on_arrays
def extract_patches(
    images: TensorLike, size: Ints, strides: Ints | None = None, dilation_rate: Ints = 1,
    padding: str = "valid", data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """Windows of images side by side: (n, h, w, c) -> (n, windows down, windows across, p q c).

    >>> import numpy as np
    >>> extract_patches(np.arange(16.0).reshape(4, 4, 1), 2).numpy()[0].tolist()
    [[0.0, 1.0, 4.0, 5.0], [2.0, 3.0, 6.0, 7.0]]
    """
    x, back = as_batch(images, data_format)
    window = spread(size, 2, "size")
    steps = spread(size if strides is None else strides, 2, "strides")
    holes = spread(dilation_rate, 2, "dilation_rate")
    around = pairs(padding, known_sizes(x), window, steps, holes)
    x = movement.pad(x, [(0, 0), *around, (0, 0)])
    # (n, h, w, c) -> (n, h', p, w, c) -> (n, h', p, w', q, c) -> (n, h', w', p, q, c)
    for axis, length, step, hole in zip((1, 3), window, steps, holes):
        whole = x.shape[axis]
        assert isinstance(whole, int), "known_sizes has looked at it"
        starts = leaf.arange(0, whole - (length - 1) * hole, step)
        places = movement.expand_dims(starts, 1) + leaf.arange(0, length * hole, hole)
        x = index.take(x, places, axis)
    x = movement.transpose(x, (0, 1, 3, 2, 4, 5))
    return back(movement.reshape(x, (*x.shape[:3], x.shape[3] * x.shape[4] * x.shape[5])))


def known_sizes(x: Tensor) -> tuple[int, int]:
    """Height and width of a batch.

    Raises:
        ShapeError: one of them is not known.
    """
    height, width = x.shape[1:3]
    if not isinstance(height, int) or not isinstance(width, int):
        raise ShapeError("the images have no known size", received=x.shape,
                         fix="give height and width in the shape of the input")  # fmt: skip
    return height, width


def cropped_to_form(x: Tensor, wanted: Sequence[int]) -> Tensor:
    """The largest part in the middle of a batch with height : width as wanted."""
    height, width = known_sizes(x)
    rows = max(min(height, int(width * wanted[0] / wanted[1])), 1)
    columns = max(min(width, int(height * wanted[1] / wanted[0])), 1)
    return _part(x, (height - rows) // 2, (width - columns) // 2, rows, columns)


def _padded_to_form(x: Tensor, wanted: Sequence[int], value: float) -> Tensor:
    """A batch with equal borders on two sides, so that height : width is about as wanted."""
    height, width = known_sizes(x)
    down = (max(height, int(width * wanted[0] / wanted[1])) - height) // 2
    across = (max(width, int(height * wanted[1] / wanted[0])) - width) // 2
    return movement.pad(x, [(0, 0), (down, down), (across, across), (0, 0)], value)


def _part(x: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    rows = movement.slice_axis(x, 1, top, top + height)
    return movement.slice_axis(rows, 2, left, left + width)


def _completed(
    before: int | None, behind: int | None, target: int | None, size: int, sign: int
) -> tuple[int, int, int]:
    """Before, behind and the new size, from two of them: new = size - sign * (before + behind)."""
    given = sum(v is not None for v in (before, behind, target))
    if given != 2:
        raise ArgumentError(
            "two of before, behind and the new size say what becomes of an axis",
            received=(before, behind, target),
        )
    total = sign * (size - target) if target is not None else 0
    first = before if before is not None else total - (behind or 0)
    last = behind if behind is not None else total - first
    new = size - sign * (first + last)
    if min(first, last, new) < 0:
        raise ArgumentError("crops and borders are not negative", received=(first, last, new),
                            expected=f"within {size} pixels")  # fmt: skip
    return first, last, new
