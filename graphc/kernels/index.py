"""Arithmetic on indices, with the ranges of axes: affine where possible, an expression otherwise.

Lowering composes index maps (slice of a reshape of a pad ...). A composition that is no longer one
affine form with one division becomes an integer expression, which is right but reads memory by
gathers; so simplifying with ranges is worth some care here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphc import dtypes
from graphc.ir.dim import Dim, Shape, Size, exact_div, product

from . import build
from .kernel import Affine, Expr, Index

Ranges = Mapping[str, Size]  # axis -> number of values
ZERO = Affine()


def plus(index: Index, amount: Size) -> Index:
    """index + amount."""
    if amount == 0:
        return index
    if not isinstance(index, Affine):
        return build.op("add", index, _number(amount))
    if index.mod:
        return plus(as_expr(index), amount)
    return replace(index, const=index.const + amount * index.div)


def add(a: Index, b: Index) -> Index:
    """a + b."""
    if isinstance(a, Affine) and isinstance(b, Affine):
        if a.is_plain and b.is_plain:
            return build.affine_sum(a, b)
        if not a.terms and a.is_plain:
            return plus(b, a.const)
        if not b.terms and b.is_plain:
            return plus(a, b.const)
    return build.op("add", as_expr(a), as_expr(b))


def times(index: Index, by: Size) -> Index:
    """index * by."""
    if isinstance(by, int) and by == 1:
        return index
    if isinstance(index, Affine) and index.is_plain:
        return build.affine_scale(index, by)
    return build.op("mul", as_expr(index), _number(by))


def floor_div(index: Index, by: Size, ranges: Ranges) -> Index:
    """floor(index / by) for a positive size; 0 for size 0, where no index exists."""
    if isinstance(by, int) and by <= 1:
        return index if by == 1 else ZERO
    if isinstance(index, Affine) and not index.mod:
        if (parts := _whole_and_rest(index, by, ranges)) is not None:
            return parts[0]
        if isinstance(by, int):
            return replace(index, div=index.div * by)
    return build.op("floor_divide", as_expr(index), _number(by))


def modulo(index: Index, by: Size, ranges: Ranges) -> Index:
    """index mod by, in 0 .. by - 1, for a positive size; 0 for size 0."""
    if isinstance(by, int) and by <= 1:
        return ZERO
    if isinstance(index, Affine) and not index.mod:
        if (parts := _whole_and_rest(index, by, ranges)) is not None:
            return parts[1]
        if isinstance(by, int):
            return replace(index, mod=by)
    return build.op("remainder", as_expr(index), _number(by))


def _whole_and_rest(index: Affine, by: Size, ranges: Ranges) -> tuple[Affine, Affine] | None:
    """index = whole * by + rest with 0 <= rest < by, if the terms show it."""
    if not index.is_plain:
        return None
    whole: list[tuple[str, Size]] = []
    rest: list[tuple[str, Size]] = []
    for name, coef in index.terms:
        quotient = exact_div(coef, by)
        (whole if quotient is not None else rest).append((name, quotient or coef))
    constant = exact_div(index.const, by)
    if constant is None and isinstance(index.const, int) and isinstance(by, int):
        constant = index.const // by
    constant = constant or 0
    remainder = Affine(tuple(rest), index.const - constant * by)
    low, high = bounds(remainder, ranges)
    if is_at_least(low, 0) and is_at_least(by - 1, high):
        return Affine(tuple(whole), constant), remainder
    return None


# ---------------------------------------------------------------------------- ranges


def bounds(index: Affine, ranges: Ranges) -> tuple[Size, Size]:
    """The smallest and largest value (of the undivided index if it is divided by no number)."""
    low: Size = index.const
    high: Size = index.const
    for name, coef in index.terms:
        last = coef * (ranges[name] - 1)
        if is_at_least(coef, 0):
            high = high + last
        else:
            low = low + last
    if index.div != 1:
        low, high = low // index.div, high // index.div
    if index.mod and not (is_at_least(low, 0) and is_at_least(index.mod - 1, high)):
        return 0, index.mod - 1
    return low, high


def is_at_least(a: Size, b: Size) -> bool:
    """Whether a >= b for all values of the named sizes."""
    difference = a - b
    if isinstance(difference, int):
        return difference >= 0
    return all(c > 0 for _, c in difference.terms)


def is_inside(index: Index, size: Size, ranges: Ranges) -> bool:
    """Whether an index provably stays in 0 .. size - 1 (axes without values aside)."""
    if not isinstance(index, Affine):
        return False
    low, high = bounds(index, ranges)
    return is_at_least(low, 0) and is_at_least(size - 1, high)


def in_range(index: Index, size: Size, ranges: Ranges) -> Expr | None:
    """The condition 0 <= index < size, None if it always holds."""
    if is_inside(index, size, ranges):
        return None
    value = as_expr(index)
    zero = build.const(0, dtypes.int64)
    above = build.op("less_equal", zero, value)
    below = build.op("less", value, _number(size))
    if isinstance(index, Affine):
        low, high = bounds(index, ranges)
        if is_at_least(low, 0):
            return below
        if is_at_least(size - 1, high):
            return above
    return build.op("logical_and", above, below)


def all_of(conditions: Sequence[Expr | None]) -> Expr | None:
    """The conjunction; None if there is nothing to hold."""
    found = [c for c in conditions if c is not None]
    result = found[0] if found else None
    for c in found[1:]:
        result = build.op("logical_and", result, c) if result is not None else c
    return result


# ---------------------------------------------------------------------------- conversions


def as_expr(index: Index) -> Expr:
    """The index as an int64 value."""
    return build.coord(index) if isinstance(index, Affine) else index


def _number(size: Size) -> Expr:
    return build.size_of(size, dtypes.int64)


def linear(index: Sequence[Index], shape: Shape) -> Index:
    """The row-major position of an index in a shape."""
    total: Index = ZERO
    for i, here in enumerate(index):
        total = add(total, times(here, product(shape[i + 1 :])))
    return total


def regroup(index: Sequence[Index], old: Shape, new: Shape, ranges: Ranges) -> tuple[Index, ...]:
    """The index into shape `new` of the element at `index` of shape `old`, in row-major order.

    Runs of axes with equal products are handled by themselves, so untouched axes stay plain.
    """
    result: list[Index] = []
    i = j = 0
    while i < len(old) or j < len(new):
        a, b = i + 1, j + 1
        while (done := _compare(product(old[i:a]), product(new[j:b]))) != 0 and (
            a < len(old) or b < len(new)
        ):
            a, b = (a + 1, b) if (done < 0 and a < len(old)) or b >= len(new) else (a, b + 1)
        result += _spread(linear(index[i:a], old[i:a]), new[j:b], ranges)
        i, j = a, b
    return tuple(result)


def _compare(a: Size, b: Size) -> int:
    """0 for equal sizes, -1 if the first run should grow, 1 if the second should."""
    if a == b:
        return 0
    difference = a - b
    if isinstance(difference, Dim):
        return -1 if exact_div(b, a) is not None else 1
    return -1 if difference < 0 else 1


def _spread(position: Index, shape: Shape, ranges: Ranges) -> list[Index]:
    """The index in a shape of a row-major position that is inside it."""
    result: list[Index] = []
    for i, size in enumerate(shape):
        stride = product(shape[i + 1 :])
        here = floor_div(position, stride, ranges) if stride != 0 else ZERO
        outermost = i == 0
        result.append(ZERO if size == 1 else here if outermost else modulo(here, size, ranges))
    return result
