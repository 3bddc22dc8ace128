"""Kernels under positional names: equal text means equal code, whatever the graph called things.

`show(canonical(kernel).kernel)` is the kernel part of every cache key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphc.ir import dim
from graphc.ir.dim import Dim, Size

from .build import coord, load, op, reduce, size_of
from .kernel import Affine, Axis, Buffer, Coord, Expr, Index, Kernel, Load, Op, Reduce, SizeOf
from .walk import buffers_of, expressions_of, size_names


@dataclass(frozen=True, slots=True)
class Canonical:
    """A renamed kernel, and what its buffers and sizes were called: the i-th name of
    `buffers_of(kernel)` and of `size_names(kernel)` stands for the i-th entry here."""

    kernel: Kernel
    buffers: tuple[str, ...]
    sizes: tuple[str, ...]


def canonical(kernel: Kernel) -> Canonical:
    """The kernel with axes a0 a1 .., buffers b0 b1 .., sizes s00 s01 .. in order of appearance."""
    buffers = tuple(b.name for b in buffers_of(kernel))
    sizes = _by_appearance(kernel)
    copy = _Copy(
        {a.name: f"a{i}" for i, a in enumerate(kernel.axes)},
        {n: f"b{i}" for i, n in enumerate(buffers)},
        {n: dim.named(f"s{i:02}") for i, n in enumerate(sizes)},
    )
    return Canonical(copy.kernel(kernel), buffers, sizes)


def anonymous(kernel: Kernel) -> Canonical:
    """The kernel with axes a0 a1 .. and buffers b0 b1 .., under its own sizes.

    Layers of one shape within a graph have the same anonymous kernel.
    """
    buffers = tuple(b.name for b in buffers_of(kernel))
    axes = {a.name: f"a{i}" for i, a in enumerate(kernel.axes)}
    copy = _Copy(axes, {n: f"b{i}" for i, n in enumerate(buffers)}, {})
    return Canonical(copy.kernel(kernel), buffers, size_names(kernel))


def _by_appearance(kernel: Kernel) -> tuple[str, ...]:
    """Sizes in the order of axes, then of buffers, then the rest."""
    first = [a.size for a in kernel.axes]
    first += [x for a in kernel.axes if a.part for x in (a.part.block, a.part.total)]
    first += [d for b in buffers_of(kernel) for d in b.shape]
    names = [n for size in first for n in _in_order(size)]
    return tuple(dict.fromkeys([*names, *size_names(kernel)]))


def _in_order(size: Size) -> list[str]:
    if not isinstance(size, Dim):
        return []
    atoms = [a for monomial, _ in size.terms for a in monomial]
    plain = [a for a in atoms if isinstance(a, str)]
    return [*plain, *(n for n in sorted(dim.names_of(size)) if n not in plain)]


@dataclass(slots=True)
class _Copy:
    axes: dict[str, str]
    buffers: dict[str, str]
    sizes: dict[str, Size]

    def kernel(self, kernel: Kernel) -> Kernel:
        done: dict[Expr, Expr] = {}
        for e in expressions_of(kernel):
            done[e] = self.expr(e, done)
        stores = tuple(
            replace(
                s,
                buffer=self.buffer(s.buffer),
                index=self.index(s.index, done),
                value=done[s.value],
                axes=self.named(s.axes),
            )
            for s in kernel.stores
        )
        return Kernel("kernel", tuple(map(self.axis, kernel.axes)), stores)

    def size(self, size: Size) -> Size:
        return dim.substitute(size, self.sizes)

    def named(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self.axes[n] for n in names)

    def axis(self, axis: Axis) -> Axis:
        p = axis.part
        part = p and replace(
            p, parent=self.axes[p.parent], block=self.size(p.block), total=self.size(p.total)
        )
        return Axis(self.axes[axis.name], self.size(axis.size), part)

    def buffer(self, buffer: Buffer) -> Buffer:
        return replace(
            buffer, name=self.buffers[buffer.name], shape=tuple(map(self.size, buffer.shape))
        )

    def affine(self, index: Affine) -> Affine:
        terms = tuple((self.axes[n], self.size(c)) for n, c in index.terms)
        return replace(index, terms=terms, const=self.size(index.const))

    def index(self, index: tuple[Index, ...], done: dict[Expr, Expr]) -> tuple[Index, ...]:
        return tuple(self.affine(i) if isinstance(i, Affine) else done[i] for i in index)

    def expr(self, e: Expr, done: dict[Expr, Expr]) -> Expr:
        match e:
            case Load():
                index = self.index(e.index, done)
                guards = {"checked": e.checked, "exact": e.exact, "fill": e.fill}
                return load(self.buffer(e.buffer), *index, **guards)
            case Coord(index=index):
                return coord(self.affine(index), e.dtype)
            case SizeOf(size=size):
                return size_of(self.size(size), e.dtype)
            case Op(name=name, args=args):
                return op(name, *(done[a] for a in args), dtype=e.dtype)
            case Reduce(kind=kind, arg=arg, axes=axes):
                return reduce(kind, done[arg], self.named(axes))
            case _:
                return e
