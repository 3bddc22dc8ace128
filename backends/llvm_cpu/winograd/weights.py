"""Filters of Winograd's algorithm: 3 x 3 taps become 36 values G g G^T.

    to[product, channel, filter of the panel]     for the channels of one step
Beyond the last filter there are zeros. Filters of an input gradient are dense along the channels:
squares of them are turned in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphc.backends.llvm_cpu.contract.operands import InPlace, Panels
from graphc.backends.llvm_cpu.ir import access
from graphc.backends.llvm_cpu.ir.types import F32, Number, memory_type, vector
from graphc.backends.llvm_cpu.nest.body import Body
from graphc.backends.llvm_cpu.nest.place import Lanes
from graphc.backends.llvm_cpu.nest.turn import turned
from graphc.kernels.build import compute_dtype

from .maps import TAPS, G, mapped_twice
from .plan import Winograd

AHEAD = 4
"""Channels for which memory is asked before they are due."""


@dataclass(slots=True)
class Weights:
    """Writes the transform of one channel and panel; `packed` are panels of `b`, if it has any."""

    plan: Winograd
    body: Body
    packed: str = ""

    square: str = ""

    @property
    def together(self) -> int:
        """How many channels are transformed together."""
        return self.plan.lanes if self.plan.is_turned else 1

    def reserve(self) -> None:
        """Scratch for the taps of a square of channels and filters."""
        if self.plan.is_turned:
            self.square = self.body.f.alloca(F32, TAPS * TAPS * self.plan.lanes**2)

    def transform(self, panel: Number, channel: Number, to: str) -> None:
        """The filters of one panel for some channels; `to` is the row of the first in product 0."""
        plan, f, lanes = self.plan, self.body.f, self.plan.lanes

        def one(v: Number, _: list[str]) -> None:
            first, there = f.add(f.mul(panel, plan.width), v), f.gep(F32, to, v)
            if not plan.is_turned:
                return self._products(lambda i, j: self._tap(panel, channel, v, i, j), there)
            self._turn(first, channel)

            def turned(c: Number, _: list[str]) -> None:
                row = f.gep(F32, there, f.mul(c, plan.width))
                self._products(lambda i, j: self._turned_tap(c, i, j), row)

            f.loop(0, lanes, 1, turned, hint="channel")
            return None

        f.loop(0, plan.width, lanes, one, hint="filter")

    def _products(self, tap: Callable[[int, int], str], to: str) -> None:
        """One vector of filters of one channel: to[product] = (G g G^T)[product]."""
        f, type_ = self.body.f, vector(F32, self.plan.lanes)
        taps = [[tap(i, j) for j in range(TAPS)] for i in range(TAPS)]
        values = mapped_twice(f, type_, G, lambda i, j: taps[i][j], TAPS)
        for p, value in enumerate(x for row in values for x in row):
            f.store(type_, value, f.gep(F32, to, p * self.plan.weight_step))

    # ---- filters that are dense along the channels

    def _turn(self, first: Number, channel: Number) -> None:
        """A square of filters and channels for each tap, read along channels."""
        plan, f, b = self.plan, self.body.f, self.plan.b
        down, across = plan.tiles.windows
        assert isinstance(b, InPlace), "what is turned is read in place"
        type_, size = vector(F32, plan.lanes), plan.lanes**2
        step = self.body.place.size(b.step(plan.n))

        def tap(t: Number, _: list[str]) -> None:
            at: dict[str, Number] = {down.tap: f.div(t, TAPS), across.tap: f.rem(t, TAPS)}
            with self.body.scope({**at, plan.pixels.channel: channel, plan.n: first}):
                start = self.body.memory.address(b.load.buffer, b.load.index).pointer
            rows = [f.load(type_, f.gep(F32, start, f.mul(r, step))) for r in range(plan.lanes)]
            square = f.gep(F32, self.square, f.mul(t, size))
            for r, row in enumerate(turned(f, type_, rows)):
                f.store(type_, row, f.gep(F32, square, r * plan.lanes))

        f.loop(0, TAPS * TAPS, 1, tap, hint="tap")

    def _turned_tap(self, channel: Number, i: int, j: int) -> str:
        f, lanes = self.body.f, self.plan.lanes
        at = f.add(f.mul(channel, lanes), (i * TAPS + j) * lanes**2)
        return f.load(vector(F32, lanes), f.gep(F32, self.square, at))

    # ---- filters that are dense along the filters, or packed so

    def _tap(self, panel: Number, channel: Number, v: Number, i: int, j: int) -> str:
        """One tap of a vector of filters."""
        plan, f = self.plan, self.body.f
        down, across = plan.tiles.windows
        at: dict[str, Number] = {plan.pixels.channel: channel, down.tap: i, across.tap: j}
        if isinstance(plan.b, Panels):
            return self._packed(plan.b, panel, v, at)
        first = f.add(f.mul(panel, plan.width), v)
        size = plan.c.kernel.axis(plan.n).size
        whole = isinstance(size, int) and size % plan.width == 0
        left = None if whole else f.sub(self.body.place.size(size), first)
        if isinstance(plan.b, InPlace) and not plan.tiling.first:
            self._ahead(plan.b, {**at, plan.pixels.channel: f.add(channel, AHEAD), plan.n: first})
        with self.body.scope(at, Lanes(plan.n, first, 1, left)):
            return self.body.value(plan.c.b[0])[0]

    def _ahead(self, b: InPlace, at: dict[str, Number]) -> None:
        """Items read one panel of all weights: lines that lie too far apart to be foreseen."""
        with self.body.scope(at):
            address = self.body.memory.address(b.load.buffer, b.load.index)
            self.body.f.prefetch(address.pointer)

    def _packed(self, b: Panels, panel: Number, v: Number, at: dict[str, Number]) -> str:
        f, place = self.body.f, self.body.place
        flat = v
        for axis in b.axes:
            value = at[axis] if axis else panel
            flat = f.add(flat, f.mul(value, place.size(b.step(axis))))
        pointer = f.gep(memory_type(b.dtype), self.packed, flat)
        return access.read(f, compute_dtype(b.dtype), self.plan.lanes, pointer)
