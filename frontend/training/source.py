"""Where the batches of an epoch come from, and in what stretches they are run.

A stretch is what one native call does: many batches of arrays, or one batch that was made for it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isfinite
from typing import Protocol, final

import numpy as np

from graphc.frontend.seeds import generator

from .batches import Arrays, Examples, rows_of


@final
@dataclass(frozen=True, slots=True)
class Pace:
    """How long a stretch may be: seconds, batches, and where it has to end: at multiples of
    `every`, if that is not 0."""

    seconds: float = inf
    most: int = sys.maxsize
    every: int = 0


@final
@dataclass(frozen=True, slots=True)
class Stretch:
    """Batches `first` .. `last - 1` of an epoch: `size` rows each of the arrays, in an order."""

    first: int
    last: int
    arrays: tuple[Arrays, ...]
    size: int
    order: np.ndarray | None = None


class Source(Protocol):
    """Something with batches for any number of epochs."""

    @property
    def steps(self) -> int | None:
        """How many batches an epoch has, if that is known."""
        ...

    @property
    def sample(self) -> tuple[Arrays, ...]:
        """Arrays of the form that the steps will take."""
        ...

    def epoch(self, pace: Pace) -> Iterator[Stretch]:
        """The batches of one epoch."""
        ...


@final
class ArraySource:
    """Examples in batches of one size, in another order for each epoch if they are shuffled.

    `past` epochs were run before: the orders are those that follow on theirs.
    """

    def __init__(
        self, data: Examples, size: int, *, shuffle: bool = False, seed: int | None = None,
        past: int = 0,
    ) -> None:  # fmt: skip
        self.data, self.size = data, size
        self.random = generator(seed) if shuffle else None
        if self.random is not None:
            for _ in range(past):
                self.random.permutation(data.count)

    @property
    def steps(self) -> int:
        return -(-self.data.count // self.size)

    @property
    def sample(self) -> tuple[Arrays, ...]:
        return self.data.arrays

    def epoch(self, pace: Pace) -> Iterator[Stretch]:
        count, size, arrays = self.data.count, self.size, self.data.arrays
        order = None if self.random is None else self.random.permutation(count)
        for first, last in paced(self.steps, pace):
            rows = slice(first * size, min(last * size, count))
            if order is None:
                yield Stretch(first, last, tuple(rows_of(a, rows) for a in arrays), size)
            else:
                yield Stretch(first, last, arrays, size, order[rows])


def paced(total: int, pace: Pace) -> Iterator[tuple[int, int]]:
    """So many batches as stretches: the first batch of each and the one after its last.

    >>> list(paced(10, Pace(every=4)))
    [(0, 4), (4, 8), (8, 10)]
    """
    start, batches = 0, 1 if isfinite(pace.seconds) else total
    while start < total:
        begin, batches = time.perf_counter(), min(batches, pace.most)
        border = (start // pace.every + 1) * pace.every if pace.every else total
        stop = min(start + batches, border, total)
        yield start, stop
        spent, start = time.perf_counter() - begin, stop
        batches = max(1, int(batches * min(2, pace.seconds / max(spent, 1e-6))))
