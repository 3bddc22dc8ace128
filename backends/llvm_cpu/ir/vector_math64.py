"""Elementary functions of float64 in line, as `vector_math.py` writes those of float32.

Range reductions split constants so that products are exact; log, sine and cosine use the series of
fdlibm (Sun Microsystems 1993), the others polynomials of least relative error.
"""

from __future__ import annotations

import math
import struct

from .borders import far_by_library, log_borders
from .real import Real
from .types import lanes_of

_MAGIC = 1.5 * 2**52
"""Adding it leaves the nearest integer in the lowest bits."""


def _bits_of(x: float) -> int:
    return int.from_bytes(struct.pack("<d", x), "little")


_MAGIC_BITS, _ONE_BITS, _ROOT_OF_HALF_BITS = map(_bits_of, (_MAGIC, 1.0, math.sqrt(0.5)))
_LN2_HIGH, _LN2_LOW = 0.6931471805592082, 7.371002565167799e-13
_HALF_PI = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)
_TURN_LIMIT = 2.0**20
_NO_OVERFLOW, _NO_UNDERFLOW = 710.0, -746.0

# fmt: off
# The highest power first.
_EXP       = (2.0914701283103285e-09, 2.51052370507603e-08, 2.7557273608709007e-07,
              2.7557255352032673e-06, 2.4801587325574868e-05, 0.00019841269874858612,
              0.0013888888888883742, 0.008333333333326124, 0.04166666666666667,
              0.1666666666666667, 0.5)
_LOG       = (0.14798198605116586, 0.15313837699209373, 0.1818357216161805, 0.22222198432149784,
              0.2857142874366239, 0.3999999999940942, 0.6666666666666735)
_ERF       = (5.957176147748911e-11, -1.1372848856791674e-09, 1.4659775274047436e-08,
              -1.6350312701054695e-07, 1.6461000484121368e-06, -1.4925595266831182e-05,
              0.0001205533111164271, -0.000854832698083379, 0.0052239776248180145,
              -0.026866170645076792, 0.11283791670954879, -0.3761263890318375,
              0.1283791670955126)
_ERFC      = (0.020837034114108713, -0.16237592240431764, 0.5486085532865179, -1.0470974863527305,
              1.273916556532947, -1.129340648661771, 0.774276149145804, -0.3190432519507477,
              0.23722307397326783, 0.08446258617511176, 0.16615514097166872, 0.17609418642596036,
              0.18823202946706957, 0.18805164895011564, 3.6681461446214943e-07)
_SIN       = (1.5896909952115501e-10, -2.5050760253406863e-08, 2.7557313707070068e-06,
              -0.0001984126982985795, 0.00833333333332249, -0.16666666666666632)
_COS       = (-1.1359647557788195e-11, 2.087572321298175e-09, -2.7557314351390663e-07,
              2.480158728947673e-05, -0.001388888888887411, 0.0416666666666666)
# fmt: on


def exp(m: Real, x: str) -> str:
    """e**x = 2**n * (1 + (r + r*r p(r))), n = round(x / ln 2), |r| <= ln 2 / 2."""
    shifted, n, r = _reduce(m, m.at_least(m.at_most(x, _NO_OVERFLOW), _NO_UNDERFLOW))
    return _scale(m, m.add(m.number(1.0), _less_one(m, r)), shifted, n)


def expm1(m: Real, x: str) -> str:
    """e**x - 1 = 2 * (h * (e**r - 1) + (h - 1/2)) with h = 2**(n - 1); x itself where tiny."""
    shifted, _, r = _reduce(m, m.at_least(m.at_most(x, _NO_OVERFLOW), -40.0))
    half = _power(m, m.integer("sub", _count(m, shifted), m.whole(1)))
    result = m.fma(half, _less_one(m, r), m.sub(half, m.number(0.5)))
    tiny = m.test("lt", m.abs(x), m.number(2.0**-54))
    return m.where(tiny, x, m.add(result, result))


