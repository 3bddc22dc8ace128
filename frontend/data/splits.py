"""Splits of examples into parts to train, to validate and to test with."""

from __future__ import annotations

import numpy as np

from graphc.errors import ArgumentError
from graphc.ir.tree import leaves

from .rows import Arrays, as_arrays, count_rows, ordered_rows, parts, rows_wanted, take_rows


def train_validation_test_split(
    *arrays: object, validation_size: float = 0.1, test_size: float = 0.1, shuffle: bool = True,
    seed: int | None = None, stratify: object = None,
) -> tuple[Arrays, Arrays, Arrays]:  # fmt: skip
    """Three parts of the examples: to train, to validate while training, to test once.

    Sizes are fractions or numbers of examples. Each part has as many arrays as are given; one array
    alone gives three arrays. `stratify` are labels: each part gets its share of every class.

    >>> x, y = np.arange(100), np.arange(100) % 2
    >>> train, validation, test = train_validation_test_split(x, y, stratify=y, seed=1)
    >>> len(train[0]), len(validation[0]), test[1].mean()
    (80, 10, np.float64(0.5))
    """
    data, count = _examples(arrays)
    sizes = [
        rows_wanted(validation_size, count, "validation_size"),
        rows_wanted(test_size, count, "test_size"),
    ]
    first, second, third = _divided(data, count, sizes, shuffle, seed, stratify)
    return first, second, third


def train_test_split(
    *arrays: object, test_size: float = 0.2, shuffle: bool = True, seed: int | None = None,
    stratify: object = None,
) -> list[np.ndarray]:  # fmt: skip
    """Each array in two shuffled parts with the same order: first train, first test, second ...

    >>> train, test = train_test_split(np.arange(10), test_size=0.3, seed=1)
    >>> len(train), len(test)
    (7, 3)
    """
    data: Arrays = [as_arrays(a) for a in arrays]
    count = count_rows(data)
    sizes = [rows_wanted(test_size, count, "test_size")]
    train, test = _divided(data, count, sizes, shuffle, seed, stratify)
    return [part for pair in zip(leaves(train), leaves(test)) for part in pair]  # pyright: ignore


def split_dataset(
    dataset: object, left_size: float | None = None, right_size: float | None = None,
    shuffle: bool = False, seed: int | None = None,
) -> tuple[Arrays, Arrays]:  # fmt: skip
    """The first and the last examples of an array, or of arrays in a tuple, list or dict.

    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> left.tolist(), right.tolist()
    ([0, 1, 2, 3, 4, 5, 6, 7], [8, 9])
    """
    if left_size is None and right_size is None:
        raise ArgumentError("a split has a size", fix="give left_size or right_size")
    data = as_arrays(dataset)
    count = count_rows(data)
    left = None if left_size is None else rows_wanted(left_size, count, "left_size")
    right = None if right_size is None else rows_wanted(right_size, count, "right_size")
    left = count - (right or 0) if left is None else left
    right = count - left if right is None else right
    if left + right > count:
        raise ArgumentError("both parts have more examples than there are",
                            received=f"{left} + {right}", expected=f"at most {count}")  # fmt: skip
    order = ordered_rows(count, shuffle, seed)
    return take_rows(data, order[:left]), take_rows(data, order[left : left + right])


def _examples(arrays: tuple[object, ...]) -> tuple[Arrays, int]:
    data = as_arrays(arrays[0]) if len(arrays) == 1 else tuple(map(as_arrays, arrays))
    return data, count_rows(data)


def _divided(
    data: Arrays, count: int, sizes: list[int], shuffle: bool, seed: int | None, stratify: object
) -> list[Arrays]:
    """The rest first, then parts of the given sizes."""
    rest = count - sum(sizes)
    if rest < 1:
        raise ArgumentError(
            "no examples are left to train with",
            received=" + ".join(map(str, sizes)),
            expected=f"less than {count}",
        )
    order = ordered_rows(count, shuffle, seed, stratify)
    return [take_rows(data, rows) for rows in parts(order, [rest, *sizes], shuffle, seed)]
