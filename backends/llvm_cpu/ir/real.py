"""Floating-point arithmetic as formulas: a `Real` writes operations on values of one type.

Works for scalars and for any number of lanes. No fast-math flags: a range reduction that may be
reassociated is no longer one. The functions built from this are in `vector_math.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from .text import Function
from .types import F64, I1, I32, I64, element_of, lanes_of, like, literal


@dataclass(frozen=True, slots=True)
class Real:
    """Operations on values of the floating-point type `type`, written into `f`."""

    f: Function
    type: str

    @property
    def bits_type(self) -> str:
        """The integers of the same width."""
        return like(self.type, I64 if element_of(self.type) == F64 else I32)

    def number(self, value: float) -> str:
        """A constant."""
        return literal(self.type, value)

    def whole(self, value: int) -> str:
        """An integer constant."""
        return literal(self.bits_type, value)

    def add(self, a: str, b: str) -> str:
        """a + b"""
        return self.f.binary("fadd", self.type, a, b)

    def sub(self, a: str, b: str) -> str:
        """a - b"""
        return self.f.binary("fsub", self.type, a, b)

    def mul(self, a: str, b: str) -> str:
        """a * b"""
        return self.f.binary("fmul", self.type, a, b)

    def div(self, a: str, b: str) -> str:
        """a / b"""
        return self.f.binary("fdiv", self.type, a, b)

    def fma(self, a: str, b: str, c: str) -> str:
        """a * b + c, rounded once"""
        return self.f.fma(self.type, a, b, c)

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """Horner's rule, the highest power first."""
        first, *rest = map(self.number, coefficients)
        return reduce(lambda sum_, c: self.fma(sum_, x, c), rest, first)

    def abs(self, x: str) -> str:
        """|x|"""
        return self.f.intrinsic("fabs", self.type, x)

    def negative(self, x: str) -> str:
        """-x"""
        return self.f.emit(f"fneg {self.type} {x}", "negative")

    def copysign(self, magnitude: str, sign: str) -> str:
        """|magnitude| with the sign of another value"""
        return self.f.intrinsic("copysign", self.type, magnitude, sign)

    def sqrt(self, x: str) -> str:
        """The square root, correctly rounded."""
        return self.f.intrinsic("sqrt", self.type, x)

    def test(self, relation: str, a: str, b: str) -> str:
        """`a relation b` per lane; false where either is NaN."""
        return self.f.relate(relation, self.type, a, b)

    def where(self, mask: str, a: str, b: str) -> str:
        """Lane by lane a or b."""
        return self.f.blend(mask, self.type, a, b)

    def at_most(self, x: str, limit: float) -> str:
        """min(x, limit); NaN stays NaN."""
        top = self.number(limit)
        return self.where(self.test("gt", x, top), top, x)

    def at_least(self, x: str, limit: float) -> str:
        """max(x, limit); NaN stays NaN."""
        bottom = self.number(limit)
        return self.where(self.test("lt", x, bottom), bottom, x)

    def bits(self, x: str) -> str:
        """The bits of a value as an integer."""
        return self.f.cast("bitcast", self.type, x, self.bits_type)

    def of_bits(self, bits: str) -> str:
        """The value with these bits."""
        return self.f.cast("bitcast", self.bits_type, bits, self.type)

    def integer(self, operation: str, a: str, b: str) -> str:
        """An integer operation: add, sub, and, shl, ..."""
        return self.f.binary(operation, self.bits_type, a, b)

    def of_integer(self, n: str) -> str:
        """An integer as a number."""
        return self.f.cast("sitofp", self.bits_type, n, self.type)

    def all(self, mask: str) -> str:
        """Whether every lane of the mask is on, as a scalar i1."""
        mask_type, lanes = like(self.type, I1), lanes_of(self.type)
        if not lanes:
            return mask
        return self.f.call(I1, f"llvm.vector.reduce.and.v{lanes}i1", [(mask_type, mask)], "all")
