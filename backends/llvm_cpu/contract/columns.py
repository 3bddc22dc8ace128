"""Reductions over all of M in the epilogue of a contraction: partial results, then their totals.

Each block of M adds up its own rows; a last phase adds the blocks in order and does the stores that
wait for the totals, so bits do not depend on who did which block.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.backends.llvm_cpu.ir.emitted import Phase
from graphc.backends.llvm_cpu.ir.entry import Entry
from graphc.backends.llvm_cpu.nest.body import Body
from graphc.backends.llvm_cpu.nest.map import MapEmitter
from graphc.backends.llvm_cpu.nest.map_schedule import schedule_map
from graphc.backends.llvm_cpu.nest.place import Place
from graphc.ir.dim import Size
from graphc.kernels.build import as_index, load, reduce
from graphc.kernels.kernel import Axis, Buffer, Expr, Kernel
from graphc.kernels.roles import Contraction
from graphc.kernels.settle import moved_store
from graphc.kernels.walk import rebuild


def partial_columns(c: Contraction, blocks: Size, columns: Size) -> list[Buffer]:
    """Scratch for partial reductions: [batch, outer n, block of m, column]."""
    around = [c.kernel.axis(x).size for x in (*c.batch, *c.n[:-1])]
    return [
        Buffer(f"column sums {i}", e.dtype, (*around, blocks, columns))
        for i, e in enumerate(c.columns)
    ]


def emit_totals(
    entry: Entry, c: Contraction, sums: Sequence[Buffer], scratch: Sequence[str]
) -> Phase:
    """Totals from the partial results of blocks, in the order of the blocks."""
    kernel = _totals(c, sums)
    pointers = dict(zip([b.name for b in sums], scratch))
    place = entry.place
    inner = Place(entry.f, kernel.axes, {**place.pointers, **pointers}, place.sizes)
    schedule = schedule_map(kernel, entry.f.target)
    MapEmitter(Body(inner), kernel, schedule).items(entry.share)
    entry.f.give_back()
    return Phase(entry.f.name, schedule.items(kernel))


def _totals(c: Contraction, sums: Sequence[Buffer]) -> Kernel:
    """The map that adds up partial reductions and does the stores that wait for them."""
    blocks = sums[0].shape[-2]
    index = [as_index(x) for x in (*c.batch, *c.n[:-1], "block", c.n[-1])]
    change: dict[Expr, Expr] = {
        e: reduce(e.kind, load(b, *index), "block") for e, b in zip(c.columns, sums)
    }
    done = rebuild([s.value for s in c.totals], change)
    stores = tuple(moved_store(s, {}, done) for s in c.totals)
    axes = [a for a in c.kernel.axes if a.name in (*c.batch, *c.n)]
    return Kernel(f"{c.kernel.name}_finish", (Axis("block", blocks), *axes), stores)
