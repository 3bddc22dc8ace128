"""The loops of one map or reduce kernel: items, passes inside an item, vectors, reductions.

At every place the reductions that are ready are computed first, level by level, one pass for all
that share their axes; then the stores whose axes are bound are done, and for the others one more
axis is bound. How axes are divided is `map_schedule.py`; whole kernels are emitted by
`emit_map.py`; expressions are `body.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from graphc.kernels.build import axes_of, const
from graphc.kernels.dense import is_keyed
from graphc.kernels.evaluate import identity
from graphc.kernels.kernel import Expr, Kernel, Reduce, Store
from graphc.kernels.levels import (
    must_precede,
    reductions_ready,
    roots_of_store,
    walk_until,
)

from . import scalar
from .body import Body, Vectors
from .map_schedule import MapSchedule
from .place import Lanes
from .rows import Rows
from .types import Number, constant, value_type

UNROLL = 4
"""Reduced axes up to this size are written out, if no more bodies than this squared result."""
COPIES = 4
"""Independent accumulators of a reduction that does not run along the lanes."""
SHORT_BODY = 24
"""Expressions below a reduction that is written several times for more accumulators."""

Range = tuple[Number, Number]


class MapEmitter:
    """Emits stores of a kernel at the place of a body."""

    def __init__(self, body: Body, kernel: Kernel, schedule: MapSchedule) -> None:
        self.body, self.place, self.f = body, body.place, body.f
        self.kernel, self.schedule = kernel, schedule
        self.order = {a.name: i for i, a in enumerate(kernel.axes)}
        self.parents = {a.name: a.part.parent for a in kernel.axes if a.part}
        self.rows = Rows(body, schedule.lanes)
        self.span: Range | None = None
        """The part of the vector axis that belongs to this item."""
        self.bodies = 1
        """How many copies of the current body are being written out."""
        body.on_reduction = self.reduction

    # ---- items

    def items(self, share: Callable[[Number], Range]) -> None:
        """All items of one chunk; `share` answers which of so many are its own."""
        f, s = self.f, self.schedule
        extents = [self.place.size(self.kernel.axis(n).size) for n in s.outer]
        points: Number = 1
        for extent in extents:
            points = f.mul(points, extent)
        if not s.block or s.lanes is None:
            low, high = share(f.ceildiv(points, s.grain))
            last = f.min(f.mul(high, s.grain), points)
            f.loop(f.mul(low, s.grain), last, 1, lambda t, _: self.item(t, extents, None))
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

    def item(self, point: Number, extents: Sequence[Number], span: Range | None) -> None:
        """One point of the outer axes, in row-major order."""
        at: dict[str, Number] = {}
        for name, extent in reversed(list(zip(self.schedule.outer, extents))):
            last = name == self.schedule.outer[0]
            at[name] = point if last else self.f.rem(point, extent)
            point = point if last else self.f.div(point, extent)
        self.span = span
        with self.body.scope(at):
            for s in self.kernel.stores:
                if needs_clearing(s) and clears_itself(self.kernel, s, self.schedule.outer):
                    with self.body.scope({}):
                        self.run([cleared(s)])
            self.run(self.kernel.stores)
        self.span = None

    # ---- one place: reductions, then stores

    def run(self, stores: Sequence[Store]) -> None:
        """Do some stores, of which some axes are bound, for all values of the others."""
        body, bound = self.body, self.place.bound()
        special = dict(body.special)
        roots = [e for s in stores for e in roots_of_store(s)]
        self.reductions(roots, keep=True)
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
                low, high = self.span or (0, self.place.extent(axis))
                self.vectors(low, high, lambda _: self.run(stores) or [])
            else:
                self.f.loop(0, self.place.extent(axis), 1, lambda i, _: self.enter(axis, i, stores))

    def enter(self, axis: str, at: Number, stores: Sequence[Store]) -> None:
        """Do some stores at one value of an axis."""
        with self.body.scope({axis: at}):
            self.run(stores)

    def next_loop(self, stores: Sequence[Store]) -> tuple[str, list[Store]]:
        """The axis to bind next, and the stores that have it.

        Axes that no missing reduction removes come first, so that reductions become ready as far
        out as possible; the vector axis comes last unless a reduction inside wants it bound.
        """
        bound = self.place.bound()
        readers = [s for s in stores if not any(must_precede(t, s) for t in stores)]
        first = (readers or list(stores))[0]
        roots = roots_of_store(first)
        missing = [e for e in walk_until(roots, self.body.memo) if isinstance(e, Reduce)]
        removed = frozenset(n for e in missing for n in e.axes)
        open_axes = [n for n in self.ordered(frozenset(first.axes) - bound) if self.may_bind(n)]
        if is_keyed(first):
            open_axes = [n for n in first.axes if n in open_axes and n != self.schedule.lanes]
            open_axes = open_axes[:1] or [n for n in first.axes if n not in bound]
        scalars = [n for n in open_axes if n != self.schedule.lanes]
        free = [n for n in scalars if n not in removed]
        if not free and self.schedule.lanes in open_axes and self.schedule.lanes not in removed:
            free = [self.schedule.lanes] if removed or not scalars else []
        axis = (free or scalars or open_axes)[0]
        others = [s for s in stores if axis in s.axes and self.follows(s, stores)]
        return axis, [first, *(s for s in others if s is not first)]

    def follows(self, s: Store, stores: Sequence[Store]) -> bool:
        """Whether nothing that must be read before this store is left for a later loop."""
        return not any(must_precede(t, s) and t.axes != s.axes for t in stores)

    def may_bind(self, axis: str) -> bool:
        """A part of an axis needs to know which part it is in."""
        part = self.place.axes[axis].part
        return part is None or part.parent in self.place.at

    def ordered(self, axes: Iterable[str]) -> list[str]:
        """Axes in the order of loops: parents before parts, the vector axis last."""
        lanes, parts = self.schedule.lanes, self.place.axes
        return sorted(axes, key=lambda n: (n == lanes, bool(parts[n].part), self.order[n]))

    # ---- vectors

    def vectors(
        self,
        low: Number,
        high: Number,
        inside: Callable[[list[Vectors]], list[Vectors]],
        carried: Sequence[tuple[str, Vectors]] = (),
    ) -> list[Vectors]:
        """Loop the vector axis: groups of full vectors first, then single ones, the last masked.

        `carried` are (type, vectors) that go through the loops: one vector per group, or fewer.
        """
        f, s, width = self.f, self.schedule, self.place.width
        assert s.lanes, "a kernel without axes has no vectors"
        lanes, step = s.lanes, s.groups * width
        types = [t for t, v in carried for _ in v]
        shape = [len(v) for _, v in carried]

        def run(base: Number, flat: Sequence[str], groups: int, left: Number | None) -> list[str]:
            values = _unflatten(flat, shape)
            with self.body.scope({}, Lanes(lanes, base, groups, left)):
                results = inside([v[:groups] for v in values])
            return [x for v, r in zip(values, results) for x in (*r, *v[groups:])]

        flat = [x for _, v in carried for x in v]
        full = f.add(low, f.mul(f.div(f.sub(high, low), step), step))
        pairs = list(zip(types, flat))
        flat = f.loop(low, full, step, lambda i, c: run(i, c, s.groups, None), pairs)
        if isinstance(low, int) and isinstance(full, int) and isinstance(high, int):
            for base in range(full, high, width):
                left = None if high - base >= width else high - base
                flat = run(base, flat, 1, left)
            return _unflatten(flat, shape)
        pairs = list(zip(types, flat))
        flat = f.loop(full, high, width, lambda i, c: run(i, c, 1, f.sub(high, i)), pairs)
        return _unflatten(flat, shape)

    # ---- reductions

    def reductions(self, roots: Sequence[Expr], keep: bool = False) -> None:
        """Compute what is ready here, so that it is known from here on."""
        body = self.body
        bound, parents = self.place.bound(), self.parents
        for level in reductions_ready(roots, bound, body.memo, parents):
            groups: dict[frozenset[str], list[Reduce]] = {}
            for e in level:
                groups.setdefault(frozenset(e.axes), []).append(e)
            for found in groups.values():
                rows = self.rows.keep(found, roots) if keep else []
                self.reduce(found)
                for row in rows:
                    row.written = True

    def reduction(self, e: Reduce) -> Vectors:
        """One reduction, where it is asked for."""
        self.reduce([e])
        return self.body.memo[e]

    def reduce(self, found: Sequence[Reduce]) -> None:
        """One pass that carries all these reductions, which remove the same axes."""
        body, lanes = self.body, self.schedule.lanes
        axes = self.pass_order(found)
        starts = [self.start(e) for e in found]
        with body.hoisted([(e.arg, axes) for e in found]):
            totals = self.accumulate(found, axes, starts)
        for e, total in zip(found, totals):
            body.memo[e] = [self.across(e, total)] if lanes in e.axes else total

    def pass_order(self, found: Sequence[Reduce]) -> list[str]:
        """The loops of a pass: axes that reductions inside remove come late, the lanes last."""
        below = walk_until([e.arg for e in found], self.body.memo)
        removed = frozenset(n for e in below if isinstance(e, Reduce) for n in e.axes)
        axes = self.ordered(frozenset(found[0].axes))
        lanes = self.schedule.lanes
        return sorted(axes, key=lambda n: (n == lanes, n in removed and not self.has_part(n)))

    def has_part(self, axis: str) -> bool:
        """Whether another axis counts inside the parts that this one numbers."""
        return axis in self.parents.values()

    def start(self, e: Reduce) -> Vectors:
        """The identity, once per vector that is accumulated."""
        place = self.place
        groups = 1
        if self.schedule.lanes in e.axes:
            groups = self.schedule.groups
        elif place.lanes and place.lanes.axis in e.free:
            groups = place.lanes.groups
        return [constant(e.dtype, identity(e.kind, e.dtype), place.width)] * groups

    def accumulate(
        self, found: Sequence[Reduce], axes: Sequence[str], values: list[Vectors]
    ) -> list[Vectors]:
        """Combine all points of some axes onto values."""
        if not axes:
            return self.combine(found, values)
        name, rest = axes[0], list(axes[1:])
        args = [e.arg for e in found]

        def inside(carried: list[Vectors]) -> list[Vectors]:
            self.reductions(args)
            if not rest:
                return self.combine(found, carried)
            with self.body.hoisted([(e, rest) for e in args]):
                return self.accumulate(found, rest, carried)

        if name == self.schedule.lanes:
            carried = [(value_type(e.dtype, self.place.width), v) for e, v in zip(found, values)]
            return self.vectors(0, self.place.extent(name), inside, carried)
        extent = self.place.extent(name)
        if isinstance(extent, int) and extent <= UNROLL and self.bodies * extent <= UNROLL**2:
            return self.written_out(name, extent, values, inside)
        if rest or not self.is_short(found, values):
            return self.looped(name, 0, extent, found, values, inside)
        return self.interleaved(name, extent, found, values, inside)

    def written_out(
        self,
        name: str,
        extent: int,
        values: list[Vectors],
        inside: Callable[[list[Vectors]], list[Vectors]],
    ) -> list[Vectors]:
        """A short loop as its bodies."""
        before, self.bodies = self.bodies, self.bodies * max(1, extent)
        for i in range(extent):
            with self.body.scope({name: i}):
                values = inside(values)
        self.bodies = before
        return values

    def looped(
        self,
        name: str,
        low: Number,
        high: Number,
        found: Sequence[Reduce],
        values: list[Vectors],
        inside: Callable[[list[Vectors]], list[Vectors]],
        copies: int = 1,
    ) -> list[Vectors]:
        """A loop that takes `copies` points at a time, each onto its own values."""
        f, shape = self.f, [len(v) for v in values]
        types = [value_type(e.dtype, self.place.width) for e in found] * copies

        def step(i: Number, flat: Sequence[str]) -> list[str]:
            carried = _unflatten(flat, shape)
            results: list[Vectors] = []
            for copy in range(copies):
                with self.body.scope({name: f.add(i, copy)}):
                    results += inside(carried[copy * len(found) : (copy + 1) * len(found)])
            return [x for v in results for x in v]

        pairs = [(t, x) for t, v in zip(types, values) for x in v]
        return _unflatten(f.loop(low, high, copies, step, pairs), shape)

    def interleaved(
        self,
        name: str,
        extent: Number,
        found: Sequence[Reduce],
        values: list[Vectors],
        inside: Callable[[list[Vectors]], list[Vectors]],
    ) -> list[Vectors]:
        """A loop with several accumulators: shorter chains, smaller errors; a tree at the end."""
        f = self.f
        if isinstance(extent, int) and extent < 2 * COPIES:
            return self.looped(name, 0, extent, found, values, inside)
        fresh = [self.start(e) for e in found]
        whole = f.sub(extent, f.rem(extent, COPIES))
        many = [*values, *(fresh * (COPIES - 1))]
        many = self.looped(name, 0, whole, found, many, inside, COPIES)
        n = len(found)
        parts = [many[i * n : (i + 1) * n] for i in range(COPIES)]
        parts[0] = self.looped(name, whole, extent, found, parts[0], inside)
        while len(parts) > 1:
            half = len(parts) // 2
            parts = [self.added(found, a, b) for a, b in zip(parts[:half], parts[half:])]
        return parts[0]

    def is_short(self, found: Sequence[Reduce], values: list[Vectors]) -> bool:
        """Whether writing a body several times pays: it is small, and few vectors are carried."""
        below = walk_until([e.arg for e in found], self.body.memo)
        width = self.schedule.groups if any(len(v) > 1 for v in values) else 1
        simple = not any(isinstance(e, Reduce) for e in below)
        return simple and len(below) <= SHORT_BODY and len(found) * width <= 4

    def combine(self, found: Sequence[Reduce], values: list[Vectors]) -> list[Vectors]:
        """The values at one point added onto others."""
        new: list[Vectors] = []
        for e, old in zip(found, values):
            here = self.body.value(e.arg)
            wide = [here[g % len(here)] for g in range(len(old))]
            if self.schedule.lanes in e.axes:
                wide = [self.masked(e, x, g) for g, x in enumerate(wide)]
            new.append(wide)
        return self.added(found, values, new)

    def added(self, found: Sequence[Reduce], a: list[Vectors], b: list[Vectors]) -> list[Vectors]:
        """Two partial results of each reduction as one."""
        return [
            [self.pair(e, x, y) for x, y in zip(left, right)] for e, left, right in zip(found, a, b)
        ]

    def pair(self, e: Reduce, a: str, b: str) -> str:
        """Two vectors of partial results as one."""
        return scalar.combine(self.f, e.kind, e.dtype, self.place.width, a, b)

    def masked(self, e: Reduce, x: str, group: int) -> str:
        """Lanes beyond the end hold the identity."""
        mask = self.place.mask(group)
        if mask is None:
            return x
        none = constant(e.dtype, identity(e.kind, e.dtype), self.place.width)
        return self.f.blend(mask, value_type(e.dtype, self.place.width), x, none)

    def across(self, e: Reduce, groups: Vectors) -> str:
        """All lanes of all groups combined in a fixed tree, the result in every lane."""
        while len(groups) > 1:
            half = (len(groups) + 1) // 2
            pairs = [self.pair(e, a, b) for a, b in zip(groups, groups[half:])]
            groups = pairs + groups[len(pairs) : half]
        type_ = value_type(e.dtype, self.place.width)
        return self.f.across(type_, groups[0], lambda a, b: self.pair(e, a, b))


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


def _unflatten(values: Sequence[str], shape: Sequence[int]) -> list[Vectors]:
    result, at = [], 0
    for n in shape:
        result.append(list(values[at : at + n]))
        at += n
    return result
