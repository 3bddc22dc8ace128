"""Elementary functions as polynomials in line: float32 here, float64 in `vector_math64.py`.

The table FUNCTIONS gives the worst error in ulp over the whole range, with infinities, NaN, -0,
denormals and huge arguments; every number of lanes gives the same bits. For all other functions
the C library is called per lane (`libm.py`). Polynomials minimise the relative error of the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from . import libm
from . import vector_math64 as wide
from .borders import far_by_library, log_borders
from .real import Real
from .text import Function
from .types import F32, element_of, lanes_of

_MAGIC = 1.5 * 2**23
"""Adding it leaves the nearest integer in the lowest bits."""
_MAGIC_BITS, _ONE_BITS, _ROOT_OF_HALF_BITS = 0x4B400000, 0x3F800000, 0x3F3504F3
_LN2_HIGH, _LN2_LOW = 0.693145752, 1.42860677e-6
_HALF_PI = (1.57079637, -4.37113883e-08, -1.71512489e-15)
_TURN_LIMIT = 2.0**17
_NO_OVERFLOW, _NO_UNDERFLOW = 89.0, -110.0

# fmt: off
# The highest power first.
_EXP       = (0.00138193916, 0.0083688926, 0.0416682884, 0.166665196, 0.49999994, 1.0, 1.0)
_EXPM1     = (0.000197632209, 0.00139327673, 0.00833354518, 0.0416664891, 0.166666657, 0.5)
_LOG       = (0.0674891248, -0.116706274, 0.118839271, -0.124061763, 0.142203122, -0.166679904,
              0.20002073, -0.250000089, 0.333333135)
_TANH      = (-0.00566362171, 0.0206032395, -0.0537291318, 0.133313209, -0.333332777)
_ERF_SMALL = (8.09204867e-05, -0.000806862838, 0.00519368518, -0.026856076, 0.112836286,
              -0.376126289, 0.128379166)
_LOG_ERFC  = (-1.12110847e-05, 0.000322596694, -0.00364160119, 0.0237602219, -0.106234714,
              -0.635152638, -1.12864816)
_SIN       = (2.49829259e-06, -0.000198131311, 0.00833323505, -0.166666657)
_COS       = (2.44323273e-05, -0.00138873095, 0.0416666456, -0.5)
# fmt: on


def exp(m: Real, x: str) -> str:
    """e**x = 2**n * e**r, n = round(x / ln 2), |r| <= ln 2 / 2."""
    x = m.at_least(m.at_most(x, _NO_OVERFLOW), _NO_UNDERFLOW)
    shifted, n, r = _reduce(m, x)
    return _scale(m, m.polynomial(r, _EXP), shifted, n)


def expm1(m: Real, x: str) -> str:
    """e**x - 1 = 2 * (h * (e**r - 1) + (h - 1/2)) with h = 2**(n - 1); x itself where tiny."""
    clamped = m.at_least(m.at_most(x, _NO_OVERFLOW), -20.0)
    shifted, _, r = _reduce(m, clamped)
    inner = m.fma(m.mul(r, r), m.polynomial(r, _EXPM1), r)
    half = _power(m, m.integer("sub", _count(m, shifted), m.whole(1)))
    result = m.fma(half, inner, m.sub(half, m.number(0.5)))
    tiny = m.test("lt", m.abs(x), m.number(2.0**-24))
    return m.where(tiny, x, m.add(result, result))


def log(m: Real, x: str) -> str:
    """log x = k ln 2 + log(1 + y), sqrt(1/2) <= 1 + y < sqrt 2."""
    denormal = m.test("lt", x, m.number(2.0**-126))
    normal = m.where(denormal, m.mul(x, m.number(2.0**23)), x)
    k, mantissa = _split(m, normal)
    k = m.where(denormal, m.sub(k, m.number(23.0)), k)
    result = _log_of_sum(m, k, m.sub(mantissa, m.number(1.0)))
    return log_borders(m, x, result)


def log1p(m: Real, x: str) -> str:
    """log(1 + x), where what the sum 1 + x loses is added to y of `log`; x itself where tiny."""
    one = m.number(1.0)
    total = m.add(one, x)
    lost = m.sub(x, m.sub(total, one))
    k, mantissa = _split(m, total)
    y = m.sub(mantissa, one)
    shift = m.integer("sub", m.bits(total), m.bits(mantissa))
    scale = m.of_bits(m.integer("sub", m.whole(_ONE_BITS), shift))
    small = m.test("lt", total, m.number(2.0**30))
    y = m.where(small, m.fma(lost, scale, y), y)
    result = log_borders(m, total, _log_of_sum(m, k, y))
    tiny = m.test("lt", m.abs(x), m.number(2.0**-24))
    return m.where(tiny, x, result)


def sigmoid(m: Real, x: str) -> str:
    """1 / (1 + e) or e / (1 + e) with e = e**-|x|: no overflow, and small results stay exact.

    What the sum and the quotient lose is put back by one step of division.
    """
    one = m.number(1.0)
    e = exp(m, m.negative(m.abs(x)))
    top = m.where(m.test("ge", x, m.number(0.0)), one, e)
    bottom = m.add(one, e)
    inverse = m.div(one, bottom)
    quotient = m.mul(top, inverse)
    lost = m.sub(e, m.sub(bottom, one))
    minus = m.negative(quotient)
    rest = m.fma(minus, lost, m.fma(minus, bottom, top))
    return m.fma(rest, inverse, quotient)


def tanh(m: Real, x: str) -> str:
    """t + t**3 p(t*t) below 0.625, else 1 - 2 / (e**2t + 1), t = |x|, with the sign of x."""
    size = m.abs(x)
    square = m.mul(x, x)
    near = m.fma(m.mul(m.polynomial(square, _TANH), square), size, size)
    power = m.add(exp(m, m.add(size, size)), m.number(1.0))
    far = m.sub(m.number(1.0), m.div(m.number(2.0), power))
    return m.copysign(m.where(m.test("lt", size, m.number(0.625)), near, far), x)


def erf(m: Real, x: str) -> str:
    """x + x p(x*x) below 0.921875, else 1 - e**(t q(t)), t = |x|, with the sign of x."""
    size = m.at_most(m.abs(x), 4.0)
    near = m.fma(m.polynomial(m.mul(size, size), _ERF_SMALL), x, x)
    exponent = m.mul(m.polynomial(size, _LOG_ERFC), size)
    far = m.copysign(m.sub(m.number(1.0), exp(m, exponent)), x)
    return m.where(m.test("gt", size, m.number(0.921875)), far, near)


def sin(m: Real, x: str) -> str:
    """The sine or cosine of r = x - n pi/2, by the quarter n; x itself where tiny."""
    tiny = m.test("lt", m.abs(x), m.number(2.0**-12))
    return m.where(tiny, x, far_by_library(m, x, "sin", _turn_near(m, x, 0), _TURN_LIMIT))


def cos(m: Real, x: str) -> str:
    """The sine one quarter later."""
    return far_by_library(m, x, "cos", _turn_near(m, x, 1), _TURN_LIMIT)


def sqrt(m: Real, x: str) -> str:
    """Correctly rounded."""
    return m.sqrt(x)


def rsqrt(m: Real, x: str) -> str:
    """1 / sqrt(x), two roundings."""
    return m.div(m.number(1.0), m.sqrt(x))


@dataclass(frozen=True, slots=True)
class Row:
    """How a function is written for float32 and float64, and its worst errors, in ulp."""

    float32: Callable[[Real, str], str]
    ulp: float
    float64: Callable[[Real, str], str]
    ulp64: float


# fmt: off
FUNCTIONS = {
    #               float32   ulp   float64        ulp
    "exp":      Row(exp,      0.9,  wide.exp,      1.0),
    "expm1":    Row(expm1,    1.6,  wide.expm1,    1.9),
    "log":      Row(log,      0.9,  wide.log,      0.9),
    "log1p":    Row(log1p,    1.5,  wide.log1p,    1.5),
    "sigmoid":  Row(sigmoid,  1.6,  wide.sigmoid,  2.5),
    "tanh":     Row(tanh,     1.4,  wide.tanh,     2.5),
    "erf":      Row(erf,      1.1,  wide.erf,      1.5),
    "sin":      Row(sin,      1.6,  wide.sin,      2.5),
    "cos":      Row(cos,      1.6,  wide.cos,      2.5),
    "sqrt":     Row(sqrt,     0.5,  sqrt,          0.5),
    "rsqrt":    Row(rsqrt,    1.5,  rsqrt,         1.5),
}
# fmt: on


def function(f: Function, name: str, type_: str, *arguments: str) -> str:
    """The elementary function `name` of values of a float or double type, scalar or vector.

    The names are those of FUNCTIONS here and of `libm.FUNCTIONS`.
    """
    row = FUNCTIONS.get(name)
    if row is None:
        return libm.call(f, name, type_, *arguments)
    write = row.float32 if element_of(type_) == F32 else row.float64
    return write(Real(f, type_), *arguments)


# ---------------------------------------------------------------------------- parts


def _reduce(m: Real, x: str) -> tuple[str, str, str]:
    """(n + magic, n, r) with x = n ln 2 + r."""
    shifted = m.fma(x, m.number(1.0 / math.log(2.0)), m.number(_MAGIC))
    n = m.sub(shifted, m.number(_MAGIC))
    r = m.fma(n, m.number(-_LN2_HIGH), x)
    return shifted, n, m.fma(n, m.number(-_LN2_LOW), r)


def _count(m: Real, shifted: str) -> str:
    """The integer that adding the magic number has left in the bits."""
    return m.integer("sub", m.bits(shifted), m.whole(_MAGIC_BITS))


def _power(m: Real, n: str) -> str:
    """2**n for -127 < n < 128."""
    shifted = m.integer("shl", m.integer("add", n, m.whole(127)), m.whole(23))
    return m.of_bits(shifted)


def _scale(m: Real, x: str, shifted: str, n: str) -> str:
    """x * 2**n in two steps, so that results may be denormal; AVX-512 does it in one."""
    if lanes_of(m.type) == 16 and m.f.target.has("avx512f"):
        return _scale_avx512(m, x, n)
    count = _count(m, shifted)
    first = m.integer("ashr", count, m.whole(1))
    second = m.integer("sub", count, first)
    return m.mul(m.mul(x, _power(m, first)), _power(m, second))


def _scale_avx512(m: Real, x: str, n: str) -> str:
    t = m.type
    arguments = [(t, x), (t, n), (t, "zeroinitializer"), ("i16", -1), ("i32", 4)]
    return m.f.call(t, "llvm.x86.avx512.mask.scalef.ps.512", arguments, "scaled")


def _split(m: Real, x: str) -> tuple[str, str]:
    """(k, mantissa) with x = 2**k * mantissa, mantissa in [sqrt(1/2), sqrt 2)."""
    above = m.integer("sub", m.bits(x), m.whole(_ROOT_OF_HALF_BITS))
    k = m.integer("ashr", above, m.whole(23))
    mantissa = m.integer("sub", m.bits(x), m.integer("shl", k, m.whole(23)))
    return m.of_integer(k), m.of_bits(mantissa)


def _log_of_sum(m: Real, k: str, y: str) -> str:
    """k ln 2 + log(1 + y), small terms first."""
    square = m.mul(y, y)
    rest = m.mul(m.mul(m.polynomial(y, _LOG), y), square)
    rest = m.fma(k, m.number(_LN2_LOW), rest)
    rest = m.fma(square, m.number(-0.5), rest)
    return m.fma(k, m.number(_LN2_HIGH), m.add(y, rest))


def _turn_near(m: Real, x: str, quarters: int) -> str:
    shifted = m.fma(x, m.number(2.0 / math.pi), m.number(_MAGIC))
    n = m.sub(shifted, m.number(_MAGIC))
    r = x
    for part in _HALF_PI:
        r = m.fma(n, m.number(-part), r)
    square = m.mul(r, r)
    sine = m.fma(m.mul(m.polynomial(square, _SIN), square), r, r)
    cosine = m.fma(m.polynomial(square, _COS), square, m.number(1.0))
    quarter = m.integer("add", _count(m, shifted), m.whole(quarters))
    odd = m.f.relate("ne", m.bits_type, m.integer("and", quarter, m.whole(1)), m.whole(0))
    turned = m.where(odd, cosine, sine)
    sign = m.integer("shl", m.integer("and", quarter, m.whole(2)), m.whole(30))
    return m.of_bits(m.integer("xor", m.bits(turned), sign))
