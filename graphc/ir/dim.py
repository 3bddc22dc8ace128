"""Sizes that may be unknown while building: integer polynomials over named sizes.

A shape is a tuple of `Size = int | Dim`. A `Dim` is kept in normal form (sorted monomials, no
zero coefficients, a constant is an int), so equality of polynomials is equality of values. Besides
names a monomial may hold `FloorDiv` atoms, which strided windows and slices of unknown sizes need.
Named sizes are never negative.
"""

from __future__ import annotations

import ast
import itertools
import keyword
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from math import gcd

from graphc.errors import ParseError, ShapeError


@dataclass(frozen=True, slots=True)
class FloorDiv:
    """floor(numerator / denominator), where that is no polynomial."""

    numerator: Dim
    denominator: Size

    def __str__(self) -> str:
        return f"(({self.numerator})//({self.denominator}))"


Atom = str | FloorDiv
Monomial = tuple[Atom, ...]


class Dim:
    """A polynomial such as 2*batch + 1; built by arithmetic, never changed."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: tuple[tuple[Monomial, int], ...]) -> None:
        self.terms = terms
        self._hash = hash(terms)

    # fmt: off
    def __add__(self, other: Size) -> Size: return _collect((*self.terms, *_terms(other)))
    def __sub__(self, other: Size) -> Size: return self + -1 * other
    def __rsub__(self, other: Size) -> Size: return -1 * self + other
    def __neg__(self) -> Size: return -1 * self
    def __floordiv__(self, other: Size) -> Size: return floor_div(self, other)
    def __rfloordiv__(self, other: Size) -> Size: return floor_div(other, self)
    def __mod__(self, other: Size) -> Size: return self - floor_div(self, other) * other
    def __hash__(self) -> int: return self._hash
    def __str__(self) -> str: return _text(self)
    def __repr__(self) -> str: return _text(self)
    __radd__ = __add__
    # fmt: on

    def __mul__(self, other: Size) -> Size:
        pairs = itertools.product(self.terms, _terms(other))
        return _collect((tuple(sorted(a + b, key=str)), c * d) for (a, c), (b, d) in pairs)

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and (self is other or self.terms == other.terms)

    def __bool__(self) -> bool:
        raise ShapeError(
            f"the truth of a symbolic size ({self}) is not known while building",
            fix="compare sizes with ==, or give the size as a number",
        )

    def __int__(self) -> int:
        raise ShapeError(
            f"the size {self} is not known while building",
            fix="give the size as a number, or read it with gx.size_of(x, axis) in the graph",
        )


Size = int | Dim
Shape = tuple[Size, ...]

_fresh = itertools.count(1)


def named(name: str) -> Dim:
    """The size called `name` (an identifier); two with one name are equal.

    >>> named("batch") * 2 + named("batch")
    3*batch
    """
    # ASCII, because Python's own parser would read some other letters back as different ones.
    if not (name.isidentifier() and name.isascii()) or keyword.iskeyword(name):
        raise ShapeError("a named size is an ASCII identifier", received=repr(name))
    return Dim((((name,), 1),))


def fresh() -> Dim:
    """A size that equals no other: what None in the shape of a placeholder means."""
    return named(f"_{next(_fresh)}")


def as_size(value: int | str | Dim | None) -> Size:
    """A size from a number, a name, a Dim, or None for a fresh one."""
    if isinstance(value, Dim):
        return value
    if value is None:
        return fresh()
    if isinstance(value, str):
        return named(value)
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 0:
        raise ShapeError("not a size", received=repr(value), expected="int >= 0, a name, or None")
    return value.__index__()


def floor_div(a: Size, b: Size) -> Size:
    """floor(a / b), exact as a polynomial where b divides every term."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    if (exact := exact_div(a, b)) is not None:
        return exact
    if isinstance(b, int) and isinstance(a, Dim):
        # floor((b*q + r) / b) = q + floor(r / b) gives sizes that differ by multiples one form.
        whole = _collect((m, c // b) for m, c in a.terms)
        rest = _collect((m, c % b) for m, c in a.terms)
        return whole + (rest // b if isinstance(rest, int) else _atom(FloorDiv(rest, b)))
    return _atom(FloorDiv(a if isinstance(a, Dim) else Dim((((), a),)), b))


def ceil_div(a: Size, b: int) -> Size:
    """ceil(a / b) for a positive number b."""
    return floor_div(a + (b - 1), b)


def exact_div(a: Size, b: Size) -> Size | None:
    """The polynomial q with q * b == a, or None if there is none."""
    if a == 0 and b != 0:
        return 0
    if b == 0:
        return None
    quotient: Size = 0
    rest = a
    (lead, lead_coef), *_ = _terms(b)
    for _ in range(64):
        if rest == 0:
            return quotient
        monomial, coef = _terms(rest)[0]
        missing = _without(monomial, lead)
        if missing is None or coef % lead_coef:
            return None
        factor = _collect([(missing, coef // lead_coef)])
        quotient, rest = quotient + factor, rest - factor * b
    return None


def divisor(size: Size) -> int:
    """The largest number that is known to divide a size: 14 of 28*batch + 42."""
    return gcd(*(coef for _, coef in _terms(size)))


def may_equal(a: Size, b: Size) -> bool:
    """False only if the two sizes differ whatever the named sizes are."""
    difference = a - b
    if isinstance(difference, int):
        return difference == 0
    constant = dict(difference.terms).get((), 0)
    others = [c for m, c in difference.terms if m]
    if any(isinstance(a, FloorDiv) for m, _ in difference.terms for a in m):
        return True
    # Names are >= 0, so a sum of one sign plus a constant of the same sign is never 0.
    same_sign = min(others) > 0 if constant > 0 else max(others) < 0
    return constant == 0 or not same_sign


def product(sizes: Iterable[Size]) -> Size:
    """The number of elements of a shape."""
    return reduce(lambda a, b: a * b, sizes, 1)


def names_of(size: Size) -> frozenset[str]:
    """The named sizes in a polynomial."""
    if isinstance(size, int):
        return frozenset()
    found: set[str] = set()
    for monomial, _ in size.terms:
        for atom in monomial:
            if isinstance(atom, str):
                found.add(atom)
            else:
                found |= names_of(atom.numerator) | names_of(atom.denominator)
    return frozenset(found)


def evaluate(size: Size, sizes: Mapping[str, int]) -> int:
    """The value of a polynomial at given sizes."""
    result = substitute(size, sizes)
    assert isinstance(result, int), f"the size {result} lacks the value of a name"
    return result


def substitute(size: Size, sizes: Mapping[str, Size]) -> Size:
    """The polynomial with names replaced by other sizes."""
    if isinstance(size, int):
        return size

    def atom(a: Atom) -> Size:
        if isinstance(a, str):
            return sizes[a] if a in sizes else named(a)
        return floor_div(substitute(a.numerator, sizes), substitute(a.denominator, sizes))

    total: Size = 0
    for monomial, coef in size.terms:
        total = total + reduce(lambda x, y: x * y, map(atom, monomial), coef)
    return total


def strides_of(shape: Shape) -> Shape:
    """Elements to step per axis in row-major order."""
    return tuple(product(shape[i + 1 :]) for i in range(len(shape)))


def parse_size(text: str) -> Size:
    """The inverse of str.

    >>> parse_size("2*batch + ((h + 1)//(2))")
    ((h + 1)//(2)) + 2*batch
    """
    try:
        return _read(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError:
        raise ParseError("not a size", received=repr(text)) from None


def _read(node: ast.expr) -> Size:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return named(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -1 * _read(operand)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            return _OPERATORS[type(operator)](_read(left), _read(right))
    raise ParseError("not a size", received=ast.unparse(node))


_OPERATORS: dict[type[ast.operator], Callable[[Size, Size], Size]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: floor_div(a, b),
}


def _terms(size: Size) -> tuple[tuple[Monomial, int], ...]:
    return size.terms if isinstance(size, Dim) else (((), size),)


def _atom(atom: Atom) -> Dim:
    return Dim((((atom,), 1),))


def _collect(pairs: Iterable[tuple[Monomial, int]]) -> Size:
    total: dict[Monomial, int] = {}
    for monomial, coef in pairs:
        total[monomial] = total.get(monomial, 0) + coef
    kept = [(m, c) for m, c in total.items() if c]
    if not kept:
        return 0
    if len(kept) == 1 and kept[0][0] == ():
        return kept[0][1]
    return Dim(tuple(sorted(kept, key=_rank)))


def _rank(term: tuple[Monomial, int]) -> tuple[int, list[str]]:
    return -len(term[0]), [str(a) for a in term[0]]


def _without(monomial: Monomial, part: Monomial) -> Monomial | None:
    rest = list(monomial)
    for atom in part:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def _text(dim: Dim) -> str:
    def term(monomial: Monomial, coef: int) -> str:
        return "*".join([str(coef)] * (coef != 1 or not monomial) + [str(a) for a in monomial])

    return " + ".join(term(m, c) for m, c in dim.terms).replace("+ -", "- ")
