"""Reductions over all rows in the epilogue of a contraction: a partial row per tile, then totals.

    tiles[block, n] = sum of the rows of one tile       in the launch of the tiles
    s[n] = sum tiles[block, n] over blocks              a map of its own, in the order of the blocks
So results have the same bits in every run. Many blocks are first added up in parts.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.backends.triton_gpu.grain import GRAIN
from graphc.backends.triton_gpu.launch import Emitted, Launch
from graphc.ir.dim import Size, product
from graphc.kernels.build import as_index, load, reduce
from graphc.kernels.evaluate import identity
from graphc.kernels.kernel import Axis, Buffer, Expr, Kernel, Load, Reduce
from graphc.kernels.levels import roots_of_store
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.roles import Contraction
from graphc.kernels.settle import moved_store
from graphc.kernels.walk import buffers_of, rebuild, walk

from . import cells
from .body import Body
from .map import emit_map
from .shape import Bound, all_of, masks_of, sides_of
from .writer import pointer

BLOCK = "row_block"
"""The axis of tiles along the rows."""


class Columns:
    """The reductions over M of one contraction, and where their partial results are kept."""

    def __init__(self, c: Contraction, blocks: Size) -> None:
        self.c, self.blocks = c, blocks
        self.partials: dict[Reduce, Buffer] = {}
        for i, e in enumerate(c.columns):
            shape = (blocks, *(a.size for a in self.kept(e)))
            self.partials[e] = Buffer(f"{c.kernel.name}_tiles{i}", e.dtype, shape)

    def kept(self, e: Reduce) -> list[Axis]:
        """The axes of a reduction's results."""
        return [a for a in self.c.kernel.axes if a.name in e.free]

    def buffers_of_tiles(self) -> list[Buffer]:
        """What the launch of the tiles reads, then what it writes."""
        roots = [r for s in self.c.tiles for r in roots_of_store(s)]
        read = [e.buffer for e in walk([*roots, *(e.arg for e in self.c.columns), *self.c.sums])
                if isinstance(e, Load)]  # fmt: skip
        found = [*read, *(s.buffer for s in self.c.tiles), *self.partials.values()]
        return list({b.name: b for b in found}.values())

    def partial(self, body: Body, e: Reduce) -> str:
        """The reduction over the rows of the tile."""
        value = body.value(e.arg)
        missing = all_of(masks_of(self.c.m, body.scope))
        if missing:
            start = cells.number_text(identity(e.kind, e.dtype), e.dtype)
            value = body.out.let(f"tl.where({missing}, {value}, {start})")
        keep = 1 in sides_of(e.free, body.scope)
        for side in (0,) if keep else (1, 0):
            value = body.out.let(cells.along_text(e.kind, e.dtype, value, side, keep))
        return value

    def store(self, body: Body, e: Reduce, value: str, row_block: str) -> None:
        """Keep a partial row. Where it is the same for all columns, their programs agree."""
        names = [a.name for a in self.kept(e)]
        buffer = self.partials[e]
        with body.within({BLOCK: Bound(row_block)}):
            index = tuple(map(as_index, (BLOCK, *names)))
            mask = all_of(masks_of(names, body.scope))
            where = f"{pointer(buffer.name)} + {body.offset(buffer, index)}"
            body.out.line(f"tl.store({where}, {value}{f', mask={mask}' if mask else ''})")

    def finish(self, wide: bool) -> Emitted:
        """The launches that add up partial rows, and the scratch."""
        if not self.partials:
            return Emitted(())
        kernels = split_for_parallelism(self._totals(), GRAIN)
        own = {b.name for b in buffers_of(self.c.kernel)}
        between = {b.name: b for k in kernels for b in buffers_of(k) if b.name not in own}
        launches: Sequence[Launch] = [x for k in kernels for x in emit_map(k, wide).launches]
        scratch = tuple((b.name, b.dtype, product(b.shape)) for b in between.values())
        return Emitted(tuple(launches), scratch)

    def _totals(self) -> Kernel:
        """The map that adds up partial rows and does the stores that wait for them."""
        change: dict[Expr, Expr] = {
            e: reduce(e.kind, load(b, BLOCK, *(a.name for a in self.kept(e))), BLOCK)
            for e, b in self.partials.items()
        }
        done = rebuild([r for s in self.c.totals for r in roots_of_store(s)], change)
        stores = tuple(moved_store(s, {}, done) for s in self.c.totals)
        inner = {*self.c.batch, *self.c.n}
        axes = (a for a in self.c.kernel.axes if a.name in inner)
        return Kernel(f"{self.c.kernel.name}_finish", (Axis(BLOCK, self.blocks), *axes), stores)
