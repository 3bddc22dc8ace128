"""The laws of the kernel IR, one function per law; a broken law is named by its own sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graphc.errors import VerifyError

from .kernel import Affine, Coord, Expr, Kernel, Load, Reduce
from .printer import show
from .walk import expressions_of


def verify(kernel: Kernel) -> Kernel:
    """The kernel itself; raises VerifyError with the first broken law and the kernel's text."""
    for law in LAWS:
        for broken in law(kernel):
            sentence = " ".join((law.__doc__ or "").split())
            raise VerifyError(f"{sentence} Not so: {broken}", received="\n" + show(kernel))
    return kernel


def axes_are_declared(kernel: Kernel) -> Iterator[object]:
    """Every axis that is used is declared."""
    declared = {a.name for a in kernel.axes}
    for e in expressions_of(kernel):
        yield from _own_axes(e) - declared
    for s in kernel.stores:
        yield from set(s.axes) - declared
    yield from {a.part.parent for a in kernel.axes if a.part} - declared


def names_are_unique(kernel: Kernel) -> Iterator[object]:
    """Axes have different names."""
    names = [a.name for a in kernel.axes]
    yield from (n for n in names if names.count(n) > 1)


def loads_have_rank(kernel: Kernel) -> Iterator[object]:
    """A buffer is indexed once per dimension."""
    for e in expressions_of(kernel):
        if isinstance(e, Load) and len(e.index) != len(e.buffer.shape):
            yield e.buffer.name
    yield from (s.buffer.name for s in kernel.stores if len(s.index) != len(s.buffer.shape))


def reductions_bind_free_axes(kernel: Kernel) -> Iterator[object]:
    """A reduced axis is an axis of the kernel."""
    declared = {a.name for a in kernel.axes}
    for e in expressions_of(kernel):
        if isinstance(e, Reduce):
            yield from set(e.axes) - declared


def index_values_are_integers(kernel: Kernel) -> Iterator[object]:
    """An expression used as an index is an integer."""
    for e in expressions_of(kernel):
        if isinstance(e, Load):
            yield from (i.dtype for i in e.index if isinstance(i, Expr) and not _is_integer(i))


def stored_values_fit_their_axes(kernel: Kernel) -> Iterator[object]:
    """A stored value depends only on the axes of its store."""
    for s in kernel.stores:
        yield from s.value.free - set(s.axes)


def plain_stores_write_once(kernel: Kernel) -> Iterator[object]:
    """A store that combines nothing names each of its axes in its index."""
    for s in kernel.stores:
        named = {n for i in s.index for n in (i.axes if isinstance(i, Affine) else i.free)}
        if s.combine is None:
            yield from set(s.axes) - named


def buffers_are_stored_once(kernel: Kernel) -> Iterator[object]:
    """A buffer is stored at most once."""
    names = [s.buffer.name for s in kernel.stores]
    yield from (n for n in names if names.count(n) > 1)


LAWS: tuple[Callable[[Kernel], Iterator[object]], ...] = (
    axes_are_declared,
    names_are_unique,
    loads_have_rank,
    reductions_bind_free_axes,
    index_values_are_integers,
    stored_values_fit_their_axes,
    plain_stores_write_once,
    buffers_are_stored_once,
)


def _is_integer(e: Expr) -> bool:
    return e.dtype.is_integer


def _own_axes(e: Expr) -> frozenset[str]:
    match e:
        case Load(index=index):
            return frozenset(n for i in index if isinstance(i, Affine) for n in i.axes)
        case Coord(index=index):
            return index.axes
        case _:
            return frozenset()
