"""Random curves of each kind that diagnosis tells apart, with noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.frontend.diagnose import Label

Random = np.random.Generator
Pair = tuple[np.ndarray, np.ndarray]


def falling(
    random: Random, slowness: tuple[float, float], most: float = 0.02
) -> tuple[np.ndarray, float, float]:
    """An exponential curve, its drop, and its noise: up to a share of the drop."""
    count = int(random.integers(15, 100))
    drop = 10 ** random.uniform(-1, 1)
    floor = drop * random.uniform(0.02, 0.5)
    pace = count * random.uniform(*slowness)
    noise = drop * random.uniform(0.0, most)
    return floor + drop * np.exp(-np.arange(count) / pace), drop, noise


def with_noise(random: Random, y: np.ndarray, noise: float) -> np.ndarray:
    return np.abs(y + noise * random.standard_normal(len(y)))


def good(random: Random, most: float) -> Pair:
    y, drop, noise = falling(random, (0.05, 0.17), most)
    gap = drop * random.uniform(0.0, 0.06)
    return with_noise(random, y, noise), with_noise(random, y + gap, noise)


def unfinished(random: Random, most: float) -> Pair:
    y, drop, noise = falling(random, (0.6, 2.0), most)
    if random.random() < 0.3:
        y = np.linspace(y[0], y[0] - drop * 0.8, len(y)) + drop * 0.1
    gap = drop * random.uniform(0.0, 0.03)
    return with_noise(random, y, noise / 2), with_noise(random, y + gap, noise / 2)


def flat(random: Random, most: float) -> Pair:
    """A flat line, or a noisy one, without learning."""
    count, level = int(random.integers(15, 100)), 10 ** random.uniform(-1, 1)
    noise = level * random.choice([random.uniform(0.0, 0.02), random.uniform(0.05, 0.15)])
    y = level * (1 - random.uniform(0.0, 0.08) * (1 - np.exp(-np.arange(count) / 3)))
    gap = level * random.uniform(0.0, 0.1)
    return with_noise(random, y, noise), with_noise(random, y + gap, noise)


def overfit(random: Random, most: float) -> Pair:
    y, drop, noise = falling(random, (0.1, 0.3), most)
    turn = int(len(y) * random.uniform(0.25, 0.6))
    rise = drop * random.uniform(0.2, 0.8)
    after = np.maximum(np.arange(len(y)) - turn, 0) / (len(y) - turn)
    other = np.maximum(y, y[turn]) + drop * 0.03 + rise * after
    return with_noise(random, y, noise), with_noise(random, other, noise)


def gap(random: Random, most: float) -> Pair:
    y, drop, noise = falling(random, (0.05, 0.17), most)
    other = y + drop * random.uniform(0.3, 0.8)
    return with_noise(random, y, noise), with_noise(random, other, noise)


def noisy(random: Random, most: float) -> Pair:
    y, drop, noise = falling(random, (0.05, 0.17), most)
    shakes = drop * random.uniform(0.1, 0.25)
    return with_noise(random, y, noise / 2), with_noise(random, y + 0.02 * drop, shakes)


def easier(random: Random, most: float) -> Pair:
    y, drop, noise = falling(random, (0.05, 0.17), most)
    y = y + drop * 0.3
    return with_noise(random, y, noise), with_noise(
        random, y - drop * random.uniform(0.1, 0.25), noise
    )


KINDS: dict[Label, Callable[[Random, float], Pair]] = {
    Label.NO_CAPACITY: flat,
    Label.NEEDS_TRAINING: unfinished,
    Label.OVERFITTING: overfit,
    Label.GOOD_FIT: good,
    Label.SMALL_TRAINING_SET: gap,
    Label.SMALL_VALIDATION_SET: noisy,
    Label.EASY_VALIDATION_SET: easier,
}
