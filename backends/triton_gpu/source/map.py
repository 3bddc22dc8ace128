"""Maps and reductions as Triton functions: one program computes all stores at the points it owns.

Stores that share no axis, and stores that share neither loads nor reductions with others, become
functions of their own.
"""

from __future__ import annotations

from dataclasses import replace

from graphc.backends.triton_gpu.launch import Emitted, Launch
from graphc.ir.dim import Size
from graphc.kernels.kernel import Kernel
from graphc.kernels.levels import apart_from_smaller, independent_groups
from graphc.kernels.printer import show
from graphc.kernels.settle import settled
from graphc.kernels.walk import buffers_of, size_names

from .coordinates import decoded
from .loops import Loops
from .map_tile import MapTile, tile_of
from .shape import Bound, Side
from .writer import Writer, file_of, size_text


def emit_map(kernel: Kernel, wide: bool = False) -> Emitted:
    """The launches of a kernel without keyed stores."""
    groups = [part for g in independent_groups(settled(kernel)) for part in apart_from_smaller(g)]
    names = (
        [kernel.name] if len(groups) == 1 else [f"{kernel.name}_{i}" for i in range(len(groups))]
    )
    return Emitted(tuple(launch_of(replace(g, name=n), tile_of(g), wide)
                         for g, n in zip(groups, names, strict=True)))  # fmt: skip


def launch_of(kernel: Kernel, chosen: MapTile, wide: bool = False) -> Launch:
    """One function with a given tile."""
    out = Writer(wide)
    for name, width in (("ROWS", chosen.tile.rows), ("LANES", chosen.tile.lanes)):
        out.line(f"{name}: tl.constexpr = {width}")
    loops = Loops(out, kernel, chosen.tile)
    loops.body.scope.update(bound_by_program(out, loops, chosen))
    loops.body.scope.update(loops.bind_whole())
    loops.stores()
    pointers = tuple((b.name, b.dtype) for b in buffers_of(kernel))
    sizes = size_names(kernel)
    text = file_of(kernel.name, out, pointers, sizes, show(kernel))
    grid: tuple[Size, Size, Size] = (chosen.row_blocks * chosen.lane_blocks, 1, 1)
    return Launch(kernel.name, text, pointers, sizes, grid, chosen.warps, wide=wide)


def bound_by_program(out: Writer, loops: Loops, chosen: MapTile) -> dict[str, Bound]:
    """The coordinates of the owned axes; those of parts after the axis that counts the parts."""
    if not chosen.outer and chosen.lanes is None:
        return {}
    program = block = out.program()
    if chosen.outer and chosen.lane_blocks != 1:
        block = out.let(f"{program} % {size_text(chosen.lane_blocks)}", "block")
        program = out.let(f"{program} // {size_text(chosen.lane_blocks)}", "program")
    found = _rows(out, loops, chosen, program) if chosen.outer else {}
    if chosen.lanes is not None:
        start = "" if chosen.lane_blocks == 1 else out.let(f"{block} * LANES", "start")
        with loops.body.within(found):
            found[chosen.lanes.name] = loops.along(chosen.lanes, 1, start)
    return found


def _rows(out: Writer, loops: Loops, chosen: MapTile, program: str) -> dict[str, Bound]:
    side: Side | None = None
    row, conditions = program, []
    if chosen.rows_owned and chosen.tile.rows > 1:
        side = 0
        row = out.let(f"{program} * ROWS + tl.arange(0, ROWS)[:, None]", "row")
        total = chosen.rows
        if not isinstance(total, int) or total % chosen.tile.rows:
            conditions = [f"{row} < {size_text(total)}"]
    found: dict[str, Bound] = {}
    for axis, text in decoded(out, row, chosen.outer).items():
        with loops.body.within(found):
            found[axis] = loops.bind(axis, text, side, *conditions)
    return found
