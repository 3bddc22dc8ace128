"""Rounds in which everybody takes a turn, so that a drifting machine is the same to all.

ratio of two = median over rounds of (one's seconds / the other's seconds in the same round)
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

Rounds = Mapping[str, Sequence[float]]
"""name -> seconds in each round, in the same order for all"""


def interleaved(
    turns: Mapping[str, Callable[[], float | None]], rounds: int
) -> dict[str, list[float]]:
    """The answers of all turns, round by round; who answers None is left out from there on."""
    found: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name in list(found):
            answer = turns[name]()
            if answer is None:
                del found[name]
            else:
                found[name].append(answer)
    return found


def medians(rounds: Rounds) -> dict[str, float]:
    """The median of each."""
    return {name: statistics.median(times) for name, times in rounds.items()}


def ratio(rounds: Rounds, one: str, other: str) -> float:
    """How many times as long one takes as the other."""
    pairs = zip(rounds[one], rounds[other], strict=True)
    return statistics.median(a / b for a, b in pairs)


def best(rounds: Rounds, but: str) -> str | None:
    """Whose median is smallest, leaving out one name."""
    found = {name: t for name, t in medians(rounds).items() if name != but}
    return min(found, key=found.__getitem__, default=None)
