"""Does many tasks side by side: this process and short-lived worker processes share a queue.

Workers are separate programs (`worker.py`) spoken to through pipes, so threads, locks and memory of
this process are not involved. One that cannot start or dies leaves its task to this process, or
where that cannot do it, to another worker.
"""

from __future__ import annotations

import heapq
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from graphc.errors import CompileError
from graphc.knobs import current

from . import worker

Process = subprocess.Popen[bytes]
MOST_DEATHS = 2
"""After so many workers have died over a task, it is given up."""


@dataclass(frozen=True, slots=True)
class Trade:
    """What the workers of a crew can do, and what it costs."""

    program: Path
    """The file with the function `worker`, and what that is given."""
    words: tuple[str, ...]
    seconds: Callable[[bytes], float]
    """About how long a task takes."""
    seconds_to_start: float
    """What a worker costs before its first answer."""
    refused: Callable[[str, bytes], CompileError]
    """The error for a task that cannot be done, from the reason and the task."""
    here: worker.Work | None = None
    """Does a task in this process; None if only workers can."""
    environment: Mapping[str, str] | None = None
    """Of the workers, if not that of this process."""


class Crew:
    """Does tasks as they come: workers begin at once, this process helps at the end if it can.

    `expected` are the seconds that all tasks will take, if that is known before they come.
    """

    def __init__(self, trade: Trade, expected: float = 0.0) -> None:
        self.trade, self.seconds, self.expected = trade, 0.0, expected
        self.tasks: list[bytes] = []
        self._waiting: list[tuple[float, int]] = []
        self._answers: dict[int, bytes] = {}
        self._problems: list[CompileError] = []
        self._deaths: Counter[int] = Counter()
        self._crew: list[threading.Thread] = []
        self._processes: dict[threading.Thread, Process] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._is_left = False

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody waits for what is not finished."""
        with self._changed:
            self._ended = self._is_left = True
            self._waiting.clear()
            self._changed.notify_all()
            for thread, process in self._processes.items():
                if thread.is_alive():
                    process.kill()
        for thread in self._crew:
            thread.join()

    def add(self, task: bytes) -> int:
        """Do a task; answers its number."""
        seconds = self.trade.seconds(task)
        with self._changed:
            number = len(self.tasks)
            self.tasks.append(task)
            heapq.heappush(self._waiting, (-seconds, number))
            self._changed.notify()
        self.seconds += seconds
        workers = worker_count(self.trade, max(self.seconds, self.expected))
        helped = self.trade.here is not None
        if len(self._crew) < (workers if self.expected else min(workers, number + (not helped))):
            self._hire()
        return number

    def finish(self) -> list[bytes]:
        """The answers to all tasks in the order of their numbers.

        Raises:
            CompileError: a task that cannot be done.
        """
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._help()
        for thread in self._crew:
            thread.join()
        self._help()  # what a worker gave back when it died
        if self._problems:
            raise self._problems[0]
        for number, task in enumerate(self.tasks):
            if number not in self._answers:
                raise self.trade.refused("no worker process can be started or lives", task)
        return [self._answers[i] for i in range(len(self.tasks))]

    def _help(self) -> None:
        while self.trade.here and (number := self._next()) is not None:
            self._answers[number] = do_here(self.trade, self.tasks[number])

    def _next(self) -> int | None:
        """The largest task that waits; None when there are no more."""
        with self._changed:
            while not self._waiting:
                if self._ended:
                    return None
                self._changed.wait()
            return heapq.heappop(self._waiting)[1]

    def _hire(self) -> None:
        thread = threading.Thread(target=self._serve, daemon=True)
        with suppress(RuntimeError):  # the system has no more threads: fewer do as well
            thread.start()
            self._crew.append(thread)

    def _serve(self) -> None:
        """Let workers do tasks, one worker after the other, until nothing is left."""
        try:
            while (process := self._start()) is not None:
                try:
                    if self._is_finished(process) or self.trade.here:
                        return
                finally:
                    _end(process)
        except CompileError as error:
            self._problems.append(error)

    def _start(self) -> Process | None:
        with self._changed:
            if self._is_left or (self._ended and not self._waiting):
                return None
            process = _start(self.trade)
            if process is not None:
                self._processes[threading.current_thread()] = process
            return process

    def _is_finished(self, process: Process) -> bool:
        """Give tasks to a worker until none is left (True) or it is gone."""
        while (number := self._next()) is not None:
            answer = _ask(process, self.tasks[number], self.trade)
            if answer is None:
                self._return(number)
                return False
            self._answers[number] = answer
        return True

    def _return(self, number: int) -> None:
        """A worker has died over a task."""
        with self._changed:
            if self._is_left:
                return
            self._deaths[number] += 1
            if self.trade.here is None and self._deaths[number] == MOST_DEATHS:
                raise self.trade.refused("the process that did it has died", self.tasks[number])
            heapq.heappush(self._waiting, (-self.trade.seconds(self.tasks[number]), number))
            self._changed.notify()


def do_here(trade: Trade, task: bytes) -> bytes:
    """The answer to a task, worked out in this process.

    Raises:
        CompileError: it cannot be done.
    """
    assert trade.here, "a task is done here only where that is possible"
    try:
        return trade.here(task)
    except RuntimeError as error:
        raise trade.refused(str(error), task) from None


def worker_count(trade: Trade, seconds: float) -> int:
    """How many worker processes pay for their start, besides this process if that helps."""
    jobs = current().compile_jobs
    if jobs == 0:
        jobs = min(available_cores(), 1 + int(seconds / (2 * trade.seconds_to_start)))
    return max(1, jobs) if trade.here is None else max(0, jobs - 1)


def available_cores() -> int:
    """How many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _ask(process: Process, task: bytes, trade: Trade) -> bytes | None:
    """The answer of a worker, or None if the worker died over it."""
    assert process.stdin, "a worker is opened with pipes"
    assert process.stdout, "a worker is opened with pipes"
    try:
        worker.send(process.stdin, task)
        answer = worker.receive(process.stdout)
    except OSError:
        return None
    if answer is None:
        return None
    if answer[:1] == worker.REFUSED:
        raise trade.refused(answer[1:].decode(), task)
    return answer[1:]


def _end(process: Process) -> None:
    """No more input, which ends a worker that lives; a dead one has broken the pipe."""
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):
            if pipe:
                pipe.close()
    process.wait()


def _start(trade: Trade) -> Process | None:
    """A worker, or None where this process is not a plain Python that could start one."""
    executable = Path(sys.executable or "")
    if not executable.name.startswith("python"):
        return None
    try:
        return subprocess.Popen(
            [executable, "-P", worker.__file__, trade.program, *trade.words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=trade.environment,
        )
    except OSError:
        return None
