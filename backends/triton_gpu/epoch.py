"""Many calls in a row on a device: examples are sent once, each call gathers its rows there.

Nothing waits for the device between two calls, unless the plan asks it something; the results of
all calls come back together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from graphc.batches import Batches, Stretch, where
from graphc.errors import OutOfRangeError

from .device import Memory, Ready
from .prepared import Seat
from .run.arrays import DeviceArray
from .source.rows import WORDS, gather_rows

if TYPE_CHECKING:
    from .runner import Given, Runner


@final
class Epoch:
    """The calls of one `Batches`."""

    def __init__(self, runner: Runner, batches: Batches) -> None:
        self.runner, self.batches, self.device = runner, batches, runner.device
        self._given = [self._sent(a) for a in batches.arrays]
        self._order = None if batches.order is None else self._sent(batches.order)
        self._gather = [self._gathering(a) for a in batches.arrays]
        self._done = 0

    def run(self) -> list[np.ndarray]:
        """The results of all calls, in the order of the function's outputs."""
        parts = [self._stretch(s) for s in self.batches.stretches]
        return [np.concatenate(column) for column in zip(*parts)]

    def _sent(self, array: Given) -> Memory | DeviceArray:
        if isinstance(array, DeviceArray):
            return array
        memory = self.device.allocate(array.nbytes)
        self.device.write(memory.address, np.ascontiguousarray(array))
        return memory

    def _gathering(self, array: Given) -> _Rows:
        nbytes = array.nbytes // max(1, len(array)) if array.ndim else 0
        launch = gather_rows(nbytes)
        return _Rows(
            nbytes, nbytes // launch.pointers[0][1].itemsize, self.device.prepare([launch])[0]
        )

    def _stretch(self, s: Stretch) -> list[np.ndarray]:
        """The calls of equal sizes."""
        prepared = self.runner.prepare(s.sizes)
        outputs = prepared.outputs()
        room = [self.device.allocate(s.calls * m.nbytes) for m in outputs]
        seat = self.runner.own_seat(prepared)
        for i, is_cut in enumerate(self.batches.is_cut):
            if not is_cut:
                self.device.copy(seat.inputs[i], self._given[i].address, self._given[i].nbytes)
        for call in range(s.calls):
            self._feed(seat, s.first + call * s.rows, s.rows)
            try:
                self.runner.play(seat)
            except OutOfRangeError as error:
                error.add_note(where(self._done, self.batches))
                raise
            for memory, output in zip(room, outputs, strict=True):
                self.device.copy(
                    memory.address + call * output.nbytes, output.address, output.nbytes
                )
            self._done += 1
        return [
            self._read(memory, s.calls, shape, dtype.numpy, is_joined)
            for memory, (shape, dtype), is_joined in zip(
                room, prepared.results, self.batches.is_joined, strict=True
            )
        ]

    def _feed(self, seat: Seat, first: int, rows: int) -> None:
        """The rows of one call, in the memory of its inputs."""
        for i, is_cut in enumerate(self.batches.is_cut):
            target, source, one = seat.inputs[i], self._given[i], self._gather[i]
            if not is_cut or not one.nbytes or not rows:
                continue
            if self._order is None:
                self.device.copy(target, source.address + first * one.nbytes, rows * one.nbytes)
                continue
            addresses = [source.address, self._order.address + 8 * first, target]
            one.ready(one.grid(rows), addresses, [rows, one.words])

    def _read(
        self, memory: Memory, calls: int, shape: tuple[int, ...], dtype: np.dtype, is_joined: bool
    ) -> np.ndarray:
        array = np.empty((calls, *shape), dtype)
        self.device.read(memory.address, array)
        return array.reshape(-1, *shape[1:]) if is_joined else array


@dataclass(frozen=True, slots=True)
class _Rows:
    """How rows of one array are gathered: their bytes, and the words that are moved at once."""

    nbytes: int
    words: int
    ready: Ready

    def grid(self, rows: int) -> tuple[int, int, int]:
        """Programs for so many rows."""
        return rows * -(-self.words // WORDS), 1, 1
