"""Identities of arithmetic, comparison and logic. tests/rewrite/test_rules.py checks each of them.

x, y, z are tensors, p, q bool tensors, a, b numbers; see `rule.py`. Rules that improve accuracy are
in stabilize.py, those about axes and shapes in movement.py.
"""

# The operators of tensors are attached in ops/operators.py, where pyright does not see them.
# pyright: reportOperatorIssue=false, reportIndexIssue=false

from __future__ import annotations

import math

from graphc.dtypes import Number
from graphc.ir.node import Tensor
from graphc.ops.elementwise import (
    abs,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    ceil,
    equal,
    exp,
    floor,
    less,
    less_equal,
    log,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    neg,
    not_equal,
    pow,
    round,
    rsqrt,
    sign,
    sqrt,
    trunc,
    where,
)

from .rule import fits, rule

NUMBER, SIGNED, WHOLE, ANY = "iuf", "if", "iu", "biuf"
INF = math.inf


def _sum_fits(x: Tensor, a: Number, b: Number) -> bool:
    return fits(a + b, x.dtype)


def _difference_fits(x: Tensor, a: Number, b: Number) -> bool:
    return fits(a - b, x.dtype)


def _product_fits(x: Tensor, a: Number, b: Number) -> bool:
    return fits(a * b, x.dtype)


def _ratio_fits(x: Tensor, a: Number, b: Number) -> bool:
    return b != 0 and fits(a / b, x.dtype)


def _is_power_of_two(x: Tensor, a: Number) -> bool:
    return a != 0 and math.isfinite(a) and abs_fraction(a) == 0.5 and fits(1 / a, x.dtype)


def abs_fraction(a: Number) -> float:
    """The fraction f of |a| = f * 2**n with 0.5 <= f < 1."""
    return math.frexp(math.fabs(a))[0]


def _has_inverse(x: Tensor, a: Number) -> bool:
    return a != 0 and fits(1 / a, x.dtype)


# fmt: off
SUMS = (
    rule("x + 0 = x",                 lambda x:       (x + 0, x),                   kinds=NUMBER),
    rule("x - 0 = x",                 lambda x:       (x - 0, x),                   kinds=NUMBER),
    rule("0 - x = -x",                lambda x:       (0 - x, -x),                  kinds=NUMBER),
    rule("x - x = 0",                 lambda x:       (x - x, 0), "finite",         kinds=NUMBER),
    rule("x + x = 2*x",               lambda x:       (x + x, 2 * x),               kinds=NUMBER),
    rule("-(-x) = x",                 lambda x:       (neg(-x), x),                  kinds=NUMBER),
    rule("x + -y = x - y",            lambda x, y:    (x + -y, x - y),              kinds=NUMBER),
    rule("x - -y = x + y",            lambda x, y:    (x - (-y), x + y),            kinds=NUMBER),
    rule("-(x - y) = y - x",          lambda x, y:    (-(x - y), y - x),            kinds=NUMBER),
    rule("(x + y) - y = x",           lambda x, y:    ((x + y) - y, x), "real",     kinds=NUMBER),
    rule("(x - y) + y = x",           lambda x, y:    ((x - y) + y, x), "real",     kinds=NUMBER),
    rule("(x + a) + b = x + (a+b)",   lambda x, a, b: ((x + a) + b, x + (a + b)), "real",
         kinds=NUMBER, when=_sum_fits),
    rule("(x + a) - b = x + (a-b)",   lambda x, a, b: ((x + a) - b, x + (a - b)), "real",
         kinds=NUMBER, when=_difference_fits),
    rule("(x - a) + b = x - (a-b)",   lambda x, a, b: ((x - a) + b, x - (a - b)), "real",
         kinds=NUMBER, when=_difference_fits),
    rule("(x - a) - b = x - (a+b)",   lambda x, a, b: ((x - a) - b, x - (a + b)), "real",
         kinds=NUMBER, when=_sum_fits),
    rule("(a - x) + b = (a+b) - x",   lambda x, a, b: ((a - x) + b, (a + b) - x), "real",
         kinds=NUMBER, when=_sum_fits),
    rule("a - (x + b) = (a-b) - x",   lambda x, a, b: (a - (x + b), (a - b) - x), "real",
         kinds=NUMBER, when=_difference_fits),
    rule("a - (b - x) = x + (a-b)",   lambda x, a, b: (a - (b - x), x + (a - b)), "real",
         kinds=NUMBER, when=_difference_fits),
)

