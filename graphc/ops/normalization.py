"""Normalisation by statistics of the tensor: batch, layer, group, instance, RMS, local response.

    y = (x - mean) / sqrt(variance + epsilon) * gamma + beta

Variances are biased (divided by n). float16 and bfloat16 are normalised in float32 and rounded at
the end; the statistics that are returned are float32 then.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.dtypes import DType, float32
from graphc.errors import ArgumentError, ShapeError
from graphc.ir.dim import exact_div
from graphc.ir.node import Tensor

from . import convert, elementwise, movement, pool, reduce
from .convert import TensorLike, as_tensor
from .elementwise import add, mul, rsqrt, square, sub
from .reduce import Axes, normalize_axes

# ---------------------------------------------------------------------------- statistics


def moments(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over axes: mean(x), mean((x - mean)**2)."""
    tensor = _wide(x)[1]
    axes = normalize_axes(axis, tensor.ndim)
    mean = reduce.mean(tensor, axes, keepdims=True)
    variance = reduce.mean(square(sub(tensor, mean)), axes, keepdims=keepdims)
    return mean if keepdims else movement.squeeze(mean, axes), variance


def l2_normalize(x: TensorLike, axis: Axes = -1, epsilon: float = 1e-12) -> Tensor:
    """x / sqrt(max(sum of x**2, epsilon)) along axes."""
    dtype, tensor = _wide(x)
    total = reduce.sum(square(tensor), axis, keepdims=True)
    return convert.cast(mul(tensor, rsqrt(elementwise.maximum(total, epsilon))), dtype)


# ---------------------------------------------------------------------------- per channel


