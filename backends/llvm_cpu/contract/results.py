"""What follows the sum of a contraction: the stores of a tile, and the reductions over its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphc.backends.llvm_cpu.ir import scalar
from graphc.backends.llvm_cpu.ir.types import (
    I32,
    POINTER,
    VOID,
    Number,
    constant,
    memory_type,
    value_type,
)
from graphc.backends.llvm_cpu.ir.writer import Condition
from graphc.backends.llvm_cpu.nest.body import Body, Vectors
from graphc.backends.llvm_cpu.nest.place import Lanes
from graphc.backends.llvm_cpu.nest.rows import COSTLY
from graphc.kernels.build import compute_dtype
from graphc.kernels.evaluate import identity
from graphc.kernels.kernel import Expr, Load, Op, Reduce, Store
from graphc.kernels.walk import walk

from .plan import Plan
from .stream import streams

LONG_EPILOGUE = 600
"""Vector operations of an epilogue; above it a loop over rows compiles faster and runs as fast."""
COSTLY_WEIGHT = 25
CACHE_LINE = 64


class Results:
    """The stores of a tile's rows, and the reductions over M that they feed."""

    def __init__(self, plan: Plan, body: Body) -> None:
        self.plan, self.body, self.f = plan, body, body.f
        self.streamed: dict[Store, Condition] = {}

    @property
    def roots(self) -> list[Expr]:
        """What is computed from the sums."""
        return [*(s.value for s in self.plan.c.tiles), *(e.arg for e in self.plan.c.columns)]

    @property
    def is_long(self) -> bool:
        """Whether the epilogue of a whole tile is too much to write out."""
        c = self.plan.c
        after = [e for e in walk(self.roots) if isinstance(e, Op) and e.free >= c.sums[0].free]
        weight = sum(COSTLY_WEIGHT if e.name in COSTLY else 1 for e in after)
        return weight * self.plan.tile.rows * self.plan.tile.vectors > LONG_EPILOGUE

    def columns(self) -> list[Vectors]:
        """The identity of each reduction over M, one vector per group."""
        width, many = self.body.place.width, self.plan.tile.vectors
        return [
            [constant(e.dtype, identity(e.kind, e.dtype), width)] * many
            for e in self.plan.c.columns
        ]

    def hoist(self) -> None:
        """Compute what is the same in all rows."""
        for e in invariant(self.roots, self.body):
            self.body.value(e)
        self.streamed = {s: streams(self.plan, self.body.place, s) for s in self.plan.c.tiles}

    def prefetch(self, rows: Sequence[Mapping[str, Number]]) -> None:
        """Ask for what the rows of a tile will read besides the sums, long before it is needed."""
        c = self.plan.c
        products = {x for e in c.sums for x in walk((e.arg,))}
        loads = [e for e in walk(self.roots) if isinstance(e, Load) and e not in products]
        for e in loads:
            if not e.free >= {c.m[-1], self.plan.n}:
                continue
            for at in rows:
                with self.body.scope(at):
                    self._prefetch(e)

    def _prefetch(self, e: Load) -> None:
        place, element = self.body.place, memory_type(e.buffer.dtype)
        where = self.body.memory.address(e.buffer, e.index)
        if where.step != 1:
            return
        elements = self.plan.tile.vectors * place.width
        for first in range(0, elements, CACHE_LINE // e.buffer.dtype.itemsize):
            at = self.f.gep(element, where.pointer, first)
            how = [(I32, 0), (I32, 3), (I32, 1)]  # to read, keep close, data
            self.f.call(VOID, "llvm.prefetch.p0", [(POINTER, at), *how])

    def row(self, at: Mapping[str, Number], acc: Vectors, columns: list[Vectors]) -> list[Vectors]:
        """One row of results: all values first, then the stores; the reductions with it added."""
        c, body, many = self.plan.c, self.body, self.plan.tile.vectors
        with body.scope(at):
            for i, e in enumerate(c.sums):
                body.memo[e] = acc[i * many : (i + 1) * many]
            values = [body.value(s.value) for s in c.tiles]
            args = [body.value(e.arg) for e in c.columns if columns]
            for s, value in zip(c.tiles, values):
                self.write(s, value)
        return [
            [self.combined(e, x, new[g % len(new)]) for g, x in enumerate(old)]
            for e, old, new in zip(c.columns, columns, args)
        ]

    def write(self, s: Store, values: Vectors) -> None:
        """Store one row of results, past the caches if they are large."""
        memory = self.body.memory

        def stored(streaming: bool) -> list[Number]:
            memory.streaming = streaming
            with self.body.scope({}):
                memory.write(s, values)
            memory.streaming = False
            return []

        large = self.streamed.get(s, False)
        self.f.if_else(large, lambda: stored(True), lambda: stored(False), [])

    @property
    def are_wide(self) -> bool:
        """Whether reductions over M are done in a wider dtype than the sums."""
        narrow = self.plan.dtype.itemsize
        return any(e.dtype.itemsize > narrow for e in self.plan.c.columns)

    def wide_columns(self, rows: Sequence[tuple[Mapping[str, Number], Vectors]]) -> list[Vectors]:
        """The reductions over M, one group of columns after the other: few registers at a time."""
        c, body, many = self.plan.c, self.body, self.plan.tile.vectors
        lanes, totals = body.place.lanes, self.columns()
        assert lanes, "a tile has lanes"
        for g in range(many):
            base = self.f.add(lanes.base, g * body.place.width)
            left = None if lanes.left is None else self.f.sub(lanes.left, g * body.place.width)
            for at, acc in rows:
                with body.scope(at, Lanes(lanes.axis, base, 1, left)):
                    for i, e in enumerate(c.sums):
                        body.memo[e] = [acc[i * many + g]]
                    for e, total in zip(c.columns, totals):
                        total[g] = self.added(e, total[g])
        return totals

    def added(self, e: Reduce, total: str) -> str:
        """A total with the value here; a product is added with one rounding."""
        body, arg = self.body, e.arg
        if e.kind == "sum" and isinstance(arg, Op) and arg.name == "mul" and arg.dtype.is_float:
            a, b = (body.value(x)[0] for x in arg.args)
            return self.f.fma(value_type(arg.dtype, body.place.width), a, b, total)
        return self.combined(e, total, body.value(arg)[0])

    def combined(self, e: Reduce, a: str, b: str) -> str:
        """Two partial reductions over M as one."""
        return scalar.combine(self.f, e.kind, e.dtype, self.body.place.width, a, b)

    def add_columns(self, columns: Sequence[Vectors], to: Sequence[str]) -> None:
        """Combine reductions over some rows onto what an item has of them in memory."""
        width = self.body.place.width
        for e, vectors, pointer in zip(self.plan.c.columns, columns, to):
            type_, element = value_type(e.dtype, width), memory_type(compute_dtype(e.dtype))
            for g, x in enumerate(vectors):
                at = self.f.gep(element, pointer, g * width)
                self.f.store(type_, self.combined(e, self.f.load(type_, at), x), at)


def invariant(roots: Sequence[Expr], body: Body) -> list[Expr]:
    """The largest expressions below the roots that can be computed where the body is."""
    bound = body.place.bound()
    found: dict[Expr, None] = {}
    for root in roots:
        stack = [root]
        while stack:
            e = stack.pop()
            if e in found:
                continue
            if e.free <= bound and not any(isinstance(x, Reduce) for x in walk((e,))):
                found[e] = None
                continue
            stack += [] if isinstance(e, Reduce) else _below(e)
    return list(found)


def _below(e: Expr) -> list[Expr]:
    return list(e.args) if isinstance(e, Op) else []
