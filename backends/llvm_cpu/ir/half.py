"""float16 by integer arithmetic, for processors that cannot convert it themselves.

`access.py` uses this where the machine lacks the instructions; otherwise LLVM would call functions
of a runtime library that is not there.
"""

from __future__ import annotations

from .text import Function
from .types import F16, F32, I16, I32, like, literal

_MAGNITUDE = 0x7FFF_FFFF
_OVERFLOW, _INFINITY = 0x4780_0000, 0x7F80_0000
_LEAST_NORMAL, _HALF = 0x3880_0000, 0x3F00_0000
_REBIAS = 112 << 23


def is_missing(f: Function) -> bool:
    """Whether the machine has no instructions for float16."""
    return f.target.is_x86 and not f.target.has("f16c")


def widen(f: Function, type_: str, stored: str) -> str:
    """float16 of a half type to float: its bits as a tiny float, times 2**112."""
    m, short = _Bits(f, type_), like(type_, I16)
    bits = f.cast("zext", short, f.cast("bitcast", type_, stored, short), m.whole)
    size = m.code("shl", m.code("and", bits, 0x7FFF), 13)
    scaled = f.binary("fmul", m.real, m.of_bits(size), literal(m.real, 2.0**112))
    result = m.bits(scaled)
    result = m.where("ge", size, 0x7C00 << 13, m.code("or", result, _INFINITY), result)
    sign = m.code("shl", m.code("and", bits, 0x8000), 16)
    return m.of_bits(f.binary("or", m.whole, result, sign))


def narrow(f: Function, type_: str, value: str) -> str:
    """float to the nearest float16, ties to even; denormals round as a sum with 1/2."""
    m, short = _Bits(f, type_), like(type_, I16)
    bits = m.bits(value)
    size = m.code("and", bits, _MAGNITUDE)
    odd = m.code("and", m.code("lshr", size, 13), 1)
    normal = f.binary("add", m.whole, m.code("add", size, 0xFFF - _REBIAS), odd)
    shifted = f.binary("fadd", m.real, m.of_bits(size), literal(m.real, 0.5))
    tiny = m.code("sub", m.bits(shifted), _HALF)
    result = m.where("lt", size, _LEAST_NORMAL, tiny, m.code("lshr", normal, 13))
    infinite, nan = literal(m.whole, 0x7C00), literal(m.whole, 0x7E00)
    special = m.where("gt", size, _INFINITY, nan, infinite)
    result = m.where("ge", size, _OVERFLOW, special, result)
    sign = m.code("lshr", m.code("and", bits, -(2**31)), 16)
    both = f.cast("trunc", m.whole, f.binary("or", m.whole, result, sign), short)
    return f.cast("bitcast", short, both, like(type_, F16))


class _Bits:
    """Integer arithmetic on the bits of floats."""

    def __init__(self, f: Function, type_: str) -> None:
        self.f, self.whole, self.real = f, like(type_, I32), like(type_, F32)

    def code(self, operation: str, a: str, constant: int) -> str:
        return self.f.binary(operation, self.whole, a, literal(self.whole, constant))

    def bits(self, a: str) -> str:
        return self.f.cast("bitcast", self.real, a, self.whole)

    def of_bits(self, a: str) -> str:
        return self.f.cast("bitcast", self.whole, a, self.real)

    def where(self, relation: str, a: str, limit: int, yes: str, no: str) -> str:
        holds = self.f.relate(relation, self.whole, a, literal(self.whole, limit))
        return self.f.blend(holds, self.whole, yes, no)