def batch_norm(
    x: TensorLike, gamma: TensorLike | None = None, beta: TensorLike | None = None,
    axis: Axes = -1, epsilon: float = 1e-3,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Training: normalised by the batch's own moments per channel; (y, mean, variance).

    `axis` is the channel axis (or several); gamma, beta, mean and variance have its shape.
    """
    tensor = as_tensor(x)
    channels = normalize_axes(axis, tensor.ndim)
    others = tuple(a for a in range(tensor.ndim) if a not in channels)
    mean, variance = moments(tensor, others)
    y = batch_norm_inference(tensor, mean, variance, gamma, beta, channels, epsilon)
    return y, mean, variance


def batch_norm_inference(
    x: TensorLike, mean: TensorLike, variance: TensorLike, gamma: TensorLike | None = None,
    beta: TensorLike | None = None, axis: Axes = -1, epsilon: float = 1e-3,
) -> Tensor:  # fmt: skip
    """Normalised by given moments per channel, such as the moving averages of training."""
    given, tensor = _wide(x)
    channels = normalize_axes(axis, tensor.ndim)
    _check_epsilon(epsilon)
    centre, spread = _along(mean, tensor, channels), _along(variance, tensor, channels)
    # gamma goes into the factor per channel, so each element costs one multiplication.
    factor = rsqrt(add(spread, epsilon))
    if gamma is not None:
        factor = mul(factor, _along(gamma, tensor, channels))
    y = mul(sub(tensor, centre), factor)
    return _finished(y, None, None if beta is None else _along(beta, tensor, channels), given)


# ---------------------------------------------------------------------------- per example


def layer_norm(
    x: TensorLike, gamma: TensorLike | None = None, beta: TensorLike | None = None,
    axis: Axes = -1, epsilon: float = 1e-3,
) -> Tensor:  # fmt: skip
    """Normalised over the given axes of each example; gamma and beta have their shape."""
    given, tensor = _wide(x)
    axes = normalize_axes(axis, tensor.ndim)
    return _scaled(_standard(tensor, axes, epsilon), gamma, beta, axes, given)


def rms_norm(
    x: TensorLike, gamma: TensorLike | None = None, axis: Axes = -1, epsilon: float = 1e-6
) -> Tensor:
    """x / sqrt(mean(x**2) + epsilon) * gamma (Zhang and Sennrich 2019)."""
    given, tensor = _wide(x)
    axes = normalize_axes(axis, tensor.ndim)
    _check_epsilon(epsilon)
    power = reduce.mean(square(tensor), axes, keepdims=True)
    return _scaled(mul(tensor, rsqrt(add(power, epsilon))), gamma, None, axes, given)


def group_norm(
    x: TensorLike, gamma: TensorLike | None = None, beta: TensorLike | None = None,
    groups: int = 32, axis: int = -1, epsilon: float = 1e-3,
) -> Tensor:  # fmt: skip
    """Normalised per example and group of channels, over all other axes (Wu and He 2018)."""
    given, tensor = _wide(x)
    channel = reduce.normalize_axis(axis, tensor.ndim)
    size = tensor.shape[channel]
    each = exact_div(size, groups) if isinstance(groups, int) and groups > 0 else None
    if each is None or channel == 0:
        raise ShapeError(
            "groups divide the channels",
            received=f"{groups} groups, {size} channels",
            expected="a divisor of the number of channels",
        )
    cut = movement.reshape(
        tensor, (*tensor.shape[:channel], groups, each, *tensor.shape[channel + 1 :])
    )
    axes = tuple(a for a in range(1, cut.ndim) if a != channel)
    y = movement.reshape(_standard(cut, axes, epsilon), tensor.shape)
    return _scaled(y, gamma, beta, (channel,), given)


def instance_norm(
    x: TensorLike, gamma: TensorLike | None = None, beta: TensorLike | None = None,
    axis: int = -1, epsilon: float = 1e-3,
) -> Tensor:  # fmt: skip
    """Normalised per example and channel, over the spatial axes."""
    given, tensor = _wide(x)
    channel = reduce.normalize_axis(axis, tensor.ndim)
    axes = tuple(a for a in range(1, tensor.ndim) if a != channel)
    return _scaled(_standard(tensor, axes, epsilon), gamma, beta, (channel,), given)


def local_response_norm(
    x: TensorLike, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0,
    beta: float = 0.5, axis: int = -1,
) -> Tensor:  # fmt: skip
    """x / (bias + alpha * s)**beta, s = the sum of x**2 over 2*depth_radius + 1 near channels.

    (Krizhevsky et al. 2012; arguments as in TensorFlow.)
    """
    tensor = as_tensor(x)
    channel = reduce.normalize_axis(axis, tensor.ndim)
    if depth_radius < 0:
        raise ArgumentError("depth_radius is negative", received=depth_radius, expected=">= 0")
    width, sides = 2 * depth_radius + 1, (depth_radius, depth_radius)
    total = pool.window_reduce(
        square(tensor),
        "sum",
        window=tuple(width if a == channel else 1 for a in range(tensor.ndim)),
        strides=(1,) * tensor.ndim,
        padding=tuple(sides if a == channel else (0, 0) for a in range(tensor.ndim)),
    )
    return elementwise.div(tensor, elementwise.pow(add(mul(total, alpha), bias), beta))


# ---------------------------------------------------------------------------- common


def _standard(x: Tensor, axes: tuple[int, ...], epsilon: float) -> Tensor:
    _check_epsilon(epsilon)
    mean, variance = moments(x, axes, keepdims=True)
    return mul(sub(x, mean), rsqrt(add(variance, epsilon)))


def _scaled(
    y: Tensor, gamma: TensorLike | None, beta: TensorLike | None, axes: Sequence[int], dtype: DType
) -> Tensor:
    scale = None if gamma is None else _along(gamma, y, axes)
    return _finished(y, scale, None if beta is None else _along(beta, y, axes), dtype)


def _finished(y: Tensor, scale: Tensor | None, shift: Tensor | None, dtype: DType) -> Tensor:
    y = y if scale is None else mul(y, scale)
    y = y if shift is None else add(y, shift)
    return convert.cast(y, dtype)


def _along(value: TensorLike, x: Tensor, axes: Sequence[int]) -> Tensor:
    """A statistic or parameter of these axes, of x's dtype, in a shape that broadcasts with x."""
    tensor = convert.as_tensor(value, x.dtype)
    wanted = tuple(x.shape[a] for a in axes)
    if tensor.ndim != len(wanted):
        raise ShapeError(
            "a statistic or parameter has the shape of the normalised axes",
            received=tensor.shape,
            expected=wanted,
        )
    convert.broadcast_shapes(tensor.shape, wanted)
    sizes = iter(tensor.shape)
    return movement.reshape(tensor, [next(sizes) if a in axes else 1 for a in range(x.ndim)])


def _wide(x: TensorLike) -> tuple[DType, Tensor]:
    """The dtype of the result, and the tensor in the dtype to compute with."""
    tensor = as_tensor(x)
    dtype = tensor.dtype if tensor.dtype.is_float else float32
    return dtype, convert.cast(tensor, dtype if dtype.bits >= 32 else float32)


def _check_epsilon(epsilon: float) -> None:
    if not epsilon >= 0:
        raise ArgumentError("epsilon is negative", received=epsilon, expected="a number >= 0")
