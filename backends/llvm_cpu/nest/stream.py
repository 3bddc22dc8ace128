"""Stores that pass by the caches: results so large that little of them is there when it is read.

A plain store first reads the line that it writes; a streaming one does not, which saves a third of
the traffic of a copy. Whether results are large enough is known at run time; it changes no bit.
"""

from __future__ import annotations

from graphc.backends.llvm_cpu.ir.types import I64
from graphc.backends.llvm_cpu.ir.writer import Condition
from graphc.ir.dim import product
from graphc.kernels.kernel import Store

from .place import Place

STREAMED_BYTES = 12 << 20
"""Results from which on stores are streaming: a good part of a third-level cache."""
LEAST_ROW_BYTES = 1 << 11
"""Results of known sizes that are so small are never asked about."""
SHORT_PIECE = 32
"""Bytes that are streamed at once where rows do not begin at whole vectors."""


def may_be_large(s: Store, least_row: int = LEAST_ROW_BYTES) -> bool:
    """Whether some sizes make results large."""
    known = product(x for x in s.buffer.shape if isinstance(x, int))
    assert isinstance(known, int), "a product of numbers is a number"
    nbytes = known * s.buffer.dtype.itemsize
    if all(isinstance(x, int) for x in s.buffer.shape):
        return nbytes >= STREAMED_BYTES
    return nbytes >= least_row


def is_large(place: Place, s: Store) -> Condition:
    """Whether results are large at these sizes."""
    if not may_be_large(s):
        return False
    nbytes = place.f.mul(place.size(product(s.buffer.shape)), s.buffer.dtype.itemsize)
    return place.f.compare("ge", nbytes, STREAMED_BYTES)


def is_aligned(place: Place, pointer: str, nbytes: int) -> Condition:
    """Whether an address is a multiple of some power of two."""
    address = place.f.emit(f"ptrtoint ptr {pointer} to i64", "address")
    return place.f.relate("eq", I64, place.f.binary("and", I64, address, nbytes - 1), 0)


def pieces_of(s: Store, width: int) -> int:
    """Bytes of the pieces that vectors of `width` elements are stored in, each of them aligned."""
    whole, row = width * s.buffer.dtype.itemsize, s.buffer.shape[-1]
    fits = len(s.buffer.shape) == 1 or (isinstance(row, int) and row % width == 0)
    return whole if fits else min(whole, SHORT_PIECE)
