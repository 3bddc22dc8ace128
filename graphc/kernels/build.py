"""Building kernel expressions: interned constructors with dtypes and free axes worked out.

Equal expressions are one object, so what is computed once in the graph is computed once in a
kernel. Index arithmetic is here too, because an index is the other thing kernels are made of.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, cast
from weakref import WeakValueDictionary

from graphc import dtypes
from graphc.dtypes import DType
from graphc.ir.dim import Size

from .kernel import (
    Affine,
    Buffer,
    Const,
    Coord,
    Expr,
    Index,
    Load,
    Op,
    Reduce,
    ReduceKind,
    SizeOf,
    Store,
)

Number = float | int | bool
Value = Expr | Number
Made = TypeVar("Made", bound=Expr)

_interned: WeakValueDictionary[tuple[object, ...], Expr] = WeakValueDictionary()
_lock = threading.Lock()

BOOLEAN = frozenset(
    {"equal", "not_equal", "less", "less_equal", "isnan", "isinf", "isfinite", "in_range"}
    | {"logical_and", "logical_or", "logical_xor", "logical_not"}
)


# ---------------------------------------------------------------------------- expressions


def const(value: Number, dtype: DType = dtypes.float32) -> Const:
    """A number of the given dtype."""
    key = (Const, repr(value), dtype)
    return _intern(key, lambda: Const(dtype, frozenset(), value))


def coord(index: Affine | str, dtype: DType = dtypes.int64) -> Coord:
    """The value of an index as a number of the given dtype."""
    affine = as_index(index)
    assert isinstance(affine, Affine), "a coordinate is affine"
    return _intern((Coord, affine, dtype), lambda: Coord(dtype, affine.axes, affine))


def size_of(size: Size, dtype: DType = dtypes.int64) -> SizeOf | Const:
    """The value of a size; a known one is a constant."""
    if isinstance(size, int):
        return const(float(size) if dtype.is_float else size, dtype)
    return _intern((SizeOf, size, dtype), lambda: SizeOf(dtype, frozenset(), size))


def load(
    buffer: Buffer,
    *index: Index | str | int,
    checked: Sequence[int] = (),
    exact: Sequence[int] = (),
    fill: Number = 0,
) -> Load:
    """buffer[index], with the dtype its values are computed in."""
    indices = tuple(as_index(i) for i in index)
    guards = tuple(sorted(checked)), tuple(sorted(exact))
    key = (Load, buffer, indices, *guards, repr(fill))
    free = frozenset().union(*(axes_of(i) for i in indices))
    value = compute_dtype(buffer.dtype)
    return _intern(key, lambda: Load(value, free, buffer, indices, *guards, fill))


def op(name: str, *args: Value, dtype: DType | None = None) -> Op:
    """A scalar operation; a number takes the dtype of the expressions beside it.

    The result has the dtype of the last argument (so that `where` answers that of its branches),
    is bool for comparisons, and is `dtype` where given (casts, random bits).
    """
    typed = next((a.dtype for a in reversed(args) if isinstance(a, Expr)), dtypes.float32)
    exprs = tuple(a if isinstance(a, Expr) else const(a, typed) for a in args)
    result = dtype or (dtypes.bool_ if name in BOOLEAN else exprs[-1].dtype)
    free = frozenset().union(*(e.free for e in exprs))
    return _intern((Op, name, exprs, result), lambda: Op(result, free, name, exprs))


def reduce(kind: ReduceKind, arg: Expr, axes: str | Iterable[str]) -> Reduce:
    """The reduction of an expression over axes that are free in it."""
    names = tuple(axes.split()) if isinstance(axes, str) else tuple(axes)
    free = arg.free - frozenset(names)
    return _intern((Reduce, kind, arg, names), lambda: Reduce(arg.dtype, free, kind, arg, names))


def compute_dtype(storage: DType) -> DType:
    """The dtype in which values of a storage dtype are computed."""
    return dtypes.float32 if storage in (dtypes.float16, dtypes.bfloat16) else storage


def store(
    buffer: Buffer,
    index: Iterable[Index | str | int],
    value: Expr,
    axes: Iterable[str] | None = None,
    combine: ReduceKind | None = None,
) -> Store:
    """buffer[index] = value over the axes of the index, in the order of the index, or as given."""
    indices = tuple(as_index(i) for i in index)
    named = dict.fromkeys(n for i in indices if isinstance(i, Affine) for n, _ in i.terms)
    return Store(buffer, indices, value, tuple(named if axes is None else axes), combine)


# ---------------------------------------------------------------------------- indices


def as_index(index: Index | str | int) -> Index:
    """An index from an axis name, a number, or an index."""
    if isinstance(index, str):
        return Affine(((index, 1),))
    return Affine((), index) if isinstance(index, int) else index


def axes_of(index: Index) -> frozenset[str]:
    """The axes that an index depends on."""
    return index.axes if isinstance(index, Affine) else index.free


def affine_sum(*parts: Affine | Size) -> Affine:
    """The sum of plain indices and sizes."""
    total: dict[str, Size] = {}
    constant: Size = 0
    for part in parts:
        if not isinstance(part, Affine):
            constant = constant + part
            continue
        assert part.is_plain, "sums of divided indices are not affine"
        constant = constant + part.const
        for name, coef in part.terms:
            total[name] = total.get(name, 0) + coef
    return Affine(tuple((n, c) for n, c in total.items() if c != 0), constant)


def affine_scale(index: Affine, by: Size) -> Affine:
    """A plain index times a size."""
    assert index.is_plain, "a multiple of a divided index is not affine"
    terms = tuple((n, c * by) for n, c in index.terms) if by != 0 else ()
    return Affine(terms, index.const * by)


def _intern(key: tuple[object, ...], make: Callable[[], Made]) -> Made:
    found = _interned.get(key)
    if found is None:
        made = make()
        with _lock:
            found = _interned.setdefault(key, made)
    return cast(Made, found)
