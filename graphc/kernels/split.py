"""Reductions over an axis cut into partial sums and a finish, in an order fixed by shape alone.

    s[c] = sum x[n, c] over n    ->    part[p, c] = sum x[p*block + i, c] over i    (p is parallel)
                                       s[c]       = sum part[p, c] over p
So results have the same bits for any number of threads. Which kernels need it, and into how many
parts, is decided in `parallel.py`; both native backends run what comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from graphc.ir.dim import Size

from .build import load, reduce, store
from .kernel import Affine, Axis, Buffer, Expr, Kernel, Part, Reduce, Store
from .laws import verify
from .settle import moved_store, settled
from .walk import children, expressions_of, rebuild, walk


def split_rows(kernel: Kernel, axis: str, parts: int, block: Size) -> tuple[Kernel, ...]:
    """Cut an axis into `parts` of `block`; what is reduced over it becomes partials and a finish.

    parts * block must be at least the size of the axis (`block = ceil_div(size, parts)`); parts
    beyond the end are empty and give identities. Values on the kept axes that follow (mean, rstd)
    are computed in the finish. A reduction of something that itself waits for a reduction (the
    variance around the mean) makes another pair of kernels, which reads the finished totals.
    Stores that keep the axis and wait for nothing are written in the first kernel.
    """
    work = _Split(settled(kernel), axis, parts, block)
    kernels = [k for level in range(work.levels + 1) for k in work.kernels_of(level)]
    return tuple(map(verify, kernels))


@dataclass(slots=True)
class _Split:
    """One split being made. A level is how many finishes must come before."""

    kernel: Kernel
    axis: str
    parts: int
    block: Size
    crossing: list[Reduce] = field(default_factory=list)
    """The reductions over the axis, inputs first."""
    level: dict[Expr, int] = field(default_factory=dict)
    totals: dict[Expr, Expr] = field(default_factory=dict)
    """Crossing reductions -> what stands for them in later kernels: loads of finished totals."""

    def __post_init__(self) -> None:
        for e in expressions_of(self.kernel):
            crosses = isinstance(e, Reduce) and self.axis in e.axes
            self.level[e] = max((self.level[x] for x in children(e)), default=0) + crosses
            self.crossing += [e] if isinstance(e, Reduce) and crosses else []

    @property
    def levels(self) -> int:
        return max(self.level.values(), default=0)

    @property
    def row(self) -> Axis:
        return Axis(f"{self.axis}_part", self.parts)

    @property
    def item(self) -> Axis:
        part = Part(self.row.name, self.block, self.kernel.axis(self.axis).size)
        return Axis(f"{self.axis}_row", self.block, part)

    @property
    def where(self) -> dict[str, Affine]:
        # The item comes first: it is what a reduction over the axis becomes a reduction over.
        return {self.axis: Affine(((self.item.name, 1), (self.row.name, self.block)))}

    def kernels_of(self, level: int) -> list[Kernel]:
        """The partials of this level with what else can be stored now, then their finish."""
        here = [e for e in self.crossing if self.level[e] == level + 1]
        stores = [s for s in self.kernel.stores if self.level[s.value] == level]
        keeping = [s for s in stores if self.keeps(s) or not self.crossing]
        partials = {e: self.partial_buffer(e) for e in here}
        made = [self.partial_kernel(level, keeping, partials)] if keeping or here else []
        finish = self.finish_kernel(level, partials) if here else None
        return made + ([finish] if finish else [])

    def keeps(self, s: Store) -> bool:
        """Whether a store has one result per point of the axis."""
        return self.axis in s.axes

    # ---- partials

    def partial_buffer(self, e: Reduce) -> Buffer:
        number = self.crossing.index(e)
        shape = (self.parts, *(a.size for a in self.kept(e)))
        return Buffer(f"{self.kernel.name}_partial{number}", e.dtype, shape)

    def kept(self, e: Expr) -> tuple[Axis, ...]:
        return tuple(a for a in self.kernel.axes if a.name in e.free)

    def partial_kernel(
        self, level: int, keeping: list[Store], partials: Mapping[Reduce, Buffer]
    ) -> Kernel:
        roots = [*(e.arg for e in partials), *(r for s in keeping for r in _roots(s))]
        done = rebuild(roots, self.totals, self.where)
        stores = [self.kept_store(s, done) for s in keeping]
        rows = self.walked_in_rows(roots, keeping)
        stores += [self.partial_store(e, b, done[e.arg], rows) for e, b in partials.items()]
        used = {n for s in stores for n in (*s.axes, *_reduced(s.value))}
        wanted = [x for a in self.kernel.axes for x in self.image(a)]
        axes = tuple(a for a in wanted if a.name in used or a.name == self.row.name)
        return Kernel(f"{self.kernel.name}_part{level or ''}", axes, tuple(stores))

    def image(self, axis: Axis) -> tuple[Axis, ...]:
        return (self.row, self.item) if axis.name == self.axis else (axis,)

    def kept_store(self, s: Store, done: Mapping[Expr, Expr]) -> Store:
        moved = moved_store(s, self.where, done)
        both = {self.item.name: (self.row.name, self.item.name)}
        return replace(moved, axes=tuple(x for n in moved.axes for x in both.get(n, (n,))))

    def walked_in_rows(self, roots: list[Expr], keeping: list[Store]) -> frozenset[str]:
        """The axes that are walked inside each single row of the part."""
        inner = [e for e in walk(roots) if isinstance(e, Reduce) and e not in self.crossing]
        found = {n for e in inner for n in e.axes if self.axis in e.free}
        found |= {n for s in keeping for n in s.axes if n != self.axis}
        return frozenset(found)

    def partial_store(self, e: Reduce, buffer: Buffer, arg: Expr, rows: frozenset[str]) -> Store:
        """One pass over memory where the rows are walked anyway: add up in memory, row by row."""
        kept = tuple(a.name for a in self.kept(e))
        over = tuple(self.item.name if n == self.axis else n for n in e.axes)
        index = (self.row.name, *kept)
        if rows & set(kept):
            return store(buffer, index, arg, (self.row.name, *over, *kept), e.kind)
        return store(buffer, index, reduce(e.kind, arg, over))

    # ---- finish

    def finish_kernel(self, level: int, partials: Mapping[Reduce, Buffer]) -> Kernel:
        """Totals that later kernels need, and the stores that only waited for them."""
        sums = {e: self.sum_of_parts(e, b) for e, b in partials.items()}
        known = {**self.totals, **sums}
        ready = (level + 1, 0) if level == 0 else (level + 1,)
        late = [s for s in self.kernel.stores if self.level[s.value] in ready and not self.keeps(s)]
        done = rebuild([r for s in late for r in _roots(s)], known)
        stores = [moved_store(s, {}, done) for s in late]
        for e in self.needed_later(level, partials):
            kept = self.kept(e)
            buffer = Buffer(partials[e].name.replace("_partial", "_total"), e.dtype,
                            tuple(a.size for a in kept))  # fmt: skip
            index = [a.name for a in kept]
            stores.append(store(buffer, index, sums[e]))
            self.totals[e] = load(buffer, *index)
        used = {n for s in stores for n in (*s.axes, *_reduced(s.value))}
        axes = tuple(a for a in (self.row, *self.kernel.axes) if a.name in used)
        return Kernel(f"{self.kernel.name}_finish{level or ''}", axes, tuple(stores))

    def sum_of_parts(self, e: Reduce, buffer: Buffer) -> Expr:
        index = (self.row.name, *(a.name for a in self.kept(e)))
        return reduce(e.kind, load(buffer, *index), self.row.name)

    def needed_later(self, level: int, partials: Mapping[Reduce, Buffer]) -> list[Reduce]:
        """Which of these reductions a later level reads, or a store that keeps the axis."""
        later = [e.arg for e in self.crossing if self.level[e] > level + 1]
        for s in self.kernel.stores:
            if self.level[s.value] > (level if self.keeps(s) else level + 1):
                later += _roots(s)
        found = set(walk(later))
        return [e for e in partials if e in found]


def _roots(s: Store) -> list[Expr]:
    return [s.value, *(i for i in s.index if not isinstance(i, Affine))]


def _reduced(value: Expr) -> set[str]:
    return {n for e in walk([value]) if isinstance(e, Reduce) for n in e.axes}
