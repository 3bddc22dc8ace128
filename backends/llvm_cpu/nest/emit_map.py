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
from graphc.kernels.kernel import Affine, Axis, Kernel, Load, Store
from graphc.kernels.levels import (
    apart_from_smaller,
    independent_groups,
    must_precede,
    of_stores,
    roots_of_store,
)
from graphc.kernels.walk import walk

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
    whole = of_stores(kernel, plain)
    first, *later = _in_order(whole, independent_groups(whole)) if plain else [()]
    maps = [nest(part) for group in first for part in apart_from_smaller(group)]
    last = [[nest(group) for group in groups] for groups in later]
    all_nests = keyed + maps + [n for nests in last for n in nests]
    dirty = [
        s
        for part, chosen in all_nests
        for s in part.stores
        if needs_clearing(s) and not clears_itself(part, s, chosen.outer)
    ]
    clears = [(k, schedule_map(k, target)) for k in map(_clearing, dirty)]
    found = [("clear", clears)]
    apart = any(must_precede(a, b) for a in ordered for b in plain)
    found += [("scatter", keyed), ("", maps)] if apart else [("", keyed + maps)]
    found = [(label, nests) for label, nests in found if nests]
    found += [("", nests) for nests in last]
    labels = [label or f"part{i}" for i, (label, _) in enumerate(found[:-1])]
    return [(label, nests) for label, (_, nests) in zip([*labels, ""], found, strict=True)]


def _in_order(kernel: Kernel, groups: Sequence[Kernel]) -> list[Sequence[Kernel]]:
    """Groups of stores one after the other, where one may overwrite what another still reads.

    They share no axis, so they can only meet at elements that no axis moves, such as the count of
    steps, which every rule reads and one store increases. Groups that wait for each other become
    one: all values at one place are computed before the first is stored.
    """
    fixed = [{s.index for s in g.stores if not s.axes and s.combine is None} for g in groups]
    if not any(fixed):
        return [groups]
    below = [walk(e for s in g.stores for e in roots_of_store(s)) for g in groups]
    loaded = [{e.index for e in found if isinstance(e, Load)} for found in below]
    left, phases = list(range(len(groups))), list[Sequence[Kernel]]()
    while left:
        free = [i for i in left if not any(fixed[i] & loaded[j] for j in left if i != j)]
        if not free:
            return [*phases, [of_stores(kernel, [s for i in left for s in groups[i].stores])]]
        phases.append([groups[i] for i in free])
        left = [i for i in left if i not in free]
    return phases


def _clearing(s: Store) -> Kernel:
    """The kernel that sets a whole buffer to the identity of its combining store."""
    assert s.combine not in (None, "set"), "only combining stores start from identities"
    axes = tuple(Axis(f"clear{d}", size) for d, size in enumerate(s.buffer.shape))
    index = tuple(Affine(((a.name, 1),)) for a in axes)
    value = const(identity(s.combine, s.value.dtype), s.value.dtype)
    names = tuple(a.name for a in axes)
    return Kernel("clear", axes, (replace(s, index=index, value=value, axes=names, combine=None),))
