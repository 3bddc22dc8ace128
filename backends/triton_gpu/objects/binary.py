"""Machine code of one function, and what its launch must know."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

_HEAD = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Binary:
    """A cubin (an hsaco for AMD) with one function."""

    name: str
    warps: int
    """Of a program; as many as asked for, or more."""
    shared: int
    """Bytes of shared memory of a program."""
    scratch: int
    profile: int
    """Bytes of a program in the memory of the device, given by the last two pointers."""
    parameters: tuple[int, ...]
    """The bytes of each parameter, in order."""
    tiles: tuple[tuple[int, ...], ...]
    """For each descriptor: how its tiles are swizzled, the bytes and Triton's number of the type of
    their elements, and the sizes of what is copied at once, which may be less than a tile."""
    registers: int
    spills: int
    """Bytes of a thread in local memory."""
    code: bytes


def decoded(data: bytes) -> Binary | None:
    """What a worker answers and the cache keeps: facts, then code; None if it is something else."""
    try:
        (length,) = _HEAD.unpack_from(data)
        begin = _HEAD.size + length
        facts = json.loads(data[_HEAD.size : begin])
        widths = tuple(facts.pop("parameters"))
        tiles = tuple(map(tuple, facts.pop("tiles")))
        return Binary(parameters=widths, tiles=tiles, code=data[begin:], **facts)
    except (struct.error, ValueError, TypeError, KeyError, AttributeError):
        return None
