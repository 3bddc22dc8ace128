"""Labels as vectors, vectors of one length."""

from __future__ import annotations

import numpy as np

from graphc.errors import ArgumentError


def to_categorical(x: object, num_classes: int | None = None) -> np.ndarray:
    """One-hot float32 vectors for class numbers.

    >>> to_categorical(2, 3).tolist(), to_categorical([0, 1]).tolist()
    ([0.0, 0.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    """
    numbers = np.asarray(x)
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


def normalize(x: object, axis: int = -1, order: float = 2) -> np.ndarray:
    """x divided by its norms along an axis; what has norm 0 stays.

    >>> normalize([[3.0, 4.0], [0.0, 0.0]]).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    values = np.asarray(x)
    norms = np.linalg.norm(values, order, axis, keepdims=True)
    return values / np.where(norms == 0, 1, norms)
