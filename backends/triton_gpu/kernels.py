"""From the steps of a plan to launches: written once per distinct kernel, bound to storages.

A kernel is found again by its canonical text, as on the CPU; equal layers share their functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from graphc import knobs
from graphc.dtypes import DType
from graphc.ir.dim import Size, evaluate, named, names_of, product, substitute
from graphc.kernels.canonical import canonical
from graphc.kernels.dense import is_keyed
from graphc.kernels.kernel import Kernel
from graphc.kernels.printer import show
from graphc.kernels.settle import settled
from graphc.kernels.walk import buffers_of
from graphc.schedule.memory import regions_of
from graphc.schedule.plan import CumulativeStep, KernelStep, Plan, SortStep, Step, Storage

from .launch import Emitted, Launch
from .source import ordered, ordered_sort
from .source.contract import emit_contraction
from .source.contract_tile import ProductTile
from .source.map import emit_map
from .source.scatter import emit_scatter

MOST_NARROW = 2**31
"""Elements of a buffer from which on offsets need 64 bits."""
VECTOR = 16
"""Bytes: where an address is no multiple, loads of several elements are not possible."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A launch with the storages of its pointers, and its sizes and grid in the plan's sizes."""

    launch: Launch
    storages: tuple[Storage, ...]
    sizes: tuple[Size, ...]
    grid: tuple[Size, Size, Size]


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A step as calls, in order; `scratch` are storages of this step alone. Where a buffer has too
    many elements for offsets of 32 bits, `wide` are the calls."""

    calls: tuple[Call, ...]
    wide: tuple[Call, ...]
    scratch: tuple[Storage, ...]
    elements: tuple[Size, ...] = ()
    """The numbers of elements of all buffers."""
    order: Callable[[tuple[Call, ...], Mapping[str, int]], tuple[Call, ...]] | None = None
    """Which of the calls are done, and how often, where that depends on sizes."""

    def at(self, sizes: Mapping[str, int]) -> tuple[Call, ...]:
        """The calls for known sizes."""
        if self.order is not None:
            return self.order(self.calls, sizes)
        large = any(evaluate(n, sizes) >= MOST_NARROW for n in self.elements)
        return self.wide if large else self.calls


TileOf = Callable[[Kernel], ProductTile | None]
"""The tile of a contraction; None for the one that its shape asks for."""


def usual(_kernel: Kernel) -> None:
    """Nothing is measured."""


def kernels_of(plan: Plan) -> list[Kernel]:
    """The kernels of a plan and its regions as `tile_of` is asked about them, each once."""
    steps = (s for s in all_steps(plan) if isinstance(s, KernelStep))
    return list({show(k): k for s in steps for k in [canonical(s.kernel).kernel]}.values())


def forms_of(plan: Plan, tile_of: TileOf = usual) -> dict[Step, Form]:
    """The forms of all steps of a plan and its regions that run kernels."""
    found = ((step, form_of(step, tile_of)) for step in all_steps(plan))
    return {step: form for step, form in found if form is not None}


def all_steps(plan: Plan) -> Iterable[Step]:
    """The steps of a plan, and of the plans of its loops and branches."""
    for step in plan.steps:
        yield step
        yield from inner_steps(step)


def inner_steps(step: Step) -> Iterable[Step]:
    """The steps of the loops and branches of a step."""
    for region in regions_of(step):
        yield from all_steps(region)


def form_of(step: Step, tile_of: TileOf = usual) -> Form | None:
    """The form of a step; None if the runner does it itself."""
    match step:
        case KernelStep():
            return _kernel(step, tile_of)
        case SortStep():
            return _sort(step)
        case CumulativeStep():
            return _bound(ordered.emit_cumulative(step), (step.x, step.y))
        case _:
            return None


_emitted: dict[tuple[str, bool, str, ProductTile | None], Emitted] = {}
MOST = 4096
"""How many kernels are remembered."""


def emitted(kernel: Kernel, wide: bool = False, tile: ProductTile | None = None) -> Emitted:
    """The launches of a canonical kernel."""
    key = show(kernel), wide, knobs.current().matmul_precision, tile
    if key not in _emitted:
        if len(_emitted) >= MOST:
            _emitted.clear()
        _emitted[key] = emit(kernel, wide, tile)
    return _emitted[key]


def emit(kernel: Kernel, wide: bool = False, tile: ProductTile | None = None) -> Emitted:
    """The generator of scatters, of contractions, or of maps, by what the kernel is."""
    if any(s.combine for s in settled(kernel).stores) or any(map(is_keyed, kernel.stores)):
        return emit_scatter(kernel, wide)
    return emit_contraction(kernel, wide, tile) or emit_map(kernel, wide)


def _kernel(step: KernelStep, tile_of: TileOf) -> Form:
    common = canonical(step.kernel)
    tile = tile_of(common.kernel)
    storages = {f"b{i}": step.bound[name] for i, name in enumerate(common.buffers)}
    meaning: dict[str, Size] = {f"s{i:02}": named(n) for i, n in enumerate(common.sizes)}
    elements = tuple(product(b.shape) for b in buffers_of(step.kernel))
    large = any(isinstance(n, int) and n >= MOST_NARROW for n in elements)
    unaligned = frozenset(n for n, s in storages.items() if not is_aligned(s))
    tile = None if _has_maps_of(emitted(common.kernel, large, tile), unaligned) else tile
    narrow = _aligned(emitted(common.kernel, large, tile), unaligned)
    may_grow = any(names_of(n) for n in elements)
    wide = _aligned(emitted(common.kernel, True, tile), unaligned) if may_grow else narrow
    scratch = {n: _scratch(n, d, substitute(size, meaning)) for n, d, size in narrow.scratch}
    known = storages | scratch
    calls, wider = (
        tuple(_call(launch, known, meaning) for launch in e.launches) for e in (narrow, wide)
    )
    return Form(calls, wider, tuple(scratch.values()), elements)


def _bound(given: Emitted, storages: tuple[Storage, ...]) -> Form:
    """The form of a step whose generator names its buffers x0, x1, .. and the sizes of the plan."""
    scratch = {n: _scratch(n, d, size) for n, d, size in given.scratch}
    known = {f"x{i}": s for i, s in enumerate(storages)} | scratch
    unaligned = frozenset(n for n, s in known.items() if not is_aligned(s))
    calls = tuple(_call(launch, known, {}) for launch in _aligned(given, unaligned).launches)
    return Form(calls, calls, tuple(scratch.values()))


def _sort(step: SortStep) -> Form:
    """Blocks, merges of runs that double each time, forth and back, and the result."""
    form = _bound(ordered_sort.emit_sort(step), (step.x, step.values, step.indices))
    length = step.x.shape[step.axis]

    def order(calls: tuple[Call, ...], sizes: Mapping[str, int]) -> tuple[Call, ...]:
        block, forth, back, after_even, after_odd = calls
        runs = ordered_sort.rounds(evaluate(length, sizes))
        merges = tuple(
            replace(back if i % 2 else forth, sizes=(run, *forth.sizes[1:]))
            for i, run in enumerate(runs)
        )
        return (block, *merges, after_odd if len(runs) % 2 else after_even)

    return replace(form, order=order)


def _call(launch: Launch, storages: Mapping[str, Storage], meaning: Mapping[str, Size]) -> Call:
    x, y, z = (substitute(n, meaning) for n in launch.grid)
    bound = tuple(storages[name] for name, _ in launch.pointers)
    return Call(launch, bound, tuple(meaning.get(n, named(n)) for n in launch.sizes), (x, y, z))


def _scratch(name: str, dtype: DType, elements: Size) -> Storage:
    return Storage(name, dtype, (elements,), "arena")


def is_aligned(storage: Storage) -> bool:
    """Whether an array begins at a multiple of a vector: rows of an array may not."""
    if storage.place not in ("parameter", "result"):
        return True
    return isinstance(storage.nbytes, int) and storage.nbytes % VECTOR == 0


def _has_maps_of(given: Emitted, unaligned: frozenset[str]) -> bool:
    """Whether descriptors are wanted of pointers that may be no multiples of 16 bytes."""
    return any(m.pointer in unaligned for launch in given.launches for m in launch.maps)


def _aligned(given: Emitted, unaligned: frozenset[str]) -> Emitted:
    """Launches that do not count on the alignment of some pointers."""
    launches = tuple(
        replace(x, unaligned=frozenset(n for n, _ in x.pointers if n in unaligned))
        for x in given.launches
    )
    return replace(given, launches=launches)
