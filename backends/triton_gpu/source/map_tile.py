"""Which part of a map or reduction one program owns: the tile, and the axes that make the grid.

    lanes owned        elementwise, column reductions    a program per block of rows and lanes
    lanes not owned    row reductions, full sums         a program per block of rows, whole rows
Everything is decided by shape, so results do not depend on the device.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from math import prod

from graphc.ir.dim import Size, ceil_div, product
from graphc.kernels.dense import UNKNOWN, dense_axis, owned_axes
from graphc.kernels.kernel import Axis, Kernel, Reduce
from graphc.kernels.levels import reduced_axes
from graphc.kernels.walk import expressions_of, roots_of

from .loops import Tile
from .shape import Side

ELEMENTS = 1024
"""Elements of a tile that is only mapped."""
SUMMED = 4096
"""Elements of a tile that is summed along a side."""
LONGEST = 8192
"""Elements of a row that a tile holds as a whole."""
WARP = 32
TALL = 32
"""Turns of a reduced axis from which on it runs along the rows of the tile."""


@dataclass(frozen=True, slots=True)
class MapTile:
    """`outer` are the owned axes that programs count, in blocks of rows if `rows_owned`; `lanes` is
    the owned axis along the other side, if there is one."""

    tile: Tile
    outer: tuple[Axis, ...]
    lanes: Axis | None
    rows_owned: bool
    warps: int

    @property
    def rows(self) -> Size:
        """Points of the outer axes."""
        return product(a.size for a in self.outer)

    @property
    def row_blocks(self) -> Size:
        """Programs along the outer axes."""
        return ceil_div(self.rows, self.tile.rows) if self.rows_owned else self.rows

    @property
    def lane_blocks(self) -> Size:
        """Programs along the lanes."""
        return ceil_div(self.lanes.size, self.tile.lanes) if self.lanes else 1

    @property
    def programs(self) -> Size:
        """All programs."""
        return self.row_blocks * self.lane_blocks


def tile_of(kernel: Kernel) -> MapTile:
    """The tile of a kernel whose stores combine nothing."""
    owned = _owned(kernel)
    dense = dense_axis(kernel, WARP)
    if dense is not None and dense in owned:
        return _columns(kernel, owned, kernel.axis(dense))
    return _rows(kernel, owned, dense)


def _owned(kernel: Kernel) -> tuple[str, ...]:
    """The axes whose points are independent: in every store, and reduced nowhere."""
    reduced = reduced_axes(roots_of(kernel))
    common = reduce(frozenset.__and__, map(owned_axes, kernel.stores)) - reduced
    parent = {a.name: a.part.parent for a in kernel.axes if a.part}
    return tuple(a.name for a in kernel.axes if a.name in common
                 and parent.get(a.name, a.name) in common)  # fmt: skip


def _columns(kernel: Kernel, owned: tuple[str, ...], lanes: Axis) -> MapTile:
    outer = tuple(a for a in kernel.axes if a.name in owned and a is not lanes)
    tall = _tallest(kernel, owned)
    width = min(power2(extent([lanes])), ELEMENTS if tall is None else 128)
    if tall is None:
        rows = min(power2(extent(outer)), max(1, ELEMENTS // width))
        return MapTile(Tile(rows, width), outer, lanes, True, warps(rows * width))
    rows = min(power2(extent([tall])), SUMMED // width)
    sides: dict[str, Side] = {tall.name: 0}
    return MapTile(Tile(rows, width, sides), outer, lanes, False, warps(rows * width))


def _tallest(kernel: Kernel, owned: tuple[str, ...]) -> Axis | None:
    """The longest axis that is only reduced, if it is long."""
    found = [e for e in expressions_of(kernel) if isinstance(e, Reduce)]
    names = {n for e in found for n in e.axes} - {n for s in kernel.stores for n in s.axes}
    axes = [a for a in kernel.axes if a.name in names and a.name not in owned]
    tall = max(axes, key=lambda a: extent([a]), default=None)
    return tall if tall is not None and extent([tall]) >= TALL else None


def _rows(kernel: Kernel, owned: tuple[str, ...], dense: str | None) -> MapTile:
    outer = tuple(a for a in kernel.axes if a.name in owned)
    if dense is None:
        return MapTile(Tile(), outer, None, False, 1)
    size = kernel.axis(dense).size
    width = power2(size) if isinstance(size, int) and size <= LONGEST else ELEMENTS
    rows = min(power2(extent(outer)), max(1, ELEMENTS // width))
    sides: dict[str, Side] = {dense: 1}
    return MapTile(Tile(rows, width, sides), outer, None, True, warps(rows * width))


def extent(axes: Iterable[Axis]) -> int:
    """Points of axes; sizes that are not known count as `UNKNOWN`."""
    return prod(a.size if isinstance(a.size, int) else UNKNOWN for a in axes)


def power2(n: int) -> int:
    """The least power of two that is not less."""
    return 1 << max(0, n - 1).bit_length()


def warps(elements: int) -> int:
    """Warps for so many elements of a tile: 8 to 16 for each thread."""
    return min(16, max(1, power2(elements // (8 * WARP)))) if elements > 8 * WARP else 1
