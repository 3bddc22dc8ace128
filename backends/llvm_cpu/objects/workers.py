"""Compiles many modules side by side: this process and short-lived worker processes share a queue.

Workers are separate programs (`codegen.py`) spoken to through pipes, so threads, locks and memory
of this process are not involved. One that cannot start or dies leaves its module to this process.
"""

from __future__ import annotations

import heapq
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from graphc.backends.llvm_cpu.host import available_cores
from graphc.errors import CompileError
from graphc.knobs import current

from .codegen import FAILED, Machine, compile_object, receive, send

SECONDS_PER_CHARACTER = 0.5e-6
"""What a character of IR text costs to compile: measured on matmul and convolution kernels."""
SECONDS_TO_START = 0.15
"""What a worker costs before its first object: an interpreter and llvmlite's library."""

Process = subprocess.Popen[bytes]


def compile_all(texts: Sequence[str], machine: Machine) -> list[bytes]:
    """The object of each module text, in the order of the texts.

    Raises:
        CompileError: LLVM refuses a module.
    """
    with Crew(machine) as crew:
        for text in texts:
            crew.add(text)
        return crew.finish()


class Crew:
    """Compiles modules as they come: workers begin at once, this process helps at the end.

    `expected` are the seconds that all modules will take, if that is known before they come.
    """

    def __init__(self, machine: Machine, expected: float = 0.0) -> None:
        self.machine, self.seconds, self.expected = machine, 0.0, expected
        self.texts: list[str] = []
        self._waiting: list[tuple[int, int]] = []
        self._objects: dict[int, bytes] = {}
        self._problems: list[CompileError] = []
        self._crew: list[tuple[Process, threading.Thread]] = []
        self._changed = threading.Condition()
        self._ended = False

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody waits for what is not finished."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()
        for process, thread in self._crew:
            if thread.is_alive():
                process.kill()
                thread.join()

    def add(self, text: str) -> int:
        """Compile a module; answers its number."""
        with self._changed:
            number = len(self.texts)
            self.texts.append(text)
            heapq.heappush(self._waiting, (-len(text), number))
            self._changed.notify()
        self.seconds += SECONDS_PER_CHARACTER * len(text)
        others = worker_count(max(self.seconds, self.expected))
        if len(self._crew) < (others if self.expected else min(others, number)):
            self._hire()
        return number

    def finish(self) -> list[bytes]:
        """The objects of all modules in the order of their numbers.

        Raises:
            CompileError: LLVM refuses a module.
        """
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._help()
        for _, thread in self._crew:
            thread.join()
        self._help()  # what a worker gave back when it died
        if self._problems:
            raise self._problems[0]
        return [self._objects[i] for i in range(len(self.texts))]

    def _help(self) -> None:
        while (number := self._next()) is not None:
            self._objects[number] = compile_here(self.texts[number], self.machine)

    def _next(self) -> int | None:
        """The largest module that waits; None when there are no more."""
        with self._changed:
            while not self._waiting:
                if self._ended:
                    return None
                self._changed.wait()
            return heapq.heappop(self._waiting)[1]

    def _hire(self) -> None:
        process = _start(self.machine)
        if process is None:
            return
        thread = threading.Thread(target=self._serve, args=(process,), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads: fewer do as well
            process.kill()
            _end(process)
            return
        self._crew.append((process, thread))

    def _serve(self, process: Process) -> None:
        """Let a worker compile until nothing is left or it is gone."""
        try:
            while (number := self._next()) is not None:
                made = _ask(process, self.texts[number])
                if made is None:
                    with self._changed:
                        heapq.heappush(self._waiting, (-len(self.texts[number]), number))
                    return
                self._objects[number] = made
        except CompileError as error:
            self._problems.append(error)
        finally:
            _end(process)


def compile_here(text: str, machine: Machine) -> bytes:
    """The object of one module, compiled in this process.

    Raises:
        CompileError: LLVM refuses the module.
    """
    try:
        return compile_object(text, machine)
    except RuntimeError as error:
        raise _refused(str(error), text) from None


def worker_count(seconds: float) -> int:
    """How many worker processes pay for their start, besides this process."""
    jobs = current().compile_jobs
    if jobs == 0:
        jobs = min(available_cores(), 1 + int(seconds / (2 * SECONDS_TO_START)))
    return max(0, jobs - 1)


def _ask(process: Process, text: str) -> bytes | None:
    """The object from a worker, or None if the worker died over it."""
    assert process.stdin, "a worker is opened with pipes"
    assert process.stdout, "a worker is opened with pipes"
    try:
        send(process.stdin, text.encode())
        answer = receive(process.stdout)
    except OSError:
        return None
    if answer is None:
        return None
    if answer[:1] == FAILED:
        raise _refused(answer[1:].decode(), text)
    return answer[1:]


def _end(process: Process) -> None:
    """No more input, which ends a worker that lives; a dead one has broken the pipe."""
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):
            if pipe:
                pipe.close()
    process.wait()


def _start(machine: Machine) -> Process | None:
    """A worker, or None where this process is not a plain Python that could start one."""
    executable = Path(sys.executable or "")
    if not executable.name.startswith("python"):
        return None
    script = Path(__file__).with_name("codegen.py")
    words = [machine.triple, machine.cpu, machine.features, str(machine.effort)]
    try:
        return subprocess.Popen(
            [executable, "-P", script, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None


def _refused(reason: str, text: str) -> CompileError:
    name = next((line for line in text.splitlines() if line.startswith("define")), "")
    return CompileError(
        "LLVM refuses the generated code, a defect of the code generator",
        received=f"{reason.strip()} in the module of: {name}",
        expected="valid LLVM IR",
        fix="report it with the text that GRAPHC_DEBUG=4 prints",
    )
