"""Whether a kernel must be split so that enough of it can run at once, decided by shape only.

The rules know work and the axes that stay parallel; they know no thread and no machine, so that
results have the same bits everywhere. The split itself is in `split.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import gcd, prod

from graphc.ir import dim
from graphc.ir.dim import Size, ceil_div

from .kernel import Affine, Axis, Kernel, Load, Reduce
from .merge import merge_axes
from .roles import Contraction, contraction_of, windowed
from .settle import settled
from .split import split_rows
from .walk import expressions_of

UNKNOWN = 256
"""What a size that is not known counts for when work is compared."""
LONGER = 8
"""How many times as long parts must be where they allow larger tiles, but are not needed."""
LONG_PART = 1 << 22
"""Turns of the loops of one part from which on there are more parts, so that calls can rest."""


@dataclass(frozen=True, slots=True)
class Grain:
    """How much parallel work is wanted, and which pieces are large enough to be worth it."""

    parts: int
    """Pieces of parallel work that are enough."""
    small_work: int
    """Elements read that need not be shared out."""
    small_products: int
    """Multiplications that need not be shared out."""
    lanes: int
    """Elements of the contiguous axis that are one piece of a map."""
    tile: int
    """Results of a contraction that are one piece of it."""
    window: int
    """The same where an operand is read through a window."""
    least_sum: int
    """Products per partial result: with fewer, writing partials costs more than it gains."""
    long_sum: int | None
    """Products per partial result from which on more parts than needed save memory traffic."""
    most_partials: int
    """Partial results that more parts than needed may make."""
    step: int
    """Products of which a part of a sum is a multiple, where there are enough. A power of two."""
    is_even: bool
    """Whether there are only as many parts as are needed and none of them is empty, and a
    contiguous axis may be cut, too."""


THREADS = Grain(
    parts=16,
    small_work=1 << 17,  # about 20 microseconds of one thread, as are the products
    small_products=1 << 20,
    lanes=64,
    tile=512,
    window=64 * 512,  # tiles of a window share its copy in scratch, so a piece is many of them
    least_sum=512,
    long_sum=1 << 12,
    most_partials=1 << 20,
    step=1,
    is_even=False,
)
"""The grain of a CPU."""


def split_for_parallelism(kernel: Kernel, grain: Grain = THREADS) -> tuple[Kernel, ...]:
    """The kernel, or partial kernels and their finish where it lacks parallel work.

    Needed for batch-norm statistics, bias gradients, losses and full sums (only channels or nothing
    is kept) and for weight gradients (the sum runs over all pixels). Reductions over M in the
    epilogue of a contraction are left alone: the backends cut those by their own tiles.
    """
    merged = merge_axes(settled(kernel))
    found = contraction_of(merged)
    is_product = found is not None and bool(found.m and found.n)
    cut = _cut_of_sum(found, grain) if found and is_product else _cut_of_map(merged, grain)
    axis, parts = cut
    if axis is None:
        return (kernel,)
    step = _step(found, axis, parts, grain.step) if found and is_product else 1
    if grain.is_even:
        parts = _even(axis, parts, step)
    return split_rows(merged, axis.name, parts, ceil_div(axis.size, parts * step) * step)


Cut = tuple[Axis | None, int]
UNCUT: Cut = (None, 0)


def _cut_of_map(kernel: Kernel, grain: Grain) -> Cut:
    """An outer axis that is reduced, if the axes that never are do not give enough pieces."""
    roots = expressions_of(kernel)
    reduced = {n for e in roots if isinstance(e, Reduce) for n in e.axes}
    work = max((_extent(kernel, e.free) for e in roots if isinstance(e, Load)), default=0)
    if work < grain.small_work or any(s.combine for s in kernel.stores):
        return UNCUT
    kept = {a.name for a in kernel.axes} - reduced
    parallel = {n for n in kept if all(n in s.axes for s in kernel.stores)}
    lanes = _contiguous(kernel)
    outer = parallel - lanes
    pieces = _extent(kernel, outer) if outer else _extent(kernel, parallel & lanes) // grain.lanes
    if pieces >= grain.parts:
        return UNCUT
    has_outer = any(_length(a) > 1 for a in kernel.axes if a.name not in lanes)
    inner = lanes if has_outer and not grain.is_even else set()
    candidates = [a for a in kernel.axes if a.name in reduced - inner and not _is_cut(kernel, a)]
    axis = _first_long(candidates, grain.parts)
    if axis is None:
        return UNCUT
    if grain.is_even:
        return axis, -(-grain.parts // max(1, pieces))
    turns = _extent(kernel, (a.name for a in kernel.axes))
    return axis, max(grain.parts, min(turns // LONG_PART, _length(axis)))


def _cut_of_sum(c: Contraction, grain: Grain) -> Cut:
    """The outermost long axis of K, where M, N and batch alone give too few pieces."""
    kernel = c.kernel
    results = _extent(kernel, (*c.m, *c.n, *c.batch))
    products = _extent(kernel, c.k)
    if c.columns or results * products < grain.small_products:
        return UNCUT
    pieces = results // (grain.window if windowed(c.a) else grain.tile)
    needed = -(-grain.parts // max(1, pieces))
    if grain.long_sum is not None:
        useful = min(products // grain.long_sum, grain.most_partials // max(1, results))
        needed = max(needed, useful)
    # With about half as many pieces there is work for all: then few parts must be long ones.
    least = grain.least_sum * (LONGER if grain.is_even and pieces > 0.45 * grain.parts else 1)
    parts = min(grain.parts, products // least, needed)
    if parts < 2:
        return UNCUT
    axes = [kernel.axis(n) for n in c.k if not _is_cut(kernel, kernel.axis(n))]
    axis = _first_long(axes, parts if grain.is_even else grain.parts)
    return (axis, min(parts, _length(axis))) if axis else UNCUT


def _step(c: Contraction, axis: Axis, parts: int, step: int) -> int:
    """Points of the axis with which parts are whole blocks of so many products: other axes of the
    sum may give a part of them."""
    for n in c.k:
        step //= gcd(step, dim.divisor(c.kernel.axis(n).size) if n != axis.name else 1)
    while step > 1 and parts * step > _length(axis):
        step //= 2
    return step


def _even(axis: Axis, parts: int, step: int) -> int:
    """About so many parts, none of them empty where the size is known."""
    steps = -(-_length(axis) // step)
    many = max(1, min(parts, steps))
    block = -(-steps // many) if step == 1 else round(steps / many)
    return -(-steps // block)


def _contiguous(kernel: Kernel) -> set[str]:
    """The axes along which the largest load steps by one element."""
    loads = [e for e in expressions_of(kernel) if isinstance(e, Load) and e.index]
    widest = max(loads, key=lambda e: _extent(kernel, e.free), default=None)
    last = widest.index[-1] if widest else None
    terms = last.terms if isinstance(last, Affine) and last.is_plain else ()
    return {n for n, coef in terms if coef == 1}


def _first_long(axes: list[Axis], parts: int) -> Axis | None:
    """The outermost axis that gives so many parts, or else the longest of more than one."""
    longest = max(axes, key=_length, default=None)
    found = next((a for a in axes if _length(a) >= parts), longest)
    return found if found and _length(found) > 1 else None


def _is_cut(kernel: Kernel, axis: Axis) -> bool:
    """Whether the axis is already a part, or counts parts."""
    return axis.part is not None or any(
        a.part is not None and a.part.parent == axis.name for a in kernel.axes
    )


def _extent(kernel: Kernel, names: Iterable[str]) -> int:
    return prod(_length(kernel.axis(n)) for n in names)


def _length(axis: Axis) -> int:
    return _known(axis.size)


def _known(size: Size) -> int:
    return dim.evaluate(size, dict.fromkeys(dim.names_of(size), UNKNOWN))
