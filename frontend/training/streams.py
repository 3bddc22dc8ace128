"""Batches from generators, iterators, functions and data sets that make their own batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from functools import partial
from typing import Protocol, final, runtime_checkable

import numpy as np

from graphc.errors import DataError
from graphc.frontend.data.prefetch import in_order
from graphc.frontend.data.py_dataset import PyDataset
from graphc.ir.node import Tensor

from .batches import Arrays, Examples, examples
from .class_weights import weighted
from .orders import Order
from .source import Pace, Stretch, warn_of_end
from .steps import unpack_x_y_sample_weight


@runtime_checkable
class Batched(Protocol):
    """A data set with numbered batches, such as a PyDataset of Keras."""

    def __len__(self) -> int:
        """How many batches there are."""
        ...

    def __getitem__(self, index: int) -> object:
        """One batch: x, (x, y) or (x, y, sample_weight)."""
        ...


@runtime_checkable
class TellsEpochs(Protocol):
    """A data set that wants to know when an epoch is over."""

    def on_epoch_end(self) -> object:
        """The epoch is over."""
        ...


@runtime_checkable
class HasArray(Protocol):
    """Something that NumPy takes for an array."""

    def __array__(self) -> np.ndarray:
        """The array."""
        ...


def is_stream(x: object) -> bool:
    """Whether it gives batches, where arrays and nested lists of numbers give examples.

    >>> is_stream(iter([1])), is_stream([[1.0], [2.0]]), is_stream({"a": [1.0]})
    (True, False, False)
    """
    if x is None or isinstance(x, HasArray | Tensor | list | tuple | Mapping | str | int | float):
        return False
    return callable(x) or isinstance(x, Iterable | Batched)


@final
class StreamSource:
    """The batches of a stream, `limit` per epoch if that is given.

    A stream that can begin anew does so for every epoch, or where it ended if there is a limit.
    """

    def __init__(
        self, stream: object, limit: int | None = None, *, order: Order | None = None,
        class_weight: Mapping[int, float] | None = None,
    ) -> None:  # fmt: skip
        self.stream, self.limit, self.order = stream, limit, order
        self.class_weight = class_weight
        self.size = _length(stream)
        self._current: Iterator[Examples] | None = None
        self._sample: Examples | None = None

    @property
    def steps(self) -> int | None:
        return self.limit or self.size

    @property
    def sample(self) -> tuple[Arrays, ...]:
        if self._sample is None:
            batches = self._begun(0)
            self._sample = next(batches, None)
            if self._sample is None:
                raise DataError("the data gives no batches", received=repr(self.stream))
            self._current = itertools.chain([self._sample], batches)
        return self._sample.arrays

    def restart(self) -> None:
        if not isinstance(self.stream, Iterator):
            self._current = None

    def epoch(self, pace: Pace, number: int = 0) -> Iterator[Stretch]:
        count = 0
        for batch in self._batches(number):
            yield Stretch(count, count + 1, batch.arrays, batch.count)
            count += 1
        if self.limit is None:
            self.restart()
        if count < (self.steps or 1):
            warn_of_end(count, self.steps)
        if isinstance(self.stream, TellsEpochs):
            self.stream.on_epoch_end()

    def _batches(self, epoch: int) -> Iterator[Examples]:
        """The batches of an epoch: those that are left, or from the beginning if there are none."""
        rest = self._current if self._current is not None else self._begun(epoch)
        first = next(rest, None)
        if first is None and not isinstance(self.stream, Iterator):
            rest = self._begun(epoch)
            first = next(rest, None)
        if first is None:
            return iter(())
        self._current = rest
        return itertools.islice(itertools.chain([first], rest), self.limit)

    def _begun(self, epoch: int) -> Iterator[Examples]:
        """All batches, from the beginning if that is possible."""
        for number, data in enumerate(self._raw(epoch)):
            try:
                batch = examples(*unpack_x_y_sample_weight(data))
            except DataError as error:
                error.add_note(f"in batch {number} of {self.stream!r}")
                raise
            yield weighted(batch, self.class_weight)

    def _raw(self, epoch: int) -> Iterator[object]:
        stream = self.stream
        if isinstance(stream, Iterator):
            yield from stream
        elif isinstance(stream, Batched) and self.size is not None:
            order = np.arange(self.size)
            if self.order is not None:
                order = self.order.of(self.size, epoch)
            if isinstance(stream, PyDataset):
                stream.on_epoch_begin()
            tasks = (partial(stream.__getitem__, number) for number in order.tolist())
            yield from in_order(tasks, *_threads(stream))
        elif isinstance(stream, Iterable):
            yield from stream
        elif isinstance(stream, Callable):
            yield from stream()  # pyright: ignore


def _length(stream: object) -> int | None:
    """The number of batches; None where the stream does not know it."""
    try:
        return len(stream) if isinstance(stream, Sized) else None
    except TypeError:
        # So say data sets of TensorFlow that are endless, or made by a generator.
        return None


def _threads(stream: object) -> tuple[int, int]:
    """How many threads make batches, and how many batches ahead."""
    if not isinstance(stream, PyDataset):
        return 0, 0
    many = stream.workers > 1 or stream.use_multiprocessing
    return stream.workers if many else 0, stream.max_queue_size
