"""The work of a kernel, as polynomials of its sizes: operations, bytes read, bytes written.

These are facts of the kernel alone, before any backend has decided how it runs: each expression is
computed once per point of its free axes, each element of a buffer moves once. What a backend
really does is estimated by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphc.dtypes import DType
from graphc.ir.dim import Size, floor_div, product

from .kernel import Affine, Buffer, Index, Kernel, Load, Op, Reduce
from .walk import expressions_of

# Changes of the format of a number; all other operations count 1, but fma 2.
FREE = frozenset({"cast", "round_bfloat16", "round_float16"})

Indices = tuple[Index, ...]


def flops(kernel: Kernel) -> Size:
    """The operations on scalars: 1 each, a transcendental function too, fma 2, conversions 0.

    A reduction counts 1 per element, so a sum of products counts 2. Elements that a guard replaces
    by a fill are counted as if they were there.
    """
    total: Size = 0
    for e in expressions_of(kernel):
        match e:
            case Op(name=name) if name not in FREE:
                total = total + points(kernel, e.free) * (2 if name == "fma" else 1)
            case Reduce(arg=arg, axes=axes):
                total = total + points(kernel, arg.free | frozenset(axes))
    for s in kernel.stores:
        if s.combine not in (None, "set"):
            total = total + points(kernel, s.axes)
    return total


def bytes_read(kernel: Kernel) -> Size:
    """The bytes of all distinct elements that are loaded, overlapping windows counted once.

    Where it depends on values how many elements that are (gathers), one per index is counted.
    """
    indices: dict[Buffer, dict[Indices, None]] = {}
    for e in expressions_of(kernel):
        if isinstance(e, Load):
            indices.setdefault(e.buffer, {})[e.index] = None
    for s in kernel.stores:
        if s.keep:
            indices.setdefault(s.buffer, {})[s.index] = None
    return _total((b.dtype, _elements(kernel, b, found)) for b, found in indices.items())


def bytes_written(kernel: Kernel) -> Size:
    """The bytes of all distinct elements that are stored."""
    stores = ((s.buffer, [s.index]) for s in kernel.stores)
    return _total((b.dtype, _elements(kernel, b, found)) for b, found in stores)


def points(kernel: Kernel, axes: Iterable[str]) -> Size:
    """The number of points that some axes have together; the short last part counts as it is."""
    names = set(axes)
    total: Size = 1
    parents: set[str] = set()
    for axis in kernel.axes:
        if axis.name in names and axis.part and axis.part.parent in names:
            parents.add(axis.part.parent)
            total = total * axis.part.total
    for axis in kernel.axes:
        counted = axis.part is not None and axis.part.parent in parents
        if axis.name in names and axis.name not in parents and not counted:
            total = total * axis.size
    return total


def smaller(a: Size, b: Size) -> Size:
    """The smaller size. If that depends on named sizes: polynomials are compared for large values
    of them; where even that does not tell, or one of the two is a number, it is `a`.

    >>> from graphc.ir.dim import named
    >>> smaller(3 * named("n"), named("n") + 2), smaller(named("n"), 100)
    (n + 2, n)
    """
    difference = b - a
    if isinstance(difference, int):
        return a if difference >= 0 else b
    if isinstance(a, int) or isinstance(b, int):
        return a
    signs = [c for m, c in difference.terms if m]
    return b if max(signs) < 0 else a


# ---------------------------------------------------------------------------- elements


def _total(parts: Iterable[tuple[DType, Size]]) -> Size:
    total: Size = 0
    for dtype, count in parts:
        total = total + count * dtype.itemsize
    return total


def _elements(kernel: Kernel, buffer: Buffer, found: Iterable[Indices]) -> Size:
    """How many elements of a buffer are touched at some indices, never more than it has."""
    counts = [_touched(kernel, buffer, index) for index in found]
    if len(counts) == 1:
        return counts[0]
    total: Size = 0
    for count in counts:
        total = total + count
    return smaller(product(buffer.shape), total)


def _touched(kernel: Kernel, buffer: Buffer, indices: Indices) -> Size:
    ranges = {a.name: a.size for a in kernel.axes}
    axes: set[str] = set()
    total: Size = 1
    for index, size in zip(indices, buffer.shape, strict=True):
        if isinstance(index, Affine):
            total = total * smaller(_distinct(index, ranges), size)
            axes |= index.axes
        else:
            total = total * smaller(points(kernel, index.free), size)
            axes |= index.free
    return smaller(total, points(kernel, axes))


def _distinct(index: Affine, ranges: Mapping[str, Size]) -> Size:
    """How many values an index has; `reach` is the length of the interval they lie in."""
    reach: Size = 1
    count: Size = 1
    for name, coef in sorted(index.terms, key=_by_step):
        step = abs(coef) if isinstance(coef, int) else coef
        reach = reach + step * (ranges[name] - 1)
        count = smaller(count * ranges[name], reach)
    if index.div != 1:
        count = smaller(count, floor_div(reach - 1, index.div) + 1)
    return smaller(count, index.mod) if index.mod else count


def _by_step(term: tuple[str, Size]) -> tuple[bool, int]:
    coef = term[1]
    return (False, abs(coef)) if isinstance(coef, int) else (True, 0)
