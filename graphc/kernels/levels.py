"""In which order the reductions of a kernel can be computed, and which stores go together.

A reduction is ready at a place of the loops when all its free axes are bound there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

from .kernel import Axis, Expr, Kernel, Load, Reduce, Store
from .walk import children, expressions_of, roots_of, walk


def reductions_ready(
    roots: Iterable[Expr],
    bound: frozenset[str],
    done: Collection[Expr] = (),
    parents: Mapping[str, str] | None = None,
) -> list[list[Reduce]]:
    """The reductions computable where `bound` axes are bound, by level.

    Each level needs only those before it. What lies below expressions that are `done` is left out.
    `parents` maps axes that count inside a part to the axis of parts, which must be bound too.
    """
    parent = parents or {}
    level: dict[Expr, int] = {}
    found: dict[int, list[Reduce]] = {}
    for e in walk_until(roots, done):
        below = max((level.get(c, 0) for c in children(e)), default=0)
        here = isinstance(e, Reduce) and e.free | _parents(e, parent) <= bound
        if isinstance(e, Reduce) and here:
            found.setdefault(below, []).append(e)
        level[e] = below + here
    return [found[n] for n in sorted(found)]


def _parents(e: Reduce, parent: Mapping[str, str]) -> frozenset[str]:
    return frozenset(parent[n] for n in e.axes if n in parent) - frozenset(e.axes)


def walk_until(roots: Iterable[Expr], done: Collection[Expr]) -> list[Expr]:
    """All expressions at and below the roots, inputs first, without those `done` and theirs."""
    seen: dict[Expr, None] = {}

    def visit(e: Expr) -> None:
        if e in seen or e in done:
            return
        for c in children(e):
            visit(c)
        seen[e] = None

    for e in roots:
        visit(e)
    return list(seen)


def reduced_axes(roots: Iterable[Expr]) -> frozenset[str]:
    """The axes that some reduction at or below the roots removes."""
    return frozenset(n for e in walk(roots) if isinstance(e, Reduce) for n in e.axes)


def roots_of_store(s: Store) -> list[Expr]:
    """The stored value and the expressions in the index."""
    return [s.value, *(i for i in s.index if isinstance(i, Expr))]


def axes_touched(s: Store) -> frozenset[str]:
    """The axes of a store and all axes below its value and index, reduced ones included."""
    below = walk(roots_of_store(s))
    return frozenset(s.axes).union(*(e.free for e in below)) | reduced_axes(below)


def independent_groups(kernel: Kernel) -> tuple[Kernel, ...]:
    """Kernels of the stores that share no axis: separate loops (an optimizer over many tensors).

    They may run in any order, so a store stays with those that read what it overwrites.
    """
    parent = {a.name: a.part.parent for a in kernel.axes if a.part}
    groups: list[tuple[frozenset[str], list[Store]]] = []
    for s in kernel.stores:
        names = axes_touched(s)
        names |= {parent[n] for n in names if n in parent}
        touching = [
            g
            for g in groups
            if g[0] & names or not (names or g[0]) or any(_meet_in_memory(s, t) for t in g[1])
        ]
        groups = [g for g in groups if g not in touching]
        merged = names.union(*(g[0] for g in touching))
        groups.append((merged, [x for g in touching for x in g[1]] + [s]))
    if len(groups) == 1:
        return (kernel,)
    return tuple(of_stores(kernel, stores) for _, stores in groups)


def _meet_in_memory(a: Store, b: Store) -> bool:
    """Whether one store writes a buffer that the other reads."""
    return a.buffer.name in _read_by(b) or b.buffer.name in _read_by(a)


def _read_by(s: Store) -> set[str]:
    return {e.buffer.name for e in walk(roots_of_store(s)) if isinstance(e, Load)}


def _loaded(stores: Iterable[Store]) -> set[str]:
    return set[str]().union(*map(_read_by, stores))


def apart_from_smaller(kernel: Kernel) -> tuple[Kernel, ...]:
    """Stores over fewer axes apart, so that they do not bind the loops of the others.

    dx[n, c] = .. for n c;  average[c] = .. for c   ->   two kernels: rows n, and one row
    Not where anything is reduced, or where one store could overwrite what another still reads.
    """
    most = max(kernel.stores, key=lambda s: len(s.axes))
    small = [s for s in kernel.stores if set(s.axes) < set(most.axes) and _is_alone(kernel, s)]
    if not small or reduced_axes(roots_of(kernel)):
        return (kernel,)
    rest = [s for s in kernel.stores if s not in small]
    return (of_stores(kernel, rest), *(of_stores(kernel, [s]) for s in small))


def _is_alone(kernel: Kernel, s: Store) -> bool:
    """Whether a store and the others may come in any order, wherever their results lie."""
    others = [t for t in kernel.stores if t is not s]
    mine, theirs = _read_by(s), _loaded(others)
    in_its_place = s.buffer.name in mine and s.buffer.name not in theirs
    overwrites = not in_its_place and any(must_precede(t, s) for t in others)
    read = mine & {t.buffer.name for t in others} or any(must_precede(s, t) for t in others)
    return s.combine is None and not overwrites and not read


def of_stores(kernel: Kernel, stores: Iterable[Store]) -> Kernel:
    """The kernel with some of its stores, and the axes those need."""
    wanted = {s.buffer.name for s in stores}
    kept = tuple(s for s in kernel.stores if s.buffer.name in wanted)
    names = frozenset[str]().union(*(axes_touched(s) for s in kept))
    names |= {a.part.parent for a in kernel.axes if a.part and a.name in names}
    axes: tuple[Axis, ...] = tuple(a for a in kernel.axes if a.name in names)
    return replace(kernel, axes=axes, stores=kept)


def must_precede(reader: Store, writer: Store, done: Collection[Expr] = ()) -> bool:
    """Whether `writer` may overwrite, in place, something that `reader` still has to read.

    A plain store may share memory with a buffer that is loaded at exactly the store's index. What
    is `done` has been read.
    """
    if writer.combine is not None or reader is writer:
        return False
    below = walk_until(roots_of_store(reader), done)
    return any(isinstance(e, Load) and e.index == writer.index for e in below)


def may_overwrite(kernel: Kernel, s: Store, buffer: str) -> bool:
    """Whether a store may write into the memory of a buffer that the kernel also reads.

    Its loads must have the store's index, and what is read through a reduction must be read before
    the first element of that reduction is overwritten: it must depend only on axes of the store
    that nothing reduces, because those are bound first. Where two stores wait for each other, one
    must have fewer axes, which nothing reduces; behind those its reductions are computed. Stores
    of other groups, whose loops may run later, must not read the buffer at all.
    """
    if s.combine is not None:
        return False
    if any(s not in g.stores and buffer in _loaded(g.stores) for g in independent_groups(kernel)):
        return False
    loads = [e for e in expressions_of(kernel) if isinstance(e, Load) and e.buffer.name == buffer]
    if any(e.index != s.index or e.checked or e.exact for e in loads):
        return False
    reduced = reduced_axes(roots_of(kernel))
    above = [e for t in kernel.stores for e in _reductions_above(t, frozenset(loads))]
    if any(not e.free <= frozenset(s.axes) - reduced for e in above):
        return False
    others = [t for t in kernel.stores if set(t.axes) != set(s.axes)]
    waiting = [t for t in others if must_precede(t, s) and must_precede(s, t)]
    chain = sorted((frozenset(t.axes) for t in (*waiting, s)), key=len)
    nested = all(a <= b for a, b in pairwise(chain))
    return not waiting or (
        nested and chain[-1] == frozenset(s.axes) and chain[-2].isdisjoint(reduced)
    )


def _reductions_above(s: Store, loads: frozenset[Expr]) -> list[Reduce]:
    """The reductions at or below a store through which one of the loads is read."""
    holds: set[Expr] = set(loads)
    found: list[Reduce] = []
    for e in walk(roots_of_store(s)):
        if not any(c in holds for c in children(e)):
            continue
        holds.add(e)
        found += [e] if isinstance(e, Reduce) else []
    return found