PRODUCTS = (
    rule("x * 1 = x",                 lambda x:       (x * 1, x),                   kinds=NUMBER),
    rule("x * 0 = 0",                 lambda x:       (x * 0, 0), "finite",         kinds=NUMBER),
    rule("x * -1 = -x",               lambda x:       (x * -1, -x),                 kinds=SIGNED),
    rule("-x * -y = x * y",           lambda x, y:    (-x * -y, x * y),             kinds=NUMBER),
    rule("-x * a = x * -a",           lambda x, a:    (-x * a, x * -a),             kinds=SIGNED,
         when=lambda x, a: fits(-a, x.dtype)),
    rule("-(x * a) = x * -a",         lambda x, a:    (-(x * a), x * -a),           kinds=SIGNED,
         when=lambda x, a: fits(-a, x.dtype)),
    rule("-x * y = -(x * y)",         lambda x, y:    (-x * y, -(x * y)),           kinds=NUMBER),
    rule("x / 1 = x",                 lambda x:       (x / 1, x)),
    rule("x / -1 = -x",               lambda x:       (x / -1, -x)),
    rule("-x / -y = x / y",           lambda x, y:    (-x / -y, x / y)),
    rule("-x / y = -(x / y)",         lambda x, y:    (-x / y, -(x / y))),
    rule("x / -y = -(x / y)",         lambda x, y:    (x / -y, -(x / y))),
    rule("x / 2**n = x * 2**-n",      lambda x, a:    (x / a, x * (1 / a)),
         when=_is_power_of_two),
    rule("x / a = x * (1/a)",         lambda x, a:    (x / a, x * (1 / a)), "real",
         when=_has_inverse),
    rule("x / (y / z) = x * z / y",   lambda x, y, z: (x / (y / z), x * z / y), "real",
         over=(0.5, 2.0)),
    rule("(x * y) / y = x",           lambda x, y:    ((x * y) / y, x), "real", over=(0.5, 2.0)),
    rule("(x * a) * b = x * (a*b)",   lambda x, a, b: ((x * a) * b, x * (a * b)), "real",
         kinds=NUMBER, when=_product_fits),
    rule("(x / a) * b = x * (b/a)",   lambda x, a, b: ((x / a) * b, x * (b / a)), "real",
         when=lambda x, a, b: _ratio_fits(x, b, a)),
    rule("(a / x) * b = (a*b) / x",   lambda x, a, b: ((a / x) * b, (a * b) / x), "real",
         when=_product_fits, over=(0.5, 2.0)),
    rule("(x*a) * (y*b) = (x*y) * (a*b)", lambda x, y, a, b: ((x * a) * (y * b), x * y * (a * b)),
         "real", kinds=NUMBER, when=lambda x, y, a, b: _product_fits(x, a, b)),
    rule("(x*a) * y = (x*y) * a",     lambda x, y, a: ((x * a) * y, (x * y) * a), "real",
         kinds=NUMBER),
    rule("x*a + x*b = x*(a+b)",       lambda x, a, b: (x * a + x * b, x * (a + b)), "real",
         kinds=NUMBER, when=_sum_fits),
    rule("x*a - x*b = x*(a-b)",       lambda x, a, b: (x * a - x * b, x * (a - b)), "real",
         kinds=NUMBER, when=_difference_fits),
    rule("x*a + x = x*(a+1)",         lambda x, a:    (x * a + x, x * (a + 1)), "real",
         kinds=NUMBER, when=lambda x, a: _sum_fits(x, a, 1)),
    rule("x*a - x = x*(a-1)",         lambda x, a:    (x * a - x, x * (a - 1)), "real",
         kinds=NUMBER, when=lambda x, a: _difference_fits(x, a, 1)),
    rule("x - x*a = x*(1-a)",         lambda x, a:    (x - x * a, x * (1 - a)), "real",
         kinds=NUMBER, when=lambda x, a: _difference_fits(x, 1, a)),
)

