"""Panels of the second operand: a phase of its own that copies `b` so that lanes are side by side.

    panels[batch, outer n, panel, k, lane] = b(k, panel * width + lane), zero beyond the last column
Done where `b` is computed, guarded, or not dense along n. A plain load that is dense along the sum
instead is turned square by square in registers; everything else is a map kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.backends.llvm_cpu.ir import access
from graphc.backends.llvm_cpu.ir.entry import Entry
from graphc.backends.llvm_cpu.ir.types import Number, memory_type, value_type
from graphc.backends.llvm_cpu.nest.body import Body
from graphc.backends.llvm_cpu.nest.map import MapEmitter
from graphc.backends.llvm_cpu.nest.map_schedule import schedule_map
from graphc.backends.llvm_cpu.nest.place import Place
from graphc.backends.llvm_cpu.nest.turn import turned
from graphc.dtypes import DType
from graphc.ir.dim import Size, ceil_div, product
from graphc.kernels.build import as_index, load, store
from graphc.kernels.kernel import Affine, Axis, Buffer, Expr, Kernel, Load
from graphc.kernels.walk import rebuild, walk

from .operands import InPlace, Panels, in_place

LEAST_SQUARES = 2
"""Squares along the sum that make turning worthwhile."""


def panels_of(
    kernel: Kernel, b: Expr, batch: Sequence[str], n: Sequence[str], k: Sequence[str], width: int
) -> Panels:
    """The layout of the panels of one operand; `n` ends with the axis of the lanes."""
    around = [x for x in (*batch, *n[:-1]) if x in b.free]
    count = ceil_div(kernel.axis(n[-1]).size, width)
    sizes = [kernel.axis(x).size for x in (*around, *k)]
    shape = (*sizes[: len(around)], count, *sizes[len(around) :], width)
    return Panels(b.dtype, (*around, "", *k), shape)


def rows_of(
    kernel: Kernel, b: Expr, batch: Sequence[str], n: Sequence[str], k: Sequence[str]
) -> Panels:
    """Columns one after the other instead of panels, each with its sum side by side."""
    around = [x for x in (*batch, *n) if x in b.free]
    sizes = [kernel.axis(x).size for x in (*around, *k)]
    return Panels(b.dtype, (*around, *k), (*sizes, 1))


def emit_panels(entry: Entry, kernel: Kernel, b: Expr, panels: Panels, n: str, to: str) -> Size:
    """The loops of one packing phase; answers how many items they are."""
    source = in_place(b) if "" in panels.axes else None
    along = source and _turned_axis(kernel, source, panels, n, entry.place.width)
    if source and along:
        return _Turn(entry, kernel, source, panels, n, along, to).emit()
    pack = (pack_kernel if "" in panels.axes else _pack_rows)(kernel, b, panels, n)
    pointers = {**entry.place.pointers, "panels": to}
    place = Place(entry.f, pack.axes, pointers, entry.place.sizes)
    schedule = schedule_map(pack, entry.f.target)
    MapEmitter(Body(place), pack, schedule).items(entry.share)
    return schedule.items(pack)


def pack_kernel(kernel: Kernel, b: Expr, panels: Panels, n: str) -> Kernel:
    """The map that fills the panels."""
    width, total = panels.shape[-1], kernel.axis(n).size
    count = panels.shape[panels.axes.index("")]
    where = {n: Affine((("lane", 1), ("panel", width)))}
    value = rebuild([b], None, where)[b]
    change: dict[Expr, Expr] = {}
    for e in walk([value]):
        if isinstance(e, Load) and total != product((count, width)):
            change[e] = _guarded(e)
    value = rebuild([value], change)[value]
    names = [x or "panel" for x in panels.axes]
    named = [Axis("panel", count) if x == "panel" else kernel.axis(x) for x in names]
    parents = {a.part.parent for a in named if a.part} - set(names)
    assert not parents, "parts of the sum are packed with the axis that counts them"
    target = Buffer("panels", panels.dtype, panels.shape)
    index = [as_index(x) for x in (*names, "lane")]
    axes = (*named, Axis("lane", width))
    return Kernel(f"{kernel.name}_pack", axes, (store(target, index, value),))


def _pack_rows(kernel: Kernel, b: Expr, panels: Panels, _: str) -> Kernel:
    """The map that puts columns one after the other."""
    target = Buffer("panels", panels.dtype, panels.shape[:-1])
    axes = tuple(map(kernel.axis, panels.axes))
    return Kernel(f"{kernel.name}_pack", axes, (store(target, panels.axes, b),))


def _guarded(e: Load) -> Load:
    """The load with guards on the dimensions that lanes move through."""
    dims = [d for d, i in enumerate(e.index) if isinstance(i, Affine) and "lane" in i.axes]
    checked = sorted({*e.checked, *dims})
    return load(e.buffer, *e.index, checked=checked, exact=e.exact, fill=e.fill)


def _turned_axis(kernel: Kernel, source: InPlace, panels: Panels, n: str, width: int) -> str | None:
    """The axis of the sum along which the source is dense, if it is long enough to turn."""
    for x in panels.axes:
        if x in ("", n) or source.step(x) != 1:
            continue
        a = kernel.axis(x)
        short = isinstance(a.size, int) and a.size < LEAST_SQUARES * width
        return None if a.part or short or x != panels.axes[-1] else x
    return None


class _Turn:
    """Squares of lanes x lanes, read along the sum and written along n."""

    def __init__(
        self,
        entry: Entry,
        kernel: Kernel,
        source: InPlace,
        panels: Panels,
        n: str,
        dense: str,
        to: str,
    ) -> None:
        self.f, self.entry, self.kernel = entry.f, entry, kernel
        self.source, self.panels, self.n, self.dense, self.to = source, panels, n, dense, to
        self.place, self.lanes = entry.place, entry.place.width
        self.body = Body(entry.place)

    @property
    def dtype(self) -> DType:
        return self.panels.dtype

    def emit(self) -> Size:
        """Items are one panel at one point of all other axes."""
        f, place = self.f, self.place
        around = [x for x in self.panels.axes if x != self.dense]
        sizes = [self.panels.shape[self.panels.axes.index(x)] for x in around]
        low, high = self.entry.share(place.size(product(sizes)))

        def one(t: Number, _: list[str]) -> None:
            at: dict[str, Number] = {}
            for x, size in reversed(list(zip(around, sizes))):
                extent = place.size(size)
                at[x], t = f.rem(t, extent), f.div(t, extent)
            self.panel(at)

        f.loop(low, high, 1, one, hint="panel")
        return product(sizes)

    def panel(self, at: dict[str, Number]) -> None:
        f, place, width = self.f, self.place, self.panels.shape[-1]
        assert isinstance(width, int), "panels have a known width"
        start: Number = 0
        for x, value in at.items():
            start = f.add(start, f.mul(value, place.size(self.panels.step(x))))
        to = f.gep(value_type(self.dtype), self.to, start)
        bound = {x: v for x, v in at.items() if x}
        first = f.mul(at[""], width)
        with self.body.scope({**bound, self.n: first, self.dense: 0}):
            at_start = self.body.memory.address(self.source.load.buffer, self.source.load.index)
        extent = place.size(self.kernel.axis(self.dense).size)
        whole = f.mul(f.div(extent, self.lanes), self.lanes)

        def square(k: Number, left: Number | None) -> None:
            def one(column: Number, _: list[str]) -> None:
                self.square(at_start.pointer, to, first, column, k, left)

            f.loop(0, width, self.lanes, one, hint="column")

        f.loop(0, whole, self.lanes, lambda k, _: square(k, None), hint="square")
        f.if_(f.compare("lt", whole, extent), lambda: square(whole, f.sub(extent, whole)))

    def square(
        self, source: str, to: str, first: Number, column: Number, k: Number, left: Number | None
    ) -> None:
        """One square from column `column` of the panel and element k of the sum on."""
        f, lanes, place = self.f, self.lanes, self.place
        stored = self.source.dtype
        step, memory = place.size(self.source.step(self.n)), memory_type(stored)
        size = place.size(self.kernel.axis(self.n).size)
        top = f.sub(f.sub(size, first), 1)
        whole = isinstance(size, int) and size % int(str(self.panels.shape[-1])) == 0
        mask = None if left is None else self.place.prefix(left)
        rows: list[str] = []
        for r in range(lanes):
            here = f.add(column, r)
            here = here if whole else f.max(0, f.min(here, top))
            at = f.gep(memory, source, f.add(f.mul(here, step), k))
            rows.append(access.read(f, stored, lanes, at, mask))
        type_, width = value_type(self.dtype, lanes), self.panels.shape[-1]
        assert isinstance(width, int), "panels have a known width"
        for r, row in enumerate(turned(f, type_, rows)):

            def write(r: int = r, row: str = row) -> None:
                at = f.gep(value_type(self.dtype), to, f.add(f.mul(f.add(k, r), width), column))
                f.store(type_, row, at)

            f.if_(True if left is None else f.compare("lt", r, left), write)
