"""Filters of Winograd's algorithm: 3 x 3 taps become 36 values G g G^T.

    to[product, channel, filter of the panel]     for the channels of one step
Beyond the last filter there are zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.kernels.build import compute_dtype

from . import access
from .body import Body
from .operands import InPlace, Panels
from .place import Lanes
from .types import F32, Number, memory_type, vector
from .winograd_maps import TAPS, G, mapped_twice
from .winograd_plan import Winograd

AHEAD = 4
"""Channels for which memory is asked before they are due."""


@dataclass(slots=True)
class Weights:
    """Writes the transform of one channel and panel; `packed` are panels of `b`, if it has any."""

    plan: Winograd
    body: Body
    packed: str = ""

    def transform(self, panel: Number, channel: Number, to: str) -> None:
        """The filters of one panel for one channel; `to` is where its row of product 0 begins."""
        plan, f, lanes = self.plan, self.body.f, self.plan.lanes

        def one(v: Number, _: list[str]) -> None:
            taps = [[self._tap(panel, channel, v, i, j) for j in range(TAPS)] for i in range(TAPS)]
            there = f.gep(F32, to, v)
            type_ = vector(F32, lanes)
            values = mapped_twice(f, type_, G, lambda i, j: taps[i][j], TAPS)
            for p, value in enumerate(x for row in values for x in row):
                f.store(type_, value, f.gep(F32, there, p * plan.weight_step))

        f.loop(0, plan.width, lanes, one, hint="filter")

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