POWERS = (
    rule("x ** 0 = 1",                lambda x:       (pow(x, 0), 1),               kinds=NUMBER),
    rule("x ** 1 = x",                lambda x:       (pow(x, 1), x),               kinds=NUMBER),
    rule("x ** 2 = x * x (integers)", lambda x:       (pow(x, 2), x * x),           kinds=WHOLE),
    rule("x ** 3 = x * x * x",        lambda x:       (pow(x, 3), x * x * x), "real", kinds=NUMBER),
    rule("x ** 4 = (x * x) * (x * x)", lambda x:      (pow(x, 4), (x * x) * (x * x)), "real",
         kinds=NUMBER),
    rule("exp(x) * exp(y) = exp(x + y)", lambda x, y: (exp(x) * exp(y), exp(x + y)), "real"),
    rule("exp(x) / exp(y) = exp(x - y)", lambda x, y: (exp(x) / exp(y), exp(x - y)), "real"),
    rule("1 / exp(x) = exp(-x)",      lambda x:       (1 / exp(x), exp(-x)), "real"),
    rule("exp(log(x)) = x",           lambda x:       (exp(log(x)), x), "real", over=(0.1, 3.0)),
    rule("log(x ** a) = a * log(x)",  lambda x, a:    (log(pow(x, a)), a * log(x)), "real",
         over=(0.5, 3.0)),
    rule("sqrt(x) * sqrt(x) = x",     lambda x:       (sqrt(x) * sqrt(x), x), "real",
         over=(0.1, 3.0)),
    rule("y / sqrt(x) = y * rsqrt(x)", lambda x, y:   (y / sqrt(x), y * rsqrt(x)), "real",
         over=(0.1, 3.0)),
)

ORDER = (
    rule("max(x, x) = x",             lambda x:       (maximum(x, x), x),           kinds=ANY),
    rule("min(x, x) = x",             lambda x:       (minimum(x, x), x),           kinds=ANY),
    rule("max(x, -inf) = x",          lambda x:       (maximum(x, -INF), x)),
    rule("min(x, inf) = x",           lambda x:       (minimum(x, INF), x)),
    rule("max(max(x, y), y) = max(x, y)", lambda x, y: (maximum(maximum(x, y), y), maximum(x, y)),
         kinds=ANY),
    rule("min(min(x, y), y) = min(x, y)", lambda x, y: (minimum(minimum(x, y), y), minimum(x, y)),
         kinds=ANY),
    rule("max(max(x, a), b) = max(x, max(a, b))", lambda x, a, b:
         (maximum(maximum(x, a), b), maximum(x, b if a < b else a)),                kinds=NUMBER),
    rule("min(min(x, a), b) = min(x, min(a, b))", lambda x, a, b:
         (minimum(minimum(x, a), b), minimum(x, a if a < b else b)),                kinds=NUMBER),
    rule("|-x| = |x|",                lambda x:       (abs(-x), abs(x)),            kinds=SIGNED),
    rule("| |x| | = |x|",             lambda x:       (abs(abs(x)), abs(x)),        kinds=NUMBER),
    rule("|x * x| = x * x",           lambda x:       (abs(x * x), x * x)),
    rule("|x| * |x| = x * x",         lambda x:       (abs(x) * abs(x), x * x),     kinds=NUMBER),
    rule("sign(sign(x)) = sign(x)",   lambda x:       (sign(sign(x)), sign(x)),     kinds=NUMBER),
    rule("floor(floor(x)) = floor(x)", lambda x:      (floor(floor(x)), floor(x)),  kinds=NUMBER),
    rule("ceil(ceil(x)) = ceil(x)",   lambda x:       (ceil(ceil(x)), ceil(x)),     kinds=NUMBER),
    rule("round(round(x)) = round(x)", lambda x:      (round(round(x)), round(x)),  kinds=NUMBER),
    rule("trunc(trunc(x)) = trunc(x)", lambda x:      (trunc(trunc(x)), trunc(x)),  kinds=NUMBER),
    rule("x < x = false",             lambda x:       (less(x, x), False),          kinds=ANY),
    rule("x <= x = true",             lambda x:       (less_equal(x, x), True), "finite",
         kinds=ANY),
    rule("x == x = true",             lambda x:       (equal(x, x), True), "finite",
         kinds=ANY),
    rule("x != x = false",            lambda x:       (not_equal(x, x), False), "finite",
         kinds=ANY),
)

