"""Measured tiles of contractions (`GRAPHC_TUNE=1`): the fastest of a short list, remembered.

Winners are kept in the cache by the kernel's text and the device. Without the switch nothing here
is asked: tiles then follow from shapes alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import final

from graphc import cache
from graphc.errors import CompileError
from graphc.ir.dim import evaluate, product
from graphc.kernels.kernel import Kernel
from graphc.kernels.printer import show
from graphc.kernels.walk import buffers_of, size_names
from graphc.knobs import current, deciding

from .device import Device, Memory
from .launch import Launch
from .source.contract import candidates, emit_contraction
from .source.contract_tile import ProductTile

UNKNOWN = 64
"""What a named size is while tiles are measured."""
ROUNDS, TURNS = 5, 10
GAIN = 0.97
"""The share of the usual time that another tile must stay below: noise chooses nothing."""


@final
class Tuner:
    """Measures on one device, for at most `tune_seconds` of a process."""

    def __init__(self, device: Device) -> None:
        self.device, self.spent = device, 0.0

    def tile(self, kernel: Kernel) -> ProductTile | None:
        """The tile of a kernel; None for the usual one."""
        tiles, key = self._tiles(kernel), self._key(kernel)
        if not tiles:
            return None
        data = cache.lookup(key)
        if data is not None:
            return ProductTile(**json.loads(data))
        if self.spent >= current().tune_seconds:
            return None
        begin = time.perf_counter()
        found = self._fastest(kernel, tiles)
        self.spent += time.perf_counter() - begin
        cache.store(key, json.dumps(asdict(found)).encode())
        return found

    def compile(self, kernels: Iterable[Kernel]) -> None:
        """The tiles that will be measured, of all kernels, side by side."""
        asked = (k for k in kernels if cache.lookup(self._key(k)) is None)
        made = (emit_contraction(k, tile=t) for k in asked for t in self._tiles(k))
        with suppress(CompileError):  # which of them the device refuses shows when each is measured
            self.device.prepare([launch for e in made if e for launch in e.launches])

    def _tiles(self, kernel: Kernel) -> list[ProductTile]:
        processors = self.device.processors if self.device.has_maps else 0
        found = candidates(kernel, processors)
        return found if len(found) > 1 else []

    def _key(self, kernel: Kernel) -> str:
        return cache.key_of("tuned", show(kernel), self.device.name, deciding())

    def _fastest(self, kernel: Kernel, tiles: list[ProductTile]) -> ProductTile:
        sizes = dict.fromkeys(size_names(kernel), UNKNOWN)
        memory = {
            b.name: self.device.allocate(evaluate(product(b.shape), sizes) * b.dtype.itemsize)
            for b in buffers_of(kernel)
        }
        usual, *others = tiles
        wanted = [usual, *(t for t in others if self._fits(kernel, t))]
        seconds = {
            t: s for t in wanted if (s := self._seconds(kernel, t, memory, sizes)) is not None
        }
        best = min(seconds, key=seconds.__getitem__, default=usual)
        return best if usual not in seconds or seconds[best] < GAIN * seconds[usual] else usual

    def _fits(self, kernel: Kernel, tile: ProductTile) -> bool:
        """Whether the chip has shared memory and registers for a tile."""
        made = emit_contraction(kernel, tile=tile)
        assert made is not None, "a tile belongs to a contraction"
        with suppress(CompileError):
            return not any(map(self.device.spills, made.launches))
        return False

    def _seconds(
        self, kernel: Kernel, tile: ProductTile, memory: Mapping[str, Memory],
        sizes: Mapping[str, int],
    ) -> float | None:  # fmt: skip
        """The time of a tile; None if it does not fit the device."""
        made = emit_contraction(kernel, tile=tile)
        assert made is not None, "a tile belongs to a contraction"
        try:
            ready = self.device.prepare(made.launches)
        except CompileError:
            return None
        own = {n: self.device.allocate(evaluate(c, sizes) * d.itemsize) for n, d, c in made.scratch}
        places = {n: m.address for n, m in (*memory.items(), *own.items())}
        calls = [
            (go, _grid(k, sizes), [places[n] for n, _ in k.pointers], [sizes[n] for n in k.sizes])
            for go, k in zip(ready, made.launches, strict=True)
        ]

        def turns() -> None:
            for _ in range(TURNS):
                for go, grid, pointers, numbers in calls:
                    go(grid, pointers, numbers)

        replay = self.device.record(turns)
        replay()
        return min(self.device.seconds(replay) for _ in range(ROUNDS)) / TURNS


def _grid(launch: Launch, sizes: Mapping[str, int]) -> tuple[int, int, int]:
    x, y, z = (evaluate(n, sizes) for n in launch.grid)
    return x, y, z
