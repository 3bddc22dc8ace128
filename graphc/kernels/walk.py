"""Questions about kernel expressions, and copies: everything below a root, buffers, rebuilding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from graphc.ir.dim import Size, names_of

from . import build
from .kernel import Affine, Buffer, Const, Coord, Expr, Index, Kernel, Load, Op, Reduce, SizeOf


def children(e: Expr) -> tuple[Expr, ...]:
    """The expressions directly below one."""
    match e:
        case Op(args=args):
            return args
        case Reduce(arg=arg):
            return (arg,)
        case Load(index=index):
            return tuple(i for i in index if isinstance(i, Expr))
        case _:
            return ()


def walk(roots: Iterable[Expr]) -> list[Expr]:
    """All expressions at and below the roots, inputs first, each once."""
    seen: dict[Expr, None] = {}
    stack = [(e, False) for e in reversed(list(roots))]
    while stack:
        e, ready = stack.pop()
        if e in seen:
            continue
        if ready:
            seen[e] = None
            continue
        stack.append((e, True))
        stack.extend((c, False) for c in reversed(children(e)) if c not in seen)
    return list(seen)


def expressions_of(kernel: Kernel) -> list[Expr]:
    """All expressions of a kernel, inputs first, each once; a kernel remembers them."""
    if not kernel.below:
        kernel.below.extend(walk(roots_of(kernel)))
    return kernel.below


def roots_of(kernel: Kernel) -> list[Expr]:
    """The stored values and the expressions used as indices of stores."""
    found: list[Expr] = []
    for s in kernel.stores:
        found += [s.value, *(i for i in s.index if isinstance(i, Expr))]
    return found


def buffers_of(kernel: Kernel) -> tuple[Buffer, ...]:
    """Buffers that are read (in order of the walk), then those that are only written."""
    read = [e.buffer for e in expressions_of(kernel) if isinstance(e, Load)]
    return tuple({b.name: b for b in [*read, *(s.buffer for s in kernel.stores)]}.values())


def size_names(kernel: Kernel) -> tuple[str, ...]:
    """The named sizes a kernel needs when it runs, sorted."""
    sizes: list[Size] = [a.size for a in kernel.axes]
    sizes += [x for a in kernel.axes if a.part for x in (a.part.block, a.part.total)]
    sizes += [d for b in buffers_of(kernel) for d in b.shape]
    for e in expressions_of(kernel):
        match e:
            case SizeOf(size=size):
                sizes.append(size)
            case Coord(index=index):
                sizes += _sizes_in(index)
            case Load(index=items):
                sizes += [x for i in items if isinstance(i, Affine) for x in _sizes_in(i)]
    for s in kernel.stores:
        sizes += [x for i in s.index if isinstance(i, Affine) for x in _sizes_in(i)]
    return tuple(sorted({n for size in sizes for n in names_of(size)}))


def _sizes_in(index: Affine) -> list[Size]:
    return [index.const, *(c for _, c in index.terms)]


# ---------------------------------------------------------------------------- copies


def rename(index: Affine, where: Mapping[str, Affine]) -> Affine:
    """An index with axes replaced by plain indices over other axes."""
    parts = [build.affine_scale(where.get(n, Affine(((n, 1),))), c) for n, c in index.terms]
    return replace(build.affine_sum(*parts, index.const), div=index.div, mod=index.mod)


def rebuild(
    roots: Iterable[Expr],
    change: Mapping[Expr, Expr] | None = None,
    where: Mapping[str, Affine] | None = None,
    buffers: Callable[[Buffer], Buffer] | None = None,
) -> dict[Expr, Expr]:
    """Copies of all expressions below the roots: some replaced, axes and buffers renamed.

    A reduced axis is renamed too where `where` maps it to a single axis with coefficient 1.
    """
    done: dict[Expr, Expr] = {}
    given, axes = change or {}, where or {}

    def at(items: tuple[Index, ...]) -> tuple[Index, ...]:
        return tuple(rename(i, axes) if isinstance(i, Affine) else done[i] for i in items)

    for e in walk(roots):
        if e in given:
            done[e] = given[e]
            continue
        match e:
            case Coord(index=index):
                done[e] = build.coord(rename(index, axes), e.dtype)
            case Load():
                buffer = buffers(e.buffer) if buffers else e.buffer
                guards = {"checked": e.checked, "exact": e.exact, "fill": e.fill}
                done[e] = build.load(buffer, *at(e.index), **guards)
            case Op(name=name, args=args):
                done[e] = build.op(name, *(done[a] for a in args), dtype=e.dtype)
            case Reduce(kind=kind, arg=arg, axes=names):
                renamed = [axes[n].terms[0][0] if n in axes else n for n in names]
                done[e] = build.reduce(kind, done[arg], renamed)
            case Const() | SizeOf() | _:
                done[e] = e
    return done
