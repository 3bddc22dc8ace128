"""The loops around the micro-kernel of a contraction: items, steps of the sum, panels, tiles.

One function per kernel; everything was decided before (`emit.py`), the tiles themselves are
`micro.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from graphc.backends.llvm_cpu.ir.entry import AbstractAtEntry, Entry
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import Number, constant, memory_type, value_type
from graphc.backends.llvm_cpu.nest.body import Body
from graphc.backends.llvm_cpu.nest.place import Lanes
from graphc.backends.llvm_cpu.nest.window import fill
from graphc.ir.dim import Size, ceil_div, product
from graphc.kernels.evaluate import identity
from graphc.kernels.kernel import Buffer, Kernel

from .calls import Micros
from .items import loops_of
from .micro import Call
from .operands import Box, InPlace, Panels
from .plan import Plan
from .results import Results
from .rows import pieces, row_counts
from .stream import may_stream

Extents = Mapping[str, Number]
_Tiled = Callable[[dict[str, Number], tuple[int, int]], None]
"""What is done at a place of M with so many rows."""


@dataclass(slots=True)
class Driver(AbstractAtEntry):
    """Writes the function; `partial` are the buffers of reductions over M."""

    plan: Plan
    kernel: Kernel
    entry: Entry
    packed: Sequence[str]
    partial: Sequence[tuple[Buffer, str]]

    @property
    def element(self) -> str:
        """The memory type of what is computed."""
        return memory_type(self.plan.dtype)

    def emit(self) -> Size:
        """All items of a chunk; answers how many items there are."""
        f, loops = self.f, loops_of(self.plan)
        turns = [self.place.size(x.turns) for x in loops]
        total: Number = 1
        for count in turns:
            total = f.mul(total, count)
        box, waiting = self.alloca(self.box_elements), self.alloca(self.waiting_elements)
        second = self.alloca(sum(x.elements for x in self.plan.b if isinstance(x, Box)))
        scratch = len(self.packed) + len(self.partial)
        micros = Micros(self.plan, self.kernel, self.place, scratch)
        item = _Item(self, micros, Body(self.place), box, second, waiting)
        low, high = self.entry.share(total)

        def one(t: Number, _: list[str]) -> None:
            at: dict[str, Number] = {}
            for x, count in reversed(list(zip(loops, turns))):
                last = x is loops[0]
                at[x.axis] = f.mul(t if last else f.rem(t, count), x.step)
                t = t if last else f.div(t, count)
            item.emit(at)

        f.loop(low, high, 1, one, hint="item")
        if may_stream(self.plan):
            f.do("fence seq_cst")  # other threads may read what was stored past the caches
        f.give_back()
        return product(x.turns for x in loops)

    @property
    def box_elements(self) -> int:
        """The size of the copy of `a` that a chunk holds."""
        return max(1, self.plan.a.elements) if isinstance(self.plan.a, Box) else 0

    @property
    def waiting_elements(self) -> int:
        """The size of the results of an item that wait for the rest of the sum."""
        return self.plan.waiting_elements if self.plan.waits else 0

    def alloca(self, elements: int) -> str:
        """Memory of a chunk; no name for none."""
        return self.f.alloca(self.element, elements) if elements else ""


@dataclass(slots=True)
class _Item:
    """Writes the work of one item."""

    driver: Driver
    micros: Micros
    body: Body
    box: str
    second: str
    waiting: str
    here: dict[str, Number] = field(default_factory=dict)
    """Where the axes of M begin in this item."""
    rows: dict[str, Number] = field(default_factory=dict)
    """How many values of the axes of M it has."""
    first_panel: Number = 0
    panels: Number = 0
    columns: list[str] = field(default_factory=list)

    @property
    def f(self) -> Function:
        return self.driver.f

    @property
    def plan(self) -> Plan:
        return self.driver.plan

    def emit(self, at: dict[str, Number]) -> None:
        """The item at these values of the parallel loops."""
        plan, f, place = self.plan, self.f, self.driver.place
        c, tile = plan.c, plan.tile
        self.first_panel = at.pop("")
        total = place.size(plan.panels)
        self.panels = f.min(tile.panels, f.sub(total, self.first_panel))
        if isinstance(total, int) and total % tile.panels == 0:
            self.panels = tile.panels
        self.here = {n: at.get(n, 0) for n in c.m}
        with self.body.scope({**at, **self.here}):
            self.rows = {n: self.length(n, self.here[n]) for n in c.m}
            self.columns = [self.clear_columns(i) for i in range(len(c.columns))]
            if plan.waits:
                self.clear_waiting()
            self.over_sum(list(c.k), {})
            if plan.waits:
                self.over_panels(self.finish_rows)

    def length(self, axis: str, start: Number) -> Number:
        """How many values of an axis are done from `start` on."""
        f, place, span = self.f, self.driver.place, self.plan.tile.span(axis)
        extent = place.extent(axis)
        if span is None:
            return extent
        if isinstance(extent, int) and extent % span == 0:
            return span
        return f.min(span, f.sub(extent, start))

    # ---- scratch of the item

    def clear_columns(self, number: int) -> str:
        """Set the partial reductions of this item to the identity; answers where they are."""
        plan, f, place = self.plan, self.f, self.driver.place
        buffer, pointer = self.driver.partial[number]
        block: Number = 0
        for n in plan.c.m:
            span = plan.tile.span(n)
            if span is not None:
                turns = place.size(ceil_div(plan.c.kernel.axis(n).size, span))
                block = f.add(f.mul(block, turns), f.div(self.here[n], span))
        flat: Number = 0
        index = [*(place.at[n] for n in (*plan.c.batch, *plan.c.n[:-1])), block]
        for i, size in zip(index, buffer.shape[1:]):
            flat = f.mul(f.add(flat, i), place.size(size))
        return self.cleared(number, f.gep(memory_type(buffer.dtype), pointer, flat))

    def cleared(self, number: int, pointer: str) -> str:
        plan, f = self.plan, self.f
        e = plan.c.columns[number]
        nothing = constant(e.dtype, identity(e.kind, e.dtype), plan.lanes)
        type_, element = value_type(e.dtype, plan.lanes), memory_type(e.dtype)
        first = f.mul(self.first_panel, plan.width)
        start = f.gep(element, pointer, first)

        def one(i: Number, _: list[str]) -> None:
            f.store(type_, nothing, f.gep(element, start, i))

        f.loop(0, f.mul(self.panels, plan.width), plan.lanes, one)
        return pointer

    def clear_waiting(self) -> None:
        """Set the results that wait to zero."""
        plan, f = self.plan, self.f
        type_ = value_type(plan.dtype, plan.lanes)

        def one(i: Number, _: list[str]) -> None:
            f.store(
                type_, "zeroinitializer", f.gep(self.driver.element, self.waiting, i), plan.align
            )

        f.loop(0, plan.waiting_elements, plan.lanes, one)

    # ---- the sum

    def over_sum(self, axes: Sequence[str], extents: dict[str, Number]) -> None:
        """Steps of the sum, outermost axis first; then the box and the tiles of one step."""
        if not axes:
            return self.one_step(extents)
        f, place, n = self.f, self.driver.place, axes[0]
        span = self.plan.tile.span(n)
        if span is None:
            with self.body.scope({n: 0}):
                return self.over_sum(axes[1:], {**extents, n: place.extent(n)})

        def one(k: Number, _: list[str]) -> None:
            with self.body.scope({n: k}):
                self.over_sum(axes[1:], {**extents, n: self.length(n, k)})

        f.loop(0, place.extent(n), span, one, hint="step")
        return None

    def one_step(self, extents: dict[str, Number]) -> None:
        plan, place = self.plan, self.driver.place
        if isinstance(plan.a, Box) and plan.a.elements:
            fill(place, plan.a, self.box, {**self.rows, **extents})
        if isinstance(plan.b[0], Box):
            self.copy_second(plan.b[0], extents)

        def tile(panel: Number, at: dict[str, Number], rows: tuple[int, int]) -> None:
            self.call(panel, at, rows, extents)

        self.over_panels(tile, tiled=True)

    def copy_second(self, box: Box, extents: Mapping[str, Number]) -> None:
        """Copy what all panels of the item read of `b` in a step."""
        plan, f, place = self.plan, self.f, self.driver.place
        first = f.mul(self.first_panel, plan.width)
        columns = f.mul(self.panels, plan.width)
        if plan.is_masked:
            columns = f.min(columns, f.sub(place.size(plan.c.kernel.axis(plan.n).size), first))
        with self.body.scope({plan.n: first}):
            fill(place, box, self.second, {**extents, plan.n: columns})

    def over_panels(
        self,
        body: Callable[[Number, dict[str, Number], tuple[int, int]], None],
        tiled: bool = False,
    ) -> None:
        """Panels, then the axes of M: their values, or register tiles of the last two."""
        c = self.plan.c

        def rows(axes: Sequence[str], at: dict[str, Number], size: list[int], to: _Tiled) -> None:
            if not axes:
                shape = [1, *size][-2:]
                return to(at, (shape[0], shape[1]))
            n = axes[0]
            want = self.wanted(n) if tiled else 1
            counts = row_counts(c.kernel.axis(n).size, self.plan.tile.span(n), want)
            for count, first, last in pieces(self.f, self.rows[n], counts):

                def one(i: Number, _: list[str], count: int = count) -> None:
                    spot = {**at, n: self.f.add(self.here[n], i)}
                    rows(axes[1:], spot, [*size, count][-2:], to)

                self.f.loop(first, last, count, one, hint="row")
            return None

        def panels(to: Callable[[Number], None]) -> None:
            self.f.loop(0, self.panels, 1, lambda p, _: to(p), hint="panel")

        if self.plan.tile.rows_first:
            rows(c.m, {}, [], lambda at, shape: panels(lambda p: body(p, at, shape)))
        else:
            panels(lambda p: rows(c.m, {}, [], lambda at, shape: body(p, at, shape)))

    def wanted(self, axis: str) -> int:
        m, tile = self.plan.c.m, self.plan.tile
        if axis == m[-1]:
            return tile.inner
        return tile.outer if axis == m[-2] else 1

    # ---- one register tile

    def call(
        self, panel: Number, at: dict[str, Number], rows: tuple[int, int], extents: Extents
    ) -> None:
        plan, f, place = self.plan, self.f, self.driver.place
        number = f.add(self.first_panel, panel)
        first = f.mul(number, plan.width) if plan.panels != 1 else 0
        low, taps = self.taps_inside(at, rows)
        extents = {**extents, **taps}
        with self.body.scope({**at, **low, plan.n: first}):
            others = {n: place.at[n] for n in (*plan.c.batch, *plan.c.n[:-1])}
            call = Call(
                a=self.a_pointer(at),
                b=[self.b_pointer(i, panel) for i in range(len(plan.b))],
                first=first,
                at={**others, **at},
                extents=extents,
                waiting=self.waiting_pointer(panel, at) if plan.waits else None,
                columns=[] if plan.waits else self.column_pointers(first),
            )
            self.micros.on_panel(number, rows, call)

    def taps_inside(
        self, at: Mapping[str, Number], rows: tuple[int, int]
    ) -> tuple[dict[str, Number], dict[str, Number]]:
        """The first tap that meets the image for some row of a tile, and how many from there."""
        edge, f, m = self.plan.edge, self.f, self.plan.c.m
        if edge is None:
            return {}, {}
        count = rows[1] if edge.row == m[-1] else rows[0] if edge.row == m[-2] else 1
        start = f.add(f.mul(at[edge.row], edge.step), edge.const)
        last = f.add(start, (count - 1) * abs(edge.step))
        if edge.step < 0:
            start, last = f.sub(start, (count - 1) * abs(edge.step)), start
        taps = self.driver.place.extent(edge.tap)
        low = f.floordiv(f.add(f.sub(0, last), edge.tap_step - 1), edge.tap_step)
        high = f.add(f.floordiv(f.sub(edge.limit - 1, start), edge.tap_step), 1)
        low = f.min(f.max(0, low), taps)
        return {edge.tap: low}, {edge.tap: f.max(0, f.sub(f.min(high, taps), low))}

    def a_pointer(self, at: Mapping[str, Number]) -> str:
        plan, f = self.plan, self.f
        if isinstance(plan.a, InPlace):
            return self.body.memory.address(plan.a.load.buffer, plan.a.load.index).pointer
        assert isinstance(plan.a, Box), "`a` is in place or in a box"
        flat: Number = plan.a.first
        for n, value in at.items():
            inside = f.sub(value, self.here[n])
            flat = f.add(flat, f.mul(inside, self.driver.place.size(plan.a.step(n))))
        return f.gep(self.driver.element, self.box, self.moved_by_edge(plan.a, flat))

    def moved_by_edge(self, box: Box, flat: Number) -> Number:
        """An offset in a box, at the first tap that is not left out."""
        if self.plan.edge is None:
            return flat
        place, tap = self.driver.place, self.plan.edge.tap
        return self.f.add(flat, self.f.mul(place.at[tap], place.size(box.step(tap))))

    def b_pointer(self, i: int, panel: Number) -> str:
        f, place, operand = self.f, self.driver.place, self.plan.b[i]
        if isinstance(operand, InPlace):
            return self.body.memory.address(operand.load.buffer, operand.load.index).pointer
        if isinstance(operand, Box):
            flat: Number = f.add(operand.first, f.mul(panel, self.plan.width))
            return f.gep(self.driver.element, self.second, self.moved_by_edge(operand, flat))
        assert isinstance(operand, Panels), "`b` is in place, in a box or in panels"
        flat = 0
        for n in operand.axes:
            value = place.at[n] if n else f.add(self.first_panel, panel)
            flat = f.add(flat, f.mul(value, place.size(operand.step(n))))
        return f.gep(memory_type(operand.dtype), self.driver.packed[i], flat)

    def waiting_pointer(self, panel: Number, at: Mapping[str, Number]) -> str:
        """Where the first row of a tile waits."""
        plan, f = self.plan, self.f
        row = plan.vectors * plan.lanes
        flat = f.mul(panel, plan.waiting_elements // plan.tile.panels)
        for n, distance in zip(plan.c.m, plan.waiting_rows):
            flat = f.add(flat, f.mul(f.sub(at[n], self.here[n]), distance * row))
        return f.gep(self.driver.element, self.waiting, flat)

    def column_pointers(self, first: Number) -> list[str]:
        pairs = zip(self.plan.c.columns, self.columns)
        return [self.f.gep(memory_type(e.dtype), x, first) for e, x in pairs]

    def finish_rows(self, panel: Number, at: dict[str, Number], _: tuple[int, int]) -> None:
        """The epilogue of one row of results that waited."""
        plan, f, place = self.plan, self.f, self.driver.place
        type_, lanes = value_type(plan.dtype, plan.lanes), plan.lanes
        first = f.mul(f.add(self.first_panel, panel), plan.width) if plan.panels != 1 else 0
        left: Number | None = None
        if plan.is_masked:
            left = f.sub(place.size(plan.c.kernel.axis(plan.n).size), first)
        waiting = self.waiting_pointer(panel, at)
        spots = [f.gep(self.driver.element, waiting, j * lanes) for j in range(plan.vectors)]
        acc = [f.load(type_, x, plan.align) for x in spots]
        with self.body.scope({}, Lanes(plan.n, first, plan.tile.vectors, left)):
            results = Results(plan, self.body)
            totals = results.row(at, acc, results.columns())
            results.add_columns(totals, self.column_pointers(first))
