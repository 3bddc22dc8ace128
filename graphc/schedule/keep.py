"""What is kept between calls: arrays that depend on variables alone which the plan does not change.

    w' = w * scale          kept: computed once, and again when w or scale has changed
    y  = conv(x, w')        in each call

The steps that compute what is kept come first in the plan. They run in the same way as the others,
so keeping changes no bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import final

from graphc.ir.dim import Size, names_of
from graphc.kernels.walk import size_names

from .plan import CheckStep, CumulativeStep, KernelStep, SortStep, Step, Storage
from .touch import reads, writes

GROWTH = 4
"""What is kept may be so many times as large as the variables that it depends on."""
SMALL = 1 << 16
"""Bytes that may be kept in any case."""


@final
class Keeper:
    """Tells, step by step in the order of the plan, which ones are kept."""

    def __init__(self) -> None:
        self.sources: dict[Storage, frozenset[Storage]] = {}
        """Of what stays as it is: the variables and constants that it depends on."""
        self._steps: set[Step] = set()

    def give(self, storage: Storage) -> None:
        """A variable that the plan does not change, or a constant."""
        self.sources[storage] = frozenset((storage,))

    def offer(self, step: Step) -> bool:
        """Whether a step is kept."""
        read, written = reads(step), writes(step)
        if not isinstance(step, KernelStep | SortStep | CumulativeStep | CheckStep):
            return False
        if not all(s in self.sources for s in read) or not _is_lasting(step, written):
            return False
        sources = frozenset[Storage]().union(*(self.sources[s] for s in read))
        most = GROWTH * _bytes(sources) + SMALL
        if not sources or _bytes(written) > most:
            return False
        self.sources |= dict.fromkeys(written, sources)
        self._steps.add(step)
        return True

    def among(self, bound: Mapping[str, Storage]) -> frozenset[str]:
        """The names of the buffers that hold between calls."""
        return frozenset(name for name, s in bound.items() if s in self.sources)

    def first(self, steps: Iterable[Step]) -> tuple[list[Step], int]:
        """The steps with those in front that are kept, and how many these are."""
        ordered = sorted(steps, key=lambda step: step not in self._steps)
        return ordered, len(self._steps)


def _is_lasting(step: Step, written: tuple[Storage, ...]) -> bool:
    """Whether what is written is an intermediate array of known shape."""
    if isinstance(step, KernelStep) and size_names(step.kernel):
        return False
    return all(s.place == "arena" and not names_of(s.nbytes) for s in written)


def _bytes(storages: Iterable[Storage]) -> int:
    sizes: list[Size] = [s.nbytes for s in storages]
    return sum(n for n in sizes if isinstance(n, int))
