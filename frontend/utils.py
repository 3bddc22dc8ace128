"""Small functions on arrays that training scripts use, under the names of keras.utils."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from graphc.errors import ArgumentError

from .models.flops import count_flops
from .naming import clear_session
from .seeds import generator, set_seed

__all__ = ["clear_session", "count_flops", "set_random_seed", "to_categorical", "train_test_split"]


def to_categorical(labels: object, num_classes: int | None = None) -> np.ndarray:
    """One-hot float32 vectors for class numbers.

    >>> to_categorical(2, 3).tolist(), to_categorical([0, 1]).tolist()
    ([0.0, 0.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    """
    numbers = np.asarray(labels)
    if numbers.ndim > 1 and numbers.shape[-1] == 1:
        numbers = numbers[..., 0]
    whole = numbers.astype(np.int64)
    classes = int(whole.max()) + 1 if num_classes is None and whole.size else num_classes or 0
    if whole.size and (whole.min() < 0 or whole.max() >= classes or (whole != numbers).any()):
        raise ArgumentError(
            "class numbers are whole numbers below the number of classes",
            received=f"numbers from {numbers.min()} to {numbers.max()}",
            expected=f"0 .. {classes - 1}",
        )
    return (whole[..., None] == np.arange(classes)).astype(np.float32)


def train_test_split(
    *arrays: Sequence[object] | np.ndarray, test_size: float = 0.2, seed: int | None = None
) -> list[np.ndarray]:
    """Each array in two shuffled parts with the same order: first train, first test, second ...

    >>> train, test = train_test_split(np.arange(10), test_size=0.3, seed=1)
    >>> len(train), len(test)
    (7, 3)
    """
    data = [np.asarray(a) for a in arrays]
    if not data or len({len(a) for a in data}) != 1:
        raise ArgumentError(
            "arrays to split have different lengths", received=[len(a) for a in data]
        )
    if not 0 < test_size < 1:
        raise ArgumentError("test_size is between 0 and 1", received=test_size)
    order = generator(seed).permutation(len(data[0]))
    border = len(order) - round(len(order) * test_size)
    return [part for a in data for part in (a[order[:border]], a[order[border:]])]


def set_random_seed(seed: int) -> None:
    """Make weights, masks and orders reproducible, also those that Python and NumPy draw."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    set_seed(seed)
