"""Memory for arrays: the arena of a function, which only grows, and aligned arrays for results."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from math import prod
from typing import final

import numpy as np

from graphc.errors import OutOfMemoryError

ALIGN = 64
"""A cache line, and the widest vector register."""
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


def aligned_array(shape: tuple[int, ...], dtype: np.dtype) -> tuple[np.ndarray, int]:
    """An array with arbitrary contents that begins at a cache line, and its address.

    Raises:
        OutOfMemoryError: it does not fit into memory.
    """
    room = _bytes(prod(shape) * dtype.itemsize + ALIGN, f"a result of shape {shape}")
    begin = address_of(room)
    skip = -begin % ALIGN
    return np.ndarray(shape, dtype, room, skip), begin + skip


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
        raise OutOfMemoryError(
            f"no memory for {purpose}",
            received=f"{count / 2**20:.1f} MiB",
            fix="make the batch smaller",
        ) from None


def _prefer_huge_pages(address: int, nbytes: int) -> None:
    """Fewer page faults and misses of the address cache; only Linux can be asked for it."""
    if sys.platform != "linux":
        return
    with suppress(AttributeError, OSError):
        advise = ctypes.CDLL(None).madvise
        advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        advise(address, nbytes, _MADV_HUGEPAGE)
