"""Stores that pass by the caches: results so large that little of them is there when it is read.

A plain store first reads the line that it writes. A streaming one does not, which saves a third of
the traffic of a convolution with few taps. Whether results are large enough is known at run time;
it changes no bit of them.
"""

from __future__ import annotations

from graphc.backends.llvm_cpu.ir.types import I64
from graphc.backends.llvm_cpu.ir.writer import Condition
from graphc.backends.llvm_cpu.nest.place import Place
from graphc.ir.dim import product
from graphc.kernels.kernel import Affine, Store

from .plan import Plan

STREAMED_BYTES = 12 << 20
"""Results from which on stores are streaming: a good part of a third-level cache."""
LEAST_ROW_BYTES = 1 << 14
"""Results of known sizes that are so small are never asked about."""


def may_stream(plan: Plan) -> bool:
    """Whether some results may be streamed."""
    return any(_is_aligned(plan, s) and _may_be_large(s) for s in plan.c.tiles)


def streams(plan: Plan, place: Place, s: Store) -> Condition:
    """Whether a store of whole vectors is to be streaming."""
    if not _is_aligned(plan, s) or not _may_be_large(s):
        return False
    f, inside = place.f, plan.lanes * s.buffer.dtype.itemsize - 1
    nbytes = f.mul(place.size(product(s.buffer.shape)), s.buffer.dtype.itemsize)
    address = f.emit(f"ptrtoint ptr {place.pointers[s.buffer.name]} to i64", "address")
    rest = f.binary("and", I64, address, str(inside))
    return f.both(f.compare("ge", nbytes, STREAMED_BYTES), f.relate("eq", I64, rest, 0))


def _may_be_large(s: Store) -> bool:
    known = product(x for x in s.buffer.shape if isinstance(x, int))
    assert isinstance(known, int), "a product of numbers is a number"
    nbytes = known * s.buffer.dtype.itemsize
    if all(isinstance(x, int) for x in s.buffer.shape):
        return nbytes >= STREAMED_BYTES
    return nbytes >= LEAST_ROW_BYTES


def _is_aligned(plan: Plan, s: Store) -> bool:
    """Whether vectors of a store begin at multiples of their size if the buffer does."""
    last, count = s.index[-1], s.buffer.shape[-1]
    if plan.is_masked or s.combine or not isinstance(last, Affine) or not last.is_plain:
        return False
    if s.buffer.dtype is not plan.c.a.dtype or last.coef(plan.n) != 1:
        return False
    if any(isinstance(i, Affine) and plan.n in i.axes for i in s.index[:-1]):
        return False
    others = [count, last.const, *(c for n, c in last.terms if n != plan.n)]
    return all(isinstance(x, int) and x % plan.lanes == 0 for x in others)
