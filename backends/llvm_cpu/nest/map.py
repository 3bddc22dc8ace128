"""The loops of one map or reduce kernel: items, then at every place reductions and stores.

At every place the reductions that are ready are computed first (`reductions.py`); then the stores
whose axes are bound are done, and for the others one more axis is bound (`loops.py`). How axes are
divided is `map_schedule.py`; whole kernels are emitted by `emit_map.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from graphc.backends.llvm_cpu.ir.types import Number
from graphc.kernels.build import axes_of, const
from graphc.kernels.dense import is_keyed
from graphc.kernels.evaluate import identity
from graphc.kernels.kernel import Expr, Kernel, Reduce, Store
from graphc.kernels.levels import must_precede, roots_of_store, walk_until

from .ahead import Ahead
from .body import Body, Vectors
from .border import sweep
from .loops import Loops, Range
from .map_schedule import MapSchedule
from .place import Lanes
from .reductions import Reductions
from .stream import is_large
from .turn import Tiles, strided_loads


class MapEmitter:
    """Emits stores of a kernel at the place of a body."""

    def __init__(self, body: Body, kernel: Kernel, schedule: MapSchedule) -> None:
        self.body, self.place, self.f = body, body.place, body.f
        self.kernel, self.schedule = kernel, schedule
        self.loops = Loops(body, schedule)
        moving = schedule.inner or next(iter(schedule.divided[-1:]), None)
        self.ahead = Ahead(body, schedule.lanes, None if schedule.square else moving)
        self.reductions = Reductions(self.loops, self.ahead)
        self.span: Range | None = None
        """The part of the vector axis that belongs to this item."""

    # ---- items

    def items(self, share: Callable[[Number], Range]) -> None:
        """All items of one chunk; `share` answers which of so many are its own."""
        f, s = self.f, self.schedule
        self.body.large = {x: is_large(self.place, x) for x in self.kernel.stores}
        extents = [self.place.size(s.extent(self.kernel, n)) for n in s.divided]
        points: Number = 1
        for extent in extents:
            points = f.mul(points, extent)
        if not s.block or s.lanes is None:
            low, high = share(f.ceildiv(points, s.grain))
            self.points(f.mul(low, s.grain), f.min(f.mul(high, s.grain), points), extents)
            return
        size = self.place.size(self.kernel.axis(s.lanes).size)
        units = f.ceildiv(size, s.block)
        low, high = share(f.mul(points, units))
        if not s.outer:
            first, last = (f.min(f.mul(x, s.block), size) for x in (low, high))
            self.item(0, [], (first, last))
            return

        def one(t: Number, _: list[str]) -> None:
            first = f.mul(f.rem(t, units), s.block)
            self.item(f.div(t, units), extents, (first, f.min(f.add(first, s.block), size)))

        f.loop(low, high, 1, one)

    def points(self, low: Number, high: Number, extents: Sequence[Number]) -> None:
        """Some points of the outer axes, with the whole vector axis each."""
        s = self.schedule

        def all_points() -> None:
            self.f.loop(low, high, 1, lambda t, _: self.item(t, extents, None))

        if not s.lanes_first or s.lanes is None:
            return all_points()
        size = self.place.extent(s.lanes)
        whole = isinstance(size, int) and size % self.place.width == 0
        roots = [(e, set(x.axes)) for x in self.kernel.stores for e in roots_of_store(x)]
        with (
            self.body.scope({}, Lanes(s.lanes, 0, s.groups, None if whole else size)),
            self.body.hoisted([(e, axes - {s.lanes}) for e, axes in roots]),
        ):
            return all_points()

    def item(self, point: Number, extents: Sequence[Number], span: Range | None) -> None:
        """One point of the outer axes, in row-major order."""
        at: dict[str, Number] = {}
        names = self.schedule.divided
        for name, extent in reversed(list(zip(names, extents))):
            last = name == names[0]
            at[name] = point if last else self.f.rem(point, extent)
            point = point if last else self.f.div(point, extent)
        self.span = span
        square = self.schedule.square
        start = at.pop(square) if square else 0
        with self.body.scope(at):
            if square:
                self.squares(square, self.f.mul(start, self.schedule.side))
            elif self.schedule.inner:
                self.row(self.schedule.inner)
            else:
                with self.ahead.item():
                    self.clear()
                    self.run(self.kernel.stores)
        self.span = None

    def row(self, axis: str) -> None:
        """All points along an outer axis that is not divided."""
        stores = self.kernel.stores

        def one(at: Number) -> None:
            with self.body.scope({axis: at}), self.ahead.item():
                self.clear()
                self.run(stores)

        def needs() -> list[tuple[Expr, frozenset[str]]]:
            bound = self.place.bound()
            return [(e, frozenset(s.axes) - bound) for s in stores for e in roots_of_store(s)]

        sweep(self.body, axis, dict(self.schedule.inside), needs, one)

    def clear(self) -> None:
        """Set what combining stores of this item start from."""
        for s in self.kernel.stores:
            if needs_clearing(s) and clears_itself(self.kernel, s, self.schedule.outer):
                with self.body.scope({}):
                    self.run([cleared(s)])

    def squares(self, axis: str, first: Number) -> None:
        """Some values of an axis together: strided loads go through turned tiles."""
        f, s, stores = self.f, self.schedule, self.kernel.stores
        assert s.lanes, "squares have lanes on one side"
        size = self.place.size(self.kernel.axis(axis).size)
        whole = isinstance(size, int) and size % s.side == 0
        count = s.side if whole else f.min(s.side, f.sub(size, first))
        loads = strided_loads(self.kernel, s.lanes, axis, frozenset(s.outer) | {s.lanes})
        tiles = Tiles(self.body, loads, axis, s.groups)
        roots = [e for x in stores for e in roots_of_store(x)]

        def inside(_: object) -> list[Vectors]:
            with self.body.hoisted([(e, (axis,)) for e in roots]):
                tiles.sweep(first, count, lambda: self.run(stores))
            return []

        with self.body.hoisted([(e, (axis, s.lanes)) for e in roots]):
            self.loops.vectors(*self.lanes_range(), inside)

    def lanes_range(self) -> Range:
        """The values of the vector axis that belong to this item."""
        assert self.schedule.lanes, "a kernel without axes has no vectors"
        return self.span or (0, self.place.extent(self.schedule.lanes))

    # ---- one place: reductions, then stores

    def run(self, stores: Sequence[Store]) -> None:
        """Do some stores, of which some axes are bound, for all values of the others."""
        body, bound = self.body, self.place.bound()
        special = dict(body.special)
        roots = [e for s in stores for e in roots_of_store(s)]
        self.reductions.compute(roots, keep=True)
        waiting = [s for s in stores if not frozenset(s.axes) <= bound]
        while waiting:
            axis, together = self.next_loop(waiting)
            self.over(axis, together)
            waiting = [s for s in waiting if s not in together]
        # Outputs may share memory with inputs: all values come before the first store.
        done = [s for s in stores if frozenset(s.axes) <= bound]
        for e in (e for s in done for e in roots_of_store(s)):
            body.value(e)
        for s in done:
            body.store(s)
        body.special = special

    def over(self, axis: str, stores: Sequence[Store]) -> None:
        """Bind one more axis for some stores, and do them."""
        bound = self.place.bound()
        needs = [(e, frozenset(s.axes) - bound) for s in stores for e in roots_of_store(s)]
        with self.body.hoisted(needs):
            if axis == self.schedule.lanes:
                ask = self.ahead.of_pass(e for s in stores for e in roots_of_store(s))

                def inside(_: object) -> list[Vectors]:
                    ask()
                    self.run(stores)
                    return []

                self.loops.vectors(*self.lanes_range(), inside)
            else:
                self.f.loop(0, self.place.extent(axis), 1, lambda i, _: self.enter(axis, i, stores))

    def enter(self, axis: str, at: Number, stores: Sequence[Store]) -> None:
        """Do some stores at one value of an axis."""
        with self.body.scope({axis: at}):
            self.run(stores)

    def next_loop(self, stores: Sequence[Store]) -> tuple[str, list[Store]]:
        """The axis to bind next, and the stores that have it."""
        first = next((s for s in stores if self.follows(s, stores)), None)
        if first is None and (axis := self.common_axis(stores)):
            return axis, [s for s in stores if axis in s.axes]
        first = first or stores[0]
        axis = self.next_axis(first)
        others = [s for s in stores if s is not first and self.joins(s, axis, stores)]
        return axis, [first, *others]

    def joins(self, s: Store, axis: str, stores: Sequence[Store]) -> bool:
        """Whether a store may run in the next loop too: its reductions do not want it outside."""
        if axis not in s.axes or not self.follows(s, stores):
            return False
        return axis not in self.missing(roots_of_store(s)) or axis == self.next_axis(s)

    def follows(self, s: Store, stores: Sequence[Store]) -> bool:
        """Whether nothing that must be read before this store is left for a later loop."""
        memo = self.body.memo
        return not any(t.axes != s.axes and must_precede(t, s, memo) for t in stores)

    def common_axis(self, stores: Sequence[Store]) -> str | None:
        """An axis of all stores that nothing reduces: behind it, fewer of them must wait."""
        common = frozenset[str].intersection(*(frozenset(s.axes) for s in stores))
        removed = self.missing([e for s in stores for e in roots_of_store(s)])
        return next(iter(self.loops.ordered(common - self.place.bound() - removed)), None)

    def missing(self, roots: Sequence[Expr]) -> frozenset[str]:
        """The axes that reductions not yet computed remove."""
        below = walk_until(roots, self.body.memo)
        return frozenset(n for e in below if isinstance(e, Reduce) for n in e.axes)

    def next_axis(self, s: Store) -> str:
        """The axis of one store to bind next.

        Axes that no missing reduction removes come first, so that reductions become ready as far
        out as possible; the vector axis comes last unless a reduction inside wants it bound.
        """
        bound, lanes = self.place.bound(), self.schedule.lanes
        removed = self.missing(roots_of_store(s))
        axes = self.loops.ordered(frozenset(s.axes) - bound)
        axes = [n for n in axes if self.loops.may_bind(n)]
        assert axes, "a part of an axis stands behind the axis that numbers the parts"
        if is_keyed(s):
            scalars = [n for n in s.axes if n in axes and n != lanes]
            return scalars[0] if scalars else axes[0]
        scalars = [n for n in axes if n != lanes]
        free = [n for n in scalars if n not in removed]
        if free:
            return free[0]
        wanted = lanes in axes and lanes not in removed and removed
        return lanes if lanes and wanted else axes[0]


def needs_clearing(s: Store) -> bool:
    """Whether a store combines onto identities."""
    return s.combine not in (None, "set") and not s.keep


def clears_itself(kernel: Kernel, s: Store, outer: Sequence[str]) -> bool:
    """Whether an item can clear exactly its own part: every dimension is one whole axis."""
    names: list[str] = []
    for i, size in zip(s.index, s.buffer.shape):
        if isinstance(i, Expr) or not i.is_plain or len(i.terms) != 1 or i.const != 0:
            return False
        ((name, coef),) = i.terms
        if coef != 1 or kernel.axis(name).size != size or kernel.axis(name).part:
            return False
        names.append(name)
    return len(set(names)) == len(names) and set(outer) <= set(names)


def cleared(s: Store) -> Store:
    """The store that sets what a combining store starts from."""
    dtype = s.value.dtype
    kind = s.combine
    assert kind not in (None, "set"), "only combining stores start from identities"
    axes = tuple(n for i in s.index for n in axes_of(i))
    return replace(s, value=const(identity(kind, dtype), dtype), axes=axes, combine=None)