def log(m: Real, x: str) -> str:
    """log x = k ln 2 + log(1 + y), sqrt(1/2) <= 1 + y < sqrt 2."""
    denormal = m.test("lt", x, m.number(2.0**-1022))
    k, mantissa = _split(m, m.where(denormal, m.mul(x, m.number(2.0**54)), x))
    k = m.where(denormal, m.sub(k, m.number(54.0)), k)
    return log_borders(m, x, _log_of_sum(m, k, m.sub(mantissa, m.number(1.0))))


def log1p(m: Real, x: str) -> str:
    """log(1 + x), where what the sum 1 + x loses is added to y of `log`; x itself where tiny."""
    one = m.number(1.0)
    total = m.add(one, x)
    # Of the smaller summand nothing is lost twice: total - larger is exact.
    large = m.test("ge", x, one)
    lost = m.where(large, m.sub(one, m.sub(total, x)), m.sub(x, m.sub(total, one)))
    k, mantissa = _split(m, total)
    y = m.sub(mantissa, one)
    shift = m.integer("sub", m.bits(total), m.bits(mantissa))
    scale = m.of_bits(m.integer("sub", m.whole(_ONE_BITS), shift))
    small = m.test("lt", total, m.number(2.0**60))
    y = m.where(small, m.fma(lost, scale, y), y)
    result = log_borders(m, total, _log_of_sum(m, k, y))
    tiny = m.test("lt", m.abs(x), m.number(2.0**-54))
    return m.where(tiny, x, result)


def sigmoid(m: Real, x: str) -> str:
    """1 / (1 + e) or e / (1 + e) with e = e**-|x|: no overflow, and small results stay exact."""
    one = m.number(1.0)
    e = exp(m, m.negative(m.abs(x)))
    return m.div(m.where(m.test("ge", x, m.number(0.0)), one, e), m.add(one, e))


def tanh(m: Real, x: str) -> str:
    """-t / (t + 2) with t = e**(-2|x|) - 1, and the sign of x."""
    size = m.abs(x)
    t = expm1(m, m.negative(m.add(size, size)))
    return m.copysign(m.div(m.negative(t), m.add(t, m.number(2.0))), x)


def erf(m: Real, x: str) -> str:
    """x + x p(x*x) below 1, else 1 - e**(-x*x) q(3 / (3 + |x|)), with the sign of x."""
    size = m.at_most(m.abs(x), 6.0)
    square = m.mul(size, size)
    near = m.fma(m.polynomial(square, _ERF), x, x)
    t = m.div(m.number(3.0), m.add(m.number(3.0), size))
    rest = m.mul(exp(m, m.negative(square)), m.polynomial(t, _ERFC))
    far = m.copysign(m.sub(m.number(1.0), rest), x)
    return m.where(m.test("gt", size, m.number(0.96875)), far, near)


def sin(m: Real, x: str) -> str:
    """The sine or cosine of r = x - n pi/2, by the quarter n; x itself where tiny."""
    tiny = m.test("lt", m.abs(x), m.number(2.0**-27))
    return m.where(tiny, x, far_by_library(m, x, "sin", _turn_near(m, x, 0), _TURN_LIMIT))


def cos(m: Real, x: str) -> str:
    """The sine one quarter later."""
    return far_by_library(m, x, "cos", _turn_near(m, x, 1), _TURN_LIMIT)


# ---------------------------------------------------------------------------- parts


def _reduce(m: Real, x: str) -> tuple[str, str, str]:
    """(n + magic, n, r) with x = n ln 2 + r."""
    shifted = m.fma(x, m.number(1.0 / math.log(2.0)), m.number(_MAGIC))
    n = m.sub(shifted, m.number(_MAGIC))
    r = m.fma(n, m.number(-_LN2_HIGH), x)
    return shifted, n, m.fma(n, m.number(-_LN2_LOW), r)


