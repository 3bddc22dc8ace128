"""Names of layers and models, as Keras makes them: dense, dense_1, max_pooling2d, ..."""

from __future__ import annotations

import re
from collections import Counter

_used: Counter[str] = Counter()


def unique_name(prefix: str) -> str:
    """The prefix for its first use in this process, then with a number."""
    number = _used[prefix]
    _used[prefix] += 1
    return f"{prefix}_{number}" if number else prefix


def clear_session() -> None:
    """Begin the numbering of names again."""
    _used.clear()


def snake_case(name: str) -> str:
    """The name of a class in small letters.

    >>> [snake_case(n) for n in ("Dense", "Conv2D", "MaxPooling2D", "BatchNormalization")]
    ['dense', 'conv2d', 'max_pooling2d', 'batch_normalization']
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
