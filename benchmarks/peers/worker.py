"""One framework in this process: answers commands, one line of JSON each, on stdin and stdout.

    prepare  build a workload and call it once; the answer is a check that all compute the same.
             With labels a process keeps several.
    time     the median seconds of a call, over at least so many seconds, and all processor time
    memory   the most memory that this process has used, in bytes

`python -m benchmarks.peers.worker NAME THREADS`; `process.py` is the other side.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import signal
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from benchmarks.networks import WORKLOADS, Workload
from benchmarks.peers import PEERS

Call = Callable[[], object]
Message = dict[str, object]


class Framework(Protocol):
    """What each `on_*.py` makes: calls that return when all is done, the loss or the logits."""

    versions: dict[str, str]

    def training(self, w: Workload, x: np.ndarray, labels: np.ndarray) -> Call:
        """One step of training on these examples: forward, backward, update."""
        ...

    def inference(self, w: Workload, x: np.ndarray) -> Call:
        """Logits of these examples, with weights that stay."""
        ...


class Worker:
    """The state between commands: the calls that are timed."""

    def __init__(self, name: str, threads: int) -> None:
        self.name, self.threads = name, threads
        self.calls: dict[str, Call] = {}

    def prepare(
        self, workload: str, train: bool, batch: int, image: int | None = None, label: str = ""
    ) -> Message:
        """Make the call and make it once."""
        w = WORKLOADS[workload]
        if image is not None:
            w = replace(w, shape=(image, image, w.shape[-1]))
        peer = PEERS[self.name]
        module = importlib.import_module(f"benchmarks.peers.{peer.module}")
        framework: Framework = module.make(peer.variant.split(), self.threads)
        x, labels = w.data(batch)
        start = time.perf_counter()
        call = framework.training(w, x, labels) if train else framework.inference(w, x)
        self.calls[label] = call
        answer = float(np.abs(np.asarray(call())).mean())
        seconds = time.perf_counter() - start
        return {"answer": answer, "seconds": seconds, "versions": framework.versions}

    def time(self, seconds: float, label: str = "") -> Message:
        """One call to warm up, then the median of as many as fit."""
        start = time.process_time()
        middle = median_seconds(self.calls[label], seconds)
        return {"seconds": middle, "processor": time.process_time() - start}

    def memory(self) -> Message:
        """The peak of the resident set."""
        return {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def median_seconds(call: Call, least: float) -> float:
    """The median time of a call, over at least so many seconds. The first one does not count,
    unless it alone took that long."""
    times = [_seconds(call)]
    if times[0] >= least > 0:
        return times[0]
    end = time.perf_counter() + least
    while len(times) < 2 or time.perf_counter() < end:
        times.append(_seconds(call))
    return statistics.median(times[1:])


def _seconds(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def die_with_parent() -> None:
    """Linux: end when the process that asks ends, even if it has stopped this one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def answer_commands(commands: Mapping[str, Callable[..., Message]]) -> None:
    """Until the other side is gone. What frameworks print is no answer: it goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        message = json.loads(line)
        try:
            reply = commands[message.pop("do")](**message)
        except Exception as error:  # one framework that fails is a dash in the table
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}".strip().splitlines()[0][:200]}
        print(json.dumps(reply), file=answers, flush=True)


def main() -> None:
    die_with_parent()
    name, threads = sys.argv[1], int(sys.argv[2])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    worker = Worker(name, threads)
    answer_commands({"prepare": worker.prepare, "time": worker.time, "memory": worker.memory})


if __name__ == "__main__":
    main()
