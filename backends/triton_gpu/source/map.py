"""Maps and reductions as Triton functions: one program computes all stores at the points it owns.

Stores that share no axis, and stores that share neither loads nor reductions with others, become
functions of their own. Those that are small maps share one, in which each program belongs to one of
them by its number:

    if program < 4: ..first.. elif program < 9: ..second.. else: ..third..
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from graphc.backends.triton_gpu.launch import Emitted, Launch
from graphc.ir.dim import Size
from graphc.kernels.dense import is_keyed
from graphc.kernels.kernel import Kernel, Reduce
from graphc.kernels.levels import apart_from_smaller, independent_groups, of_stores
from graphc.kernels.printer import show
from graphc.kernels.settle import settled
from graphc.kernels.walk import buffers_of, expressions_of, size_names

from .coordinates import decoded
from .loops import Loops
from .map_tile import MapTile, tile_of
from .shape import Bound, Side
from .writer import Writer, file_of, size_text

LIGHT = 128
"""Expressions of a map that shares a launch: its registers are those of all."""


def emit_map(kernel: Kernel, wide: bool = False) -> Emitted:
    """The launches of a kernel without keyed stores; small maps share one."""
    groups = [part for g in independent_groups(settled(kernel)) for part in apart_from_smaller(g)]
    light = [g for g in groups if is_light(g)]
    parts = [[g] for g in groups if g not in light] + [light] * bool(light)
    names = [kernel.name] if len(parts) == 1 else [f"{kernel.name}_{i}" for i in range(len(parts))]
    return Emitted(tuple(_shared(kernel, [replace(g, name=n) for g in part], wide)
                         for n, part in zip(names, parts, strict=True)))  # fmt: skip


def _shared(kernel: Kernel, parts: Sequence[Kernel], wide: bool) -> Launch:
    """One launch for parts of a kernel that may run side by side."""
    if len(parts) == 1:
        return launch_of(parts[0], tile_of(parts[0]), wide)
    out = Writer(wide)
    tiles = [tile_of(part) for part in parts]
    out.line(f"program = {out.first}")
    end: Size = 0
    for number, (part, chosen) in enumerate(zip(parts, tiles, strict=True)):
        start, end = end, end + chosen.programs
        head = f"{'elif' if number else 'if'} program < {size_text(end)}"
        with out.block("else" if number == len(parts) - 1 else head), out.widths_of(number):
            out.first = f"program - {size_text(start)}" if number else "program"
            _write(out, part, chosen)
    stores = tuple(s for part in parts for s in part.stores)
    whole = of_stores(replace(kernel, name=parts[0].name), stores)
    return _launch(whole, out, end, max(tile.warps for tile in tiles), wide)


def launch_of(kernel: Kernel, chosen: MapTile, wide: bool = False) -> Launch:
    """One function with a given tile."""
    out = Writer(wide)
    _write(out, kernel, chosen)
    return _launch(kernel, out, chosen.programs, chosen.warps, wide)


def _write(out: Writer, kernel: Kernel, chosen: MapTile) -> None:
    for name, width in (("ROWS", chosen.tile.rows), ("LANES", chosen.tile.lanes)):
        out.line(f"{name}: tl.constexpr = {width}")
    loops = Loops(out, kernel, chosen.tile)
    loops.body.scope.update(bound_by_program(out, loops, chosen))
    loops.body.scope.update(loops.bind_whole())
    loops.stores()


def _launch(kernel: Kernel, out: Writer, programs: Size, warps: int, wide: bool) -> Launch:
    pointers = tuple((b.name, b.dtype) for b in buffers_of(kernel))
    sizes = size_names(kernel)
    text = file_of(kernel.name, out, pointers, sizes, show(kernel))
    return Launch(kernel.name, text, pointers, sizes, (programs, 1, 1), warps, wide=wide)


@lru_cache(maxsize=4096)
def is_light(kernel: Kernel) -> bool:
    """Whether a kernel is a small map: it reduces nothing, each store has elements of its own.

    Nothing is added up along a tile, so its bits do not depend on the launch it is in.
    """
    plain = settled(kernel)
    if any(s.combine or is_keyed(s) for s in plain.stores):
        return False
    found = expressions_of(plain)
    return len(found) <= LIGHT and not any(isinstance(e, Reduce) for e in found)


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
