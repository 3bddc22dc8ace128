"""How an axis of M is cut into register tiles: of how many rows, and which rows they cover."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd

from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import Number
from graphc.ir.dim import Size, divisor

Piece = tuple[int, Number, Number]
"""(rows, first, past the last): tiles of so many rows side by side."""
MANY_ROWS = 32
"""Of so many rows the last few may be done in small tiles."""


def row_counts(size: Size, span: int | None, want: int) -> tuple[int, ...]:
    """The rows of the tiles that cover every block of `span` values of an axis: most, then fewer.

    Blocks are multiples of what divides both size and span, so whole tiles may leave nothing; the
    last count divides what they leave.

    >>> from graphc.ir.dim import named
    >>> row_counts(196 * named("batch"), 84, 6), row_counts(named("batch"), 84, 6)
    ((6, 2), (6, 2, 1))
    """
    least = gcd(want, divisor(size), span or 0)
    some = -(-want // 3) if divisor(size) < MANY_ROWS else least
    return tuple(dict.fromkeys((want, -(-some // least) * least, least)))


def pieces(f: Function, extent: Number, counts: Sequence[int]) -> Iterator[Piece]:
    """Tiles that cover an extent: balanced if it is known, else of each count in turn."""
    if isinstance(extent, int):
        many = -(-extent // counts[0]) if extent else 0
        small, longer = divmod(extent, many) if many else (0, 0)
        if longer:
            yield small + 1, 0, longer * (small + 1)
        if small and longer < many:
            yield small, longer * (small + 1), extent
        return
    first: Number = 0
    for rows in counts:
        rest = f.sub(extent, first)
        is_last = rows == counts[-1]
        last = extent if is_last else f.add(first, f.mul(f.div(rest, rows), rows))
        yield rows, first, last
        first = last
