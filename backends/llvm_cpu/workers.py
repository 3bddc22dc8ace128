"""Compiles many modules side by side: this process and short-lived worker processes share a queue.

Workers are separate programs (`codegen.py`) spoken to through pipes, so threads, locks and memory
of this process are not involved. One that cannot start or dies leaves its module to this process.
"""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from graphc.errors import CompileError
from graphc.knobs import current

from .codegen import FAILED, Machine, compile_object, receive, send
from .host import available_cores

SECONDS_PER_CHARACTER = 0.5e-6
"""What a character of IR text costs to compile: measured on matmul and convolution kernels."""
SECONDS_TO_START = 0.15
"""What a worker costs before its first object: an interpreter and llvmlite's library."""

Compile = Callable[[str], bytes | None]
Process = subprocess.Popen[bytes]


def compile_all(texts: Sequence[str], machine: Machine) -> list[bytes]:
    """The object of each module text, in the order of the texts.

    Raises:
        CompileError: LLVM refuses a module.
    """
    waiting = deque(sorted(range(len(texts)), key=lambda i: len(texts[i])))
    objects: dict[int, bytes] = {}

    def drain(compile_one: Compile) -> None:
        """Take the largest module that waits, until none does or the worker is gone."""
        while waiting:
            try:
                index = waiting.pop()
            except IndexError:
                return
            made = compile_one(texts[index])
            if made is None:
                waiting.append(index)
                return
            objects[index] = made

    def here(text: str) -> bytes:
        return compile_here(text, machine)

    processes = [p for _ in range(worker_count(texts)) if (p := _start(machine)) is not None]
    with ThreadPoolExecutor(max(1, len(processes))) as threads:
        try:
            helpers = _submitted(threads, processes, drain)
            drain(here)
            for helper in helpers:
                helper.result()
            for process in processes[len(helpers) :]:
                _end(process)
        except BaseException:
            # The executor ends only when its threads do: leave them nothing to wait for.
            waiting.clear()
            for process in processes:
                process.kill()
            raise
    drain(here)  # what a worker gave back when it died
    return [objects[i] for i in range(len(texts))]


def compile_here(text: str, machine: Machine) -> bytes:
    """The object of one module, compiled in this process.

    Raises:
        CompileError: LLVM refuses the module.
    """
    try:
        return compile_object(text, machine)
    except RuntimeError as error:
        raise _refused(str(error), text) from None


def worker_count(texts: Sequence[str]) -> int:
    """How many worker processes pay for their start, besides this process."""
    jobs = current().compile_jobs
    if jobs == 0:
        seconds = SECONDS_PER_CHARACTER * sum(map(len, texts))
        jobs = min(available_cores(), 1 + int(seconds / (2 * SECONDS_TO_START)))
    return max(0, min(jobs, len(texts)) - 1)


def _submitted(
    threads: ThreadPoolExecutor, processes: Sequence[Process], drain: Callable[[Compile], None]
) -> list[Future[None]]:
    """A thread for each process, or for some where the system has no more threads."""
    helpers: list[Future[None]] = []
    with suppress(RuntimeError):
        helpers.extend(threads.submit(_with_worker, process, drain) for process in processes)
    return helpers


def _with_worker(process: Process, drain: Callable[[Compile], None]) -> None:
    try:
        drain(lambda text: _ask(process, text))
    finally:
        _end(process)


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
