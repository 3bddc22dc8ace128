"""Products of bfloat16 two at a time: neighbours along the sum become one 32-bit element.

    sum over k of a(m, k) * b(k, n)  ->  sum over k/2 of dot((a(m, 2k), a(m, 2k+1)),
                                                             (b(2k, n), b(2k+1, n)))
The rest of the generator sees operands of uint32 and a sum of half the length; only the products
of the register tile differ (`ir/pairs.py`). Where two neighbours lie side by side in memory, they
are that element already; else packing and boxes put them together.
"""

from __future__ import annotations

from dataclasses import replace

from graphc import dtypes
from graphc.backends.llvm_cpu.host import Target
from graphc.ir.dim import Size, ceil_div
from graphc.kernels.build import load, op
from graphc.kernels.kernel import Affine, Axis, Buffer, Const, Expr, Index, Load, Op
from graphc.kernels.roles import Contraction
from graphc.kernels.walk import rebuild

PAIR = dtypes.uint32
LANES = 16
"""Sums of one instruction."""
ORDERED = frozenset({"maximum", "minimum", "neg", "abs"})
"""Operations whose result is one of their arguments but for its sign."""


def paired(c: Contraction, target: Target) -> Contraction:
    """The contraction over pairs, where both operands are bfloat16 and the machine can do it."""
    if target.lanes != LANES or not target.has("avx512bf16"):
        return c
    if c.sums[0].dtype is not dtypes.float32 or not all(map(_is_bfloat16, (c.a, *c.b))):
        return c
    found = (_along(c, axis) for axis in reversed(c.k))
    return next((x for x in found if x is not None), c)


def _is_bfloat16(e: Expr) -> bool:
    """Whether every value is one that bfloat16 can hold."""
    match e:
        case Load():
            return e.buffer.dtype is dtypes.bfloat16
        case Const():
            return e.value == 0
        case Op(name="round_bfloat16"):
            return True
        case Op(name="where"):
            return all(map(_is_bfloat16, e.args[1:]))
        case Op():
            return e.name in ORDERED and all(map(_is_bfloat16, e.args))
        case _:
            return False


def _along(c: Contraction, axis: str) -> Contraction | None:
    """Pairs along one axis of the sum; an odd length needs a zero in both operands at its end."""
    whole = c.kernel.axis(axis)
    if whole.part is not None:
        return None
    roots = [c.a, *c.b]
    low = rebuild(roots, None, {axis: Affine(((axis, 2),))})
    high = rebuild(roots, None, {axis: Affine(((axis, 2),), 1)})
    if not (isinstance(whole.size, int) and whole.size % 2 == 0):
        if not all(_ends_with(e, axis, whole.size) for e in roots):
            return None
        high = {e: _guarded(high[e], axis) for e in roots}
    made = [_pair(low[e], high[e]) for e in roots]
    shorter = Axis(axis, ceil_div(whole.size, 2))
    axes = tuple(shorter if x.name == axis else x for x in c.kernel.axes)
    return replace(c, kernel=replace(c.kernel, axes=axes), a=made[0], b=tuple(made[1:]))


def _ends_with(e: Expr, axis: str, size: Size) -> bool:
    """Whether the operand is a load of which the axis counts a whole dimension."""
    if not isinstance(e, Load) or e.fill != 0:
        return False
    found = [d for d, i in enumerate(e.index) if isinstance(i, Affine) and axis in i.axes]
    return len(found) == 1 and (
        e.index[found[0]] == Affine(((axis, 1),)) and e.buffer.shape[found[0]] == size
    )


def _guarded(e: Expr, axis: str) -> Expr:
    """The load with a guard on the dimension of an axis."""
    assert isinstance(e, Load), "an odd sum is one of loads"
    dims = [d for d, i in enumerate(e.index) if isinstance(i, Affine) and axis in i.axes]
    checked = sorted({*e.checked, *dims})
    return load(e.buffer, *e.index, checked=checked, exact=e.exact, fill=e.fill)


def _pair(low: Expr, high: Expr) -> Expr:
    """Two operands as one of pairs."""
    together = _neighbours(low, high)
    return together or op("pair_bfloat16", low, high, dtype=PAIR)


def _neighbours(low: Expr, high: Expr) -> Load | None:
    """The pair as one element of memory, if that is what two loads read."""
    if not isinstance(low, Load) or not isinstance(high, Load) or low.exact or low.fill != 0:
        return None
    last, dim = low.index[-1], len(low.index) - 1
    same = (low.buffer, low.index[:-1], low.checked) == (high.buffer, high.index[:-1], high.checked)
    if not same or dim in low.checked or not isinstance(last, Affine) or not last.is_plain:
        return None
    following = high.index[-1]
    numbers = [low.buffer.shape[-1], last.const, *(coef for _, coef in last.terms)]
    halves = [x // 2 for x in numbers if isinstance(x, int) and x % 2 == 0]
    if len(halves) < len(numbers) or following != replace(last, const=last.const + 1):
        return None
    size, const, *coefs = halves
    view = Buffer(low.buffer.name, PAIR, (*low.buffer.shape[:-1], size))
    terms = tuple((n, coef) for (n, _), coef in zip(last.terms, coefs))
    index: list[Index] = [*low.index[:-1], Affine(terms, const)]
    return load(view, *index, checked=low.checked)
