"""What elementary functions of float32 and float64 do alike: special values, huge arguments."""

from __future__ import annotations

import math

from . import libm
from .real import Real


def log_borders(m: Real, x: str, result: str) -> str:
    """-inf at 0, inf at inf, NaN below 0 and at NaN."""
    zero, infinity = m.number(0.0), m.number(math.inf)
    result = m.where(m.test("eq", x, infinity), infinity, result)
    result = m.where(m.test("eq", x, zero), m.number(-math.inf), result)
    return m.where(m.test("ge", x, zero), result, m.number(math.nan))


def far_by_library(m: Real, x: str, name: str, near: str, limit: float) -> str:
    """`near` up to |x| = limit; for larger, infinite and NaN lanes the C library."""
    ordinary = m.test("le", m.abs(x), m.number(limit))

    def far() -> list[str]:
        return [m.where(ordinary, near, libm.call(m.f, name, m.type, x))]

    return str(m.f.if_else(m.all(ordinary), lambda: [near], far, [m.type])[0])
