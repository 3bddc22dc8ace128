"""Guards that say nothing new are dropped, so that plain loads look like plain loads.

x[i, j] checked [0, 1] where i never leaves its dimension     ->   x[i, j] checked [1]
where(0 <= i and i < n, x[i] checked [0] else 0, 0)           ->   x[i] checked [0] else 0
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from graphc.ir.dim import Size

from .build import load, op, reduce
from .dense import bounds
from .kernel import Affine, Axis, Const, Coord, Expr, Index, Kernel, Load, Op, Reduce, SizeOf
from .settle import with_axes
from .walk import expressions_of


def with_simple_guards(kernel: Kernel) -> Kernel:
    """The kernel with fewer guards and the same meaning."""
    implied = _changed(kernel, _without_implied)
    axes = {a.name: a for a in kernel.axes}
    return _changed(implied, lambda e: _without_idle(e, axes) if isinstance(e, Load) else e)


def _changed(kernel: Kernel, change: Callable[[Expr], Expr]) -> Kernel:
    """All expressions changed, inputs first."""
    done: dict[Expr, Expr] = {}
    for e in expressions_of(kernel):
        done[e] = change(_over(e, done))
    if all(new is e for e, new in done.items()):
        return kernel
    return with_axes(kernel, kernel.axes, {}, done)


def _over(e: Expr, done: Mapping[Expr, Expr]) -> Expr:
    """The expression over what its inputs became."""
    match e:
        case Op(name=name, args=args):
            return op(name, *(done[a] for a in args), dtype=e.dtype)
        case Reduce(kind=kind, arg=arg, axes=axes):
            return reduce(kind, done[arg], axes)
        case Load(buffer=buffer, index=items):
            index = (i if isinstance(i, Affine) else done[i] for i in items)
            return load(buffer, *index, checked=e.checked, exact=e.exact, fill=e.fill)
        case _:
            return e


# ---------------------------------------------------------------------------- loads


def _without_idle(e: Load, axes: Mapping[str, Axis]) -> Load:
    """A load without the checks of dimensions that its index never leaves."""
    inside = [_stays_inside(i, size, axes) for i, size in zip(e.index, e.buffer.shape)]
    needed = [d for d in e.checked if not inside[d]]
    if len(needed) == len(e.checked):
        return e
    return load(e.buffer, *e.index, checked=needed, exact=e.exact, fill=e.fill)


def _stays_inside(index: Index, limit: Size, axes: Mapping[str, Axis]) -> bool:
    if not isinstance(index, Affine):
        return False
    if index.is_plain and len(index.terms) == 1 and index.const == 0:
        ((name, coef),) = index.terms
        if coef == 1 and axes[name].size == limit and axes[name].part is None:
            return True
    reach = bounds(index, axes)
    if reach is None or index.mod or not isinstance(limit, int):
        return False
    return reach[0] // index.div >= 0 and reach[1] // index.div < limit


# ---------------------------------------------------------------------------- conditions


def _without_implied(e: Expr) -> Expr:
    """A choice between a guarded load and its fill, without what the load's own guards say."""
    match e:
        case Op(name="where", args=(condition, Load() as x, Const(value=fill))) if fill == x.fill:
            parts = list(_conjuncts(condition))
            needed = [c for c in parts if not _is_implied(c, x)]
            if len(needed) == len(parts):
                return e
            result: Expr | None = None
            for c in needed:
                result = c if result is None else op("logical_and", result, c)
            return x if result is None else op("where", result, *e.args[1:], dtype=e.dtype)
        case _:
            return e


def _conjuncts(e: Expr) -> Iterator[Expr]:
    if isinstance(e, Op) and e.name == "logical_and":
        for a in e.args:
            yield from _conjuncts(a)
    else:
        yield e


def _is_implied(condition: Expr, x: Load) -> bool:
    """Whether the guards of a load make it the fill wherever the condition does not hold."""
    match condition:
        case Op(name="less_equal", args=(Const(value=0), Coord(index=i))):
            return any(x.index[d] == i for d in x.checked)
        case Op(name="less", args=(Coord(index=i), Const(value=limit))):
            return any(x.index[d] == i and x.buffer.shape[d] == limit for d in x.checked)
        case Op(name="less", args=(Coord(index=i), SizeOf(size=size))):
            return any(x.index[d] == i and x.buffer.shape[d] == size for d in x.checked)
        case Op(name="equal", args=(Op(name="remainder", args=(Coord(index=i), Const(value=by))),
                                    Const(value=0))):  # fmt: skip
            return any(
                isinstance(j := x.index[d], Affine) and j == Affine(i.terms, i.const, j.div)
                and j.div == by for d in x.exact
            )  # fmt: skip
        case _:
            return False
