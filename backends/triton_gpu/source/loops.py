"""How the axes that no program owns are walked: reductions and stores over them.

A `Tile` says which of them run along a side of the tile, all at once if they fit; the others are
counted by loops. Reductions over the same axes share one loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from graphc.kernels.evaluate import identity
from graphc.kernels.kernel import Axis, Expr, Kernel, Load, Op, Reduce, Store
from graphc.kernels.levels import must_precede, reductions_ready, roots_of_store
from graphc.kernels.walk import buffers_of, walk

from . import cells
from .body import Body
from .shape import SIDES, Bound, Side, all_of, masks_of, shape_text, sides_of
from .writer import Writer, size_text

UNROLLED = 16
"""Turns of nested loops of known size up to which the compiler unrolls them, for numbers of 32
bits; what is read in all turns waits in registers."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The size of a tile (powers of two), and the axes that run along one of its sides without
    being owned by programs."""

    rows: int = 1
    lanes: int = 1
    sides: Mapping[str, Side] = field(default_factory=dict)

    def width(self, side: Side) -> int:
        """The elements along a side."""
        return self.lanes if side else self.rows

    def holds(self, axis: Axis) -> bool:
        """Whether an axis that runs along a side fits into the tile."""
        side = self.sides.get(axis.name)
        return side is not None and isinstance(axis.size, int) and axis.size <= self.width(side)


class Loops:
    """One kernel in the making, from where its owned axes are bound."""

    def __init__(self, out: Writer, kernel: Kernel, tile: Tile) -> None:
        self.out, self.kernel, self.tile = out, kernel, tile
        self.body = Body(out, kernel, lambda e: self.reduce([e]))
        self.axes = self.body.axes
        self.parents = {a.name: a.part.parent for a in kernel.axes if a.part}
        wide = any(b.dtype.is_float and b.dtype.itemsize > 4 for b in buffers_of(kernel))
        self.unrolled = UNROLLED // 2 if wide else UNROLLED

    # ------------------------------------------------------------------ binding

    def bind(self, axis: str, text: str, side: Side | None, *conditions: str) -> Bound:
        """The axis at a coordinate; the last part of it may be short."""
        part = self.axes[axis].part
        if part is not None:
            parent = self.body.scope[part.parent]
            here = f"{parent.text} * {size_text(part.block)} + {text}"
            conditions = (*conditions, f"{here} < {size_text(part.total)}")
            conditions = (*conditions, *([parent.mask] if parent.mask else []))
        return Bound(text, side, all_of(conditions) or None)

    def along(self, axis: Axis, side: Side, start: str = "") -> Bound:
        """A block of an axis along a side of the tile."""
        count = f"tl.arange(0, {SIDES[side]})"
        count += ".to(tl.int64)" if self.out.integer == "tl.int64" else ""
        vector = count + ("[None, :]" if side else "[:, None]")
        here = self.out.let(f"{start} + {vector}" if start else vector, f"at_{axis.name}_")
        width = self.tile.width(side)
        exact = isinstance(axis.size, int) and axis.size % width == 0
        return self.bind(
            axis.name, here, side, *([] if exact else [f"{here} < {size_text(axis.size)}"])
        )

    def bind_whole(self) -> dict[str, Bound]:
        """The axes that the tile holds as a whole, and whose parents are bound."""
        return {
            a.name: self.along(a, self.tile.sides[a.name])
            for a in self.kernel.axes
            if self.tile.holds(a) and self.parents.get(a.name, a.name) in {*self.body.scope, a.name}
        }

    def over(self, axes: Sequence[str], inside: Callable[[], None]) -> None:
        """Walk axes, outermost first."""
        if not axes:
            inside()
            return
        axis, side = self.axes[axes[0]], self.tile.sides.get(axes[0])
        if side is not None and self.tile.holds(axis):
            with self.body.within({axis.name: self.along(axis, side)}):
                self.over(axes[1:], inside)
            return
        name = self.out.name("turn" if side is None else "start")
        with self.out.block(f"for {name} in {self._range(axes)}"):
            here = {axis.name: self._turn(axis, side, name)}
            with self.body.within(here):
                self.over(axes[1:], inside)

    def _turn(self, axis: Axis, side: Side | None, start: str) -> Bound:
        """The axis in one turn of a loop. Its counter may be a number of Python's own."""
        if side is not None:
            return self.along(axis, side, start)
        here = self.out.let(f"tl.cast({start}, {self.out.integer})", f"at_{axis.name}_")
        return self.bind(axis.name, here, None)

    def _range(self, axes: Sequence[str]) -> str:
        axis, side = self.axes[axes[0]], self.tile.sides.get(axes[0])
        size = size_text(axis.size)
        if side is not None:
            return f"range(0, {size}, {SIDES[side]})"
        return f"{'tl.static_range' if self._is_short(axes) else 'range'}({size})"

    def _is_short(self, axes: Sequence[str]) -> bool:
        turns = 1
        for axis in map(self.axes.__getitem__, axes):
            if self.tile.holds(axis):
                continue
            if not isinstance(axis.size, int) or axis.name in self.tile.sides:
                return False
            turns *= axis.size
        return 0 < turns <= self.unrolled

    # ------------------------------------------------------------------ reductions

    def reductions(self, roots: Iterable[Expr]) -> None:
        """All reductions below the roots that can be computed here, in as few loops as can be."""
        body = self.body
        for level in reductions_ready(roots, frozenset(body.scope), body.memo, self.parents):
            groups: dict[frozenset[str], list[Reduce]] = {}
            for e in level:
                groups.setdefault(frozenset(e.axes), []).append(e)
            for group in groups.values():
                self.reduce(group)

    def reduce(self, group: Sequence[Reduce]) -> None:
        """Reductions over the same axes, in one loop over those that are not bound."""
        args = [e.arg for e in group]
        # An axis that the tile holds is there at once; any other is walked again.
        rest = [
            a.name for a in self.kernel.axes if a.name in group[0].axes and not self._is_whole(a)
        ]
        self.hoist(args, rest)
        if not rest:
            self.reductions(args)
            for e in group:
                self.body.memo[e] = self._across(e, self._masked(e))
            return
        totals = [self._start(e) for e in group]

        def turn() -> None:
            self.reductions(args)
            for e, total in zip(group, totals, strict=True):
                sum_ = cells.operation(cells.REDUCE[e.kind], e.dtype, total, self._masked(e))
                self.out.line(f"{total} = {sum_}")

        self.over(rest, turn)
        for e, total in zip(group, totals, strict=True):
            self.body.memo[e] = self._across(e, total)

    def _is_whole(self, axis: Axis) -> bool:
        return self.tile.holds(axis) and axis.name in self.body.scope

    def _start(self, e: Reduce) -> str:
        start = cells.number_text(identity(e.kind, e.dtype), e.dtype)
        shape = shape_text(self._sides(e))
        return self.out.let(f"tl.full({shape}, {start}, {cells.type_text(e.dtype)})", "total")

    def _sides(self, e: Reduce) -> frozenset[Side]:
        """The sides along which what a reduction reads varies, or is masked."""
        here = sides_of({*e.arg.free, *e.axes}, self.body.scope)
        reduced: list[Side] = [self.tile.sides[n] for n in e.axes if n in self.tile.sides]
        return here | frozenset(reduced)

    def _masked(self, e: Reduce) -> str:
        """The argument here, with the identity where it does not exist."""
        value = self.body.value(e.arg)
        missing = self._sides(e) - sides_of(e.arg.free, self.body.scope)
        conditions = masks_of([n for n in self.axes if n in e.axes], self.body.scope)
        if conditions:
            start = cells.number_text(identity(e.kind, e.dtype), e.dtype)
            value = self.out.let(f"tl.where({all_of(conditions)}, {value}, {start})")
        if missing:
            value = self.out.let(f"tl.broadcast_to({value}, {shape_text(self._sides(e))})")
        return value

    def _across(self, e: Reduce, value: str) -> str:
        """Reduced along the sides of the tile that its axes run along."""
        over = sorted({self.tile.sides[n] for n in e.axes if n in self.tile.sides}, reverse=True)
        left = self._sides(e) - frozenset(over)
        for side in over if left else (1, 0) if over else ():
            value = cells.along_text(e.kind, e.dtype, value, side, keep=bool(left))
        return self.out.let(value)

    def hoist(self, roots: Iterable[Expr], loop: Sequence[str]) -> None:
        """Compute before a loop what does not depend on it. A loop that may have no turn must not
        read: what it reads may not exist."""
        runs = all(isinstance(self.axes[n].size, int) and self.axes[n].size for n in loop)
        bound = frozenset(self.body.scope) - frozenset(loop)
        for e in walk(roots):
            here = isinstance(e, Load | Op) and e.free <= bound and self._is_known(e)
            if here and (runs or not any(isinstance(x, Load) for x in walk((e,)))):
                self.body.value(e)

    def _is_known(self, e: Expr) -> bool:
        """Whether no reduction below an expression is still to come."""
        return all(x in self.body.memo for x in walk((e,)) if isinstance(x, Reduce))

    # ------------------------------------------------------------------ stores

    def stores(self) -> None:
        """All stores of the kernel, those over the same axes in one loop."""
        stores = self.kernel.stores
        self.reductions([r for s in stores for r in roots_of_store(s)])
        groups: dict[tuple[str, ...], list[Store]] = {}
        for s in readers_first(stores):
            rest = tuple(n for n in self.axes if n in s.axes and n not in self.body.scope)
            groups.setdefault(rest, []).append(s)
        for rest, group in groups.items():
            roots = [r for s in group for r in roots_of_store(s)]
            self.hoist(roots, rest)
            self.over(rest, lambda group=group, roots=roots: self._store(group, roots))

    def _store(self, group: Sequence[Store], roots: Sequence[Expr]) -> None:
        self.reductions(roots)
        for e in roots:
            self.body.value(e)
        for s in group:
            self.body.store(s)


def readers_first(stores: Sequence[Store]) -> list[Store]:
    """A store that overwrites something comes after those that read it."""
    left, done = list(stores), []
    while left:
        free = next((s for s in left if not any(must_precede(t, s) for t in left)), left[0])
        left.remove(free)
        done.append(free)
    return done
