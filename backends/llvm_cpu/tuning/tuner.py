"""Which form of a contraction is used with `GRAPHC_TUNE=1`: measured once, then remembered.

Winners are kept in the cache by the kernel's text, the target and the machine. Without the switch
nothing here is asked: the code that a kernel becomes then follows from shapes alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

from graphc import cache
from graphc.backends.llvm_cpu.host import fingerprint
from graphc.backends.llvm_cpu.objects import keys
from graphc.knobs import current, deciding

from .choice import USUAL, Choice, Work, candidates, decoded, is_possible
from .measure import Trial

GAIN = 0.95
"""The share of the usual time that another form must stay below: noise chooses nothing."""
HOPELESS = 1.3
"""Forms that were so much slower than the best at first are not measured again."""
LEAST_ROUNDS = 5
SECONDS_PER_KERNEL = 0.5
"""Of measuring, besides compiling the candidates."""
Measure = Callable[[Choice], float]


def _measured_by_trial(work: Work, choices: Sequence[Choice]) -> Measure:
    return Trial(work, choices).seconds


@final
@dataclass(slots=True)
class Tuner:
    """Spends at most `tune_seconds` of a process; kernels after that are done as usual."""

    clock: Callable[[], float] = time.perf_counter
    trial: Callable[[Work, Sequence[Choice]], Measure] = _measured_by_trial
    spent: float = 0.0
    winners: dict[str, Choice] = field(default_factory=dict)

    def choice(self, work: Work, text: str) -> Choice:
        """The form of a kernel: the one remembered, else the fastest, which is then remembered."""
        lasting = " ".join(sorted(work.lasting))
        key = keys.key_of("tuned", text, lasting, work.target.key(), fingerprint(), deciding())
        if key not in self.winners:
            found = self._remembered(key, work) or self._measured(key, work)
            if found is None:
                return USUAL
            self.winners[key] = found
        return self.winners[key]

    def _remembered(self, key: str, work: Work) -> Choice | None:
        data = cache.lookup(key)
        found = None if data is None else decoded(data)
        return found if found and is_possible(work, found) else None

    def _measured(self, key: str, work: Work) -> Choice | None:
        """The fastest form, kept in the cache; None if there is no time left to find out."""
        known = candidates(work)
        if len(known) == 1:
            return USUAL
        if self.spent >= current().tune_seconds:
            return None
        start = self.clock()
        found = fastest(known, self.trial(work, known), self.clock)
        self.spent += self.clock() - start
        cache.store(key, found.encoded())
        return found


def fastest(known: Sequence[Choice], measure: Measure, clock: Callable[[], float]) -> Choice:
    """The choice with the shortest time of several rounds; the first one unless there is a gain."""
    best = {c: min(measure(c), measure(c)) for c in known}
    limit = HOPELESS * min(best.values())
    open_ = [c for c in known if c is known[0] or best[c] <= limit]
    end, rounds = clock() + SECONDS_PER_KERNEL, 0
    while rounds < LEAST_ROUNDS or clock() < end:
        for c in open_:
            best[c] = min(best[c], measure(c))
        rounds += 1
    winner = min(open_, key=lambda c: best[c])
    return winner if best[winner] < GAIN * best[known[0]] else known[0]


TUNER = Tuner()
"""Of this process."""
