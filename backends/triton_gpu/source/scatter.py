"""Stores that combine what meets in one element, in a fixed order and without atomics.

A program owns elements, and goes through the points in the order that the store says. Where the
place is data along one dimension (the gradient of an embedding), a program owns a block of rows of
the target instead, and looks which of the points hit them, many at a time. Of those that set it the
last one stays: its number is found first, and only its value is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from graphc.backends.triton_gpu.launch import Emitted, Launch
from graphc.ir.dim import Size, ceil_div, product
from graphc.kernels import build
from graphc.kernels.dense import address_coef, owned_axes
from graphc.kernels.evaluate import identity
from graphc.kernels.kernel import Affine, Axis, Expr, Kernel, Reduce, Store
from graphc.kernels.levels import of_stores, reduced_axes, roots_of_store
from graphc.kernels.printer import show
from graphc.kernels.settle import settled
from graphc.kernels.walk import buffers_of, expressions_of, size_names

from . import cells
from .coordinates import decoded
from .loops import Loops, Tile, readers_first
from .map import bound_by_program, emit_map
from .map_tile import MapTile, extent, power2
from .shape import Bound
from .writer import Writer, file_of, size_text

TARGETS = 8
"""Rows of the target that one program owns."""
POINTS = 16
"""Points that are looked at together, with their values."""
NUMBERS = 128
"""Points of which only the numbers are looked at together."""
COLUMNS = 64
"""Lanes of a program that goes through points."""


def emit_scatter(kernel: Kernel, wide: bool = False) -> Emitted:
    """The launches of a kernel of which some stores combine."""
    launches: list[Launch] = []
    for number, s in enumerate(readers_first(settled(kernel).stores)):
        part = replace(of_stores(settled(kernel), [s]), name=f"{kernel.name}_{number}")
        if s.combine is None:
            launches += emit_map(part, wide).launches
            continue
        by_rows = _looked_up(part, s)
        if by_rows is not None:
            launches.append(by_rows(wide))
            continue
        if s.combine != "set" and not s.keep:
            launches += emit_map(_cleared(part, s), wide).launches
        launches.append(_in_order(part, s, wide))
    return Emitted(tuple(launches))


def _cleared(kernel: Kernel, s: Store) -> Kernel:
    """The target filled with what changes nothing."""
    assert s.combine not in (None, "set"), "a start is asked for"
    axes = tuple(Axis(f"d{i}", n) for i, n in enumerate(s.buffer.shape))
    start = build.const(identity(str(s.combine), s.value.dtype), s.value.dtype)
    store = build.store(s.buffer, [a.name for a in axes], start)
    return Kernel(f"{kernel.name}_clear", axes, (store,))


# ---------------------------------------------------------------------------- point by point


def _in_order(kernel: Kernel, s: Store, wide: bool) -> Launch:
    """Each program goes through all points that may hit the elements it owns."""
    owned = [
        a for a in kernel.axes
        if a.name in owned_axes(s) - reduced_axes(roots_of_store(s)) and a.part is None
    ]  # fmt: skip
    lanes = _lanes(s, owned)
    outer = tuple(a for a in owned if a is not lanes)
    width = min(power2(extent([lanes])), COLUMNS) if lanes else 1
    chosen = MapTile(Tile(1, width), outer, lanes, True, 1)
    out = Writer(wide)
    out.line("ROWS: tl.constexpr = 1")
    out.line(f"LANES: tl.constexpr = {width}")
    loops = Loops(out, kernel, chosen.tile)
    loops.body.scope.update(bound_by_program(out, loops, chosen))
    rest = [n for n in s.axes if n not in loops.body.scope]

    def point() -> None:
        loops.reductions(roots_of_store(s))
        value = loops.body.value(s.value)
        if s.combine != "set":
            before = loops.body.stored_text(s)
            value = cells.operation(cells.REDUCE[str(s.combine)], s.value.dtype, before, value)
        loops.body.store(s, out.let(value))
        out.line("tl.debug_barrier()")  # the next point may be the same element

    loops.reductions(roots_of_store(s))
    loops.hoist(roots_of_store(s), rest)
    loops.over(rest, point)
    return _launch(kernel, out, chosen, wide)


def _launch(kernel: Kernel, out: Writer, chosen: MapTile, wide: bool) -> Launch:
    pointers = tuple((b.name, b.dtype) for b in buffers_of(kernel))
    sizes = size_names(kernel)
    text = file_of(kernel.name, out, pointers, sizes, show(kernel))
    grid: tuple[Size, Size, Size] = (chosen.row_blocks * chosen.lane_blocks, 1, 1)
    return Launch(kernel.name, text, pointers, sizes, grid, chosen.warps, wide=wide)


def _lanes(s: Store, owned: Sequence[Axis]) -> Axis | None:
    """The owned axis along which neighbours in memory lie."""
    return next((a for a in owned if address_coef(s.buffer, s.index, a.name) == 1), None)


# ---------------------------------------------------------------------------- rows of the target


def _looked_up(kernel: Kernel, s: Store) -> _Rows | None:
    """The form by rows, if one dimension of the place is data and the others are owned axes. The
    data may be another for each row of programs, but not along the lanes of one."""
    places = [d for d, i in enumerate(s.index) if isinstance(i, Expr)]
    plain = [i for i in s.index if isinstance(i, Affine)]
    if len(places) != 1:
        return None
    if any(not i.is_plain or len(i.terms) > 1 or i.const != 0 for i in plain):
        return None
    if any(isinstance(e, Reduce) for e in expressions_of(kernel)) or any(
        a.part for a in kernel.axes
    ):
        return None
    points = tuple(kernel.axis(n) for n in s.axes if n not in owned_axes(s))
    place = s.index[places[0]]
    assert isinstance(place, Expr), "the place is data"
    lanes = _lanes(s, [a for a in kernel.axes if a.name in owned_axes(s)])
    here = {a.name for a in kernel.axes if a is not lanes}
    if not points or not place.free <= here or place.free.isdisjoint(a.name for a in points):
        return None
    if any(c != 1 for i in plain for _, c in i.terms):
        return None
    return _Rows(kernel, s, places[0], points)


@dataclass(frozen=True, slots=True)
class _Rows:
    """acc[target, lane] combined with the values of all points whose place is the target."""

    kernel: Kernel
    store: Store
    dimension: int
    points: tuple[Axis, ...]

    def __call__(self, wide: bool) -> Launch:
        """The function."""
        s, kernel = self.store, self.kernel
        target = Axis("target", s.buffer.shape[self.dimension])
        whole = replace(kernel, axes=(target, *kernel.axes))
        owned = [a for a in kernel.axes if a.name in owned_axes(s)]
        lanes = _lanes(s, owned)
        outer = (
            *(a for a in owned if a is not lanes),
            Axis("block", ceil_div(target.size, TARGETS)),
        )
        width = min(power2(extent([lanes])), COLUMNS) if lanes else 1
        chosen = MapTile(Tile(1, width), outer, lanes, True, 4)
        out = Writer(wide)
        points = NUMBERS if s.combine == "set" else POINTS
        for name, value in (("TARGETS", TARGETS), ("ROWS", points), ("LANES", width)):
            out.line(f"{name}: tl.constexpr = {value}")
        loops = Loops(out, replace(whole, axes=(*whole.axes, outer[-1])), chosen.tile)
        loops.body.scope.update(bound_by_program(out, loops, chosen))
        block = loops.body.scope.pop("block").text
        out.line(f"target = {block} * TARGETS + tl.arange(0, TARGETS)[:, None]")
        bound = Bound("target", 0, f"target < {size_text(target.size)}")
        index = (
            *s.index[: self.dimension],
            Affine((("target", 1),)),
            *s.index[self.dimension + 1 :],
        )
        written = replace(s, index=index, axes=("target", *(a.name for a in owned)), combine=None)
        if s.combine == "set":
            self._set_last(out, loops, written, bound)
            return _launch(kernel, out, chosen, wide)
        self._collect(out, loops)
        with loops.body.within({"target": bound}):
            self._finish(out, loops, written)
        return _launch(kernel, out, chosen, wide)

    @contextmanager
    def _hits(self, out: Writer, loops: Loops) -> Iterator[None]:
        """All points, a block in each turn; `hit` says which of them are at which target."""
        count = size_text(product(a.size for a in self.points))
        with out.block(f"for start in range(0, {count}, ROWS)"):
            out.line("point = start + tl.arange(0, ROWS)[:, None]")
            found = decoded(out, "point", self.points)
            bound = {n: Bound(text, 0, f"point < {count}") for n, text in found.items()}
            with loops.body.within(bound):
                place = self.store.index[self.dimension]
                assert isinstance(place, Expr), "the place is data"
                key = loops.body.value(place)
                out.line(f"hit = ({key}[None, :, :] == target[:, :, None]) & "
                         f"(point < {count})[None, :, :]")  # fmt: skip
                yield

    def _collect(self, out: Writer, loops: Loops) -> None:
        s, dtype = self.store, self.store.value.dtype
        start = cells.number_text(identity(str(s.combine), dtype), dtype)
        out.line(f"total = tl.full([TARGETS, LANES], {start}, {cells.type_text(dtype)})")
        with (
            self._hits(out, loops),
            out.block("if tl.max(tl.max(tl.max(hit.to(tl.int32), 2), 1), 0) > 0"),
        ):
            value = loops.body.value(s.value)
            out.line(f"value = tl.broadcast_to({value}, [ROWS, LANES])[None, :, :]")
            out.line(f"value = tl.where(hit, value, {start})")
            new = cells.along_text(str(s.combine), dtype, "value", 1, keep=False)
            both = cells.operation(cells.REDUCE[str(s.combine)], dtype, "total", new)
            out.line(f"total = {both}")

    def _set_last(self, out: Writer, loops: Loops, written: Store, bound: Bound) -> None:
        """The value of the last point that hits a target; others keep what they hold."""
        out.line(f"last = tl.full([TARGETS, 1], -1, {out.integer})")
        with self._hits(out, loops):
            out.line("number = tl.where(hit, point[None, :, :], -1)")
            out.line("last = tl.maximum(last, tl.max(number, 1))")
        found = decoded(out, "last", self.points)
        is_hit = f"({bound.mask}) & (last >= 0)"
        points = {n: Bound(text, 0, "last >= 0") for n, text in found.items()}
        with loops.body.within({**points, "target": replace(bound, mask=is_hit)}):
            loops.body.store(written)

    def _finish(self, out: Writer, loops: Loops, written: Store) -> None:
        text = "total"
        if self.store.keep:
            name = cells.REDUCE[str(self.store.combine)]
            before = out.let(loops.body.stored_text(written))
            text = out.let(cells.operation(name, self.store.value.dtype, before, text))
        loops.body.store(written, text)
