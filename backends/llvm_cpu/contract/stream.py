"""Stores of contractions that pass by the caches (`nest/stream.py`): which tiles allow it."""

from __future__ import annotations

from graphc.backends.llvm_cpu.ir.writer import Condition
from graphc.backends.llvm_cpu.nest.place import Place
from graphc.backends.llvm_cpu.nest.stream import is_aligned, is_large, may_be_large
from graphc.kernels.kernel import Affine, Store

from .plan import Plan

LEAST_ROW_BYTES = 1 << 14
"""Of results of unknown sizes what is known must be so large."""


def may_stream(plan: Plan) -> bool:
    """Whether some results may be streamed."""
    return any(_is_aligned(plan, s) and may_be_large(s, LEAST_ROW_BYTES) for s in plan.c.tiles)


def streams(plan: Plan, place: Place, s: Store) -> Condition:
    """Whether a store of whole vectors is to be streaming."""
    if not _is_aligned(plan, s) or not may_be_large(s, LEAST_ROW_BYTES):
        return False
    pointer = place.pointers[s.buffer.name]
    aligned = is_aligned(place, pointer, plan.lanes * s.buffer.dtype.itemsize)
    return place.f.both(is_large(place, s), aligned)


def _is_aligned(plan: Plan, s: Store) -> bool:
    """Whether vectors of a store begin at multiples of their size if the buffer does."""
    last, count = s.index[-1], s.buffer.shape[-1]
    if plan.is_masked or s.combine or not isinstance(last, Affine) or not last.is_plain:
        return False
    if s.buffer.dtype is not plan.dtype or last.coef(plan.n) != 1:
        return False
    if any(isinstance(i, Affine) and plan.n in i.axes for i in s.index[:-1]):
        return False
    others = [count, last.const, *(c for n, c in last.terms if n != plan.n)]
    return all(isinstance(x, int) and x % plan.lanes == 0 for x in others)
