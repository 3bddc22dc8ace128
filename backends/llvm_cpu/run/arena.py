"""Memory for arrays: the arena of a function, which only grows, and aligned arrays for results."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from functools import cache
from typing import final

import numpy as np

from graphc.errors import OutOfMemoryError

ALIGN = 64
"""A cache line, and the widest vector register."""
SMALL = 2048
"""Bytes of a result that is cheaper to clear than to ask NumPy for."""
HUGE_PAGE = 2 << 20
_MADV_HUGEPAGE = 14


@final
class Arena:
    """One piece of memory. Growing gives other memory and keeps nothing of the old contents."""

    def __init__(self) -> None:
        self.nbytes = 0
        self.address = 0
        self._memory: np.ndarray | None = None

    def grow(self, nbytes: int, owner: str) -> None:
        """At least so many bytes; OutOfMemoryError, naming the owner, if they cannot be had."""
        if nbytes <= self.nbytes:
            return
        # The old memory goes first: both together might not fit.
        self._memory, self.nbytes, self.address = None, 0, 0
        align = HUGE_PAGE if nbytes >= HUGE_PAGE else ALIGN
        self._memory = _bytes(nbytes + align, f"the intermediate arrays of {owner}")
        start = address_of(self._memory)
        self.nbytes, self.address = nbytes, -(-start // align) * align
        if align == HUGE_PAGE:
            _prefer_huge_pages(self.address, nbytes)


def aligned_array(shape: tuple[int, ...], dtype: np.dtype, nbytes: int) -> tuple[np.ndarray, int]:
    """An array of so many bytes, of any contents, that begins at a cache line, and its address.

    Raises:
        OutOfMemoryError: it does not fit into memory.
    """
    try:
        if nbytes <= SMALL:
            room = _small_room(nbytes)()
            begin = ctypes.addressof(room)
        else:
            room = np.empty(nbytes + ALIGN, np.uint8)
            begin = ctypes.addressof(ctypes.c_char.from_buffer(room.data))
        skip = -begin % ALIGN
        made = np.ndarray(shape, dtype, room, skip)  # pyright: ignore[reportArgumentType]
        return made, begin + skip
    except (MemoryError, ValueError):  # some shapes NumPy does not have, even without elements
        raise _no_memory(nbytes, f"a result of shape {shape}") from None


@cache
def _small_room(nbytes: int) -> type[ctypes.Array[ctypes.c_char]]:
    """Memory of ctypes: its address is known without asking for a buffer."""
    return ctypes.c_char * (nbytes + ALIGN)


def address_of(array: np.ndarray) -> int:
    """Where the first element lies."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))  # the fast way
    except (TypeError, ValueError):  # read-only, empty, or of a dtype that buffers do not know
        return array.__array_interface__["data"][0]


def _bytes(count: int, purpose: str) -> np.ndarray:
    try:
        return np.empty(count, np.uint8)
    except (MemoryError, ValueError):
        raise _no_memory(count, purpose) from None


def _no_memory(count: int, purpose: str) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"no memory for {purpose}",
        received=f"{count / 2**20:.1f} MiB",
        fix="make the batch smaller",
    )


def _prefer_huge_pages(address: int, nbytes: int) -> None:
    """Fewer page faults and misses of the address cache; only Linux can be asked for it."""
    if sys.platform != "linux":
        return
    with suppress(AttributeError, OSError):
        advise = ctypes.CDLL(None).madvise
        advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        advise(address, nbytes, _MADV_HUGEPAGE)
