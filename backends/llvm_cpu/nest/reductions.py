"""Reductions at one place of the loops: levels, passes, accumulators, the final tree.

The order of every float reduction follows from shapes and the schedule alone: accumulators per
lane and per vector, several per lane where the reduced axis is not the vector axis, combined in
fixed trees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod

from graphc.backends.llvm_cpu.ir import scalar
from graphc.backends.llvm_cpu.ir.types import Number, constant, value_type
from graphc.kernels.evaluate import identity
from graphc.kernels.kernel import Expr, Op, Reduce
from graphc.kernels.levels import reductions_ready, walk_until

from .ahead import Ahead
from .body import Vectors
from .first_hit import code_of, is_better
from .loops import Carried, Loops, unflatten
from .rows import COSTLY, Rows

UNROLL = 4
"""Reduced axes up to this size are written out, if no more bodies than this squared result."""
COPIES = 4
"""Independent accumulators of a reduction that does not run along the lanes."""
SHORT_BODY = 24
"""Expressions below a reduction that is written several times for more accumulators."""

Inside = Callable[[Carried], Carried]


class Reductions:
    """Computes reductions into the memo of a body."""

    def __init__(self, loops: Loops, ahead: Ahead) -> None:
        self.ahead = ahead
        self.loops, self.schedule = loops, loops.schedule
        self.body, self.place, self.f = loops.body, loops.place, loops.f
        self.rows = Rows(loops.body, loops.schedule.lanes)
        self.bodies = 1
        """How many copies of the current body are being written out."""
        loops.body.on_reduction = self.one

    def compute(self, roots: Sequence[Expr], keep: bool = False) -> None:
        """Compute what is ready here, so that it is known from here on."""
        body = self.body
        bound, parents = self.place.bound(), self.loops.parents
        for level in reductions_ready(roots, bound, body.memo, parents):
            groups: dict[frozenset[str], list[Reduce]] = {}
            for e in level:
                groups.setdefault(frozenset(e.axes), []).append(e)
            for together in groups.values():
                found = [e for e in together if e not in body.memo and not self.placed(e, roots)]
                if not found:
                    continue
                rows = self.rows.keep(found, roots) if keep else []
                self.reduce(found)
                for row in rows:
                    row.written = True

    def placed(self, top: Reduce, roots: Sequence[Expr]) -> bool:
        """Compute a maximum and its first place together, if both are wanted and it is short."""
        axes = self.pass_order([top]) if top.kind == "max" else []
        mine = [self.place.axes[n] for n in axes if n != self.schedule.lanes]
        known = [a.size for a in mine if isinstance(a.size, int) and a.part is None]
        if len(known) < len(axes) or not 1 < prod(known) <= UNROLL**2:
            return False
        below = walk_until(roots, self.body.memo)
        pairs = ((e, code_of(e, top, axes)) for e in below if isinstance(e, Reduce))
        first, code = next(((e, c) for e, c in pairs if c is not None), (None, None))
        if first is None or code is None:
            return False
        with self.body.hoisted([(top.arg, axes)]):
            self.body.memo |= self.first_hit(top, first, code, [range(x) for x in known], axes)
        return True

    def first_hit(
        self, top: Reduce, first: Reduce, code: Expr, ranges: Sequence[range], axes: Sequence[str]
    ) -> dict[Expr, Vectors]:
        """The greatest value so far and its place, point by point."""
        f, body, dtype = self.f, self.body, top.dtype
        type_ = value_type(dtype, self.place.width)
        kind = value_type(first.dtype, self.place.width)
        best, places = list[str](), list[str]()
        for point in product(*ranges):
            with body.scope(dict(zip(axes, point))):
                new = body.value(top.arg)
                (here,) = body.value(code)
            if not best:
                best, places = list(new), [here] * len(new)
                continue
            if len(best) < len(new):  # what came before was the same in all lanes, as fills are
                best, places = best * len(new), places * len(new)
            for g, old in enumerate(best):
                x = new[g % len(new)]
                better = is_better(f, type_, x, old, dtype.is_float, dtype.kind == "i")
                places[g] = f.blend(better, kind, here, places[g])
                best[g] = self.pair(top, old, x)
        return {top: best, first: places}

    def one(self, e: Reduce) -> Vectors:
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
        """The loops of a pass: axes that reductions inside remove come late, the lanes last.

        Else those that step far come first, so that neighbours in memory are read together.
        """
        below = walk_until([e.arg for e in found], self.body.memo)
        removed = frozenset(n for e in below if isinstance(e, Reduce) for n in e.axes)
        axes = self.loops.ordered(frozenset(found[0].axes))
        lanes, parents = self.schedule.lanes, self.loops.parents

        def place(n: str) -> tuple[bool, bool, bool, int]:
            late = n in removed and n not in parents.values()
            return n == lanes, late, parents.get(n) in axes, -self.loops.step(n, below)

        return sorted(axes, key=place)

    def start(self, e: Reduce) -> Vectors:
        """The identity, once per vector that is accumulated."""
        place = self.place
        groups = 1
        if self.schedule.lanes in e.axes:
            groups = self.schedule.groups
        elif place.lanes and place.lanes.axis in e.free:
            groups = place.lanes.groups
        return [constant(e.dtype, identity(e.kind, e.dtype), place.width)] * groups

    def accumulate(self, found: Sequence[Reduce], axes: Sequence[str], values: Carried) -> Carried:
        """Combine all points of some axes onto values."""
        if not axes:
            return self.combine(found, values)
        name, rest = axes[0], list(axes[1:])
        args = [e.arg for e in found]

        def inside(carried: Carried) -> Carried:
            self.compute(args)
            if not rest:
                return self.combine(found, carried)
            with self.body.hoisted([(e, rest) for e in args]):
                return self.accumulate(found, rest, carried)

        if name == self.schedule.lanes:
            carried = [(value_type(e.dtype, self.place.width), v) for e, v in zip(found, values)]
            ask = self.ahead.of_pass(args)

            def along(carried: Carried) -> Carried:
                ask()
                return inside(carried)

            return self.loops.vectors(0, self.place.extent(name), along, carried)
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
        values: Carried,
        inside: Inside,
    ) -> Carried:
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
        values: Carried,
        inside: Inside,
        copies: int = 1,
    ) -> Carried:
        """A loop that takes `copies` points at a time, each onto its own values."""
        f, shape = self.f, [len(v) for v in values]
        types = [value_type(e.dtype, self.place.width) for e in found] * copies

        def step(i: Number, flat: Sequence[str]) -> list[str]:
            carried = unflatten(flat, shape)
            results: Carried = []
            for copy in range(copies):
                with self.body.scope({name: f.add(i, copy)}):
                    results += inside(carried[copy * len(found) : (copy + 1) * len(found)])
            return [x for v in results for x in v]

        pairs = [(t, x) for t, v in zip(types, values) for x in v]
        return unflatten(f.loop(low, high, copies, step, pairs), shape)

    def interleaved(
        self,
        name: str,
        extent: Number,
        found: Sequence[Reduce],
        values: Carried,
        inside: Inside,
    ) -> Carried:
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

    def is_short(self, found: Sequence[Reduce], values: Carried) -> bool:
        """Whether writing a body several times pays: it is small, and few vectors are carried."""
        below = walk_until([e.arg for e in found], self.body.memo)
        width = self.schedule.groups if any(len(v) > 1 for v in values) else 1
        simple = not any(
            isinstance(e, Reduce) or (isinstance(e, Op) and e.name in COSTLY) for e in below
        )
        return simple and len(below) <= SHORT_BODY and len(found) * width <= 4

    def combine(self, found: Sequence[Reduce], values: Carried) -> Carried:
        """The values at one point added onto others."""
        new: Carried = []
        for e, old in zip(found, values):
            here = self.body.value(e.arg)
            wide = [here[g % len(here)] for g in range(len(old))]
            if self.schedule.lanes in e.axes:
                wide = [self.masked(e, x, g) for g, x in enumerate(wide)]
            new.append(wide)
        return self.added(found, values, new)

    def added(self, found: Sequence[Reduce], a: Carried, b: Carried) -> Carried:
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
