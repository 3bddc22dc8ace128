"""Register tiles for results of few columns, whose lanes run along the sum or along M instead.

    along K   acc[row][column] += a(row, k : k + lanes) * b(k : k + lanes, column), added up at last
    along M   acc[vector][column] += a(rows of the vector, k) * b(k, column), turned at last
Either way the answer is one vector of columns per row, as that of a tile with lanes along N.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphc.backends.llvm_cpu.ir import access
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import Number, memory_type, value_type
from graphc.backends.llvm_cpu.nest.body import Vectors
from graphc.backends.llvm_cpu.nest.place import Place
from graphc.backends.llvm_cpu.nest.turn import turned

from .levels import Level
from .operands import Panels
from .plan import Plan
from .products import add_product, element_type

ZERO = "zeroinitializer"
WRITTEN_OUT = 320
"""Products of a sum that is short enough to need no loop at all."""
Step = Callable[[str, str, Number | None, Vectors], Vectors]
"""(a, b, how many values of the sum are left if not all lanes, sums) -> sums"""


def across(
    plan: Plan, place: Place, nest: Sequence[Level], rows: Sequence[Number], a: str, b: str
) -> Vectors:
    """The sums of a tile, one vector of columns per row; `rows` are offsets of rows in `a`."""
    kind = _AlongSum if plan.tile.along == "k" else _AlongRows
    side_by_side = isinstance(plan.b[0], Panels) and plan.tile.along == "m"
    apart = 1 if side_by_side else place.size(plan.b[0].step(plan.n))
    tile = kind(plan, place, rows, apart)
    return tile.results(_run(tile, nest, a, b, [ZERO] * tile.count))


@dataclass(frozen=True, slots=True)
class _Tile:
    """A tile of some rows and all columns."""

    plan: Plan
    place: Place
    rows: Sequence[Number]
    apart: Number
    """How far the next column of `b` is."""

    @property
    def f(self) -> Function:
        """The function being written."""
        return self.place.f

    @property
    def type_(self) -> str:
        """The type of one accumulator."""
        return value_type(self.plan.dtype, self.plan.lanes)

    @property
    def columns(self) -> int:
        """How many columns there are."""
        size = self.plan.c.kernel.axis(self.plan.n).size
        assert isinstance(size, int), "only known columns are done across"
        return size

    def column(self, b: str, column: int) -> str:
        """Where a column of `b` is."""
        return self.f.gep(memory_type(self.plan.b[0].dtype), b, self.f.mul(column, self.apart))

    def row(self, a: str, offset: Number) -> str:
        """Where a row of `a` is."""
        return self.f.gep(memory_type(self.plan.a.dtype), a, offset)


# ---------------------------------------------------------------------------- along the sum


@dataclass(frozen=True, slots=True)
class _AlongSum(_Tile):
    """Dot products: a vector of each row times a vector of each column."""

    @property
    def per_step(self) -> int:
        """Values of the sum in one step."""
        return self.plan.lanes

    @property
    def count(self) -> int:
        """Accumulators, those of one row side by side."""
        return len(self.rows) * self.columns

    def step(self, a: str, b: str, left: Number | None, acc: Vectors) -> Vectors:
        """One product per accumulator."""
        f, lanes, plan = self.f, self.plan.lanes, self.plan
        mask = None if left is None else self.place.prefix(left)
        parts = [
            access.read(f, plan.b[0].dtype, lanes, self.column(b, j), mask)
            for j in range(self.columns)
        ]
        result: Vectors = []
        for offset in self.rows:
            x = access.read(f, plan.a.dtype, lanes, self.row(a, offset), mask)
            for y in parts:
                result.append(add_product(plan, f, x, y, acc[len(result)]))
        return result

    def results(self, acc: Vectors) -> Vectors:
        """The lanes of each accumulator added up; totals of a row are lanes of a vector."""
        width = 1 << (self.columns - 1).bit_length()
        together = max(1, self.plan.lanes // width)
        found: Vectors = []
        for first in range(0, len(self.rows), together):
            several = range(first, min(first + together, len(self.rows)))
            found += self.totals([acc[i * self.columns :][: self.columns] for i in several], width)
        return found

    def totals(self, rows: Sequence[Vectors], width: int) -> Vectors:
        """One vector per row; `width` lanes of a common vector belong to each."""
        lanes = self.plan.lanes
        flat: list[str | None] = [None] * lanes
        for i, row in enumerate(rows):
            flat[i * width : i * width + len(row)] = row
        distance = lanes // 2
        while distance:
            flat = [
                self.halved(x, y, distance)
                for x, y in zip(flat[:distance], flat[distance : 2 * distance])
            ]
            distance //= 2
        whole = flat[0] or ZERO
        order = [[(i * width + j) % lanes for j in range(lanes)] for i in range(len(rows))]
        return [self.f.shuffle(self.type_, whole, ZERO, o) if o[0] else whole for o in order]

    def halved(self, x: str | None, y: str | None, distance: int) -> str | None:
        """Blocks of lanes of both, each folded to half its length and put side by side."""
        if x is None and y is None:
            return None
        f, lanes = self.f, self.plan.lanes
        places = [(i // (2 * distance) * 2 * distance, i % (2 * distance)) for i in range(lanes)]
        low = [block + i if i < distance else lanes + block + i - distance for block, i in places]
        pair = (x or ZERO, y or ZERO)
        folded = [f.shuffle(self.type_, *pair, [i + more for i in low]) for more in (0, distance)]
        return f.binary("fadd", self.type_, *folded)


# ---------------------------------------------------------------------------- along M


@dataclass(frozen=True, slots=True)
class _AlongRows(_Tile):
    """Vectors of rows that lie side by side, times one value of each column."""

    @property
    def per_step(self) -> int:
        """Values of the sum in one step."""
        return 1

    @property
    def vectors(self) -> list[tuple[Number, int]]:
        """(offset, rows) of vectors of rows that lie side by side."""
        found: list[tuple[Number, int]] = []
        for offset in self.rows:
            start, count = found[-1] if found else (0, self.plan.lanes)
            if count < self.plan.lanes and offset == self.f.add(start, count):
                found[-1] = (start, count + 1)
            else:
                found.append((offset, 1))
        return found

    @property
    def count(self) -> int:
        """Accumulators, those of one vector of rows side by side."""
        return len(self.vectors) * self.columns

    def step(self, a: str, b: str, _left: Number | None, acc: Vectors) -> Vectors:
        """One product per accumulator."""
        f, lanes, plan, result = self.f, self.plan.lanes, self.plan, list(acc)
        rows = [
            access.read(f, plan.a.dtype, lanes, self.row(a, offset), self.mask(count))
            for offset, count in self.vectors
        ]
        for j in range(self.columns):
            x = access.read(f, plan.b[0].dtype, 0, self.column(b, j))
            y = f.splat(element_type(self.plan), x)
            for i, row in enumerate(rows):
                at = i * self.columns + j
                result[at] = add_product(self.plan, f, row, y, result[at])
        return result

    def mask(self, count: int) -> str | None:
        """The mask of a vector of so many rows."""
        return None if count == self.plan.lanes else self.place.prefix(count)

    def results(self, acc: Vectors) -> Vectors:
        """Squares of rows by columns, turned."""
        lanes, found = self.plan.lanes, []
        for i, (_, count) in enumerate(self.vectors):
            square = acc[i * self.columns :][: self.columns]
            square += [ZERO] * (lanes - self.columns)
            found += turned(self.f, self.type_, square)[:count]
        return found


# ---------------------------------------------------------------------------- the sum


def _run(
    tile: _AlongSum | _AlongRows, nest: Sequence[Level], a: str, b: str, acc: Vectors
) -> Vectors:
    """All of the loops from here on; the last one in steps of `per_step` values."""
    f, level, rest = tile.f, nest[0], nest[1:]
    by = 1 if rest else tile.per_step
    turns = f.div(level.extent, by)

    def at(k: Number) -> tuple[str, str]:
        moved = f.mul(k, f.mul(by, level.a)), f.mul(k, f.mul(by, level.b[0]))
        return (
            f.gep(memory_type(tile.plan.a.dtype), a, moved[0]),
            f.gep(memory_type(tile.plan.b[0].dtype), b, moved[1]),
        )

    def one(k: Number, values: Sequence[str]) -> Vectors:
        if rest:
            return _run(tile, rest, *at(k), list(values))
        return tile.step(*at(k), None, list(values))

    if isinstance(turns, int) and turns * _products(tile, rest) <= WRITTEN_OUT:
        for k in range(turns):
            acc = one(k, acc)
    else:
        typed = [(tile.type_, x) for x in acc]
        unroll = 1 if rest else max(1, 48 // tile.count)
        whole = f.mul(f.div(turns, unroll), unroll)

        def several(k: Number, values: Sequence[str]) -> Vectors:
            values = list(values)
            for u in range(unroll):
                values = one(f.add(k, u), values)
            return values

        acc = f.loop(0, whole, unroll, several, typed, hint="k")
        acc = f.loop(whole, turns, 1, one, [(tile.type_, x) for x in acc], hint="k")
    left = f.sub(level.extent, f.mul(turns, by))
    return acc if left == 0 else _rest(tile, at(turns), left, acc)


def _rest(tile: _AlongSum | _AlongRows, at: tuple[str, str], left: Number, acc: Vectors) -> Vectors:
    """What is left of the sum after whole vectors."""
    if isinstance(left, int):
        return tile.step(*at, left, acc)
    f = tile.f
    turns = f.min(left, 1)
    typed = [(tile.type_, x) for x in acc]
    return f.loop(0, turns, 1, lambda _, x: tile.step(*at, left, list(x)), typed, hint="rest")


def _products(tile: _AlongSum | _AlongRows, nest: Sequence[Level]) -> int:
    """The products of some loops that have known turns; else too many."""
    total = tile.count
    for i, level in enumerate(nest):
        if not isinstance(level.extent, int):
            return WRITTEN_OUT + 1
        total *= -(-level.extent // (tile.per_step if i + 1 == len(nest) else 1))
    return total
