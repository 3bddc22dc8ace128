"""The micro-kernel of contractions: a register tile of sums, then its results.

    acc[row][sum][vector] += a(row, k) * b_sum(k, vector)     over the part of K it is given
The results go to the stores of the kernel (the epilogue), or wait in scratch for the rest of K. One
internal function per number of rows; the loops around it are in `emit.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from graphc.backends.llvm_cpu.ir import access
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import Number, memory_type, value_type
from graphc.backends.llvm_cpu.nest.body import Body, Vectors
from graphc.backends.llvm_cpu.nest.place import Lanes, Place

from .across import across
from .levels import Level, nest_of
from .operands import InPlace
from .plan import Plan
from .products import add_product, element_type
from .results import Results

LINE = 64
"""Bytes of a line of the caches."""
WRITTEN_OUT = 320
"""Products of a sum that is short enough to need no loop at all."""
WRITTEN_INSIDE = 160
"""The same for a loop inside of others, which would keep too much in registers at once."""


# ---------------------------------------------------------------------------- the sum


@dataclass(frozen=True, slots=True)
class Sums:
    """Emits the accumulation of one tile; `rows` are the offsets of its rows in `a`."""

    plan: Plan
    place: Place
    rows: Sequence[Number]
    masks: Sequence[str | None]

    @property
    def f(self) -> Function:
        """The function being written."""
        return self.place.f

    @property
    def type_(self) -> str:
        """The type of one accumulator."""
        return value_type(self.plan.dtype, self.plan.lanes)

    def run(
        self, nest: Sequence[Level], a: str, b: Sequence[str], acc: Vectors, whole: bool = True
    ) -> Vectors:
        """All of the loops from here on; `whole` if there are none around."""
        level, rest = nest[0], nest[1:]
        f, extent = self.f, level.extent
        is_short = self.products(nest) <= (WRITTEN_OUT if whole else WRITTEN_INSIDE)

        def at(k: Number) -> tuple[str, list[str]]:
            moved = [self.moved_b(i, x, k, level.b[i]) for i, x in enumerate(b)]
            return self.moved_a(a, k, level.a), moved

        def one(k: Number, values: Sequence[str]) -> Vectors:
            inner = list(values)
            return self.run(rest, *at(k), inner, is_short) if rest else self.step(*at(k), inner)

        if is_short and isinstance(extent, int):
            for k in range(extent):
                acc = one(k, acc)
            return acc
        typed = [(self.type_, x) for x in acc]
        if rest:
            return f.loop(0, extent, 1, one, typed, hint="k")
        unroll = unroll_of(extent, self.plan.tile.unroll)

        def several(k: Number, values: Sequence[str]) -> Vectors:
            start = at(k)
            values = list(values)
            for u in range(unroll):
                moved = [self.moved_b(i, x, u, level.b[i]) for i, x in enumerate(start[1])]
                values = self.step(self.moved_a(start[0], u, level.a), moved, values)
            return values

        last = f.mul(f.div(extent, unroll), unroll)
        acc = f.loop(0, last, unroll, several, typed, hint="k")
        return f.loop(last, extent, 1, one, [(self.type_, x) for x in acc], hint="k")

    def products(self, nest: Sequence[Level]) -> float:
        """All products of these loops; infinity if that is not known."""
        total = len(self.rows) * self.plan.vectors
        for level in nest:
            if not isinstance(level.extent, int):
                return inf
            total *= level.extent
        return total

    def moved_a(self, a: str, k: Number, step: Number) -> str:
        """The address of `a` some turns further."""
        return self.f.gep(memory_type(self.plan.a.dtype), a, self.f.mul(k, step))

    def moved_b(self, i: int, b: str, k: Number, step: Number) -> str:
        """The address of the i-th `b` some turns further."""
        return self.f.gep(memory_type(self.plan.b[i].dtype), b, self.f.mul(k, step))

    def step(self, a: str, b: Sequence[str], acc: Vectors) -> Vectors:
        """One product per accumulator."""
        f, acc, dtype = self.f, list(acc), self.plan.a.dtype
        type_ = element_type(self.plan)
        row_of_b = [v for i, x in enumerate(b) for v in self.vectors_of(i, x)]
        if self.plan.is_far:
            self.ask_ahead(b)
        many = len(row_of_b)
        for r, offset in enumerate(self.rows):
            x = f.splat(type_, access.read(f, dtype, 0, f.gep(memory_type(dtype), a, offset)))
            for j, y in enumerate(row_of_b):
                acc[r * many + j] = add_product(self.plan, f, x, y, acc[r * many + j])
        return acc

    def ask_ahead(self, b: Sequence[str]) -> None:
        """Begin to bring the same row of the next panel into the second-level cache."""
        for x, operand in zip(b, self.plan.b):
            element, size = memory_type(operand.dtype), operand.dtype.itemsize
            step = operand.step("")
            assert isinstance(step, int), "sums of unknown length are not asked for ahead"
            for j in range(0, self.plan.width, LINE // size):
                self.f.prefetch(self.f.gep(element, x, step + j), level=2)

    def vectors_of(self, i: int, b: str) -> Vectors:
        """One row of a panel of the i-th `b`."""
        f, operand, lanes = self.f, self.plan.b[i], self.plan.lanes
        element = memory_type(operand.dtype)
        return [
            access.read(f, operand.dtype, lanes, f.gep(element, b, j * lanes), mask)
            for j, mask in enumerate(self.masks)
        ]


def unroll_of(extent: Number, wanted: int) -> int:
    """How many steps are written out: a divisor of the extent near what is wanted, if any."""
    if not isinstance(extent, int) or extent % wanted == 0:
        return wanted
    near = [u for u in range(max(2, wanted - 1), 2 * wanted) if extent % u == 0]
    return near[0] if near else wanted


# ---------------------------------------------------------------------------- the function


@dataclass(frozen=True, slots=True)
class Call:
    """What the driver passes to a micro-kernel."""

    a: str
    b: Sequence[str]
    first: Number
    """The first column."""
    at: Mapping[str, Number]
    """Batch, outer n and m axes."""
    extents: Mapping[str, Number]
    """How many values of each axis of the sum."""
    waiting: str | None
    columns: Sequence[str]
    left: int | None = None
    """How many columns there are from the first on, if this is known while building."""


def rows_of(tile: tuple[int, int]) -> list[tuple[int, int]]:
    """The rows of a register tile as pairs of steps along the last two axes of M."""
    return [(i, j) for i in range(tile[0]) for j in range(tile[1])]


def emit_micro(plan: Plan, f: Function, place: Place, tile: tuple[int, int], call: Call) -> None:
    """The body of a micro-kernel; the arguments are those of `call` as seen inside."""
    left: Number | None = call.left
    if plan.is_masked and left is None:
        left = f.sub(place.size(plan.c.kernel.axis(plan.n).size), call.first)
    body, m = Body(place), plan.c.m
    lanes = Lanes(plan.n, call.first, plan.tile.vectors, left)
    around = {n: v for n, v in call.at.items() if n not in m[-2:]}
    with body.scope(around, lanes):
        results = Results(plan, body)
        if not call.waiting:
            results.prefetch([_moved(f, plan, call, i, j) for i, j in rows_of(tile)])
        acc = _accumulate(plan, f, place, tile, call)
        if not call.waiting:
            _finish(plan, f, results, tile, call, acc)


def _accumulate(
    plan: Plan, f: Function, place: Place, tile: tuple[int, int], call: Call
) -> Vectors:
    """The sums of a tile: in registers, or added to what waits in scratch."""
    m, groups = plan.c.m, range(plan.tile.vectors)
    steps = [place.size(plan.a.step(n)) for n in m[-2:]]
    steps = [0, *steps][-2:]
    offsets = [f.add(f.mul(i, steps[0]), f.mul(j, steps[1])) for i, j in rows_of(tile)]
    nest = nest_of(plan, place, call.extents)
    if plan.tile.along != "n":
        return _accumulate_across(plan, f, place, tile, call, offsets)
    masks = [place.mask(g) if reads_masked(plan) else None for g in groups]
    sums = Sums(plan, place, offsets, masks)
    if call.waiting is None:
        start = ["zeroinitializer"] * (len(offsets) * plan.vectors)
        return sums.run(nest, call.a, call.b, start)
    spots = _spots(plan, f, tile, call.waiting)
    start = [f.load(sums.type_, at, plan.align) for at in spots]
    acc = sums.run(nest, call.a, call.b, start)
    for x, at in zip(acc, spots):
        f.store(sums.type_, x, at, plan.align)
    return acc


def _accumulate_across(
    plan: Plan,
    f: Function,
    place: Place,
    tile: tuple[int, int],
    call: Call,
    offsets: Sequence[Number],
) -> Vectors:
    """The same for a tile whose lanes do not run along N."""
    nest = nest_of(plan, place, call.extents)
    acc = across(plan, place, nest, offsets, call.a, call.b[0])
    if call.waiting is None:
        return acc
    type_, spots = value_type(plan.dtype, plan.lanes), _spots(plan, f, tile, call.waiting)
    acc = [f.binary("fadd", type_, x, f.load(type_, at, plan.align)) for x, at in zip(acc, spots)]
    for x, at in zip(acc, spots):
        f.store(type_, x, at, plan.align)
    return acc


def _spots(plan: Plan, f: Function, tile: tuple[int, int], waiting: str) -> list[str]:
    """Where the vectors of a tile wait."""
    element, row = memory_type(plan.dtype), plan.vectors * plan.lanes
    further = plan.waiting_rows[-2:]
    further = [0, *further][-2:]
    rows = [(i * further[0] + j * further[1]) * row for i, j in rows_of(tile)]
    return [
        f.gep(element, waiting, start + j * plan.lanes)
        for start in rows
        for j in range(plan.vectors)
    ]


def _finish(
    plan: Plan, f: Function, results: Results, tile: tuple[int, int], call: Call, acc: Vectors
) -> None:
    """The epilogue: written out where it is short, else a loop over the rows."""
    many = plan.vectors
    results.hoist()
    if results.is_long:
        totals = _looped(plan, f, results, tile, call, acc)
    else:
        rows = [
            (_moved(f, plan, call, i, j), acc[r * many : (r + 1) * many])
            for r, (i, j) in enumerate(rows_of(tile))
        ]
        if results.are_wide:
            for at, values in rows:
                results.row(at, values, [])
            totals = results.wide_columns(rows)
        else:
            totals = results.columns()
            for at, values in rows:
                totals = results.row(at, values, totals)
    results.add_columns(totals, call.columns)


def reads_masked(plan: Plan) -> bool:
    """Whether reading a whole panel of `b` would leave its memory."""
    return plan.is_masked and any(isinstance(x, InPlace) and x.step(plan.n) == 1 for x in plan.b)


def _moved(f: Function, plan: Plan, call: Call, i: Number, j: Number) -> dict[str, Number]:
    """The last two axes of M at a row of the tile."""
    steps = [i, j][-len(plan.c.m) :]
    return {n: f.add(call.at[n], step) for n, step in zip(plan.c.m[-2:], steps)}


def _looped(
    plan: Plan, f: Function, results: Results, tile: tuple[int, int], call: Call, acc: Vectors
) -> list[Vectors]:
    """The epilogue as a loop over the rows of a copy of the tile."""
    many, lanes, element = plan.vectors, plan.lanes, memory_type(plan.dtype)
    type_, groups = value_type(plan.dtype, lanes), plan.tile.vectors
    copy = f.alloca(element, len(acc) * lanes)
    for i, x in enumerate(acc):
        f.store(type_, x, f.gep(element, copy, i * lanes), plan.align)

    def one(r: Number, flat: Sequence[str]) -> Vectors:
        row = f.gep(element, copy, f.mul(r, many * lanes))
        values = [f.load(type_, f.gep(element, row, j * lanes), plan.align) for j in range(many)]
        i, j = (0, r) if tile[0] == 1 else (f.div(r, tile[1]), f.rem(r, tile[1]))
        totals = results.row(_moved(f, plan, call, i, j), values, _chunks(flat, groups))
        return [x for total in totals for x in total]

    types = [value_type(e.dtype, lanes) for e in plan.c.columns for _ in range(groups)]
    carried = list(zip(types, [x for total in results.columns() for x in total]))
    return _chunks(f.loop(0, tile[0] * tile[1], 1, one, carried, hint="row"), groups)


def _chunks(flat: Sequence[str], size: int) -> list[Vectors]:
    return [list(flat[i : i + size]) for i in range(0, len(flat), size)]
