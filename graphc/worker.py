"""The main program of a worker process: one task after the other for the process that started it.

The first argument names a file with a function `worker`, which the other words are given to; it
answers the function that does a task. Imports nothing of this project, so that a worker starts in
the time that its own libraries take to load. Processes are started by `crew.py`.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import IO

_FRAME = struct.Struct("<Q")
DONE, REFUSED = b"o", b"f"

Work = Callable[[bytes], bytes]
"""Does a task; RuntimeError with the reason if it cannot be done."""


def send(stream: IO[bytes], data: bytes) -> None:
    """One frame: its length, then its bytes."""
    stream.write(_FRAME.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """The next frame, or None at the end of the stream."""
    head = stream.read(_FRAME.size)
    if len(head) < _FRAME.size:
        return None
    (length,) = _FRAME.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


def serve(source: IO[bytes], sink: IO[bytes], work: Work) -> None:
    """Do each task that comes in, until there are no more."""
    while (task := receive(source)) is not None:
        try:
            answer = DONE + work(task)
        except RuntimeError as error:
            answer = REFUSED + str(error).encode()
        send(sink, answer)


def _work(program: str, words: list[str]) -> Work:
    spec = importlib.util.spec_from_file_location("program", program)
    assert spec, "a program is a Python file"
    assert spec.loader, "a program is a Python file"
    module = importlib.util.module_from_spec(spec)
    sys.modules["program"] = module
    spec.loader.exec_module(module)
    return vars(module)["worker"](*words)


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    with os.fdopen(os.dup(1), "wb") as sink:
        os.dup2(2, 1)  # what libraries print is no answer
        serve(sys.stdin.buffer, sink, _work(sys.argv[1], sys.argv[2:]))


if __name__ == "__main__":
    _main()
