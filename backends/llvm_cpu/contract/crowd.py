"""Operands whose rows push one another out of a cache where they lie: a copy pays.

Rows at a distance of a large power of two share few sets of a cache. Of each row a tile reads one
piece, and comes back to it for the next rows of the other operand.
"""

from __future__ import annotations

from math import gcd, prod

from graphc.ir.dim import evaluate, product
from graphc.kernels.roles import Contraction
from graphc.kernels.walk import size_names

from .operands import InPlace
from .spans import FEW
from .tile import UNKNOWN, Tile

CROWDED_BYTES = 1 << 19
FAR_APART = 1 << 10
"""Half of a second-level cache, and a distance of rows at which they use few of its sets."""
COLUMNS_OF_COPY = 32
FIRST_LEVEL = 1 << 15
"""Of a first-level cache."""
ROWS_OF_SLICES = 1 << 8
SLICED = 1 << 13
"""Rows of `a` that make up for copying narrow slices of the rows of `b`, those of one group, from
so many elements apart."""
ROWS_FOR_COPY = 1 << 10
FEW_SETS, KEPT_BYTES = 8, 1 << 21
LINE, SETS, WAYS = 64, 64, 8
"""Bytes of a line, and the shape of most first-level caches."""
NARROW_PIECE = 2 * LINE
"""Pieces of rows up to here are too short for the prefetchers of a processor."""
FULL = 0.75
ROWS_OF_PIECES, ALL_ROWS = 192, 48
"""A share of a cache; rows of `a` that make up for copying pieces of the rows of `b`, and how many
do if a piece is one line and there are no more rows than these."""


def rows_crowd(c: Contraction, a: InPlace) -> bool:
    """Whether rows of `a` along a sum over positions share so few sets of a cache that a padded
    copy pays for columns enough."""
    step, columns = a.step(c.k[-1]), c.kernel.axis(c.n[-1]).size
    unknown = any(not isinstance(c.kernel.axis(n).size, int) for n in c.k)
    if not unknown or a.step(c.m[-1]) != 1 or not isinstance(step, int):
        return False
    apart = step * a.dtype.itemsize
    return apart % FAR_APART == 0 and isinstance(columns, int) and columns >= COLUMNS_OF_COPY


def panel_crowds(c: Contraction, tile: Tile, b: InPlace, width: int) -> bool:
    """Whether the rows of one step are so far apart that few of them fit a cache together.

    Rows at a distance of a large power of two share sets; copying pays if enough rows of `a` use
    the copy.
    """
    inner = c.k[-1]
    step, guess = b.step(inner), dict.fromkeys(size_names(c.kernel), UNKNOWN)
    if not isinstance(step, int) or step == 0:
        return False
    apart = step * b.dtype.itemsize
    apart &= -apart
    length = prod(tile.span(n) or evaluate(c.kernel.axis(n).size, guess) for n in c.k)
    rows = prod(evaluate(c.kernel.axis(n).size, guess) for n in c.m)
    crowded = apart >= FAR_APART and length * apart > CROWDED_BYTES
    if crowded and rows >= ROWS_FOR_COPY:
        return True
    if _pieces_crowd(c, b, length, width):
        return True
    columns, whole = c.kernel.axis(c.n[-1]).size, all(tile.span(n) is None for n in c.k)
    is_slice = isinstance(columns, int) and 2 * columns <= step
    few = dict.fromkeys(size_names(c.kernel), FEW)
    rows = prod(evaluate(c.kernel.axis(n).size, few) for n in c.m)
    return whole and is_slice and rows >= ROWS_OF_SLICES and length * step > SLICED


def _pieces_crowd(c: Contraction, b: InPlace, length: int, width: int) -> bool:
    """Whether the pieces that a panel reads of `length` rows are more than the lines of the sets of
    a first-level cache that they share."""
    step, size = b.step(c.k[-1]), b.dtype.itemsize
    sizes = [c.kernel.axis(n).size for n in (*c.m, *c.k)]
    rows = prod(x for x in sizes[: len(c.m)] if isinstance(x, int))
    known = all(isinstance(x, int) for x in sizes[len(c.m) :])
    are_all = all(isinstance(x, int) for x in sizes[: len(c.m)])
    least = ALL_ROWS if are_all and width * size <= LINE else ROWS_OF_PIECES
    if not isinstance(step, int) or not known or rows < least:
        return False
    row, piece = step * size, width * size
    if row % LINE or not piece < row or piece > NARROW_PIECE:
        return False
    sets = _sets(row, piece)
    return sets < SETS and length * piece > FULL * sets * WAYS * LINE


def _sets(row: int, piece: int) -> int:
    """Of a first-level cache, those that the pieces of rows use. Rows are a number of lines."""
    return min(SETS, SETS // gcd(row // LINE, SETS) * -(-piece // LINE))


def kept_rows_crowd(b: InPlace, k: str, width: int) -> bool:
    """Whether narrow rows are better copied once for many calls: the pieces of a panel use an
    eighth of a first-level cache at most, and all of them come from beyond the second level."""
    step, size = b.step(k), b.dtype.itemsize
    held = product(b.load.buffer.shape)
    if not isinstance(step, int) or not isinstance(held, int) or step * size % LINE:
        return False
    return _sets(step * size, width * size) <= FEW_SETS and held * size > KEPT_BYTES


def columns_crowd(c: Contraction, b: InPlace) -> bool:
    """Whether columns along which lanes run are so far apart that few of them fit a first-level
    cache together."""
    apart, sizes = b.step(c.n[-1]), [c.kernel.axis(n).size for n in (*c.k[:-1], c.n[-1])]
    if not isinstance(apart, int) or not all(isinstance(x, int) for x in sizes):
        return False
    apart *= b.dtype.itemsize
    apart &= -apart
    return apart >= FAR_APART and apart * prod(x for x in sizes if isinstance(x, int)) > FIRST_LEVEL
