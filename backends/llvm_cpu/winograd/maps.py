"""The matrices of Winograd's minimal filtering F(4, 3), and linear maps as straight-line code.

    y = A^T ((G g) * (B^T d))        4 outputs of a filter of 3 taps from 6 inputs, 6 products
In two dimensions each matrix is applied to columns and to rows: 36 products give 4 x 4 outputs that
take 144 directly (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015). Read
backwards the same matrices give the gradient of g: G^T ((A dy) * (B^T d)).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import prod

from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import literal

OUTPUTS, TAPS = 4, 3
INPUTS = OUTPUTS + TAPS - 1
PRODUCTS = INPUTS * INPUTS
"""Of a tile, per pair of channels."""

Matrix = tuple[tuple[Fraction, ...], ...]
Grid = list[list[str]]

POINTS = (Fraction(0), Fraction(3, 4), Fraction(-3, 4), Fraction(3, 2), Fraction(-3, 2))
"""Where polynomials are evaluated, besides infinity: at 0, 1, -1, 2, -2 errors are 5 times larger.
These are the simplest of small error whose opposites share their sums."""


def _polynomial(roots: Sequence[Fraction]) -> list[Fraction]:
    """The coefficients of the product of (x - root), lowest first."""
    found = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *found], [*(-root * c for c in found), Fraction(0)]
        found = [a + b for a, b in zip(shifted, scaled)]
    return found


def _others(i: int) -> list[Fraction]:
    return [p for j, p in enumerate(POINTS) if j != i]


def _transposed(m: Matrix) -> Matrix:
    return tuple(zip(*m))


_LAST = Fraction(1)
_NONE = Fraction(0)

# fmt: off
A: Matrix = (  # dy at the points, and its leading coefficient
    *(tuple(p**k for k in range(OUTPUTS)) for p in POINTS),
    (*[_NONE] * (OUTPUTS - 1), _LAST),
)
G: Matrix = (  # g at the points, over what interpolation divides by
    *(tuple(p**k / prod(p - q for q in _others(i)) for k in range(TAPS))
      for i, p in enumerate(POINTS)),
    (*[_NONE] * (TAPS - 1), _LAST),
)
B_T: Matrix = (  # the numerators of interpolation, and the polynomial that is 0 at all points
    *((*_polynomial(_others(i)), _NONE) for i in range(len(POINTS))),
    tuple(_polynomial(POINTS)),
)
# fmt: on
A_T, G_T = _transposed(A), _transposed(G)


# ---------------------------------------------------------------------------- as code


def mapped_twice(
    f: Function, type_: str, m: Matrix, at: Callable[[int, int], str], size: int
) -> Grid:
    """m d m^T of the square d of so many rows; `at` answers d[row][column]."""
    columns = [mapped(f, type_, m, [at(i, j) for i in range(size)]) for j in range(size)]
    return [mapped(f, type_, m, list(row)) for row in zip(*columns)]


def mapped(f: Function, type_: str, m: Matrix, x: Sequence[str]) -> list[str]:
    """m x, where columns or rows that are equal up to signs share their sums.

    Opposite points p, -p give such pairs: rows of the form e + o, e - o, or columns that meet only
    as sums and differences.
    """
    values, rows = list(x), [list(row) for row in m]
    for j, (a, b) in enumerate(pairwise(_transposed(m))):
        if _is_pair(a, b):
            values[j], values[j + 1] = (
                f.binary(how, type_, x[j], x[j + 1]) for how in ("fadd", "fsub")
            )
            rows = [_folded(row, j) for row in rows]
    found: list[str] = []
    while len(found) < len(rows):
        row, *rest = rows[len(found) :]
        if rest and _is_pair(tuple(row), tuple(rest[0])):
            found += _opposite(f, type_, row, rest[0], values)
        else:
            found.append(_chain(f, type_, row, values))
    return found


def _is_pair(a: Sequence[Fraction], b: Sequence[Fraction]) -> bool:
    """Whether two rows are equal in some places and opposite in others."""
    same = [x == y != 0 for x, y in zip(a, b)]
    opposite = [x == -y != 0 for x, y in zip(a, b)]
    neither = any(x != y and x != -y for x, y in zip(a, b))
    return any(same) and any(opposite) and not neither


def _folded(row: Sequence[Fraction], j: int) -> list[Fraction]:
    """The row over the sum and the difference of columns j and j + 1."""
    a, b = row[j], row[j + 1]
    pair = [a, _NONE] if a == b else [_NONE, a]
    return [*row[:j], *pair, *row[j + 2 :]]


def _opposite(
    f: Function, type_: str, row: Sequence[Fraction], other: Sequence[Fraction], x: Sequence[str]
) -> list[str]:
    """e + s * o and e - s * o, where the first coefficient of o is 1."""
    even = [a if a == b else _NONE for a, b in zip(row, other)]
    odd = [a if a != b else _NONE for a, b in zip(row, other)]
    scale = next(c for c in odd if c)
    e = _chain(f, type_, even, x)
    o = _chain(f, type_, [c / scale for c in odd], x)
    return [f.fma(type_, o, literal(type_, float(s)), e) for s in (scale, -scale)]


def _chain(f: Function, type_: str, row: Sequence[Fraction], x: Sequence[str]) -> str:
    """The sum of coefficient times value, begun where the coefficient is 1."""
    terms = sorted(((c, v) for c, v in zip(row, x) if c), key=lambda t: t[0] != 1)
    assert terms, "no row of these matrices is empty"
    (first, total), *rest = terms
    if first != 1:
        total = f.binary("fmul", type_, total, literal(type_, float(first)))
    for c, v in rest:
        if c == 1:
            total = f.binary("fadd", type_, total, v)
        else:
            total = f.fma(type_, v, literal(type_, float(c)), total)
    return total
