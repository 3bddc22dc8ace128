"""Inputs of Winograd tiles: 6 x 6 pixels become 36 values B^T d B, a vector of channels at a time.

    to[step, product, tile, channel]
A tile inside the image is read in place. One at the border, and any where the input is computed, is
first copied to a box, with zeros for what does not exist. A NaN or infinity among the pixels of a
tile reaches all 16 results of that tile, and no other tile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphc.ir.dim import strides_of
from graphc.kernels.dense import address_coef
from graphc.kernels.kernel import Load

from .body import Body
from .place import Place
from .text import Function
from .types import F32, I64, POINTER, Number, vector
from .window import fill
from .winograd_maps import B_T, INPUTS, OUTPUTS, PRODUCTS, mapped_twice
from .winograd_plan import Winograd, window_dims
from .winograd_tiling import Window
from .writer import Condition

At = Mapping[str, Number]


def position_of(plan: Winograd, place: Place, tile: Number) -> dict[str, Number]:
    """The image and the first pixel of a tile; tiles are numbered over all images."""
    f, (down, across) = place.f, plan.windows
    inside, rest = f.rem(tile, plan.tiles_per_image), f.div(tile, plan.tiles_per_image)
    at: dict[str, Number] = {
        down.pixel: f.mul(f.div(inside, across.tiles), OUTPUTS),
        across.pixel: f.mul(f.rem(inside, across.tiles), OUTPUTS),
    }
    for axis in reversed(plan.images):
        extent = place.size(plan.c.kernel.axis(axis).size)
        at[axis] = rest if axis == plan.images[0] else f.rem(rest, extent)
        rest = f.div(rest, extent)
    return at


def rows_left(f: Function, w: Window, start: Number) -> Number:
    """How many results of a tile exist in one direction."""
    return OUTPUTS if w.is_whole else f.min(OUTPUTS, f.sub(w.size, start))


@dataclass(slots=True)
class Inputs:
    """Writes the transform of one tile; `box` is scratch for the pixels at borders."""

    plan: Winograd
    body: Body
    box: str = ""

    @property
    def f(self) -> Function:
        """The function being written."""
        return self.body.f

    def reserve(self) -> None:
        """Scratch for the box; a vector more, since whole vectors are read."""
        if self._is_inside({}) is not True:
            self.box = self.f.alloca(F32, self.plan.box.elements + self.plan.lanes)

    def transform(self, tile: Number, to: str) -> None:
        """The inputs of one tile, numbered over all images, to rows that begin at `to`."""
        plan, f = self.plan, self.f
        at = position_of(plan, self.body.place, tile)
        nothing = {plan.channel: 0} | {w.tap: 0 for w in plan.windows}
        with self.body.scope({**at, **nothing}):
            pointer, down, across = self._pixels(at)
        channels, lanes = plan.tiling.channels, plan.lanes

        def step(s: Number, _: list[str]) -> None:
            source = f.gep(F32, pointer, f.mul(s, channels))
            target = f.gep(F32, to, f.mul(s, PRODUCTS * plan.input_step))

            def one(c: Number, _: list[str]) -> None:
                here, there = f.gep(F32, source, c), f.gep(F32, target, c)
                transform_inputs(
                    f, vector(F32, lanes), here, (down, across), there, plan.input_step
                )

            f.loop(0, plan.depth, lanes, one, hint="channel")

        f.loop(0, plan.steps, 1, step, hint="step")

    def _pixels(self, at: At) -> tuple[str, Number, Number]:
        """Where the pixels of a tile lie, and the distances down and across."""
        plan, f, e = self.plan, self.f, self.plan.source
        boxed = [x for x in strides_of(plan.box.shape)[-3:-1] if isinstance(x, int)]
        steps = self._steps(e) if e else boxed

        def from_box() -> list[Number]:
            with self.body.scope({}):
                self._fill(at)
            return [self.box, boxed[0]]

        def in_place() -> list[Number]:
            assert e, "read in place"
            with self.body.scope({}):
                return [self.body.memory.address(e.buffer, e.index).pointer, steps[0]]

        inside = self._is_inside(at)
        pointer, down = f.if_else(inside, in_place, from_box, [POINTER, I64])
        across = boxed[1] if boxed[1] == steps[1] else f.select(inside, I64, steps[1], boxed[1])
        return str(pointer), down, across

    def _steps(self, e: Load) -> list[Number]:
        steps = [address_coef(e.buffer, e.index, w.pixel) for w in self.plan.windows]
        return [self.body.place.size(x) for x in steps if x is not None]

    def _is_inside(self, at: At) -> Condition:
        """Whether all 6 x 6 pixels of a tile may be read in place."""
        plan, f, place = self.plan, self.f, self.body.place
        condition: Condition = True
        if plan.source is None:
            return False
        for d, w in window_dims(plan.source, plan.windows):
            if d not in plan.source.checked and w.is_whole:
                continue
            if not at:
                return False
            index = plan.source.index[d]
            assert not isinstance(index, Load), "pixels are not gathered"
            first, limit = self.body.memory.scalar(index), place.size(plan.source.buffer.shape[d])
            condition = f.both(condition, f.compare("ge", first, 0))
            last = f.add(first, INPUTS - 1)
            condition = f.both(condition, f.compare("lt", last, limit))
        return condition

    def _fill(self, at: At) -> None:
        """Copy the pixels of a tile that exist, among zeros."""
        plan, f, zero = self.plan, self.f, "zeroinitializer"
        type_, size = vector(F32, plan.lanes), plan.box.elements
        if not all(w.is_whole for w in plan.windows):

            def clear(i: Number, _: list[str]) -> None:
                f.store(type_, zero, f.gep(F32, self.box, i))

            f.loop(0, size, plan.lanes, clear)
        rows = {w.pixel: rows_left(f, w, at[w.pixel]) for w in plan.windows}
        fill(self.body.place, plan.box, self.box, rows)


def transform_inputs(
    f: Function, type_: str, source: str, steps: tuple[Number, Number], to: str, step: int
) -> None:
    """One vector of channels: to[product] = (B^T d B)[product]."""
    down, across = steps
    rows = [f.gep(F32, source, f.mul(down, i)) for i in range(INPUTS)]
    offsets = [f.mul(across, j) for j in range(INPUTS)]

    # The tile to the right comes next.
    for i in range(INPUTS):
        for j in range(INPUTS - OUTPUTS, INPUTS):
            f.prefetch(f.gep(F32, rows[i], f.add(offsets[j], f.mul(across, OUTPUTS))))

    def pixel(i: int, j: int) -> str:
        return f.load(type_, f.gep(F32, rows[i], offsets[j]))

    values = mapped_twice(f, type_, B_T, pixel, INPUTS)
    for p, value in enumerate(v for row in values for v in row):
        f.store(type_, value, f.gep(F32, to, p * step))
