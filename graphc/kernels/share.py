"""Reductions that walk the same elements walk them by the same axes, and equal ones are one.

    x[c] - max x[q] over q                                  ->   x[c] - max x[c] over c
    max x[i + p] over p, min .. x[i + q] .. over q          ->   both over p
What is read twice can then stay in registers or caches, and the lanes of all passes are the same.
The maximum of a window and its place, built by two ops, share the maximum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from .kernel import Affine, Axis, Expr, Kernel, Load, Reduce
from .settle import moved_store
from .walk import expressions_of, rebuild, roots_of, walk


def shared(kernel: Kernel) -> Kernel:
    """The kernel with reductions over the axes of equal loads; axes that nothing uses are gone."""
    change: dict[Expr, Expr] = {}
    axes = {a.name: a for a in kernel.axes}
    known = [e for e in expressions_of(kernel) if isinstance(e, Load)]
    for e in expressions_of(kernel):
        if isinstance(e, Reduce):
            new = _renamed(e, axes, known, change)
            if new is not e:
                change[e] = new
    if not change:
        return kernel
    done = rebuild(roots_of(kernel), change)
    made = replace(kernel, stores=tuple(moved_store(s, {}, done) for s in kernel.stores))
    used = {n for s in made.stores for n in s.axes}
    used |= {n for e in expressions_of(made) if isinstance(e, Reduce) for n in e.axes}
    used |= {a.part.parent for a in made.axes if a.part and a.name in used}
    return replace(made, axes=tuple(a for a in made.axes if a.name in used))


def _renamed(
    e: Reduce, axes: Mapping[str, Axis], known: Iterable[Load], change: Mapping[Expr, Expr]
) -> Expr:
    """The reduction over the axes by which an earlier load of the kernel walks what it reads."""
    here = rebuild([e], change)[e]
    assert isinstance(here, Reduce), "a reduction stays one"
    below = walk([here.arg])
    mine = [x for x in below if isinstance(x, Load)]
    inner = {n for x in below if isinstance(x, Reduce) for n in x.axes}
    for other in known:
        where = next((w for x in mine if (w := _names(x, other, here.axes))), None)
        if where is None or not _may_rename(where, axes, here.arg.free | inner):
            continue
        by = {a: Affine(((b, 1),)) for a, b in where.items()}
        new = rebuild([here], None, by)[here]
        assert isinstance(new, Reduce), "a reduction stays one"
        loads = {x for x in walk([new.arg]) if isinstance(x, Load)}
        if loads <= set(known):
            return new
    return here


def _names(x: Load, other: Load, reduced: tuple[str, ...]) -> dict[str, str] | None:
    """What to call all reduced axes to make a load another one that stands before it."""
    if x is other or (x.buffer, x.checked, x.exact, x.fill) != (
        other.buffer, other.checked, other.exact, other.fill,
    ):  # fmt: skip
        return None
    found: dict[str, str] = {}
    for i, j in zip(x.index, other.index):
        if not isinstance(i, Affine) or not isinstance(j, Affine) or len(i.terms) != len(j.terms):
            return None
        for (a, _), (b, _) in zip(i.terms, j.terms):
            if a in reduced and found.setdefault(a, b) != b:
                return None
    return found if set(found) == set(reduced) and list(found) != list(found.values()) else None


def _may_rename(where: Mapping[str, str], axes: Mapping[str, Axis], inside: frozenset[str]) -> bool:
    """Whether earlier axes of equal sizes replace others, and none of them is met inside."""
    pairs = [(axes[a], axes[b]) for a, b in where.items()]
    order = list(axes)
    if any(order.index(a) < order.index(b) for a, b in where.items()):
        return False
    alike = all(a.size == b.size and not a.part and not b.part for a, b in pairs)
    fresh = {b for a, b in where.items() if a != b}
    return alike and len(set(where.values())) == len(where) and not fresh & inside
