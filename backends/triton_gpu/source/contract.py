"""Contractions as Triton functions: one program computes a tile of results with `tl.dot`.

a program: rows of M x columns of N of one batch   (several axes of each role are one number)
a loop:    blocks of K (`contract_sum.py`)
epilogue:  every value of the tile, stored; reductions over M as partial rows, which another
           launch adds up in their order (`contract_columns.py`)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from math import gcd

from graphc import dtypes, knobs
from graphc.backends.triton_gpu.launch import Emitted, Launch
from graphc.dtypes import DType
from graphc.ir.dim import Size, ceil_div, divisor, product
from graphc.kernels.kernel import Axis, Kernel
from graphc.kernels.levels import roots_of_store
from graphc.kernels.merge import merge_axes
from graphc.kernels.printer import show
from graphc.kernels.roles import Contraction, contraction_of
from graphc.kernels.settle import settled
from graphc.kernels.walk import size_names

from .body import Body
from .contract_columns import Columns
from .contract_maps import layout_of
from .contract_numbers import dtype_of
from .contract_sum import Products
from .contract_tile import LEAST, Kind, ProductTile, extent, may_last, tiles_in, tiles_of
from .contract_vector import of_matrices
from .coordinates import decoded, vector_text
from .shape import Bound, Side
from .writer import Writer, file_of, size_text

GROUP = 8
"""Blocks of rows whose programs follow each other, so that they find columns in the L2 cache."""
MAPPED = 4
"""Tiles that are also tried with descriptors."""
LASTING = 2
"""Of these, how many are also tried with programs that last."""
LEAST_WORK = 256
"""Results, and products of one, of a contraction that has a single row or column."""


def emit_contraction(
    kernel: Kernel, wide: bool = False, tile: ProductTile | None = None
) -> Emitted | None:
    """The launches of a kernel that is a contraction; None where a map does better."""
    found = _roles(kernel)
    if found is None:
        return None
    c, numbers = found
    chosen = tile or tiles_of(c, _kind(numbers))[0]
    return _Maker(c, chosen, numbers, wide).emitted()


def candidates(kernel: Kernel, processors: int = 0) -> list[ProductTile]:
    """The tiles that suit a kernel, the best first; none if it is no contraction.

    On a chip of so many `processors` that knows descriptors (0: one that does not), the first of
    them also with descriptors, and then also with programs that do one tile after the other.
    """
    found = _roles(kernel)
    if not found:
        return []
    c, numbers = found
    tiles = tiles_of(c, _kind(numbers))
    if not processors:
        return tiles
    copied = [
        t
        for tile in tiles_of(c, _kind(numbers), copied=True)[:MAPPED]
        if (t := with_maps_of(c, tile, numbers))
    ]
    many = (t for t in copied if tiles_in(c, t) > processors and may_last(t, c, _kind(numbers)))
    return [*tiles, *copied, *(replace(t, programs=processors) for t in islice(many, LASTING))]


def with_maps_of(c: Contraction, tile: ProductTile, numbers: DType) -> ProductTile | None:
    """The tile with descriptors for most operands, if for any: perhaps with a smaller depth, so
    that blocks of K do not end amid an axis."""
    last = c.kernel.axis(c.k[-1]).size
    whole = gcd(divisor(last), tile.depth)
    depths = (tile.depth, whole) if LEAST <= whole < tile.depth else (tile.depth,)
    made = [replace(tile, maps=True, depth=depth) for depth in depths]
    best = max(made, key=lambda t: len(layout_of(c, t, numbers).tiles))
    return best if layout_of(c, best, numbers).tiles else None


def _roles(kernel: Kernel) -> tuple[Contraction, DType] | None:
    found = contraction_of(merge_axes(settled(kernel)))
    numbers = dtype_of(found) if found is not None else None
    if found is None or numbers is None or _is_small_vector(found):
        return None
    c = of_matrices(found)
    return (c, numbers) if c is not None else None


def _is_small_vector(c: Contraction) -> bool:
    """Whether a matrix times a vector is not worth a tile of which most is empty."""
    return not (c.m and c.n) and min(extent(c, (*c.m, *c.n)), extent(c, c.k)) < LEAST_WORK


def _kind(numbers: DType) -> Kind:
    if numbers is dtypes.float64:
        return "float64"
    if numbers is not dtypes.float32:
        return "half"
    return "tf32" if knobs.current().matmul_precision == "tf32" else "float32"


class _Maker:
    """One contraction in the making."""

    def __init__(self, c: Contraction, tile: ProductTile, numbers: DType, wide: bool) -> None:
        assert min(tile.rows, tile.columns, tile.depth) >= LEAST, "the least product of Triton"
        self.c, self.tile, self.numbers, self.wide = c, tile, numbers, wide
        self.out = Writer(wide)
        self.body = Body(self.out, c.kernel)
        self.layout = layout_of(c, tile, numbers)
        self.starts: dict[str, str] = {}
        self.rows, self.columns, self.batches = (
            product(a.size for a in self.axes(names)) for names in (c.m, c.n, c.batch)
        )

    def axes(self, names: tuple[str, ...]) -> tuple[Axis, ...]:
        """Axes by their names."""
        return tuple(map(self.c.kernel.axis, names))

    @property
    def row_blocks(self) -> Size:
        """Tiles along M."""
        if self.layout.rows:
            return self.layout.rows.blocks
        return ceil_div(self.rows, self.tile.rows)

    @property
    def column_blocks(self) -> Size:
        """Tiles along N."""
        return ceil_div(self.columns, self.tile.columns)

    def emitted(self) -> Emitted:
        """All launches, and the scratch between them."""
        kernel, columns = self.c.kernel, Columns(self.c, self.row_blocks)
        count = self.row_blocks * self.column_blocks * self.batches
        self._constants()
        with self._each_tile(count) as number:
            row_block = self._bind_tile(number)
            how = "tf32" if _kind(self.numbers) == "tf32" else "ieee"
            products = Products(
                self.body, self.c, self.tile, self.numbers, how, self.layout, self.starts
            )
            totals = products.emit()
            self.body.memo |= dict(zip(self.c.sums, totals, strict=True))
            self._epilogue(columns, row_block)
        buffers = columns.buffers_of_tiles()
        pointers = tuple((b.name, b.dtype) for b in buffers)
        sizes = size_names(kernel)
        text = file_of(kernel.name, self.out, pointers, sizes, show(kernel))
        tile = self.tile
        grid = (tile.programs or count, 1, 1)
        launch = Launch(
            kernel.name, text, pointers, sizes, grid, tile.warps, tile.stages, wide=self.wide,
            maps=products.maps,
        )  # fmt: skip
        rest = columns.finish(self.wide)
        return replace(rest, launches=(launch, *rest.launches))

    def _constants(self) -> None:
        tile = self.tile
        sides = {"ROWS": tile.rows, "COLUMNS": tile.columns, "DEPTH": tile.depth}
        for name, width in sides.items():
            self.out.line(f"{name}: tl.constexpr = {width}")

    # ------------------------------------------------------------------ coordinates

    @contextmanager
    def _each_tile(self, count: Size) -> Iterator[str]:
        """The number of this program's tile; the lines inside are for all tiles of a program that
        has several. Then the copies for one tile begin while the one before is stored."""
        out, first, programs = self.out, self.out.program(), self.tile.programs
        if not programs:
            yield first
            return
        here = out.name("tile")
        every = f"tl.range({first}, {size_text(count)}, {programs}, flatten=True)"
        with out.block(f"for {here} in {every}"):
            yield out.let(f"tl.cast({here}, {out.integer})", "tile")

    def _bind_tile(self, number: str) -> str:
        """Bind rows, columns and batches of a tile; answers the number of its rows' block."""
        out, tiles = self.out, self.row_blocks * self.column_blocks
        found: dict[str, Bound] = {}
        if self.c.batch:
            batch = number if tiles == 1 else out.let(f"{number} // {size_text(tiles)}", "batch")
            number = "0" if tiles == 1 else out.let(f"{number} % {size_text(tiles)}", "tile")
            found |= {n: Bound(t) for n, t in decoded(out, batch, self.axes(self.c.batch)).items()}
        row_block, column_block = self._blocks(number)
        found |= self._side(self.c.m, 0, row_block, self.rows)
        found |= self._side(self.c.n, 1, column_block, self.columns)
        for name in _parents_first(self.c.kernel, found):
            here = found[name]
            conditions = (here.mask,) if here.mask else ()
            self.body.scope[name] = self.body.bind(name, here.text, here.side, *conditions)
        return row_block

    def _blocks(self, number: str) -> tuple[str, str]:
        """The blocks of rows and of columns of the tile of a number, in groups of rows."""
        out, high, wide = self.out, self.row_blocks, self.column_blocks
        if wide == 1:
            return number, "0"
        if high == 1:
            return "0", number
        if isinstance(high, int) and high <= GROUP:
            row = out.let(f"{number} % {high}", "row_block")
            return row, out.let(f"{number} // {high}", "column_block")
        group = size_text(GROUP * wide)
        first = out.let(f"{number} // {group} * {GROUP}", "first")
        tall = out.let(f"tl.minimum({size_text(high)} - {first}, {GROUP})", "tall")
        place = out.let(f"{number} % {group}", "place")
        row = out.let(f"{first} + {place} % {tall}", "row_block")
        return row, out.let(f"{place} // {tall}", "column_block")

    def _side(self, names: tuple[str, ...], side: Side, block: str, size: Size) -> dict[str, Bound]:
        """The coordinates of axes along a side of the tile."""
        if not names:
            return {}
        width, hint = (("ROWS", "row"), ("COLUMNS", "column"))[side]
        vector = vector_text(width, side, self.out)
        if side == 0 and self.layout.rows:
            self.starts |= self.layout.rows.begins(self.out, block)
            return self.layout.rows.bounds(self.out, self.starts, vector, side)
        start = "0" if block == "0" else f"{block} * {width}"
        number = self.out.let(vector if block == "0" else f"{start} + {vector}", hint)
        self.starts[names[-1]] = start
        length = (self.tile.rows, self.tile.columns)[side]
        exact = isinstance(size, int) and size % length == 0
        mask = None if exact else f"{number} < {size_text(size)}"
        found = decoded(self.out, number, self.axes(names))
        return {n: Bound(text, side, mask) for n, text in found.items()}

    # ------------------------------------------------------------------ results

    def _epilogue(self, columns: Columns, row_block: str) -> None:
        """Everything is read before anything is stored: a store may go where another one reads."""
        tiles = self.c.tiles
        for e in (x for s in tiles for x in roots_of_store(s)):
            self.body.value(e)
        partial = [columns.partial(self.body, e) for e in self.c.columns]
        for s in tiles:
            self.body.store(s)
        for e, text in zip(self.c.columns, partial, strict=True):
            columns.store(self.body, e, text, row_block)


def _parents_first(kernel: Kernel, names: dict[str, Bound]) -> list[str]:
    """The axes in an order in which parts come after what they are parts of."""
    parts = {a.name for a in kernel.axes if a.part}
    return sorted(names, key=lambda n: n in parts)
