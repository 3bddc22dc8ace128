"""Reductions that differ in the names of their axes only are computed once.

    max x[i + p] over p,  where(x[i + q] == max x[i + q] over q, ..)   ->   both use the first
The maximum of a window and the place of the maximum, built by two ops, are such a pair.
"""

from __future__ import annotations

from dataclasses import replace

from .kernel import Affine, Axis, Expr, Kernel, Reduce
from .settle import moved_store
from .walk import expressions_of, rebuild, roots_of


def shared(kernel: Kernel) -> Kernel:
    """The kernel with one reduction for all that are equal; axes that nothing uses are gone."""
    axes = {a.name: a for a in kernel.axes}
    first: list[Reduce] = []
    change: dict[Expr, Expr] = {}
    for e in expressions_of(kernel):
        if not isinstance(e, Reduce):
            continue
        same = next((r for r in first if _equal(e, r, axes, change)), None)
        if same is None:
            first.append(e)
        else:
            change[e] = same
    if not change:
        return kernel
    done = rebuild(roots_of(kernel), change)
    made = replace(kernel, stores=tuple(moved_store(s, {}, done) for s in kernel.stores))
    used = {n for s in made.stores for n in s.axes}
    used |= {n for e in expressions_of(made) if isinstance(e, Reduce) for n in e.axes}
    used |= {a.part.parent for a in made.axes if a.part and a.name in used}
    return replace(made, axes=tuple(a for a in made.axes if a.name in used))


def _equal(e: Reduce, r: Reduce, axes: dict[str, Axis], change: dict[Expr, Expr]) -> bool:
    """Whether two reductions are equal after the axes of `e` are called like those of `r`."""
    if (e.kind, e.dtype, len(e.axes)) != (r.kind, r.dtype, len(r.axes)) or e.free != r.free:
        return False
    pairs = [(axes[a], axes[b]) for a, b in zip(e.axes, r.axes)]
    if any(a.size != b.size or a.part or b.part for a, b in pairs):
        return False
    where = {a.name: Affine(((b.name, 1),)) for a, b in pairs if a is not b}
    return rebuild([e.arg], change, where)[e.arg] is rebuild([r.arg], change)[r.arg]
