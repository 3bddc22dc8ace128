"""A whole map or reduce kernel as native functions.

Stores that share no axis are separate loops of one function; stores whose points must keep their
order (scatters) have loops of their own. Phases separate what must not overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphc.backends.llvm_cpu.host import Target
from graphc.backends.llvm_cpu.ir.emitted import Emitted, Phase
from graphc.backends.llvm_cpu.ir.entry import open_function
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.ir.dim import Size
from graphc.kernels.build import const
from graphc.kernels.dense import is_keyed
from graphc.kernels.evaluate import identity
from graphc.kernels.kernel import Affine, Axis, Kernel, Store
from graphc.kernels.levels import (
    apart_from_smaller,
    independent_groups,
    must_precede,
    of_stores,
)

from .body import Body
from .map import MapEmitter, clears_itself, needs_clearing
from .map_schedule import MapSchedule, schedule_map, vector_axis, without_met_lanes
from .taps import with_taps_written_out

Nest = tuple[Kernel, MapSchedule]
"""Stores that share loops, and how those run."""


def emit_map(
    module: Module, kernel: Kernel, target: Target, schedule: MapSchedule | None = None
) -> Emitted:
    """Emit all loops of a kernel; a given schedule is that of each of its nests."""
    assert module.target == target, "a module is for one target"
    phases = []
    for label, nests in _phases(kernel, target, schedule):
        name = f"{kernel.name}_{label}" if label else kernel.name
        phases.append(Phase(name, _emit(module, kernel, name, nests)))
    return Emitted(tuple(phases))


def _emit(module: Module, kernel: Kernel, name: str, nests: Sequence[Nest]) -> Size:
    entry = open_function(module, kernel, name)
    items: Size = 0
    for part, schedule in nests:
        entry.place.axes = {a.name: a for a in part.axes}
        body = Body(entry.place)
        MapEmitter(body, part, schedule).items(entry.share)
        items = items + schedule.items(part)
    entry.f.give_back()
    return items


def _phases(
    kernel: Kernel, target: Target, schedule: MapSchedule | None
) -> list[tuple[str, list[Nest]]]:
    """The nests of each phase with the label of its function; the last one has none."""

    def nest(part: Kernel) -> Nest:
        part = with_taps_written_out(part, vector_axis(part, target.lanes))
        chosen = schedule or schedule_map(part, target)
        return without_met_lanes(part, chosen.lanes), chosen

    ordered = [s for s in kernel.stores if is_keyed(s)]
    plain = [s for s in kernel.stores if not is_keyed(s)]
    keyed = [nest(of_stores(kernel, [s])) for s in ordered]
    groups = independent_groups(of_stores(kernel, plain)) if plain else ()
    maps = [nest(part) for group in groups for part in apart_from_smaller(group)]
    all_nests = keyed + maps
    dirty = [
        s
        for part, chosen in all_nests
        for s in part.stores
        if needs_clearing(s) and not clears_itself(part, s, chosen.outer)
    ]
    clears = [(k, schedule_map(k, target)) for k in map(_clearing, dirty)]
    found = [("clear", clears)]
    if any(must_precede(a, b) for a in ordered for b in plain):
        found += [("scatter", keyed), ("", maps)]
    else:
        found += [("", all_nests)]
    return [(label, nests) for label, nests in found if nests]


def _clearing(s: Store) -> Kernel:
    """The kernel that sets a whole buffer to the identity of its combining store."""
    assert s.combine not in (None, "set"), "only combining stores start from identities"
    axes = tuple(Axis(f"clear{d}", size) for d, size in enumerate(s.buffer.shape))
    index = tuple(Affine(((a.name, 1),)) for a in axes)
    value = const(identity(s.combine, s.value.dtype), s.value.dtype)
    names = tuple(a.name for a in axes)
    return Kernel("clear", axes, (replace(s, index=index, value=value, axes=names, combine=None),))
