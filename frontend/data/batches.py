"""Batches of arrays, of files, or of whatever a function loads, made ahead by threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np

from graphc.errors import ArgumentError, DataError
from graphc.frontend.seeds import next_seed
from graphc.ir.tree import Tree, tree_map

from .prefetch import in_order
from .rows import Arrays, as_arrays, count_rows, take_rows

Rows = np.ndarray
Transform = Callable[..., object]


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """How the examples follow one another."""

    batch_size: int
    shuffle: bool
    seed: int
    drop_remainder: bool
    workers: int
    ahead: int


@final
class Batches:
    """Batches (x, y) or (x, y, sample_weight) of examples; iterating it is one epoch.

    Each epoch is shuffled anew. The n-th epoch is the same for the same seed, whatever the number
    of workers; `epoch` is n, and may be set to resume. `transform` is called with the parts of each
    batch and answers the parts to use; with `draws` it gets a NumPy generator after them, whose
    numbers depend on seed, epoch and batch alone.

    >>> data = Batches(np.arange(5), np.arange(5) * 2, batch_size=2, shuffle=False)
    >>> len(data), [(x.tolist(), y.tolist()) for x, y in data]
    (3, [([0, 1], [0, 2]), ([2, 3], [4, 6]), ([4], [8])])
    """

    def __init__(
        self, x: object, y: object = None, sample_weight: object = None, *, batch_size: int = 32,
        shuffle: bool = True, seed: int | None = None, drop_remainder: bool = False,
        transform: Transform | None = None, draws: bool = False, workers: int = 0,
        prefetch: int = 2,
    ) -> None:  # fmt: skip
        given = (x, y, sample_weight)
        used = next(n for n in (3, 2, 1) if n == 1 or given[n - 1] is not None)
        data = tuple(as_arrays(v) if v is not None else None for v in given[:used])
        # One array alone is a batch; nested inputs without targets stay apart from (x, y).
        alone = used == 1 and isinstance(data[0], np.ndarray)
        self.count = count_rows(data)
        self._load: Callable[[Rows], object] = partial(take_rows, data[0] if alone else data)
        self._transform, self._draws = transform, draws
        start = next_seed() if seed is None else seed
        self.plan = Plan(_positive(batch_size), shuffle, start, drop_remainder, workers, prefetch)
        self.epoch = 0
        self.class_names: list[str] | None = None

    @classmethod
    def of_function(
        cls, load: Callable[[int], object], count: int, *, batch_size: int = 32,
        shuffle: bool = True, seed: int | None = None, drop_remainder: bool = False,
        transform: Transform | None = None, draws: bool = False, workers: int = 0,
        prefetch: int = 2,
    ) -> Batches:  # fmt: skip
        """Batches of `count` examples, the i-th of which is load(i): x, (x, y) or (x, y, weight).

        >>> squares = Batches.of_function(lambda i: (i, i * i), 4, batch_size=4, shuffle=False)
        >>> [(x.tolist(), y.tolist()) for x, y in squares]
        [([0, 1, 2, 3], [0, 1, 4, 9])]
        """
        made = cls(
            np.arange(count), batch_size=batch_size, shuffle=shuffle, seed=seed,
            drop_remainder=drop_remainder, transform=transform, draws=draws, workers=workers,
            prefetch=prefetch,
        )  # fmt: skip
        made._load = partial(_collated, load)
        return made

    def transformed(self, transform: Transform, *, draws: bool = False) -> Batches:
        """The same batches after another function, which takes the place of `transform`."""
        made = copy(self)
        made._transform, made._draws = transform, draws
        return made

    def __len__(self) -> int:
        whole, rest = divmod(self.count, self.plan.batch_size)
        return whole + (rest > 0 and not self.plan.drop_remainder)

    def __iter__(self) -> Iterator[object]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        order = np.arange(self.count)
        if self.plan.shuffle:
            order = self._generator(epoch).permutation(self.count)
        size = self.plan.batch_size
        tasks = (
            partial(self._batch, order[n * size : (n + 1) * size], epoch, n)
            for n in range(len(self))
        )
        return in_order(tasks, self.plan.workers, self.plan.ahead)

    def _batch(self, rows: Rows, epoch: int, number: int) -> object:
        batch = self._load(rows)
        if self._transform is None:
            return batch
        given = batch if isinstance(batch, tuple) else (batch,)
        draw = (self._generator(epoch, number + 1),) if self._draws else ()
        return self._transform(*given, *draw)

    def _generator(self, *numbers: int) -> np.random.Generator:
        return np.random.Generator(
            np.random.Philox(np.random.SeedSequence((self.plan.seed, *numbers)))
        )


def _collated(load: Callable[[int], object], rows: Rows) -> Arrays:
    """Examples as one batch: each of their parts stacked."""
    examples: list[Tree[object]] = [load(int(i)) for i in rows]  # pyright: ignore
    try:
        return tree_map(lambda *parts: _stacked(parts), *examples)  # pyright: ignore
    except ValueError as error:
        raise DataError(
            "examples of one batch have different forms or shapes",
            received=str(error),
            fix="load examples of one shape, as by resizing images",
        ) from error


def _stacked(parts: tuple[object, ...]) -> np.ndarray:
    array = np.stack([np.asarray(p) for p in parts])
    numbers = all(isinstance(p, float) for p in parts)
    return array.astype(np.float32) if numbers else array


def _positive(size: int) -> int:
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise ArgumentError("batch_size is a positive number", received=repr(size))
    return int(size)
