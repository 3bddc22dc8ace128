"""The orders in which training meets its examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from graphc.frontend.seeds import next_seed


class Order(Protocol):
    """Something that shuffles."""

    def of(self, count: int, epoch: int) -> np.ndarray:
        """The numbers below `count` in the order of an epoch."""
        ...


@final
@dataclass(frozen=True, slots=True)
class SeededOrder:
    """An order that depends on the seed and on the number of the epoch alone.

    >>> SeededOrder(1).of(5, epoch=2).tolist() == SeededOrder(1).of(5, epoch=2).tolist()
    True
    """

    seed: int

    def of(self, count: int, epoch: int) -> np.ndarray:
        seeds = np.random.SeedSequence((self.seed, epoch))
        return np.random.Generator(np.random.Philox(seeds)).permutation(count)


@final
@dataclass(slots=True)
class OwnOrder:
    """The orders of a model that is given no seed: a new one for each epoch that it trains.

    The seed is the next one of the process when the model first needs it. Files keep both, so a
    model that is loaded goes on with the orders that would have followed.
    """

    seed: int | None = None
    epochs: int = 0
    """How many are done."""

    def of(self, count: int, epoch: int) -> np.ndarray:
        if self.seed is None:
            self.seed = next_seed()
        return SeededOrder(self.seed).of(count, self.epochs)