CHOICE = (
    rule("where(p, x, x) = x",        lambda p, x:    (where(p, x, x), x),          kinds=ANY),
    rule("where(true, x, y) = x",     lambda x, y:    (where(True, x, y), x),       kinds=ANY),
    rule("where(false, x, y) = y",    lambda x, y:    (where(False, x, y), y),      kinds=ANY),
    rule("where(not p, x, y) = where(p, y, x)", lambda p, x, y:
         (where(logical_not(p), x, y), where(p, y, x)),                             kinds=ANY),
    rule("where(p, where(p, x, y), z) = where(p, x, z)", lambda p, x, y, z:
         (where(p, where(p, x, y), z), where(p, x, z)),                             kinds=ANY),
    rule("where(p, x, where(p, y, z)) = where(p, x, z)", lambda p, x, y, z:
         (where(p, x, where(p, y, z)), where(p, x, z)),                             kinds=ANY),
    rule("where(p, true, false) = p", lambda p:       (where(p, True, False), p),   kinds="b"),
    rule("where(p, false, true) = not p", lambda p:   (where(p, False, True), logical_not(p)),
         kinds="b"),
)

LOGIC = (
    rule("not not p = p",             lambda p:       (logical_not(logical_not(p)), p)),
    rule("p and p = p",               lambda p:       (logical_and(p, p), p)),
    rule("p and true = p",            lambda p:       (logical_and(p, True), p)),
    rule("p and false = false",       lambda p:       (logical_and(p, False), False)),
    rule("p and not p = false",       lambda p:       (logical_and(p, logical_not(p)), False)),
    rule("p or p = p",                lambda p:       (logical_or(p, p), p)),
    rule("p or false = p",            lambda p:       (logical_or(p, False), p)),
    rule("p or true = true",          lambda p:       (logical_or(p, True), True)),
    rule("p or not p = true",         lambda p:       (logical_or(p, logical_not(p)), True)),
    rule("p xor p = false",           lambda p:       (logical_xor(p, p), False)),
    rule("p xor false = p",           lambda p:       (logical_xor(p, False), p)),
    rule("p xor true = not p",        lambda p:       (logical_xor(p, True), logical_not(p))),
    rule("not (x == y) = x != y",     lambda x, y:    (logical_not(equal(x, y)), not_equal(x, y)),
         kinds=ANY),
    rule("not (x != y) = x == y",     lambda x, y:    (logical_not(not_equal(x, y)), equal(x, y)),
         kinds=ANY),
    rule("not (x < y) = y <= x",      lambda x, y:    (logical_not(less(x, y)), less_equal(y, x)),
         kinds="biu"),
    rule("not (x <= y) = y < x",      lambda x, y:    (logical_not(less_equal(x, y)), less(y, x)),
         kinds="biu"),
    rule("~~x = x",                   lambda x:       (bitwise_not(bitwise_not(x)), x),
         kinds=WHOLE),
    rule("x & x = x",                 lambda x:       (bitwise_and(x, x), x),       kinds=WHOLE),
    rule("x & 0 = 0",                 lambda x:       (bitwise_and(x, 0), 0),       kinds=WHOLE),
    rule("x | x = x",                 lambda x:       (bitwise_or(x, x), x),        kinds=WHOLE),
    rule("x | 0 = x",                 lambda x:       (bitwise_or(x, 0), x),        kinds=WHOLE),
    rule("x ^ x = 0",                 lambda x:       (bitwise_xor(x, x), 0),       kinds=WHOLE),
    rule("x ^ 0 = x",                 lambda x:       (bitwise_xor(x, 0), x),       kinds=WHOLE),
)
# fmt: on

ALGEBRA = (*SUMS, *PRODUCTS, *POWERS, *ORDER, *CHOICE, *LOGIC)
