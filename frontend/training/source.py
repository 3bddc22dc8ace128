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

from graphc.provenance import warn

from .batches import Arrays, Examples, rows_of
from .orders import Order


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

    def restart(self) -> None:
        """Let the next epoch begin at the first batch, where that is possible."""
        ...

    def epoch(self, pace: Pace, number: int = 0) -> Iterator[Stretch]:
        """The batches of one epoch."""
        ...


@final
class ArraySource:
    """Examples in batches of one size.

    With an order they are shuffled, anew for each epoch. With a `limit` an epoch has so many
    batches, and goes on where the last one ended.
    """

    def __init__(
        self, data: Examples, size: int, *, order: Order | None = None, limit: int | None = None
    ) -> None:
        self.data, self.size, self.order, self.limit = data, size, order, limit
        self._next_batch = 0
        self._rows: np.ndarray | None = None

    @property
    def batches(self) -> int:
        """How many there are in all."""
        return -(-self.data.count // self.size)

    @property
    def steps(self) -> int:
        return self.limit or self.batches

    @property
    def sample(self) -> tuple[Arrays, ...]:
        return self.data.arrays

    def restart(self) -> None:
        self._next_batch = 0

    def epoch(self, pace: Pace, number: int = 0) -> Iterator[Stretch]:
        begin = self._next_batch
        if not begin and self.order is not None:
            self._rows = self.order.of(self.data.count, number)
        taken = min(self.steps, self.batches - begin)
        self._next_batch = (begin + taken) % self.batches
        for first, last in paced(taken, pace):
            yield self._stretch(first, last, begin)
        if taken < self.steps:
            warn_of_end(taken, self.steps)

    def _stretch(self, first: int, last: int, begin: int) -> Stretch:
        size, arrays = self.size, self.data.arrays
        rows = slice((begin + first) * size, min((begin + last) * size, self.data.count))
        if self._rows is None:
            return Stretch(first, last, tuple(rows_of(a, rows) for a in arrays), size)
        return Stretch(first, last, arrays, size, self._rows[rows])


def warn_of_end(count: int, wanted: int | None) -> None:
    """Say that the data of an epoch ended before it."""
    warn(
        f"your input ran out of data after {count} batches"
        + (f" of {wanted}" if wanted else "")
        + "; the epoch ends here. A generator has to give steps_per_epoch * epochs batches; a "
        "function that makes generators, or an object with __len__ and __getitem__, can begin anew"
    )


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
