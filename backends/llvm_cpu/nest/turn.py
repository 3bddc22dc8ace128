"""Squares turned in registers: a load that strides along the lanes but is dense along another axis.

The square is read along the dense axis, turned, and kept in a tile in the L1 cache, from which each
value of that axis reads a row. So a transpose moves whole vectors instead of gathering elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.backends.llvm_cpu.ir import access
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import Number, literal, memory_type
from graphc.dtypes import DType
from graphc.kernels.dense import address_coef
from graphc.kernels.kernel import Kernel, Load
from graphc.kernels.walk import expressions_of

from .body import Body, Vectors

LEAST_TURNED = 8
"""An axis shorter than this is not worth turning."""
MOST_TILES = 8
"""Tiles of one kernel: they should stay in the L1 cache."""


def turned(f: Function, type_: str, rows: Sequence[str]) -> list[str]:
    """The square whose columns are these rows: log2(lanes) rounds of pairwise exchanges."""
    result, lanes = list(rows), len(rows)
    distance = lanes // 2
    while distance:
        low = [q if not q & distance else lanes + q - distance for q in range(lanes)]
        high = [q + distance if not q & distance else lanes + q for q in range(lanes)]
        for i in (i for i in range(lanes) if not i & distance):
            a, b = result[i], result[i + distance]
            result[i], result[i + distance] = (
                f.shuffle(type_, a, b, low),
                f.shuffle(type_, a, b, high),
            )
        distance //= 2
    return result


def strided_loads(kernel: Kernel, lanes: str, dense: str, bound: frozenset[str]) -> list[Load]:
    """The loads that can be turned: they stride along the lanes and are dense along `dense`."""
    found = [e for e in expressions_of(kernel) if isinstance(e, Load)]
    return [
        e
        for e in found
        if not e.checked
        and not e.exact
        and e.free <= bound
        and address_coef(e.buffer, e.index, lanes) not in (0, 1, -1, None)
        and address_coef(e.buffer, e.index, dense) == 1
    ]


def turning_axis(kernel: Kernel, lanes: str, outer: Sequence[str]) -> str | None:
    """The outer axis along which most strided loads are dense."""
    bound = frozenset(outer) | {lanes}
    best: str | None = None
    most = 0
    for name in outer:
        size = kernel.axis(name).size
        count = len(strided_loads(kernel, lanes, name, bound))
        if most < count <= MOST_TILES and not (isinstance(size, int) and size < LEAST_TURNED):
            best, most = name, count
    return best


class Tiles:
    """The tiles of one kernel: `lanes` values of the dense axis by all groups of vectors."""

    def __init__(self, body: Body, loads: Sequence[Load], dense: str, groups: int) -> None:
        self.body, self.f, self.place = body, body.f, body.place
        self.dense, self.pitch = dense, groups * body.place.width
        count = self.pitch * body.place.width
        self.memory = {
            e: self.f.alloca(memory_type(e.buffer.dtype), count, hint="tile") for e in loads
        }
        self.row: Number = 0

    def sweep(self, first: Number, count: Number, inside: Callable[[], None]) -> None:
        """Fill the tiles here, and do `inside` for `count` values of the dense axis."""
        special = dict(self.body.special)
        for e, tile in self.memory.items():
            self.fill(e, tile, first, count)
            self.body.special[e] = self.reader(e.buffer.dtype, tile)

        def one(i: Number, _: list[str]) -> None:
            self.row = i
            with self.body.scope({self.dense: self.f.add(first, i)}):
                inside()

        self.f.loop(0, count, 1, one, hint="row")
        self.body.special = special

    def reader(self, dtype: DType, tile: str) -> Callable[[], Vectors]:
        """Reads a row of a tile."""
        element, width = memory_type(dtype), self.place.width

        def read() -> Vectors:
            assert self.place.lanes, "tiles are read in lanes"
            row = self.f.gep(element, tile, self.f.mul(self.row, self.pitch))
            spots = [self.f.gep(element, row, g * width) for g in range(self.place.lanes.groups)]
            return [access.read(self.f, dtype, width, spot) for spot in spots]

        return read

    def fill(self, e: Load, tile: str, first: Number, count: Number) -> None:
        """Read squares along the dense axis, one per group of lanes, and turn them."""
        f, place, width = self.f, self.place, self.place.width
        assert place.lanes, "squares have lanes"
        lanes, element = place.lanes, memory_type(e.buffer.dtype)
        with self.body.scope({self.dense: first}):
            where = self.body.memory.address(e.buffer, e.index)
        assert where.step is not None, "a turned load has a fixed step"
        step, type_ = place.size(where.step), memory_type(e.buffer.dtype, width)
        mask = self.place.prefix(count)

        def square(g: Number, _: list[str]) -> None:
            rows = []
            for i in range(width):
                lane = f.add(f.mul(g, width), i)
                if lanes.left is not None:
                    lane = f.min(lane, f.sub(lanes.left, 1))
                at = f.gep(element, where.pointer, f.mul(lane, step))
                if mask is None:
                    rows.append(f.load(type_, at))
                else:
                    rows.append(f.masked_load(type_, at, mask, literal(type_, 0)))
            for i, row in enumerate(turned(f, type_, rows)):
                f.store(type_, row, f.gep(element, tile, f.add(f.mul(g, width), i * self.pitch)))

        f.loop(0, lanes.groups, 1, square, hint="square")
