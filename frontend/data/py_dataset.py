"""The base class of data sets that users write: batches by number."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sized
from functools import partial

from graphc.errors import ModeError

from .prefetch import in_order


class PyDataset:
    """Batches by number: a subclass defines `__getitem__(index)` and `__len__()`.

    A batch is (x, y) or (x, y, sample_weight). Iterating is one epoch: `on_epoch_begin`, the
    batches in order, `on_epoch_end`. With more than one worker, threads make up to
    `max_queue_size` batches ahead; threads are used for `use_multiprocessing` too. Without a length
    the data never ends.

    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         return index, index**2
    >>> list(Squares(workers=2))
    [(0, 0), (1, 1), (2, 4)]
    """

    # Defaults of the class serve subclasses that forget super().__init__().
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers, self.max_queue_size = workers, max_queue_size
        self.use_multiprocessing = use_multiprocessing

    def __getitem__(self, index: int) -> object:
        """The batch of that number."""
        raise ModeError(
            f"{type(self).__name__} does not say what its batches are",
            fix="define __getitem__(self, index)",
        )

    @property
    def num_batches(self) -> int | None:
        """The number of batches of an epoch; None where it never ends."""
        return len(self) if isinstance(self, Sized) else None

    def on_epoch_begin(self) -> None:
        """Called before the first batch of an epoch."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of an epoch."""

    def __iter__(self) -> Iterator[object]:
        self.on_epoch_begin()
        count = self.num_batches
        numbers = itertools.count() if count is None else range(count)
        tasks = (partial(self.__getitem__, n) for n in numbers)
        threads = self.workers if self.workers > 1 or self.use_multiprocessing else 0
        yield from in_order(tasks, threads, self.max_queue_size)
        self.on_epoch_end()
