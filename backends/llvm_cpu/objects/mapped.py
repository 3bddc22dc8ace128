"""Machine code in the memory of this process: written once, then readable and executable only."""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from contextlib import suppress
from functools import cache
from typing import final

from .elf import Image

_READ, _EXECUTE = 1, 4
_LIBRARIES = (None, "libm.so.6", "libc.so.6")


@final
class Mapped:
    """An image that can be called; it is unmapped when nothing refers to it any more."""

    def __init__(self, memory: mmap.mmap, address: int, image: Image) -> None:
        self._memory = memory
        self.entries = tuple(address + offset for offset in image.entries)


def mapped(image: Image) -> Mapped | None:
    """The image in memory; None where the system does not have it so."""
    if sys.platform != "linux":
        return None
    try:
        memory = mmap.mmap(-1, max(1, len(image.code)), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        memory[: len(image.code)] = image.code
        for offset, name in image.outside:
            struct.pack_into("<Q", memory, offset, _function(name))
        for offset, value in image.inside:
            struct.pack_into("<Q", memory, offset, address + value)
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        if protect(address, len(memory), _READ | _EXECUTE):
            return None
    except (OSError, LookupError, struct.error):
        return None
    return Mapped(memory, address, image)


@cache
def _function(name: str) -> int:
    """Where a function of the C library lies; LookupError if there is none."""
    for library in _LIBRARIES:
        with suppress(OSError, AttributeError):
            found = ctypes.CDLL(library)[name]
            if address := ctypes.cast(found, ctypes.c_void_p).value:
                return address
    raise LookupError(name)
