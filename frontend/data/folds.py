"""Cross-validation: each example is validated with in one fold, and trained with in the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import numpy as np

from graphc.errors import ArgumentError

from .rows import as_arrays, count_rows, ordered_rows

Fold = tuple[np.ndarray, np.ndarray]


@final
class KFold:
    """`n_splits` pairs of row numbers: to train with, to validate with.

    >>> [test.tolist() for _, test in KFold(3).split(np.zeros(5))]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self, n_splits: int = 5, *, shuffle: bool = False, seed: int | None = None
    ) -> None:
        self.n_splits, self.shuffle, self.seed = _at_least_two(n_splits), shuffle, seed

    def split(self, x: object, y: object = None) -> Iterator[Fold]:
        """The folds of these examples; labels change nothing."""
        count = count_rows(as_arrays(x))
        yield from _folds(ordered_rows(count, self.shuffle, self.seed), self.n_splits)

    def get_n_splits(self) -> int:
        """The number of folds."""
        return self.n_splits

    def __len__(self) -> int:
        return self.n_splits


@final
class StratifiedKFold:
    """Folds that have their share of each class.

    >>> y = np.array([0, 0, 0, 0, 1, 1])
    >>> [y[test].tolist() for _, test in StratifiedKFold(2).split(y, y)]
    [[0, 0, 1], [0, 0, 1]]
    """

    def __init__(
        self, n_splits: int = 5, *, shuffle: bool = False, seed: int | None = None
    ) -> None:
        self.n_splits, self.shuffle, self.seed = _at_least_two(n_splits), shuffle, seed

    def split(self, x: object, y: object) -> Iterator[Fold]:
        """The folds of examples with these labels."""
        count = count_rows(as_arrays(x))
        yield from _folds(ordered_rows(count, self.shuffle, self.seed, y), self.n_splits)

    def get_n_splits(self) -> int:
        """The number of folds."""
        return self.n_splits

    def __len__(self) -> int:
        return self.n_splits


def _folds(order: np.ndarray, n_splits: int) -> Iterator[Fold]:
    if len(order) < n_splits:
        raise ArgumentError(
            "there are more folds than examples", received=n_splits, expected=f"<= {len(order)}"
        )
    for held_back in np.array_split(order, n_splits):
        chosen = np.zeros(len(order), bool)
        chosen[held_back] = True
        yield np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _at_least_two(n_splits: int) -> int:
    if isinstance(n_splits, bool) or not isinstance(n_splits, int) or n_splits < 2:
        raise ArgumentError("n_splits is a number of folds", received=n_splits, expected=">= 2")
    return n_splits
