"""One way to compute a case, as a worker times it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .cases import Case


@dataclass
class Way:
    """Calls that compute a case.

    Attributes:
        queue: asks the device for it once more, on inputs that are there; does not wait
        answer: does it once and waits: the first loss, or the mean size of the results
        whole: from NumPy arrays to the loss as a number
        ready: what must be done alone on the device before anything is timed
    """

    queue: Callable[[], object]
    answer: Callable[[], float]
    whole: Callable[[], float] | None = None
    ready: Callable[[], object] = lambda: None


class Framework(Protocol):
    """What each `on_*.py` makes."""

    versions: dict[str, str]

    def device(self) -> dict[str, str]:
        """What it runs on: name, driver."""
        ...

    def ways(self, case: Case) -> Mapping[str, Callable[[], Way]]:
        """How it can compute a case, by name; made one by one, because one may fail."""
        ...

    def seconds(self, queue: Callable[[], object], count: int) -> float:
        """The time the device takes for so many of them in a row, by its own clock if it has
        one."""
        ...


def mean_size(array: object) -> float:
    """What results are compared by."""
    return float(np.abs(np.asarray(array, np.float64)).mean())
