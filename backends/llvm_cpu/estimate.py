"""How long a kernel takes on one thread, very roughly, as a polynomial of its sizes.

It decides only whether work is shared among threads and how often a long call looks up; results
never depend on it. 32 units are about a nanosecond.
"""

from __future__ import annotations

from graphc.ir.dim import Size, product
from graphc.kernels.kernel import (
    Affine,
    Const,
    Coord,
    Expr,
    Index,
    Kernel,
    Load,
    Op,
    Reduce,
    SizeOf,
)
from graphc.kernels.walk import expressions_of

PER_NANOSECOND = 32

# fmt: off
_LOAD, _GATHER, _STORE  = 8, 32, 8
_SIMPLE, _COSTLY, _SLOW = 1, 24, 160
# fmt: on
_COSTLY_OPS = frozenset(
    {"exp", "expm1", "log", "log1p", "tanh", "erf", "sigmoid", "sin", "cos", "sqrt", "rsqrt"}
    | {"div", "random_bits"}
)
_SLOW_OPS = frozenset(
    {"tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "pow", "atan2"}
    | {"floor_divide", "remainder"}
)


def work_of(kernel: Kernel) -> Size:
    """Units of work of all loops of a kernel."""
    costs: dict[frozenset[str], int] = {}
    for e in expressions_of(kernel):
        axes = e.free | frozenset(e.axes) if isinstance(e, Reduce) else e.free
        costs[axes] = costs.get(axes, 0) + _cost(e)
    for s in kernel.stores:
        axes = frozenset(s.axes)
        costs[axes] = costs.get(axes, 0) + _memory(s.index, _STORE)
    sizes = {a.name: a.size for a in kernel.axes}
    total: Size = 0
    for axes, cost in costs.items():
        total = total + product(sizes[n] for n in sorted(axes)) * cost
    return total


def _cost(e: Expr) -> int:
    match e:
        case Const() | Coord() | SizeOf():
            return 0
        case Load(index=index):
            return _memory(index, _LOAD)
        case Op(name=name):
            return _SLOW if name in _SLOW_OPS else _COSTLY if name in _COSTLY_OPS else _SIMPLE
        case _:
            return _SIMPLE


def _memory(index: tuple[Index, ...], dense: int) -> int:
    return dense if all(isinstance(i, Affine) for i in index) else _GATHER
