"""From what `fit`, `evaluate` and `predict` are given to a source of batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from graphc.errors import ArgumentError, DataError

from .batches import Examples, examples
from .class_weights import weighted
from .orders import Order
from .source import ArraySource, Source
from .streams import StreamSource, is_stream


@final
@dataclass(frozen=True, slots=True)
class Feed:
    """Data as it was given to the method `where`: arrays, or x alone as a stream of batches."""

    x: object
    y: object = None
    sample_weight: object = None
    class_weight: Mapping[int, float] | None = None
    where: str = "fit"

    def source(
        self, batch_size: int | None, steps: int | None = None, order: Order | None = None
    ) -> Source:
        """The batches; of a stream they have the size that they come with."""
        limit = _steps(steps)
        if self.is_stream:
            return StreamSource(self.x, limit, order=order, class_weight=self.class_weight)
        size = batch_size_of(batch_size)
        return ArraySource(self.data, size, order=order, limit=limit)

    @property
    def is_stream(self) -> bool:
        """Whether x gives batches.

        Raises:
            ArgumentError: it does, and something goes beside it.
        """
        if not is_stream(self.x):
            return False
        if self.y is not None or self.sample_weight is not None:
            raise ArgumentError(
                f"data that comes in batches holds targets and weights itself, so {self.where} "
                "takes no y and no sample_weight beside it",
                received=type(self.x).__name__,
                fix="give batches (x, y) or (x, y, sample_weight)",
            )
        return True

    @property
    def data(self) -> Examples:
        """Arrays as examples."""
        if self.x is None:
            raise DataError(f"{self.where} needs data", fix=f"model.{self.where}(x, ...)")
        if isinstance(self.x, Examples):
            return weighted(self.x, self.class_weight)
        return weighted(examples(self.x, self.y, self.sample_weight), self.class_weight)

    def split(self, fraction: float) -> tuple[Feed, Examples]:
        """The first examples, and the last ones, which are that fraction of all."""
        if self.is_stream:
            raise ArgumentError(
                "validation_split takes parts of arrays, not of batches",
                received=type(self.x).__name__,
                fix="give validation_data",
            )
        first, last = examples(self.x, self.y, self.sample_weight).split(fraction)
        return Feed(first, class_weight=self.class_weight, where=self.where), last


def validation_data_of(given: object) -> Feed:
    """`validation_data`: (x, y), (x, y, sample_weight), or batches."""
    if isinstance(given, tuple | list) and 1 <= len(given) <= 3:
        return Feed(*given, where="validation_data")
    return Feed(given, where="validation_data")


def batch_size_of(value: int | None) -> int:
    """The number of examples in a batch; 32 by default."""
    size = 32 if value is None else value
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise ArgumentError("batch_size is a positive number", received=repr(value))
    return int(size)


def _steps(value: int | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ArgumentError("a number of steps is positive", received=repr(value))
    return int(value)
