"""Draws of initial values with NumPy, and the numbers of inputs and outputs that set their size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from .seeds import SeedGenerator, generator

Sizes = tuple[int, ...]
Seed = int | SeedGenerator | None

# The standard deviation of a standard normal that is cut off at -2 and 2.
CUT = 0.87962566103423978


def uniform(shape: Sizes, low: float, high: float, seed: Seed) -> np.ndarray:
    """Uniform in [low, high)."""
    unit = generator(seed).random(shape, np.float32)
    return unit * np.float32(high - low) + np.float32(low)


def uniform_around_0(shape: Sizes, stddev: float, seed: Seed) -> np.ndarray:
    """Uniform around 0 with this standard deviation."""
    bound = math.sqrt(3.0) * stddev
    return uniform(shape, -bound, bound, seed)


def normal(shape: Sizes, stddev: float, seed: Seed) -> np.ndarray:
    """Normal around 0."""
    return generator(seed).standard_normal(shape, np.float32) * np.float32(stddev)


def truncated(shape: Sizes, stddev: float, seed: Seed) -> np.ndarray:
    """Normal around 0, drawn again where it is more than two standard deviations away."""
    source = generator(seed)
    draw = np.asarray(source.standard_normal(shape, np.float32))
    while (outside := np.abs(draw) > 2.0).any():
        draw[outside] = source.standard_normal(int(outside.sum()), np.float32)
    return draw * np.float32(stddev)


COUNT: dict[str, Callable[[float, float], float]] = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
}
DRAW: dict[str, Callable[[Sizes, float, Seed], np.ndarray]] = {
    "truncated_normal": lambda shape, stddev, seed: truncated(shape, stddev / CUT, seed),
    "normal": lambda shape, stddev, seed: truncated(shape, stddev / CUT, seed),
    "untruncated_normal": normal,
    "uniform": uniform_around_0,
}


def compute_fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int, int]:  # fmt: skip
    """How many inputs one output sees, and how many outputs one input reaches.

    The last two axes of a kernel are inputs and outputs; the axes before them are its window.

    >>> compute_fans((3, 3, 16, 32)), compute_fans((512, 8, 64), [0], [1, 2])
    ((144, 288), (512, 512))
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[i] for i in input_axes), math.prod(shape[i] for i in output_axes)
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]
