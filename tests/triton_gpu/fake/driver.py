"""The fake driver, as tests see it: what it has found, and what it should do next."""

from __future__ import annotations

import ctypes
from functools import cache

OUR_OWN = {"streams": 2, "events": 6, "pinned": 2, "pools": 1}
"""What a device holds while it is open."""


@cache
def _library() -> ctypes.CDLL:
    found = ctypes.CDLL("libcuda.so.1")
    found.fake_count.restype = found.fake_given.restype = ctypes.c_long
    found.fake_given.argtypes = (ctypes.c_void_p,)
    found.fake_memory.argtypes = (ctypes.c_long,)
    return found


def complaints() -> list[str]:
    """What has been done wrong until now."""
    room = ctypes.create_string_buffer(1 << 16)
    _library().fake_report(room, len(room))
    return room.value.decode().splitlines()


def count(what: str) -> int:
    found = _library().fake_count(what.encode())
    assert found >= 0
    return found


def given(address: int) -> int:
    """To how many launches that are done the address was given."""
    return _library().fake_given(address)


def fail(name: str, code: int) -> None:
    """The next call of that function fails."""
    _library().fake_fail(name.encode(), code)


def machine(devices: int, version: int, cc: int = 90) -> None:
    _library().fake_machine(devices, version, cc)


def forget() -> None:
    _library().fake_forget()
