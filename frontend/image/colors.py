"""Colours: grey, hue and saturation, brightness and contrast.

Whole numbers are taken as they are (0 .. 255 in uint8) and come back rounded; floats in 0 .. 1 are
meant where hue and saturation are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import leaf, movement, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import abs as absolute
from graphc.ops.elementwise import clip, equal, greater, maximum, minimum, remainder, where

from .form import as_batch, as_float, in_dtype, per_image

# How bright red, green and blue seem (Rec. 601).
_LUMA = (0.2989, 0.5870, 0.1140)


@eager_on_arrays
def rgb_to_grayscale(images: TensorLike, data_format: str | None = None) -> Tensor:
    """y = 0.2989 r + 0.5870 g + 0.1140 b: (..., 3) -> (..., 1).

    >>> import numpy as np
    >>> rgb_to_grayscale(np.float32([[[0, 0, 1]]])).shape
    (1, 1, 1)
    """
    x, back = as_batch(images, data_format)
    _three(x)
    weights = leaf.constant(_LUMA, as_float(x).dtype)
    grey = reduce.sum(as_float(x) * weights, -1, keepdims=True)
    return back(in_dtype(grey, x.dtype))


@eager_on_arrays
def rgb_to_hsv(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Red, green and blue in 0 .. 1 to hue, saturation and value in 0 .. 1 (Smith 1978).

    Value is the largest v, saturation (v - least) / v, hue the place on the circle of colours.

    >>> import numpy as np
    >>> rgb_to_hsv(np.float32([[[0, 1, 0], [0.5, 0.5, 0.5]]])).numpy().round(4).tolist()
    [[[0.33329999446868896, 1.0, 1.0], [0.0, 0.0, 0.5]]]
    """
    x, back = as_batch(images, data_format)
    red, green, blue = _planes(x)
    value = maximum(maximum(red, green), blue)
    spread = value - minimum(minimum(red, green), blue)
    some = greater(spread, 0.0)
    unit = 1.0 / (where(some, spread, 1.0) * 6.0)
    hue = where(equal(value, green), (blue - red) * unit + 2 / 6, (red - green) * unit + 4 / 6)
    hue = where(equal(value, red), remainder((green - blue) * unit, 1.0), hue)
    light = greater(value, 0.0)
    saturation = where(light, spread / where(light, value, 1.0), 0.0)
    return back(movement.stack([where(some, hue, 0.0), saturation, value], -1))


@eager_on_arrays
def hsv_to_rgb(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Hue, saturation and value in 0 .. 1 to red, green and blue in 0 .. 1.

    >>> import numpy as np
    >>> hsv_to_rgb(np.float32([[[0.5, 1, 1]]])).numpy().tolist()
    [[[0.0, 1.0, 1.0]]]
    """
    x, back = as_batch(images, data_format)
    hue, saturation, value = _planes(x)
    turn = remainder(hue, 1.0) * 6.0
    shares = (
        absolute(turn - 3.0) - 1.0,
        2.0 - absolute(turn - 2.0),
        2.0 - absolute(turn - 4.0),
    )
    planes = [value * (1.0 - saturation + saturation * clip(s, 0.0, 1.0)) for s in shares]
    return back(movement.stack(planes, -1))


@eager_on_arrays
def adjust_brightness(
    images: TensorLike, delta: TensorLike, data_format: str | None = None
) -> Tensor:
    """Images with delta added, a number or one per image; 1 is the whole range of uint8."""
    x, back = as_batch(images, data_format)
    return back(_in_unit(x, lambda y: y + per_image(delta, y)))


@eager_on_arrays
def adjust_contrast(
    images: TensorLike, contrast_factor: TensorLike, data_format: str | None = None
) -> Tensor:
    """(x - mean) * factor + mean, with the mean of each channel of each image."""
    x, back = as_batch(images, data_format)
    return back(_in_unit(x, lambda y: with_contrast(y, contrast_factor)))


def with_contrast(x: Tensor, factor: TensorLike) -> Tensor:
    """A batch of floats (n, height, width, channels) with its contrast times a factor."""
    mean = reduce.mean(x, (1, 2), keepdims=True)
    return (x - mean) * per_image(factor, x) + mean


@eager_on_arrays
def adjust_saturation(
    images: TensorLike, saturation_factor: TensorLike, data_format: str | None = None
) -> Tensor:
    """Images with the saturation of their colours times a factor, at most 1."""
    x, back = as_batch(images, data_format)
    return back(_in_unit(x, lambda y: with_hsv(y, saturation=saturation_factor)))


@eager_on_arrays
def adjust_hue(images: TensorLike, delta: TensorLike, data_format: str | None = None) -> Tensor:
    """Images with their hue turned by delta; 1 is once around the circle of colours."""
    x, back = as_batch(images, data_format)
    return back(_in_unit(x, lambda y: with_hsv(y, hue=delta)))


def with_hsv(
    x: Tensor, *, hue: TensorLike = 0.0, saturation: TensorLike = 1.0, most: float = 1.0
) -> Tensor:
    """A batch of floats (n, height, width, 3) with hue added and saturation multiplied.

    The saturation is cut off at `most`.
    """
    h, s, v = (movement.expand_dims(p, -1) for p in _planes(rgb_to_hsv(x)))
    turned = remainder(h + per_image(hue, x), 1.0)
    scaled = clip(s * per_image(saturation, x), 0.0, most)
    return hsv_to_rgb(movement.concat([turned, scaled, v], -1))


def _in_unit(x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """The function of floats; whole numbers are brought to 0 .. 1 for it, and back."""
    if x.dtype.is_float:
        return function(x)
    most = float(np.iinfo(x.dtype.numpy).max)
    return in_dtype(function(as_float(x) / most) * most, x.dtype)


def _planes(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    _three(x)
    if not x.dtype.is_float:
        raise DTypeError("colours are floats in 0 .. 1", received=x.dtype, fix="x / 255")
    return x[..., 0], x[..., 1], x[..., 2]


def _three(x: Tensor) -> None:
    if x.shape[-1] != 3:
        raise ShapeError("colours have three channels", received=f"{x.shape[-1]} channels",
                         fix="data_format says where the channels are")  # fmt: skip
