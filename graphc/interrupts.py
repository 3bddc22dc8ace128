"""Ctrl-C while graphs are compiled, where many objects die: no interrupt is lost.

Python forgets exceptions in callbacks of weak references and in `__del__`. An interrupt that comes
in one of them is sent once more. Native calls look up by themselves (backends/llvm_cpu/program.py).
"""

from __future__ import annotations

import _thread
import _weakrefset
import signal
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_FORGETFUL = (weakref.__file__, _weakrefset.__file__)
_SECONDS = 0.001


@contextmanager
def heard() -> Iterator[None]:
    """Every Ctrl-C inside becomes a KeyboardInterrupt; handlers of others are left alone."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if is_forgetful(frame):
        threading.Timer(_SECONDS, _thread.interrupt_main).start()
    else:
        signal.default_int_handler(number, frame)


def is_forgetful(frame: FrameType | None) -> bool:
    """Whether an exception in this frame goes no further than a message on standard error."""
    while frame is not None:
        if frame.f_code.co_filename in _FORGETFUL or frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
