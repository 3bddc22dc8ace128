"""Combining stores said plainly, and copies of whole kernels with axes replaced.

`y[c] sum= v for n c` is `y[c] = sum v over n`: the second form is what roles and splits look at.
Stores that scatter (an index that is computed, divided, or meets itself) stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .build import load, op, reduce
from .kernel import Affine, Axis, Expr, Index, Kernel, Store
from .walk import rebuild, rename, roots_of

COMBINED = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum"}


def settled(kernel: Kernel) -> Kernel:
    """The kernel with every store that need not combine made a plain one.

    y[c] sum= v for n c         ->  y[c] = sum v over n
    y[c] sum= v for c keep      ->  y[c] = y[c] + v
    """
    return replace(kernel, stores=tuple(map(_plain, kernel.stores)))


def _plain(s: Store) -> Store:
    named = plain_axes(s.index)
    if s.combine is None or s.combine == "set" or named is None:
        return s
    absent = tuple(n for n in s.axes if n not in named)
    value = reduce(s.combine, s.value, absent) if absent else s.value
    if s.keep:
        value = op(COMBINED[s.combine], load(s.buffer, *s.index), value)
    return Store(s.buffer, s.index, value, tuple(n for n in s.axes if n in named))


def plain_axes(index: tuple[Index, ...]) -> tuple[str, ...] | None:
    """The axes of an index of single axes and numbers, where different points never meet."""
    names: list[str] = []
    for i in index:
        if not isinstance(i, Affine) or not i.is_plain or len(i.terms) > 1:
            return None
        names += [n for n, _ in i.terms]
    return tuple(names) if len(set(names)) == len(names) else None


def with_axes(
    kernel: Kernel,
    axes: tuple[Axis, ...],
    where: Mapping[str, Affine],
    change: Mapping[Expr, Expr] | None = None,
) -> Kernel:
    """A copy over other axes: indices renamed by `where`, some expressions replaced.

    In the axes of a store (and of a reduction) an axis becomes the first axis of its image; an
    image without axes drops it.
    """
    done = rebuild(roots_of(kernel), change, where)
    stores = tuple(moved_store(s, where, done) for s in kernel.stores)
    return Kernel(kernel.name, axes, stores)


def moved_store(s: Store, where: Mapping[str, Affine], done: Mapping[Expr, Expr]) -> Store:
    """A store whose axes and expressions were replaced."""
    index = tuple(rename(i, where) if isinstance(i, Affine) else done[i] for i in s.index)
    kept = tuple(m for n in s.axes for m in image_of(n, where))
    return replace(s, index=index, value=done[s.value], axes=kept)


def image_of(axis: str, where: Mapping[str, Affine]) -> tuple[str, ...]:
    """The first axis of what an axis becomes."""
    return tuple(n for n, _ in where[axis].terms[:1]) if axis in where else (axis,)
