"""One framework in this process: answers commands, one line of JSON each, on stdin and stdout.

    prepare  make all ways to compute a case, and compute it once by each
    ready    what each wants to do alone on the device
    time     the device's seconds of one call of a way, from as many in a row as take so long
    whole    the median seconds of a whole call, from NumPy arrays to a number
    copy     bytes per second of a copy on the device (graphc alone)

`python -m benchmarks.gpu.worker NAME DEVICE`; `peers/process.py` is the other side.
"""

from __future__ import annotations

import importlib
import sys
import time
import traceback
from collections.abc import Callable

from benchmarks.peers.worker import Message, answer_commands, die_with_parent, median_seconds

from .cases import CASES
from .way import Framework, Way


class Worker:
    """The ways of the present case."""

    def __init__(self, name: str, device: str) -> None:
        module = importlib.import_module(f"benchmarks.gpu.on_{name}")
        self.framework: Framework = module.make(device)
        self.ways: dict[str, Way] = {}

    def prepare(self, case: str, wanted: str | None = None) -> Message:
        """Answers of all ways that work, why others do not, and how long each took."""
        self.ways.clear()
        answers: dict[str, float] = {}
        failed: dict[str, str] = {}
        seconds: dict[str, float] = {}
        for name, make in self.framework.ways(CASES[case]).items():
            if wanted not in (None, name):
                continue
            start = time.perf_counter()

            def one(name: str = name, make: Callable[[], Way] = make) -> None:
                self.ways[name] = make()
                answers[name] = self.ways[name].answer()

            self._tried(name, one, failed)
            seconds[name] = time.perf_counter() - start
        return {
            "answers": answers, "failed": failed, "seconds": seconds,
            "versions": self.framework.versions, "device": self.framework.device(),
        }  # fmt: skip

    def ready(self) -> Message:
        """Why some ways end here."""
        failed: dict[str, str] = {}
        for name, way in list(self.ways.items()):
            self._tried(name, way.ready, failed)
        return {"failed": failed, "answers": {}}

    def _tried(self, name: str, do: Callable[[], object], failed: dict[str, str]) -> None:
        try:
            do()
        except Exception as error:  # one way that fails is a dash in the table
            traceback.print_exc()
            failed[name] = f"{type(error).__name__}: {error}".strip().splitlines()[0][:200]
            self.ways.pop(name, None)

    def time(self, way: str, seconds: float) -> Message:
        """As many calls in a row as take so long; at least three."""
        queue = self.ways[way].queue
        once = self.framework.seconds(queue, 2) / 2
        count = max(3, min(1000, round(seconds / once)))
        return {"seconds": self.framework.seconds(queue, count) / count}

    def whole(self, way: str, seconds: float) -> Message:
        """By the clock of the host."""
        call = self.ways[way].whole
        assert call is not None, "this case has whole calls"
        return {"seconds": median_seconds(call, seconds)}

    def copy(self) -> Message:
        """Measured in turn with the others."""
        return {"rate": self.framework.copy_rate()}  # pyright: ignore[reportAttributeAccessIssue]


def main() -> None:
    die_with_parent()
    worker = Worker(sys.argv[1], sys.argv[2])
    names = ("prepare", "ready", "time", "whole", "copy")
    answer_commands({name: getattr(worker, name) for name in names})


if __name__ == "__main__":
    main()
