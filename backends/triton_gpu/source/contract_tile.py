"""Which tile of results one program of a contraction owns: by shape only, from a table.

A tile is [rows, columns] of results (M and N), summed over blocks of `depth` (K). Everything fits
the shared memory of every GPU from compute capability 8.0 on that data centres have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import gcd, prod
from typing import Literal

from graphc.ir import dim
from graphc.kernels.dense import UNKNOWN
from graphc.kernels.kernel import Expr, Load
from graphc.kernels.roles import Contraction, windowed
from graphc.kernels.walk import walk

from .body import flat_index
from .map_tile import WARP, power2

Kind = Literal["half", "tf32", "float32", "float64"]
"""What the products are of: 16-bit numbers, float32 cut to 19 bits, or numbers as they are."""
LEAST = 16
"""Rows, columns and depth of the least product that Triton knows."""
SHARED_BYTES = 160 << 10
"""Shared memory for operands: what a GPU of compute capability 8.0 has, less a few KiB."""
SHARED_BYTES_WITH_MAPS = 224 << 10
"""The same of the chips that have descriptors."""
PROCESSORS = 132
"""Programs that run at once, about, so that tiles are not fewer if they can help it."""
VECTOR_BYTES = 16
SHORT_LIST = 6


@dataclass(frozen=True, slots=True)
class ProductTile:
    """Powers of two."""

    rows: int
    columns: int
    depth: int
    warps: int
    stages: int
    maps: bool = False
    """Whether tiles of operands are copied by descriptors, which only some chips know."""
    programs: int = 0
    """How many programs there are, each of which does one tile after the other; 0: one a tile."""


# fmt: off
TILES: dict[Kind, tuple[ProductTile, ...]] = {
    "half": tuple(ProductTile(*t) for t in (
        (128, 256, 64, 8, 3), (256, 128, 64, 8, 3), (128, 128, 64, 8, 3), (128, 64, 64, 4, 3),
        ( 64, 128, 64, 4, 3), ( 64,  64, 64, 4, 4), (128,  32, 64, 4, 4), ( 32, 128, 64, 4, 4),
        ( 64,  32, 64, 4, 4), ( 32,  64, 64, 4, 4), ( 32,  32, 64, 4, 4), (128,  16, 64, 4, 4),
        ( 64,  16, 64, 4, 4), ( 16, 128, 64, 4, 4), ( 16,  64, 64, 4, 4), ( 16,  32, 64, 2, 4),
        ( 32,  16, 64, 2, 4), ( 16,  16, 64, 1, 4))),
    "tf32": tuple(ProductTile(*t) for t in (
        (128, 128, 32, 8, 3), (128, 64, 32, 4, 4), (64, 128, 32, 4, 4), (64, 64, 32, 4, 4),
        (128,  32, 32, 4, 4), ( 32, 128, 32, 4, 4), (64, 32, 32, 4, 4), (32, 64, 32, 4, 4),
        ( 32,  32, 32, 4, 4), (128,  16, 32, 4, 4), (64, 16, 32, 4, 4), (16, 128, 32, 4, 4),
        ( 16,  64, 32, 4, 4), ( 16,  32, 32, 2, 4), (32, 16, 32, 2, 4), (16, 16, 32, 1, 4))),
    "float32": tuple(ProductTile(*t) for t in (
        (128,  64, 16, 8, 3), (64, 128, 16, 8, 3), ( 64, 64, 16, 4, 3), (128, 32, 16, 4, 3),
        ( 32, 128, 16, 4, 3), (64,  32, 32, 4, 3), ( 32, 64, 32, 4, 3), ( 32, 32, 32, 4, 3),
        (128,  16, 16, 4, 3), (64,  16, 32, 4, 3), (16, 128, 16, 4, 3), ( 16, 64, 32, 4, 3),
        ( 16,  32, 32, 2, 3), (32,  16, 32, 2, 3), ( 16, 16, 32, 1, 3))),
    "float64": tuple(ProductTile(*t) for t in (
        (128,  64, 16, 8, 2), (64, 128, 16, 8, 2), ( 64, 64, 16, 4, 3), ( 64, 32, 16, 4, 4),
        ( 32,  64, 16, 4, 4), (32,  32, 16, 4, 4), ( 64, 16, 16, 4, 4), ( 16, 64, 16, 4, 4),
        ( 32,  16, 16, 2, 4), (16,  32, 16, 2, 4), ( 16, 16, 16, 1, 4))),
}
# fmt: on

# In units of one product of the tile: reading a row or column of the operands, and one turn.
EDGE: dict[Kind, int] = {"half": 64, "tf32": 64, "float32": 16, "float64": 16}
TURN: dict[Kind, int] = {"half": 4096, "tf32": 4096, "float32": 512, "float64": 512}
RESULTS_OF_THREAD: dict[Kind, int] = {"half": 128, "tf32": 64, "float32": 32, "float64": 32}
"""Accumulators that leave registers for plain operands and results."""
MOST_RESULTS = 64
"""The same where there is more than a plain product of matrices."""
ADDRESSES_OF_THREAD = 32
"""Addresses of operands that a thread may hold."""
ITEMSIZE: dict[Kind, int] = {"half": 2, "tf32": 4, "float32": 4, "float64": 8}


def tiles_of(c: Contraction, kind: Kind, copied: bool = False) -> list[ProductTile]:
    """The tiles that suit a contraction, the best first. Operands that are `copied` by descriptors
    need no registers for addresses."""
    rows, columns, depth = (extent(c, axes) for axes in (c.m, c.n, c.k))
    widths = operand_width(c, c.a, ITEMSIZE[kind]), operand_width(c, c.b[0], ITEMSIZE[kind])
    found = [_shallow(t, depth, widths) for t in TILES[kind] if _fits(t, c, kind, copied)]
    found = [t for t in found if not _is_wasteful(t, rows, columns)]
    return sorted(found, key=lambda t: _cost(t, c, kind))[:SHORT_LIST]


def extent(c: Contraction, axes: Iterable[str]) -> int:
    """Points of axes; names of sizes count as `UNKNOWN`."""
    return prod(_known(c.kernel.axis(n).size) for n in axes)


def _known(size: dim.Size) -> int:
    return dim.evaluate(size, dict.fromkeys(dim.names_of(size), UNKNOWN))


def _fits(t: ProductTile, c: Contraction, kind: Kind, copied: bool) -> bool:
    """Whether the operands fit into shared memory, and the results into registers."""
    results = t.rows * t.columns * len(c.sums) // (t.warps * WARP)
    most = RESULTS_OF_THREAD[kind]
    plain = copied or (not any(map(windowed, (c.a, *c.b))) and len(c.m) == len(c.n) == 1)
    if c.columns or not plain:
        most = min(most, MOST_RESULTS)
    return _operand_bytes(t, c, kind) <= SHARED_BYTES and results <= most


def _operand_bytes(t: ProductTile, c: Contraction, kind: Kind) -> int:
    return (t.rows + len(c.sums) * t.columns) * t.depth * t.stages * ITEMSIZE[kind]


def may_last(t: ProductTile, c: Contraction, kind: Kind) -> bool:
    """Whether results have a place in shared memory beside the operands of the next tile."""
    widest = max(s.buffer.dtype.itemsize for s in c.kernel.stores)
    return _operand_bytes(t, c, kind) + t.rows * t.columns * widest <= SHARED_BYTES_WITH_MAPS


def _shallow(t: ProductTile, depth: int, widths: tuple[int, int]) -> ProductTile:
    """No deeper than the sum is long and addresses find room, no more stages than turns."""
    deep = max(LEAST, min(t.depth, power2(depth)))
    for side, width in zip((t.rows, t.columns), widths, strict=True):
        while deep > LEAST and side * deep > ADDRESSES_OF_THREAD * t.warps * WARP * width:
            deep //= 2
    return replace(t, depth=deep, stages=max(1, min(t.stages, -(-depth // deep))))


def operand_width(c: Contraction, operand: Expr, itemsize: int) -> int:
    """Neighbours in memory that one instruction reads, of the least fortunate large load."""
    loads = [e for e in walk((operand,)) if isinstance(e, Load)]
    most = max(len(e.free) for e in loads)
    return min(_load_width(c, e, VECTOR_BYTES // itemsize) for e in loads if len(e.free) == most)


def _load_width(c: Contraction, e: Load, most: int) -> int:
    flat = flat_index(e.buffer, e.index)
    dense = next((n for n, coef in flat.terms if coef == 1), None) if flat else None
    if flat is None or dense is None:
        return 1
    steps: list[dim.Size] = [coef for n, coef in flat.terms if n != dense]
    size = c.kernel.axis(dense).size
    together = next(axes for axes in (c.m, c.n, c.k, c.batch) if dense in axes)
    steps += [size] if len(together) > 1 else []
    return gcd(most, *(dim.divisor(s) for s in (*steps, flat.const) if s != 0))


def _is_wasteful(t: ProductTile, rows: int, columns: int) -> bool:
    return t.rows > max(LEAST, power2(rows)) or t.columns > max(LEAST, power2(columns))


def tiles_in(c: Contraction, t: ProductTile) -> int:
    """How many tiles a contraction has."""
    blocks = -(-extent(c, c.m) // t.rows) * -(-extent(c, c.n) // t.columns)
    return blocks * extent(c, c.batch)


def _cost(t: ProductTile, c: Contraction, kind: Kind) -> int:
    """The time of the processor with most tiles, for the same depth."""
    rounds = -(-tiles_in(c, t) // PROCESSORS)
    columns = t.columns * len(c.sums)
    return rounds * (t.rows * columns + EDGE[kind] * (t.rows + columns) + TURN[kind])
