"""Who may use a device: one thread at a time, and never a forked child."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import final
from weakref import WeakSet, ref

from graphc.errors import DeviceError

from .driver import Handle, check, driver


@final
class Turn:
    """A context manager; in it the device's context is current in this thread.

    What is given up while objects die waits here until it can be done: memory dies in any thread,
    at any moment.
    """

    def __init__(self, context: Handle) -> None:
        self._cu, self._context = driver(), context
        self._lock = threading.RLock()
        self._dead: deque[Callable[[], object]] = deque()
        self._lost = ""
        _living.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._lost:
            self._lock.release()
            raise DeviceError(self._lost, fix="use the device in the process that opened it")
        if not self._is_current:
            self._take()
        if self._dead:
            self._bury()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _take(self) -> None:
        try:
            check(self._cu.cuCtxSetCurrent(self._context), "the device cannot be used")
        except DeviceError:
            self._lock.release()
            raise
        _here.turn = ref(self)

    @property
    def _is_current(self) -> bool:
        """Whether the context is current in this thread. Names of threads come again, and another
        device may have been used since."""
        last = getattr(_here, "turn", None)
        return last is not None and last() is self

    def retire(self, end: Callable[[], object]) -> None:
        """Call the driver to end something that nobody holds: now if possible, else soon."""
        if self._lost:
            return
        self._dead.append(end)
        if self._lock.acquire(blocking=False):
            try:
                if self._is_current:
                    self._bury()
            finally:
                self._lock.release()

    def _bury(self) -> None:
        """Errors are those of earlier work; whoever waits for that is told."""
        while self._dead:
            try:
                end = self._dead.popleft()
            except IndexError:  # a dying object was faster
                return
            end()

    def lose(self, reason: str) -> None:
        """The device is gone: nothing may touch it any more."""
        self._lost = reason
        self._dead.clear()

    def forked(self) -> None:
        """This is a child: whoever had the turn is another process."""
        self._lock = threading.RLock()
        self.lose("a forked process cannot use the GPU of its parent")


_living: WeakSet[Turn] = WeakSet()
_here = threading.local()


def _lose_all() -> None:
    for turn in _living:
        turn.forked()


os.register_at_fork(after_in_child=_lose_all)
