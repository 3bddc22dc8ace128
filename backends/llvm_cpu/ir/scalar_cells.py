"""How single operations are written: each function takes (function, LLVM type, arguments).

They are the cells of the table in `scalar.py`; a function that answers a cell takes what varies.
"""

from __future__ import annotations

from collections.abc import Callable

from . import libm
from .text import Function
from .types import I1, I32, Number, bytes_of, element_of, lanes_of, like, literal

Emit = Callable[..., str]


def unchanged(_f: Function, _t: str, a: str) -> str:
    """a"""
    return a


def instruction(name: str) -> Emit:
    """An instruction of two operands."""
    return lambda f, t, a, b: f.binary(name, t, a, b)


def intrinsic(name: str) -> Emit:
    """`llvm.<name>` of values of one type."""
    return lambda f, t, *args: f.intrinsic(name, t, *args)


def compare(relation: str, unsigned: bool = False) -> Emit:
    """A relation, of unsigned integers where that is said."""
    return lambda f, t, a, b: f.relate(relation, t, a, b, unsigned)


def always(value: float) -> Emit:
    """The same truth value everywhere."""
    return lambda f, t, *args: literal(like(t, I1), value)


def negate(f: Function, t: str, a: str) -> str:
    """-a"""
    return f.emit(f"fneg {t} {a}", "neg")


def negate_integer(f: Function, t: str, a: str) -> str:
    """-a, which leaves the least integer as it is."""
    return f.binary("sub", t, literal(t, 0), a)


def invert(f: Function, t: str, a: str) -> str:
    """Every bit turned."""
    return f.binary("xor", t, a, literal(t, -1))


def flip(f: Function, t: str, a: str) -> str:
    """The other truth value."""
    return f.binary("xor", t, a, literal(t, True))


def absolute(f: Function, t: str, a: str) -> str:
    """|a|, which leaves the least integer as it is."""
    return f.blend(f.relate("lt", t, a, literal(t, 0)), t, negate_integer(f, t, a), a)


def sign(f: Function, t: str, a: str) -> str:
    """-1, 0 or 1; NaN and zeros stay as they are."""
    zero = literal(t, 0)
    below = f.blend(f.relate("lt", t, a, zero), t, literal(t, -1.0), a)
    return f.blend(f.relate("gt", t, a, zero), t, literal(t, 1.0), below)


def sign_integer(f: Function, t: str, a: str) -> str:
    """-1, 0 or 1."""
    zero = literal(t, 0)
    above = f.blend(f.relate("gt", t, a, zero), t, literal(t, 1), zero)
    return f.blend(f.relate("lt", t, a, zero), t, literal(t, -1), above)


def sign_unsigned(f: Function, t: str, a: str) -> str:
    """0 or 1."""
    return f.blend(f.relate("ne", t, a, literal(t, 0)), t, literal(t, 1), a)


def is_nan(f: Function, t: str, a: str) -> str:
    """a != a"""
    return f.emit(f"fcmp uno {t} {a}, {a}", "nan")


def is_inf(f: Function, t: str, a: str) -> str:
    """|a| = infinity"""
    return f.relate("eq", t, f.intrinsic("fabs", t, a), literal(t, float("inf")))


def is_finite(f: Function, t: str, a: str) -> str:
    """|a| < infinity"""
    return f.relate("lt", t, f.intrinsic("fabs", t, a), literal(t, float("inf")))


def extreme(name: str, relation: str) -> Emit:
    """max or min, where NaN wins: of `a relation b` b is picked if either is NaN, then a if a is.

    So a chain of them over new values a waits for one instruction each: whether a is NaN is known
    before.
    """

    def emit(f: Function, t: str, a: str, b: str) -> str:
        if _is_number(b):
            return _picked(f, name, relation, t, b, a)
        picked = _picked(f, name, relation, t, a, b)
        return picked if _is_number(a) else f.blend(is_nan(f, t, a), t, a, picked)

    return emit


