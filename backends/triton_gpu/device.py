"""What the runner asks of a device: memory, copies, launches, order. Addresses are plain integers.

`run/cuda.py` is a GPU, `interpret/device.py` runs the same sources on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from .launch import Launch

Ready = Callable[[tuple[int, int, int], Sequence[int], Sequence[int]], None]
"""Launches a function: its grid, the addresses of its pointers, its sizes. Returns at once."""


class Memory(Protocol):
    """Bytes on a device, at a multiple of 256; free again when nobody holds this object."""

    address: int
    nbytes: int


class Device(Protocol):
    """One device with one queue: everything happens in the order in which it was asked for."""

    name: str
    place: tuple[int, int]
    """The kind of the device in DLPack's words, and which one of them."""
    processors: int
    """Programs of full size that run at once."""
    has_maps: bool
    """Whether functions may get descriptors of tiles."""
    stream: int | None
    """What other libraries call the queue; None where nobody ever waits."""

    def allocate(self, nbytes: int) -> Memory:
        """New memory.

        Raises:
            OutOfMemoryError: with the bytes asked for, those that are free, and those there are.
        """
        ...

    def write(self, address: int, array: np.ndarray) -> None:
        """Copy a C-contiguous array to the device. It may change as soon as this returns."""
        ...

    def read(self, address: int, array: np.ndarray) -> None:
        """Fill a C-contiguous array from the device, after everything before this is done."""
        ...

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """Copy between two places of the device that do not overlap."""
        ...

    def prepare(self, launches: Sequence[Launch]) -> list[Ready]:
        """Compile what is not in the cache (side by side), load it.

        Raises:
            CompileError: Triton refuses a source, or it needs more than the device has.
        """
        ...

    def spills(self, launch: Launch, /) -> int:
        """Bytes of a thread that are in memory for want of registers.

        Raises:
            CompileError: as `prepare`.
        """
        ...

    def record(self, run: Callable[[], None]) -> Callable[[], None]:
        """What `run` asks for, to be done as often as the answer is called, at less cost.

        Nothing is done before that.
        """
        ...

    def seconds(self, run: Callable[[], None]) -> float:
        """How long the device takes for what `run` asks for."""
        ...

    def wait(self) -> None:
        """Return when all that was asked for is done.

        Raises:
            DeviceError: something failed on the device.
        """
        ...

    def after(self, stream: int | None, *, first: int | None) -> None:
        """Let a queue wait for what another, perhaps of another library, was asked until now."""
        ...

    def hold(self, owners: Sequence[object]) -> None:
        """Keep objects alive until all that was asked for is done."""
        ...

    def retire(self, end: Callable[[], object]) -> None:
        """Do something at the end of an object, as soon as it can be done: objects die in any
        thread, at any moment."""
        ...
