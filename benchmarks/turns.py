"""Turns that nobody else disturbs: a peer is let go, timed, and stopped again.

How much of the machine others used meanwhile is known from the system's own counters. A disturbed
turn is taken again; one that never was quiet counts, and is reported.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from . import machine
from .peers.process import Process, Reply

DISTURBED = 0.15
"""How many processors others may use during a turn that counts."""
ATTEMPTS = 4
"""How often a disturbed turn is taken before it counts nevertheless."""
REST = 0.5
"""Seconds to wait for others before a turn is taken again."""


@dataclass
class Turns:
    """Asks peers for their parts of rounds.

    Attributes:
        seconds: of each turn, at least
        failed: who has no number, and why
        disturbed: how many turns count although others used the machine meanwhile
    """

    seconds: float
    failed: dict[str, str]
    disturbed: int = 0

    def take(self, process: Process, label: str = "") -> float | None:
        """One peer's part of a round: the seconds of a call, None if it failed."""
        for attempt in range(ATTEMPTS):
            reply, others = self._once(process, label)
            if "error" in reply:
                self.failed[process.name] = str(reply["error"])
                return None
            if others < DISTURBED:
                break
            self.disturbed += attempt + 1 == ATTEMPTS
            time.sleep(REST)
        return float(str(reply["seconds"]))

    def _once(self, process: Process, label: str) -> tuple[Reply, float]:
        """The answer, and how many processors others used."""
        start, busy = time.perf_counter(), machine.busy_seconds()
        process.resume()
        reply = process.ask("time", seconds=self.seconds, label=label)
        process.pause()
        used = machine.busy_seconds() - busy - float(str(reply.get("processor", 0.0)))
        return reply, used / (time.perf_counter() - start)
