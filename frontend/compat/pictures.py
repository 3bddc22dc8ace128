"""Images by TensorFlow's names, where those of graphc.frontend.image differ: tf.image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graphc import dtypes
from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError, ShapeError
from graphc.frontend import image as images_of
from graphc.frontend.image.form import as_batch, as_float
from graphc.frontend.image.framing import known_sizes
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, index, movement, random, reduce

from .draws import next_key
from .values import as_sizes, as_tensor


class ResizeMethod:
    """Names of interpolations."""

    NEAREST_NEIGHBOR, BILINEAR, BICUBIC = "nearest", "bilinear", "bicubic"


def resize(
    images: object, size: object, method: str = "bilinear", preserve_aspect_ratio: bool = False,
    antialias: bool = False,
) -> Tensor:  # fmt: skip
    """The images in another size (height, width); as float32, unless pixels are only copied.

    With `preserve_aspect_ratio` the size is a box that they are to fit into.
    """
    x = as_tensor(images)
    height, width = (int(n) for n in as_sizes(size) if isinstance(n, int))
    if preserve_aspect_ratio:
        old = known_sizes(as_batch(x)[0])
        factor = min(height / old[0], width / old[1])
        height, width = round(old[0] * factor), round(old[1] * factor)
    wide = x if method == "nearest" else convert.cast(x, dtypes.float32)
    return images_of.resize(wide, (height, width), method, antialias)


def transpose(image: object) -> Tensor:
    """Rows become columns."""
    x, back = as_batch(as_tensor(image))
    return back(movement.swapaxes(x, 1, 2))


def at_random(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """A change that each image of a batch undergoes with probability 1/2."""

    def call(image: object, seed: int | None = None) -> Tensor:
        x, back = as_batch(as_tensor(image))
        coins = random.bernoulli(next_key(seed), (x.shape[0], 1, 1, 1))
        return back(elementwise.where(coins, function(x), x))

    call.__doc__ = f"{function.__doc__} With probability 1/2."
    return call


random_flip_left_right = at_random(images_of.flip_left_right)
random_flip_up_down = at_random(images_of.flip_up_down)


def grayscale_to_rgb(images: object) -> Tensor:
    """The one channel three times."""
    return movement.repeat(as_tensor(images), 3, -1)


def crop_to_bounding_box(
    image: object, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """The part of that size that begins at the offsets."""
    return images_of.crop_images(
        as_tensor(image), top_cropping=offset_height, left_cropping=offset_width,
        target_height=target_height, target_width=target_width,
    )  # fmt: skip


def pad_to_bounding_box(
    image: object, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """The image on a black ground of that size, its corner at the offsets."""
    return images_of.pad_images(
        as_tensor(image), top_padding=offset_height, left_padding=offset_width,
        target_height=target_height, target_width=target_width,
    )  # fmt: skip


def central_crop(image: object, central_fraction: float) -> Tensor:
    """The middle of the image, that part of its height and width.

    Raises:
        ArgumentError: a fraction that is not above 0 and at most 1.
    """
    if not 0 < central_fraction <= 1:
        raise ArgumentError("a fraction is above 0, up to 1", received=central_fraction)
    x, back = as_batch(as_tensor(image))
    height, width = known_sizes(x)
    top, left = (int((n - n * central_fraction) / 2) for n in (height, width))
    return back(x[:, top : height - top, left : width - left])


def resize_with_crop_or_pad(image: object, target_height: int, target_width: int) -> Tensor:
    """The middle of the image, with black around it where it is smaller than the target."""
    x, back = as_batch(as_tensor(image))
    for axis, (size, target) in enumerate(zip(known_sizes(x), (target_height, target_width)), 1):
        missing = target - size
        if missing < 0:
            start = -missing // 2
            x = movement.slice_axis(x, axis, start, start + target)
        else:
            pairs = [(0, 0)] * 4
            pairs[axis] = (missing // 2, missing - missing // 2)
            x = movement.pad(x, pairs)
    return back(x)


def per_image_standardization(image: object) -> Tensor:
    """(x - mean) / max(std, 1 / sqrt(number of elements)), for each image."""
    given, back = as_batch(as_tensor(image))
    x = as_float(given)
    count = int(np.prod([n for n in x.shape[1:] if isinstance(n, int)]))
    mean = reduce.mean(x, (1, 2, 3), keepdims=True)
    spread = reduce.std(x, (1, 2, 3), keepdims=True)
    return back((x - mean) / elementwise.maximum(spread, count**-0.5))


def convert_image_dtype(image: object, dtype: DTypeLike, saturate: bool = False) -> Tensor:
    """Whole numbers 0 .. the largest become floats 0 .. 1, and back."""
    x, kind = as_tensor(image), dtypes.as_dtype(dtype)
    if x.dtype.is_float == kind.is_float:
        return convert.cast(x, kind)
    if kind.is_float:
        return convert.cast(x, kind) / float(np.iinfo(x.dtype.numpy).max)
    return convert.cast(x * (float(np.iinfo(kind.numpy).max) + 0.5), kind)


def random_crop(value: object, size: Sequence[int], seed: int | None = None) -> Tensor:
    """A part of that size from a random place.

    Raises:
        ShapeError: there is no part of that size.
    """
    x = as_tensor(value)
    sizes = [n for n in x.shape if isinstance(n, int)]
    if len(sizes) != len(size) or any(n < wanted for n, wanted in zip(sizes, size)):
        raise ShapeError("there is no part of that size", received=tuple(size), expected=x.shape)
    for axis, (whole, wanted) in enumerate(zip(sizes, size)):
        if wanted < whole:
            start = random.randint(next_key(seed), (), 0, whole - wanted + 1)
            places = elementwise.add(start, np.arange(wanted, dtype=np.int32))
            x = index.take(x, places, axis)
    return x