def _is_number(a: str) -> bool:
    """Whether a value is a constant that is no NaN."""
    return a in ("0x0000000000000000", "zeroinitializer") or a.startswith("splat")


def _picked(f: Function, name: str, relation: str, t: str, a: str, b: str) -> str:
    """a where `a relation b`, else b."""
    found = _X86.get(t) if f.target.is_x86 else None
    if found is None or bytes_of(element_of(t)) * lanes_of(t) > f.target.vector_bytes:
        return f.blend(f.relate(relation, t, a, b), t, a, b)
    rounding = [(I32, 4)] if found.startswith("avx512") else []
    function = f"llvm.x86.{found.replace('.', f'.{name}.', 1)}"
    return f.call(t, function, [(t, a), (t, b), *rounding], name)


# LLVM takes a comparison and a choice apart again, and then no longer sees the one instruction.
_X86 = {
    "<4 x float>": "sse.ps", "<2 x double>": "sse2.pd",
    "<8 x float>": "avx.ps.256", "<4 x double>": "avx.pd.256",
    "<16 x float>": "avx512.ps.512", "<8 x double>": "avx512.pd.512",
}  # fmt: skip


def multiply_add(f: Function, t: str, a: str, b: str, c: str) -> str:
    """a * b + c"""
    return f.binary("add", t, f.binary("mul", t, a, b), c)


# ---------------------------------------------------------------------------- division


def divide(f: Function, t: str, a: str, b: str) -> str:
    """floor(a / b) as NumPy rounds it: from the remainder, so that the quotient is exact."""
    zero, one = literal(t, 0.0), literal(t, 1.0)
    rest = libm.call(f, "fmod", t, a, b)
    quotient = f.binary("fdiv", t, f.binary("fsub", t, a, rest), b)
    down = f.binary("and", like(t, I1), f.relate("ne", t, rest, zero), _differ(f, t, rest, b))
    quotient = f.blend(down, t, f.binary("fsub", t, quotient, one), quotient)
    whole = f.intrinsic("floor", t, quotient)
    above = f.relate("gt", t, f.binary("fsub", t, quotient, whole), literal(t, 0.5))
    whole = f.blend(above, t, f.binary("fadd", t, whole, one), whole)
    simple = f.binary("fdiv", t, a, b)
    signed_zero = f.intrinsic("copysign", t, zero, simple)
    whole = f.blend(f.relate("eq", t, quotient, zero), t, signed_zero, whole)
    return f.blend(f.relate("eq", t, b, zero), t, simple, whole)


def remainder(f: Function, t: str, a: str, b: str) -> str:
    """a - floor(a / b) * b, exact, with the sign of b."""
    zero = literal(t, 0.0)
    rest = libm.call(f, "fmod", t, a, b)
    moved = f.blend(_differ(f, t, rest, b), t, f.binary("fadd", t, rest, b), rest)
    signed_zero = f.intrinsic("copysign", t, zero, b)
    return f.blend(f.relate("eq", t, rest, zero), t, signed_zero, moved)


def _differ(f: Function, t: str, a: str, b: str) -> str:
    """Whether exactly one of two numbers is below zero."""
    zero = literal(t, 0)
    below = [f.relate("lt", t, x, zero) for x in (a, b)]
    return f.binary("xor", like(t, I1), *below)


def _safe(f: Function, t: str, b: str, signed: bool) -> str:
    """The divisor, or 1 where dividing by it would trap."""
    bad = f.relate("eq", t, b, literal(t, 0))
    if signed:
        bad = f.binary("or", like(t, I1), bad, f.relate("eq", t, b, literal(t, -1)))
    return f.blend(bad, t, literal(t, 1), b)


