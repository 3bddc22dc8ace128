"""Random numbers from counters: the same key and shape give the same bits everywhere.

A key is a uint32 tensor of two words. `random_bits` runs Threefry-2x32 with 20 rounds (Salmon,
Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3") on the row-major element
number as the counter and answers the first word.
"""

from __future__ import annotations

import math

from graphc import dtypes
from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError, DTypeError
from graphc.ir.dim import Shape
from graphc.ir.mode import build
from graphc.ir.node import Op, Tensor, TensorType

from . import convert, elementwise, index, leaf, movement
from .convert import TensorLike
from .leaf import ShapeLike


def _infer_bits(key: Tensor, *, shape: Shape) -> TensorType:
    if key.dtype is not dtypes.uint32 or key.shape != (2,):
        raise DTypeError(
            "a key is uint32[2]", received=str(key.type), fix="make it with random.key"
        )
    return TensorType(shape, dtypes.uint32)


random_bits_op = Op("random_bits", _infer_bits)
OPS = (random_bits_op,)


def key(seed: int) -> Tensor:
    """The key of a seed, a number of up to 64 bits."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ArgumentError("a seed is an int", received=repr(seed))
    return leaf.constant([seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF], dtypes.uint32)


def random_bits(key: Tensor, shape: ShapeLike) -> Tensor:
    """Uniform uint32 numbers."""
    return build(random_bits_op, (key,), {"shape": leaf.as_shape(shape)})[0]


def fold_in(key: Tensor, data: TensorLike) -> Tensor:
    """Another key from a key and a number, as for a step or a layer."""
    number = movement.reshape(convert.cast(data, dtypes.uint32), (1,))
    tag = leaf.constant([0x9E3779B9], dtypes.uint32)
    mixed = elementwise.bitwise_xor(key, movement.concat([number, tag]))
    return random_bits(mixed, (2,))


def split(key: Tensor, count: int = 2) -> list[Tensor]:
    """Several keys from one."""
    return [fold_in(key, i) for i in range(count)]


def uniform(
    key: Tensor, shape: ShapeLike, low: TensorLike = 0.0, high: TensorLike = 1.0,
    dtype: DTypeLike = dtypes.float32,
) -> Tensor:  # fmt: skip
    """Uniform floats in [low, high), multiples of 2**-24 of the distance (2**-32 for float64)."""
    kind = dtypes.as_dtype(dtype)
    bits = random_bits(key, shape)
    if kind is dtypes.float64:
        unit = elementwise.mul(convert.cast(bits, kind), 2.0**-32)
    else:
        whole = convert.cast(elementwise.shift_right(bits, 8), dtypes.float32)
        unit = convert.cast(elementwise.mul(whole, 2.0**-24), kind)
    span = elementwise.sub(convert.as_tensor(high, kind), convert.as_tensor(low, kind))
    return elementwise.add(elementwise.mul(unit, span), convert.as_tensor(low, kind))


def normal(
    key: Tensor, shape: ShapeLike, mean: TensorLike = 0.0, stddev: TensorLike = 1.0,
    dtype: DTypeLike = dtypes.float32,
) -> Tensor:  # fmt: skip
    """Normal floats (Box and Muller 1958: sqrt(-2 log u) * cos(2 pi v))."""
    kind = dtypes.as_dtype(dtype)
    first, second = split(key)
    compute = dtypes.float64 if kind is dtypes.float64 else dtypes.float32
    radius = elementwise.sub(1.0, uniform(first, shape, dtype=compute))
    angle = elementwise.mul(uniform(second, shape, dtype=compute), 2 * math.pi)
    length = elementwise.sqrt(elementwise.mul(elementwise.log(radius), -2.0))
    draw = convert.cast(elementwise.mul(length, elementwise.cos(angle)), kind)
    scaled = elementwise.mul(draw, convert.as_tensor(stddev, kind))
    return elementwise.add(scaled, convert.as_tensor(mean, kind))


def truncated_normal(
    key: Tensor, shape: ShapeLike, mean: TensorLike = 0.0, stddev: TensorLike = 1.0,
    dtype: DTypeLike = dtypes.float32,
) -> Tensor:  # fmt: skip
    """Normal floats within two standard deviations, drawn again where they fall outside.

    Eight draws leave an element outside once in 6e10; it is then cut off at the border.
    """
    kind = dtypes.as_dtype(dtype)
    draws = [normal(k, shape, dtype=kind) for k in split(key, 8)]
    draw = draws[0]
    for other in draws[1:]:
        draw = elementwise.where(elementwise.less_equal(elementwise.abs(draw), 2.0), draw, other)
    scaled = elementwise.mul(elementwise.clip(draw, -2.0, 2.0), convert.as_tensor(stddev, kind))
    return elementwise.add(scaled, convert.as_tensor(mean, kind))


def bernoulli(key: Tensor, shape: ShapeLike, p: TensorLike = 0.5) -> Tensor:
    """True with probability p."""
    return elementwise.less(uniform(key, shape), p)


def randint(
    key: Tensor, shape: ShapeLike, low: int, high: int, dtype: DTypeLike = dtypes.int32
) -> Tensor:
    """Integers in [low, high); the bias is at most (high - low) / 2**32."""
    if not low < high:
        raise ArgumentError("low is below high", received=(low, high))
    bits = convert.cast(random_bits(key, shape), dtypes.int64)
    return convert.cast(elementwise.add(elementwise.remainder(bits, high - low), low), dtype)


def permutation(key: Tensor, size: int) -> Tensor:
    """The numbers 0 .. size - 1 in random order (int32)."""
    return index.argsort(random_bits(key, (size,)))
