"""Pixels of Winograd tiles: 6 x 6 inputs become 36 values B^T d B, a vector of channels at a time.

    to[step of channels, product, tile, channel]
A tile inside the image is read in place. One at the border, and any where the input is computed, is
first copied to a box, with zeros for what does not exist. A NaN or infinity among the pixels of a
tile reaches all 16 results of that tile, and no other tile. For gradients of weights 4 x 4
cotangents become 36 values A dy A^T in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import F32, I64, POINTER, Number, vector
from graphc.backends.llvm_cpu.ir.writer import Condition
from graphc.backends.llvm_cpu.nest.body import Body
from graphc.backends.llvm_cpu.nest.place import Place
from graphc.backends.llvm_cpu.nest.window import fill
from graphc.ir.dim import strides_of
from graphc.kernels.dense import address_coef
from graphc.kernels.kernel import Affine, Load

from .maps import OUTPUTS, mapped_twice
from .plan import Layout, Pixels, Tiles, window_dims
from .tiling import Window

At = Mapping[str, Number]


def position_of(tiles: Tiles, place: Place, tile: Number) -> dict[str, Number]:
    """The image and the first pixel of a tile."""
    f, (down, across) = place.f, tiles.windows
    inside, rest = f.rem(tile, tiles.per_image), f.div(tile, tiles.per_image)
    at: dict[str, Number] = {
        down.pixel: f.mul(f.div(inside, across.tiles), OUTPUTS),
        across.pixel: f.mul(f.rem(inside, across.tiles), OUTPUTS),
    }
    for axis in reversed(tiles.images):
        extent = place.size(tiles.kernel.axis(axis).size)
        at[axis] = rest if axis == tiles.images[0] else f.rem(rest, extent)
        rest = f.div(rest, extent)
    return at


def rows_left(f: Function, w: Window, start: Number) -> Number:
    """How many results of a tile exist in one direction."""
    return OUTPUTS if w.is_whole else f.min(OUTPUTS, f.sub(w.size, start))


@dataclass(slots=True)
class Inputs:
    """Writes the transform of the pixels of one tile; `box` is scratch for those at borders."""

    body: Body
    tiles: Tiles
    pixels: Pixels
    layout: Layout
    box: str = ""

    @property
    def f(self) -> Function:
        """The function being written."""
        return self.body.f

    def reserve(self) -> None:
        """Scratch for the box; a vector more, since whole vectors are read."""
        if self._is_inside({}) is not True:
            self.box = self.f.alloca(F32, self.pixels.box.elements + self.layout.lanes)

    def transform(self, tile: Number, to: str, first: Number = 0) -> None:
        """The steps of channels from channel `first` on, to rows that begin at `to`."""
        f, pixels, layout = self.f, self.pixels, self.layout
        at = position_of(self.tiles, self.body.place, tile)
        start: dict[str, Number] = {pixels.channel: first, **dict.fromkeys(pixels.taps, 0)}
        with self.body.scope({**at, **start}):
            pointer, down, across = self._square(at)

        def step(s: Number, _: list[str]) -> None:
            source = f.gep(F32, pointer, f.mul(s, layout.channels))
            target = f.gep(F32, to, f.mul(s, layout.step))

            def one(c: Number, _: list[str]) -> None:
                self._vector(f.gep(F32, source, c), (down, across), f.gep(F32, target, c))

            f.loop(0, layout.depth, layout.lanes, one, hint="channel")

        f.loop(0, layout.steps, 1, step, hint="step")

    def _vector(self, source: str, steps: tuple[Number, Number], to: str) -> None:
        """One vector of channels: to[product] = (B^T d B)[product]."""
        f, side, type_ = self.f, self.pixels.side, vector(F32, self.layout.lanes)
        down, across = steps
        rows = [f.gep(F32, source, f.mul(down, i)) for i in range(side)]
        offsets = [f.mul(across, j) for j in range(side)]
        # The tile to the right comes next.
        for i in range(side):
            for j in range(side - OUTPUTS, side):
                f.prefetch(f.gep(F32, rows[i], f.add(offsets[j], f.mul(across, OUTPUTS))))

        def pixel(i: int, j: int) -> str:
            return f.load(type_, f.gep(F32, rows[i], offsets[j]))

        values = mapped_twice(f, type_, self.pixels.matrix, pixel, side)
        for p, value in enumerate(v for row in values for v in row):
            f.store(type_, value, f.gep(F32, to, p * self.layout.product))

    def _square(self, at: At) -> tuple[str, Number, Number]:
        """Where the pixels of a tile lie, and the distances down and across."""
        f, e = self.f, self.pixels.source
        boxed = [x for x in strides_of(self.pixels.box.shape)[-3:-1] if isinstance(x, int)]
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
        steps = [address_coef(e.buffer, e.index, w.pixel) for w in self.tiles.windows]
        return [self.body.place.size(x) for x in steps if x is not None]

    def _is_inside(self, at: At) -> Condition:
        """Whether all pixels of a tile may be read in place; without a tile, of every tile."""
        f, place, e = self.f, self.body.place, self.pixels.source
        condition: Condition = e is not None
        for d, w in window_dims(e, self.tiles.windows) if e else ():
            index = e.index[d] if e else None
            if e is None or (d not in e.checked and w.is_whole):
                continue
            if not at:
                return False
            assert isinstance(index, Affine), "pixels are not gathered"
            first, limit = place.affine(index), place.size(e.buffer.shape[d])
            condition = f.both(condition, f.compare("ge", first, 0))
            last = f.add(first, self.pixels.side - 1)
            condition = f.both(condition, f.compare("lt", last, limit))
            if not self.pixels.taps:
                # Cotangents beyond the last result may be there, but do not count.
                whole = f.compare("eq", rows_left(f, w, at[w.pixel]), OUTPUTS)
                condition = f.both(condition, whole)
        return condition

    def _fill(self, at: At) -> None:
        """Copy the pixels of a tile that exist, among zeros."""
        f, box = self.f, self.pixels.box
        type_, lanes = vector(F32, self.layout.lanes), self.layout.lanes
        if not self.tiles.are_whole:

            def clear(i: Number, _: list[str]) -> None:
                f.store(type_, "zeroinitializer", f.gep(F32, self.box, i))

            f.loop(0, box.elements, lanes, clear)
        rows = {w.pixel: rows_left(f, w, at[w.pixel]) for w in self.tiles.windows}
        fill(self.body.place, box, self.box, rows)