def _less_one(m: Real, r: str) -> str:
    """e**r - 1 for |r| <= ln 2 / 2."""
    return m.fma(m.mul(r, r), m.polynomial(r, _EXP), r)


def _count(m: Real, shifted: str) -> str:
    """The integer that adding the magic number has left in the bits."""
    return m.integer("sub", m.bits(shifted), m.whole(_MAGIC_BITS))


def _power(m: Real, n: str) -> str:
    """2**n for -1023 < n < 1024."""
    return m.of_bits(m.integer("shl", m.integer("add", n, m.whole(1023)), m.whole(52)))


def _scale(m: Real, x: str, shifted: str, n: str) -> str:
    """x * 2**n in two steps, so that results may be denormal; AVX-512 does it in one."""
    t = m.type
    if lanes_of(t) == 8 and m.f.target.has("avx512f"):
        arguments = [(t, x), (t, n), (t, "zeroinitializer"), ("i8", -1), ("i32", 4)]
        return m.f.call(t, "llvm.x86.avx512.mask.scalef.pd.512", arguments, "scaled")
    count = _count(m, shifted)
    # Half of it, rounded down: there is no arithmetic shift of 64 bits before AVX-512.
    even = m.integer("lshr", m.integer("add", count, m.whole(2048)), m.whole(1))
    first = m.integer("sub", even, m.whole(1024))
    second = m.integer("sub", count, first)
    return m.mul(m.mul(x, _power(m, first)), _power(m, second))


def _split(m: Real, x: str) -> tuple[str, str]:
    """(k, mantissa) with x = 2**k * mantissa, mantissa in [sqrt(1/2), sqrt 2), of a positive x."""
    above = m.integer("sub", m.bits(x), m.whole(_ROOT_OF_HALF_BITS))
    k = m.integer("ashr", above, m.whole(52))
    mantissa = m.integer("sub", m.bits(x), m.integer("shl", k, m.whole(52)))
    number = m.sub(m.of_bits(m.integer("add", k, m.whole(_MAGIC_BITS))), m.number(_MAGIC))
    return number, m.of_bits(mantissa)


def _log_of_sum(m: Real, k: str, y: str) -> str:
    """k ln 2 + log(1 + y), small terms first; s = y / (2 + y)."""
    s = m.div(y, m.add(m.number(2.0), y))
    square = m.mul(s, s)
    half = m.mul(m.mul(m.number(0.5), y), y)
    series = m.fma(square, m.polynomial(square, _LOG), half)
    low = m.fma(s, series, m.mul(k, m.number(_LN2_LOW)))
    return m.fma(k, m.number(_LN2_HIGH), m.sub(y, m.sub(half, low)))


def _turn_near(m: Real, x: str, quarters: int) -> str:
    shifted = m.fma(x, m.number(2.0 / math.pi), m.number(_MAGIC))
    n = m.sub(shifted, m.number(_MAGIC))
    r = x
    for part in _HALF_PI:
        r = m.fma(n, m.number(-part), r)
    one, square = m.number(1.0), m.mul(r, r)
    sine = m.fma(m.mul(m.polynomial(square, _SIN), square), r, r)
    half = m.mul(square, m.number(0.5))
    most = m.sub(one, half)
    lost = m.sub(m.sub(one, most), half)
    rest = m.fma(m.mul(square, square), m.polynomial(square, _COS), lost)
    cosine = m.add(most, rest)
    quarter = m.integer("add", _count(m, shifted), m.whole(quarters))
    odd = m.f.relate("ne", m.bits_type, m.integer("and", quarter, m.whole(1)), m.whole(0))
    turned = m.where(odd, cosine, sine)
    sign = m.integer("shl", m.integer("and", quarter, m.whole(2)), m.whole(62))
    return m.of_bits(m.integer("xor", m.bits(turned), sign))
