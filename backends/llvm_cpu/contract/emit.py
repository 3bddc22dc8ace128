"""Contractions: products of matrices, convolutions and both of their gradients, one generator.

    for item in parallel:            batch, panels of n, blocks of m
      for step of k:                 one, unless the sum needs more than the caches hold
        box = a over the item        where `a` is guarded or computed (`nest/window.py`)
        for panel, m, register tile: micro-kernel (`micro.py`)
    finish                           reductions over all of m: partial results of items, in order
Everything is read off index maps and free axes (`roles.py`). `b` is read in place or from panels
(`pack.py`). Everything is decided in `plan.py`; this file writes the phases.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.backends.llvm_cpu.host import Target
from graphc.backends.llvm_cpu.ir.emitted import Emitted, Phase
from graphc.backends.llvm_cpu.ir.entry import Entry, buffers_read, open_function
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.ir.dim import ceil_div, product
from graphc.kernels.kernel import Buffer, Kernel

from .columns import emit_totals, partial_columns
from .items import loops_of
from .loops import Driver
from .operands import Panels
from .pack import emit_panels
from .plan import Plan, plan_of
from .tile import Tile


def emit_contraction(
    module: Module, kernel: Kernel, target: Target, tile: Tile | None = None,
    lasting: frozenset[str] = frozenset(),
) -> Emitted | None:  # fmt: skip
    """Emit a contraction; None where the kernel is none, or runs better as a map.

    Declined: no M or no N (rows dot a vector, depthwise taps), sums of integers, parts of M or N,
    operands whose copy for one item would not fit. Panels of `lasting` buffers are made so rarely
    that they cost nothing. The buffers and sizes of the emitted functions are those of `kernel`.
    """
    assert module.target == target, "a module is for one target"
    plan = plan_of(kernel, target, tile, lasting)
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
        sums = columns_of(self.plan)
        phases = [self.pack(i, x, number) for number, (i, x) in enumerate(panels)]
        entry = self.open(self.name())
        packed, partial = entry.scratch[: len(panels)], entry.scratch[len(panels) :]
        driver = Driver(self.plan, self.kernel, entry, packed, list(zip(sums, partial)))
        phases.append(Phase(self.name(), driver.emit()))
        if sums:
            finish = self.open(self.name("finish"))
            phases.append(emit_totals(finish, c, sums, finish.scratch[len(panels) :]))
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
        return Phase(name, items, buffers_read(self.kernel, c.b[i]))


def columns_of(plan: Plan) -> list[Buffer]:
    """The partial results of reductions over M, one row per block of M."""
    blocks = product(x.turns for x in loops_of(plan) if x.axis in plan.c.m)
    columns = ceil_div(plan.c.kernel.axis(plan.n).size, plan.width) * plan.width
    return partial_columns(plan.c, blocks, columns)
