"""Results of Winograd tiles: A^T m A of 36 products gives 4 x 4 results, then the epilogue.

A tile whose results all exist is written out; others, and long epilogues, go through a copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphc.backends.llvm_cpu.contract.micro import Results
from graphc.backends.llvm_cpu.contract.plan import Plan
from graphc.backends.llvm_cpu.contract.tile import Tile
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import F32, Number, memory_type, value_type, vector
from graphc.backends.llvm_cpu.nest.body import Body, Vectors
from graphc.backends.llvm_cpu.nest.place import Lanes

from .maps import A_T, INPUTS, OUTPUTS, mapped_twice
from .plan import Winograd
from .products import Dense
from .tiles import position_of, rows_left


@dataclass(slots=True)
class Outputs:
    """Writes the results of the tiles of one panel."""

    plan: Winograd
    body: Body
    copy: str = ""

    @property
    def f(self) -> Function:
        """The function being written."""
        return self.body.f

    @property
    def form(self) -> Plan:
        """The epilogue as that of a tile of 16 rows and one vector."""
        plan = self.plan
        tile = Tile(OUTPUTS, OUTPUTS, 1)
        return Plan(plan.c, Dense(), (Dense(),), tile, plan.lanes)

    @property
    def is_looped(self) -> bool:
        """Whether some tile goes through a copy."""
        return not self.is_short or not self.plan.tiles.are_whole

    @property
    def is_short(self) -> bool:
        """Whether the epilogue of a tile may be written out."""
        return not Results(self.form, self.body).is_long

    def reserve(self) -> None:
        """Scratch for the results of a tile."""
        if self.is_looped:
            self.copy = self.f.alloca(F32, OUTPUTS * OUTPUTS * self.plan.lanes)

    def finish(
        self, products: str, first: Number, count: Number, panel: Number, columns: Sequence[str]
    ) -> None:
        """All results of `count` tiles from tile `first` on, for one panel of filters.

        `columns` are where reductions over M are added up, at filter 0.
        """
        plan, f, place = self.plan, self.f, self.body.place
        size = place.size(plan.c.kernel.axis(plan.n).size)
        whole = isinstance(size, int) and size % plan.width == 0

        def one(v: Number, _: list[str]) -> None:
            lane = f.add(f.mul(panel, plan.width), v)
            left = None if whole else f.sub(size, lane)
            with self.body.scope({}, Lanes(plan.n, lane, 1, left)):
                results = Results(self.form, self.body)
                results.hoist()
                pairs = zip(plan.c.columns, columns)
                to = [f.gep(memory_type(e.dtype), x, lane) for e, x in pairs]

                def tile(t: Number, _: list[str]) -> None:
                    start = f.gep(F32, products, f.add(f.mul(t, plan.width), v))
                    self._tile(results, start, f.add(first, t), to)

                f.loop(0, count, 1, tile, hint="tile")

        f.loop(0, plan.width, plan.lanes, one, hint="filter")

    def _tile(self, results: Results, products: str, tile: Number, to: Sequence[str]) -> None:
        plan, f, type_ = self.plan, self.f, vector(F32, self.plan.lanes)

        def product(i: int, j: int) -> str:
            return f.load(type_, f.gep(F32, products, (i * INPUTS + j) * plan.product_step))

        values = mapped_twice(f, type_, A_T, product, INPUTS)
        at = position_of(plan.tiles, self.body.place, tile)
        extents = [rows_left(f, w, at[w.pixel]) for w in plan.tiles.windows]
        if not self.is_looped:
            return self._written_out(results, at, values, to)
        whole = f.both(*(f.compare("eq", x, OUTPUTS) for x in extents))
        if not self.is_short:
            return self._looped(results, at, values, extents, to)
        f.if_(whole, lambda: self._written_out(results, at, values, to))
        partly = f.compare("lt", f.add(*extents), 2 * OUTPUTS)
        return f.if_(partly, lambda: self._looped(results, at, values, extents, to))

    def _written_out(
        self, results: Results, at: Mapping[str, Number], values: list[list[str]], to: Sequence[str]
    ) -> None:
        with self.body.scope({}):
            totals = results.columns()
            for i, row in enumerate(values):
                for j, value in enumerate(row):
                    totals = results.row(self._moved(at, i, j), [value], totals)
            results.add_columns(totals, to)

    def _looped(
        self,
        results: Results,
        at: Mapping[str, Number],
        values: list[list[str]],
        extents: Sequence[Number],
        to: Sequence[str],
    ) -> None:
        """The results that exist, one after the other from a copy."""
        f, lanes, type_ = self.f, self.plan.lanes, vector(F32, self.plan.lanes)
        for i, value in enumerate(x for row in values for x in row):
            f.store(type_, value, f.gep(F32, self.copy, i * lanes))
        types = [value_type(e.dtype, lanes) for e in self.plan.c.columns]

        def row(i: Number, totals: list[str]) -> Vectors:
            def one(j: Number, totals: list[str]) -> Vectors:
                spot = f.add(f.mul(i, OUTPUTS), j)
                value = f.load(type_, f.gep(F32, self.copy, f.mul(spot, lanes)))
                after = results.row(self._moved(at, i, j), [value], [[x] for x in totals])
                return [x for (x,) in after]

            return f.loop(0, extents[1], 1, one, list(zip(types, totals)), hint="across")

        with self.body.scope({}):
            start = [x for (x,) in results.columns()]
            totals = f.loop(0, extents[0], 1, row, list(zip(types, start)), hint="down")
            results.add_columns([[x] for x in totals], to)

    def _moved(self, at: Mapping[str, Number], i: Number, j: Number) -> dict[str, Number]:
        steps = zip(self.plan.tiles.windows, (i, j))
        return {**at, **{w.pixel: self.f.add(at[w.pixel], step) for w, step in steps}}
