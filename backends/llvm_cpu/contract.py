"""Contractions: products of matrices, convolutions and both of their gradients, one generator.

    for item in parallel:            batch, panels of n, blocks of m
      for step of k:                 one, unless the sum needs more than the caches hold
        box = a over the item        where `a` is guarded or computed (`window.py`)
        for panel, m, register tile: micro-kernel (`micro.py`)
    finish                           reductions over all of m: partial results of items, in order
Everything is read off index maps and free axes (`roles.py`). `b` is read in place or from panels
(`pack.py`). Everything is decided in `contract_plan.py`; this file writes the phases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.ir.dim import Size, ceil_div, product
from graphc.kernels.build import as_index, load, reduce
from graphc.kernels.kernel import Axis, Buffer, Expr, Kernel, Load
from graphc.kernels.settle import moved_store
from graphc.kernels.walk import buffers_of, rebuild, walk

from .body import Body
from .contract_loops import Driver, loops_of
from .contract_plan import Plan, plan_of
from .emitted import Emitted, Phase
from .entry import Entry, open_function
from .host import Target
from .map import MapEmitter
from .map_schedule import schedule_map
from .module import Module
from .operands import Panels
from .pack import emit_panels
from .place import Place
from .tile import Tile


def emit_contraction(
    module: Module, kernel: Kernel, target: Target, tile: Tile | None = None
) -> Emitted | None:
    """Emit a contraction; None where the kernel is none, or runs better as a map.

    Declined: no M or no N (rows dot a vector, depthwise taps), sums of integers, parts of M or N,
    operands whose copy for one item would not fit. The buffers and sizes of the emitted functions
    are those of `kernel`.
    """
    assert module.target == target, "a module is for one target"
    plan = plan_of(kernel, target, tile)
    return None if plan is None else _Emission(module, kernel, plan).emit()


# ---------------------------------------------------------------------------- phases


@dataclass(slots=True)
class _Emission:
    """The functions of one contraction being written."""

    module: Module
    kernel: Kernel
    plan: Plan

    def emit(self) -> Emitted:
        """Packing, the contraction itself, and the reductions over M."""
        c = self.plan.c
        panels = [(i, x) for i, x in enumerate(self.plan.b) if isinstance(x, Panels)]
        sums = [_partial(self.plan, i) for i in range(len(c.columns))]
        phases = [self.pack(i, x, number) for number, (i, x) in enumerate(panels)]
        entry = self.open(self.name())
        packed, partial = entry.scratch[: len(panels)], entry.scratch[len(panels) :]
        driver = Driver(self.plan, self.kernel, entry, packed, list(zip(sums, partial)))
        phases.append(Phase(self.name(), driver.emit()))
        if sums:
            phases.append(self.finish(len(panels), sums))
        scratch = [(x.dtype, x.elements) for _, x in panels]
        scratch += [(b.dtype, product(b.shape)) for b in sums]
        return Emitted(tuple(phases), tuple(scratch))

    def name(self, suffix: str = "") -> str:
        return f"{self.kernel.name}_{suffix}" if suffix else self.kernel.name

    @property
    def scratch(self) -> int:
        """How many scratch buffers there are."""
        return sum(isinstance(x, Panels) for x in self.plan.b) + len(self.plan.c.columns)

    def open(self, name: str) -> Entry:
        entry = open_function(self.module, self.kernel, name, self.scratch)
        entry.place.axes = {a.name: a for a in self.plan.c.kernel.axes}
        return entry

    def pack(self, i: int, panels: Panels, number: int) -> Phase:
        name = self.name(f"pack{number or ''}")
        entry, c = self.open(name), self.plan.c
        to = entry.scratch[number]
        items = emit_panels(entry, c.kernel, c.b[i], panels, self.plan.n, to)
        entry.f.give_back()
        names = [b.name for b in buffers_of(self.kernel)]
        read = {e.buffer.name for e in walk([c.b[i]]) if isinstance(e, Load)}
        return Phase(name, items, tuple(sorted(map(names.index, read))))

    def finish(self, panels: int, sums: Sequence[Buffer]) -> Phase:
        """Totals from the partial results of items, in the order of the items."""
        name = self.name("finish")
        entry, kernel = self.open(name), _totals(self.plan, sums)
        pointers = dict(zip([b.name for b in sums], entry.scratch[panels:]))
        place = entry.place
        inner = Place(entry.f, kernel.axes, {**place.pointers, **pointers}, place.sizes)
        schedule = schedule_map(kernel, self.module.target)
        MapEmitter(Body(inner), kernel, schedule).items(entry.share)
        entry.f.give_back()
        return Phase(name, schedule.items(kernel))


def _partial(plan: Plan, number: int) -> Buffer:
    """Partial reductions: [batch, outer n, block of m, column]."""
    c, e = plan.c, plan.c.columns[number]
    around = [c.kernel.axis(x).size for x in (*c.batch, *c.n[:-1])]
    columns = ceil_div(c.kernel.axis(plan.n).size, plan.width) * plan.width
    return Buffer(f"column sums {number}", e.dtype, (*around, _blocks(plan), columns))


def _blocks(plan: Plan) -> Size:
    """How many blocks M is cut into."""
    return product(x.turns for x in loops_of(plan) if x.axis in plan.c.m)


def _totals(plan: Plan, sums: Sequence[Buffer]) -> Kernel:
    """The map that adds up partial reductions and does the stores that wait for them."""
    c = plan.c
    index = [as_index(x) for x in (*c.batch, *c.n[:-1], "block", plan.n)]
    change: dict[Expr, Expr] = {
        e: reduce(e.kind, load(b, *index), "block") for e, b in zip(c.columns, sums)
    }
    done = rebuild([s.value for s in c.totals], change)
    stores = tuple(moved_store(s, {}, done) for s in c.totals)
    axes = [a for a in c.kernel.axes if a.name in (*c.batch, *c.n)]
    return Kernel(f"{c.kernel.name}_finish", (Axis("block", _blocks(plan)), *axes), stores)