def divide_signed(f: Function, t: str, a: str, b: str) -> str:
    """floor(a / b); 0 where b = 0, and -a where b = -1."""
    zero, safe = literal(t, 0), _safe(f, t, b, signed=True)
    quotient = f.binary("sdiv", t, a, safe)
    rest = f.binary("sub", t, a, f.binary("mul", t, quotient, safe))
    down = f.binary("and", like(t, I1), f.relate("ne", t, rest, zero), _differ(f, t, rest, b))
    quotient = f.binary("add", t, quotient, f.cast("sext", like(t, I1), down, t))
    minus = f.relate("eq", t, b, literal(t, -1))
    quotient = f.blend(minus, t, negate_integer(f, t, a), quotient)
    return f.blend(f.relate("eq", t, b, zero), t, zero, quotient)


def remainder_signed(f: Function, t: str, a: str, b: str) -> str:
    """a - floor(a / b) * b; 0 where b = 0."""
    zero = literal(t, 0)
    rest = f.binary("srem", t, a, _safe(f, t, b, signed=True))
    move = f.binary("and", like(t, I1), f.relate("ne", t, rest, zero), _differ(f, t, rest, b))
    return f.blend(move, t, f.binary("add", t, rest, b), rest)


def divide_unsigned(f: Function, t: str, a: str, b: str) -> str:
    """a / b; 0 where b = 0."""
    quotient = f.binary("udiv", t, a, _safe(f, t, b, signed=False))
    return f.blend(f.relate("eq", t, b, literal(t, 0)), t, literal(t, 0), quotient)


def remainder_unsigned(f: Function, t: str, a: str, b: str) -> str:
    """a modulo b; 0 where b = 0."""
    return f.binary("urem", t, a, _safe(f, t, b, signed=False))


# ---------------------------------------------------------------------------- powers, shifts, bits


def power(signed: bool) -> Emit:
    """a ** b by squaring, modulo 2^bits; a negative power is 0 unless the base is 1 or -1."""

    def emit(f: Function, t: str, a: str, b: str) -> str:
        bits, one = 8 * bytes_of(element_of(t)), literal(t, 1)

        def step(_i: Number, carried: list[str]) -> list[str]:
            result, base, rest = carried
            odd = f.relate("ne", t, f.binary("and", t, rest, one), literal(t, 0))
            result = f.blend(odd, t, f.binary("mul", t, result, base), result)
            return [result, f.binary("mul", t, base, base), f.binary("lshr", t, rest, one)]

        result, *_ = f.loop(0, bits, 1, step, [(t, one), (t, a), (t, b)])
        if not signed:
            return result
        unit = f.relate("eq", t, absolute(f, t, a), one)
        negative = f.relate("lt", t, b, literal(t, 0))
        vanishes = f.binary("and", like(t, I1), negative, flip(f, like(t, I1), unit))
        return f.blend(vanishes, t, literal(t, 0), result)

    return emit


def shift(instruction: str) -> Emit:
    """A shift by any amount: bits shifted out are gone, however far."""

    def emit(f: Function, t: str, a: str, b: str) -> str:
        bits = 8 * bytes_of(element_of(t))
        inside = f.relate("lt", t, b, literal(t, bits), unsigned=True)
        amount = f.binary("and", t, b, literal(t, bits - 1))
        far = literal(t, 0)
        if instruction == "ashr":
            far = f.binary("ashr", t, a, literal(t, bits - 1))
        return f.blend(inside, t, f.binary(instruction, t, a, amount), far)

    return emit


ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


def random_bits(f: Function, t: str, key0: str, key1: str, low: str, high: str) -> str:
    """Threefry-2x32, 20 rounds (Salmon et al. 2011): the first word of the block (low, high)."""
    third = f.binary("xor", t, f.binary("xor", t, key0, key1), literal(t, PARITY))
    keys = (key0, key1, third)
    x, y = f.binary("add", t, low, key0), f.binary("add", t, high, key1)
    for block in range(5):
        for turn in ROTATIONS[block % 2]:
            x = f.binary("add", t, x, y)
            y = f.binary("xor", t, x, f.intrinsic("fshl", t, y, y, literal(t, turn)))
        x = f.binary("add", t, x, keys[(block + 1) % 3])
        injected = f.binary("add", t, keys[(block + 2) % 3], literal(t, block + 1))
        y = f.binary("add", t, y, injected)
    return x
