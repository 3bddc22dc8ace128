"""Where the accesses of a kernel go in memory: steps along an axis, bounds of indices.

Questions that every backend asks before it chooses loops; nothing here knows a vector width.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from graphc.ir.dim import Size, strides_of

from .build import axes_of
from .kernel import Affine, Axis, Buffer, Expr, Index, Kernel, Load, Store
from .walk import expressions_of

UNKNOWN = 256
"""What a symbolic size counts for when work is compared."""

Access = tuple[Buffer, tuple[Index, ...], frozenset[str]]
"""(buffer, index, axes over which it is read or written)"""


def address_coef(buffer: Buffer, index: tuple[Index, ...], axis: str) -> Size | None:
    """How far the flat address moves per step of an axis; None when that is not a fixed step."""
    total: Size = 0
    for i, stride in zip(index, strides_of(buffer.shape), strict=True):
        if axis not in axes_of(i):
            continue
        if not isinstance(i, Affine) or not i.is_plain:
            return None
        total = total + i.coef(axis) * stride
    return total


def accesses_of(kernel: Kernel) -> list[Access]:
    """Every load, then every store, of a kernel."""
    loads = [e for e in expressions_of(kernel) if isinstance(e, Load)]
    found = [(e.buffer, e.index, e.free) for e in loads]
    return found + [(s.buffer, s.index, frozenset(s.axes)) for s in kernel.stores]


def dense_axis(kernel: Kernel, lanes: int, allowed: frozenset[str] | None = None) -> str | None:
    """The axis to vectorise: the one along which most elements are touched with step 1.

    Weighted by elements, not by accesses: argmax stores n results but reads n * c values, so it
    runs along c. An axis that fills its last vector of `lanes` badly counts for less. Of equal
    axes the inner one wins; None where a kernel has no (allowed) axis.
    """
    extent = {a.name: a.size if isinstance(a.size, int) else UNKNOWN for a in kernel.axes}
    score = {n: 0.0 for n in extent if allowed is None or n in allowed}
    weight = {s.buffer.name: 2 for s in kernel.stores}
    for buffer, index, axes in accesses_of(kernel):
        elements = float(weight.get(buffer.name, 1) * prod(extent[n] for n in axes))
        for n in axes & score.keys():
            score[n] += elements * (address_coef(buffer, index, n) == 1)
    order = list(extent)
    filled = {n: extent[n] / max(lanes, -(-extent[n] // lanes) * lanes) for n in score}
    return max(
        score, key=lambda n: ((score[n] + 1) * filled[n], filled[n], order.index(n)), default=None
    )


def bounds(
    index: Affine, axes: Mapping[str, Axis], known: Mapping[str, tuple[int, int]] | None = None
) -> tuple[int, int] | None:
    """The least and greatest value of the undivided index; None if a size is not known.

    Of some axes fewer values may be `known`: from the first up to before the second number.
    """
    ranges = known or {}
    if not isinstance(index.const, int):
        return None
    low = high = index.const
    for name, coef in index.terms:
        size = axes[name].size
        if not isinstance(size, int) or not isinstance(coef, int):
            return None
        first, last = ranges.get(name, (0, max(size, 1)))
        ends = coef * first, coef * (last - 1)
        low, high = low + min(ends), high + max(ends)
    return low, high


def owned_axes(s: Store) -> frozenset[str]:
    """The axes of a store whose different values never meet in one element.

    All of a store that combines nothing; otherwise those that alone move some dimension.
    """
    if s.combine is None:
        return frozenset(s.axes)
    found: set[str] = set()
    for i in s.index:
        if isinstance(i, Affine) and i.is_plain and len(i.terms) == 1:
            found |= i.axes
    return frozenset(found)


def is_keyed(s: Store) -> bool:
    """Whether the order of the points of a store matters: it scatters by data, or the last wins."""
    return s.combine == "set" or (
        s.combine is not None and any(isinstance(i, Expr) for i in s.index)
    )
