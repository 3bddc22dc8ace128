"""Fewer axes, same meaning: axes of size one go, neighbours that all accesses walk as one fuse.

    y[n, h, w, c] = f(x[n, h, w, c], b[c])   ->   y[nhw, c] = f(x[nhw, c], b[c])
A kernel over fewer and longer axes has fewer loops and more choices of where to cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import permutations

from .build import affine_scale, affine_sum, as_index, coord, load, op, reduce
from .guards import with_simple_guards
from .kernel import Affine, Axis, Buffer, Coord, Expr, Index, Kernel, Load, Op, Reduce, Store
from .settle import with_axes
from .walk import expressions_of, rebuild

Access = tuple[Buffer, tuple[Index, ...], frozenset[int]]
Views = dict[tuple[str, tuple[Index, ...]], tuple[Buffer, tuple[Index, ...], int]]


@lru_cache(maxsize=16)
def merge_axes(kernel: Kernel) -> Kernel:
    """The kernel with unit axes removed and neighbouring axes fused wherever that is possible.

    A fused axis keeps the name of the inner one. Axes of parts, and axes that index a dimension
    together with another axis (windows), stay. Guards that say nothing are dropped first.
    """
    kernel = with_simple_guards(without_unit_axes(kernel))
    while (fused := _first_merge(kernel)) is not None:
        kernel = fused
    return kernel


def without_unit_axes(kernel: Kernel) -> Kernel:
    """An axis of one element is always at 0."""
    parents = {a.part.parent for a in kernel.axes if a.part}
    units = {
        a.name for a in kernel.axes if a.size == 1 and a.part is None and a.name not in parents
    }
    if not units:
        return kernel
    change: dict[Expr, Expr] = {}
    where = {n: Affine() for n in units}
    for e in expressions_of(kernel):
        if isinstance(e, Reduce) and set(e.axes) & units:
            arg = rebuild([e.arg], change, where)[e.arg]
            rest = tuple(n for n in e.axes if n not in units)
            change[e] = reduce(e.kind, arg, rest) if rest else arg
    return with_axes(kernel, tuple(a for a in kernel.axes if a.name not in units), where, change)


def _first_merge(kernel: Kernel) -> Kernel | None:
    for outer, inner in permutations(kernel.axes, 2):
        fused = merge_pair(kernel, outer, inner)
        if fused is not None:
            return fused
    return None


def merge_pair(kernel: Kernel, outer: Axis, inner: Axis) -> Kernel | None:
    """The kernel with `outer` absorbed into `inner`; None where some access tells them apart."""
    if not _may_merge(kernel, outer, inner):
        return None
    views: Views = {}
    dims = _merged_dims(kernel, outer, inner)
    for buffer, index, guarded in _accesses(kernel):
        new = _merged(buffer, index, guarded, dims.get(buffer.name), outer, inner)
        if new is None:
            return None
        views[buffer.name, index] = new
    return _over_views(kernel, outer, inner, views)


def _may_merge(kernel: Kernel, outer: Axis, inner: Axis) -> bool:
    parents = {a.part.parent for a in kernel.axes if a.part}
    if outer.part or inner.part or parents & {outer.name, inner.name}:
        return False
    roots = expressions_of(kernel)
    sets = [e.axes for e in roots if isinstance(e, Reduce)] + [s.axes for s in kernel.stores]
    if any((outer.name in s) != (inner.name in s) for s in sets):
        return False
    if any(s.combine and s.axes.index(outer.name) + 1 != s.axes.index(inner.name)
           for s in kernel.stores if outer.name in s.axes):  # fmt: skip
        return False
    coords = [e.index for e in roots if isinstance(e, Coord)]
    return all(_walks_as_one(i, outer, inner) for i in coords)


def _walks_as_one(index: Affine, outer: Axis, inner: Axis) -> bool:
    return index.coef(outer.name) == index.coef(inner.name) * inner.size


def _accesses(kernel: Kernel) -> Iterator[Access]:
    for e in expressions_of(kernel):
        if isinstance(e, Load):
            yield e.buffer, e.index, frozenset(e.checked) | frozenset(e.exact)
    for s in kernel.stores:
        yield s.buffer, s.index, frozenset()


def _merged_dims(kernel: Kernel, outer: Axis, inner: Axis) -> dict[str, int]:
    """Per buffer the dimension of the outer axis, where the next one is that of the inner axis."""
    found: dict[str, int] = {}
    for buffer, index, _ in _accesses(kernel):
        for d in range(len(index) - 1):
            if index[d] == as_index(outer.name) and index[d + 1] == as_index(inner.name):
                found.setdefault(buffer.name, d)
    return found


def _merged(
    buffer: Buffer,
    index: tuple[Index, ...],
    guarded: frozenset[int],
    d: int | None,
    outer: Axis,
    inner: Axis,
) -> tuple[Buffer, tuple[Index, ...], int] | None:
    """The access in a view whose dimensions d and d + 1 are one; -1 where the buffer stays."""
    names = {outer.name, inner.name}
    users = {i for i, x in enumerate(index) if _uses(x) & names}
    if d is None:
        return None if users else (buffer, index, -1)
    if guarded & {d, d + 1} or users - {d, d + 1} or d + 1 >= len(index):
        return None
    first, second = index[d], index[d + 1]
    if not isinstance(first, Affine) or not isinstance(second, Affine):
        return None
    if not first.is_plain or not second.is_plain:
        return None
    flat = affine_sum(affine_scale(first, buffer.shape[d + 1]), second)
    if not _walks_as_one(flat, outer, inner):
        return None
    flat = replace(flat, terms=tuple(t for t in flat.terms if t[0] != outer.name))
    shape = (*buffer.shape[:d], buffer.shape[d] * buffer.shape[d + 1], *buffer.shape[d + 2 :])
    return replace(buffer, shape=shape), (*index[:d], flat, *index[d + 2 :]), d


def _uses(index: Index) -> frozenset[str]:
    return index.axes if isinstance(index, Affine) else index.free


def _over_views(kernel: Kernel, outer: Axis, inner: Axis, views: Views) -> Kernel:
    done: dict[Expr, Expr] = {}
    for e in expressions_of(kernel):
        done[e] = _viewed(e, outer.name, views, done)

    def at(index: tuple[Index, ...]) -> tuple[Index, ...]:
        return tuple(i if isinstance(i, Affine) else done[i] for i in index)

    stores = tuple(
        Store(
            views[s.buffer.name, s.index][0],
            at(views[s.buffer.name, s.index][1]),
            done[s.value],
            tuple(n for n in s.axes if n != outer.name),
            s.combine,
            s.keep,
        )
        for s in kernel.stores
    )
    axes = (
        Axis(a.name, outer.size * inner.size) if a is inner else a
        for a in kernel.axes
        if a is not outer
    )
    return Kernel(kernel.name, tuple(axes), stores)


def _viewed(e: Expr, outer: str, views: Views, done: dict[Expr, Expr]) -> Expr:
    """A copy of one expression without the outer axis; its inputs are done."""
    match e:
        case Load():
            buffer, index, d = views[e.buffer.name, e.index]
            moved = tuple(i if isinstance(i, Affine) else done[i] for i in index)
            checked, exact = (
                tuple(x - (0 <= d < x) for x in dims) for dims in (e.checked, e.exact)
            )
            return load(buffer, *moved, checked=checked, exact=exact, fill=e.fill)
        case Coord(index=index):
            terms = tuple(t for t in index.terms if t[0] != outer)
            return coord(replace(index, terms=terms), e.dtype)
        case Op(name=name, args=args):
            return op(name, *(done[a] for a in args), dtype=e.dtype)
        case Reduce(kind=kind, arg=arg, axes=axes):
            return reduce(kind, done[arg], tuple(n for n in axes if n != outer))
        case _:
            return e
