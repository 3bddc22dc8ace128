"""Pinned memory of the host between arrays and the device: copies go on while Python does.

Pageable memory would make the driver wait for everything before each copy.
"""

from __future__ import annotations

import ctypes
from typing import final

import numpy as np

from .driver import Handle, check, driver, value

PIECE = 4 << 20
"""Bytes that are copied at once."""
PIECES = 4
"""How many wait for the device on the way there."""
_ALIGN = 64


@final
class Staging:
    """A ring of pieces, filled one after the other; each is used again when it has been read."""

    def __init__(self, stream: Handle, pieces: int = PIECES, piece: int = PIECE) -> None:
        self._cu, self._stream = driver(), stream
        self._count, self._piece = pieces, piece
        self._address = int(value(
            self._cu.cuMemHostAlloc(pieces * piece, 0), "there is no pinned memory"
        ))  # fmt: skip
        room = (ctypes.c_uint8 * (pieces * piece)).from_address(self._address)
        self._bytes = np.ctypeslib.as_array(room)
        flag = self._cu.CUevent_flags.CU_EVENT_DISABLE_TIMING
        self._events = [
            value(self._cu.cuEventCreate(flag), "there is no event") for _ in range(pieces)
        ]
        self._at, self._used = 0, 0

    def write(self, address: int, array: np.ndarray) -> None:
        """Copy an array to the device; it may change as soon as this returns."""
        source = _bytes_of(array)
        for start in range(0, source.size, self._piece):
            part = source[start : start + self._piece]
            begin = self._room(part.size)
            self._bytes[begin : begin + part.size] = part
            check(
                self._cu.cuMemcpyHtoDAsync(
                    address + start, self._address + begin, part.size, self._stream
                ),
                "an array cannot be copied to the device",
            )

    def read(self, address: int, array: np.ndarray) -> None:
        """Fill an array from the device, after everything before."""
        target = _bytes_of(array)
        waiting: list[tuple[int, int]] = []
        for start in range(0, target.size, self._piece):
            if len(waiting) == self._count:
                self._fetch(target, *waiting.pop(0))
            number = start // self._piece % self._count
            size = min(self._piece, target.size - start)
            place = self._address + number * self._piece
            check(
                self._cu.cuMemcpyDtoHAsync(place, address + start, size, self._stream),
                "an array cannot be copied from the device",
            )
            self._mark(number)
            waiting.append((number, start))
        for number, start in waiting:
            self._fetch(target, number, start)

    def _fetch(self, target: np.ndarray, number: int, start: int) -> None:
        self._await(number)
        part = target[start : start + self._piece]
        part[:] = self._bytes[number * self._piece :][: part.size]

    def _room(self, size: int) -> int:
        """Where so many bytes may be put."""
        if self._used + size > self._piece:
            self._mark(self._at)
            self._at, self._used = (self._at + 1) % self._count, 0
            self._await(self._at)
        begin = self._at * self._piece + self._used
        self._used += -(-size // _ALIGN) * _ALIGN
        return begin

    def _mark(self, number: int) -> None:
        check(
            self._cu.cuEventRecord(self._events[number], self._stream),
            "an event cannot be recorded",
        )

    def _await(self, number: int) -> None:
        check(
            self._cu.cuEventSynchronize(self._events[number]),
            "what the device was asked has failed",
        )

    def close(self) -> None:
        """Give the memory back; nothing may be on its way."""
        for event in self._events:
            check(self._cu.cuEventDestroy(event), "an event cannot be destroyed")
        check(self._cu.cuMemFreeHost(self._address), "pinned memory cannot be freed")


def _bytes_of(array: np.ndarray) -> np.ndarray:
    assert array.flags.c_contiguous, "arrays are C-contiguous"
    return array.reshape(-1).view(np.uint8)
