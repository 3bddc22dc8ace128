"""Noise that regularises, drawn from a key: the same key gives the same mask on every backend.

Whether a layer is training, and which key it uses at which step, is the business of the layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphc.dtypes import float32, uint32
from graphc.errors import ArgumentError, ShapeError
from graphc.ir.dim import Size
from graphc.ir.node import Tensor

from . import convert, leaf, random
from .convert import TensorLike, as_tensor
from .elementwise import add, less, mul, where

# The value that a unit of SELU has for a very negative input: -scale * alpha.
_SELU_LOWEST = -1.0507009873554805 * 1.6732632423543772


def dropout(
    x: TensorLike, rate: float, key: Tensor, noise_shape: Sequence[Size | None] | None = None
) -> Tensor:
    """x / (1 - rate) where a coin with P(keep) = 1 - rate says keep, else 0.

    `noise_shape` has one entry per axis: 1 shares the coin along the axis, None is the axis's size.
    """
    tensor = _float(x)
    if _checked(rate) == 0:
        return tensor
    keep = _keep(tensor, rate, key, noise_shape)
    scale = 1 / (1 - rate) if rate < 1 else 0.0
    return where(keep, mul(tensor, scale), 0)


def alpha_dropout(
    x: TensorLike, rate: float, key: Tensor, noise_shape: Sequence[Size | None] | None = None
) -> Tensor:
    """Dropout that keeps mean 0 and variance 1 of SELU units (Klambauer et al. 2017).

    y = a * (x if kept else lowest) + b
    """
    tensor = _float(x)
    if _checked(rate) == 0:
        return tensor
    keep = _keep(tensor, rate, key, noise_shape)
    variance = (1 - rate) * (1 + rate * _SELU_LOWEST**2)
    scale = 1 / math.sqrt(variance) if rate < 1 else 0.0
    return add(mul(where(keep, tensor, _SELU_LOWEST), scale), -scale * _SELU_LOWEST * rate)


def gaussian_dropout(x: TensorLike, rate: float, key: Tensor) -> Tensor:
    """x times normal noise of mean 1 and variance rate / (1 - rate)."""
    tensor = _float(x)
    if _checked(rate) == 1:
        raise ArgumentError("the noise of gaussian_dropout(1) is infinite", received=rate)
    if rate == 0:
        return tensor
    stddev = math.sqrt(rate / (1 - rate))
    return mul(tensor, random.normal(key, tensor.shape, 1.0, stddev, tensor.dtype))


def gaussian_noise(x: TensorLike, stddev: float, key: Tensor) -> Tensor:
    """x plus normal noise of mean 0."""
    tensor = _float(x)
    return add(tensor, random.normal(key, tensor.shape, 0.0, stddev, tensor.dtype))


def _keep(x: Tensor, rate: float, key: Tensor, noise_shape: Sequence[Size | None] | None) -> Tensor:
    """Bits below (1 - rate) * 2**32, broadcast to x."""
    shape = x.shape
    if noise_shape is not None:
        given = tuple(noise_shape)
        if len(given) != x.ndim:
            raise ShapeError("noise_shape has one entry per axis", received=given, expected=x.shape)
        shape = tuple(size if wanted is None else wanted for wanted, size in zip(given, x.shape))
    bits = random.random_bits(key, shape)
    limit = min(round((1 - rate) * 2**32), 2**32 - 1)
    return convert.broadcast_to(less(bits, leaf.full((), limit, uint32)), x.shape)


def _checked(rate: float) -> float:
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise ArgumentError("a rate is a probability", received=repr(rate), expected="0 .. 1")
    return rate


def _float(x: TensorLike) -> Tensor:
    tensor = as_tensor(x)
    return tensor if tensor.dtype.is_float else convert.cast(tensor, float32)
