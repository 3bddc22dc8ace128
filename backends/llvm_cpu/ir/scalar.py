"""Scalar operations as vectors: one row per op, one column per class of dtype.

A cell takes (function, LLVM type of the arguments, arguments) and answers the result. Nothing here
traps and nothing is poison: division by zero, INT_MIN // -1, long shifts and casts out of range
have the values that the reference gives them. No fast-math flags: the IR says `fma` where it means
it. The functions exp, sin, ... are in `vector_math.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.dtypes import DType, bfloat16, bool_, float16
from graphc.kernels.kernel import Op

from . import access, pairs, vector_math
from . import scalar_cells as c
from .text import Function
from .types import bytes_of, literal, mangled, value_type

LOGICAL = frozenset({"logical_and", "logical_or", "logical_xor", "logical_not"})


def apply(f: Function, e: Op, lanes: int, args: Sequence[str]) -> str:
    """The value of an operation of values."""
    dtype = e.args[0].dtype
    match e.name:
        case "where":
            return f.blend(truth(f, dtype, lanes, args[0]), value_type(e.dtype, lanes), *args[1:])
        case "cast":
            return cast(f, dtype, e.dtype, lanes, args[0])
        case "round_bfloat16":
            return rounded(f, bfloat16, lanes, args[0])
        case "round_float16":
            return rounded(f, float16, lanes, args[0])
        case "pair_bfloat16":
            return pairs.packed(f, value_type(dtype, lanes), *args)
    if e.name in LOGICAL:
        args = [truth(f, a.dtype, lanes, x) for a, x in zip(e.args, args)]
        dtype = bool_
    return emit(f, e.name, dtype, lanes, *args)


def emit(f: Function, name: str, dtype: DType, lanes: int, *args: str) -> str:
    """An operation of the table on arguments of a dtype."""
    assert name in EMIT, f"{name} is not a scalar operation of this backend"
    cell = EMIT[name]["fiub".index(dtype.kind)]
    assert cell, f"{name} has no meaning on {dtype}; cast its arguments in the graph"
    return cell(f, value_type(dtype, lanes), *args)


def combine(f: Function, kind: str, dtype: DType, lanes: int, a: str, b: str) -> str:
    """What a reduction has so far and something new as one."""
    name = COMBINE[kind]
    return (
        emit(f, name, dtype, lanes, b, a) if name in EXTREMES else emit(f, name, dtype, lanes, a, b)
    )


def truth(f: Function, dtype: DType, lanes: int, x: str) -> str:
    """Whether values differ from zero."""
    type_ = value_type(dtype, lanes)
    return x if dtype is bool_ else f.relate("ne", type_, x, literal(type_, 0))


def rounded(f: Function, dtype: DType, lanes: int, x: str) -> str:
    """float32 values rounded to a 16-bit dtype."""
    return access.widen(f, dtype, lanes, str(access.narrow(f, dtype, lanes, x)))


def cast(f: Function, old: DType, new: DType, lanes: int, x: str) -> str:
    """Values of another dtype; floats become integers by truncation, saturated, NaN is 0."""
    from_type, to_type = value_type(old, lanes), value_type(new, lanes)
    if new is bool_:
        return truth(f, old, lanes, x)
    if new.is_float:
        result = x
        if old.is_float and from_type != to_type:
            wider = bytes_of(to_type) > bytes_of(from_type)
            result = f.cast("fpext" if wider else "fptrunc", from_type, x, to_type)
        elif not old.is_float:
            result = f.cast("sitofp" if old.kind == "i" else "uitofp", from_type, x, to_type)
        return result if new.bits > 16 or old is new else rounded(f, new, lanes, result)
    if old.is_float:
        name = f"llvm.fpto{'s' if new.kind == 'i' else 'u'}i.sat"
        return f.call(to_type, f"{name}.{mangled(to_type)}.{mangled(from_type)}", [(from_type, x)])
    if old is bool_ or new.bits > old.bits:
        return f.cast("sext" if old.kind == "i" else "zext", from_type, x, to_type)
    return x if new.bits == old.bits else f.cast("trunc", from_type, x, to_type)


# ---------------------------------------------------------------------------- the table


def _math(name: str) -> c.Emit:
    return lambda f, t, *args: vector_math.function(f, name, t, *args)


Row = tuple[c.Emit | None, c.Emit | None, c.Emit | None, c.Emit | None]

i, n, m, same = c.instruction, c.intrinsic, _math, c.unchanged
equal, differ, never, ever = c.compare("eq"), c.compare("ne"), c.always(0), c.always(1)
less, less_equal = c.compare("lt"), c.compare("le")
below, not_above = c.compare("lt", unsigned=True), c.compare("le", unsigned=True)
pair, whole = i("and"), i("or")

# fmt: off
#                    float               signed                unsigned                bool
EMIT: dict[str, Row] = {
    "neg":          (c.negate,           c.negate_integer,     c.negate_integer,       None),
    "abs":          (n("fabs"),          c.absolute,           same,                   same),
    "sign":         (c.sign,             c.sign_integer,       c.sign_unsigned,        same),
    "floor":        (n("floor"),         same,                 same,                   same),
    "ceil":         (n("ceil"),          same,                 same,                   same),
    "round":        (n("roundeven"),     same,                 same,                   same),
    "trunc":        (n("trunc"),         same,                 same,                   same),
    "sqrt":         (m("sqrt"),          None,                 None,                   None),
    "rsqrt":        (m("rsqrt"),         None,                 None,                   None),
    "sigmoid":      (m("sigmoid"),       None,                 None,                   None),
    "isnan":        (c.is_nan,           never,                never,                  never),
    "isinf":        (c.is_inf,           never,                never,                  never),
    "isfinite":     (c.is_finite,        ever,                 ever,                   ever),
    "logical_not":  (None,               None,                 None,                   c.flip),
    "bitwise_not":  (None,               c.invert,             c.invert,               c.flip),

    "add":          (i("fadd"),          i("add"),             i("add"),               whole),
    "sub":          (i("fsub"),          i("sub"),             i("sub"),               None),
    "mul":          (i("fmul"),          i("mul"),             i("mul"),               pair),
    "div":          (i("fdiv"),          None,                 None,                   None),
    "floor_divide": (c.divide,           c.divide_signed,      c.divide_unsigned,      None),
    "remainder":    (c.remainder,        c.remainder_signed,   c.remainder_unsigned,   None),
    "maximum":      (c.extreme("max", "gt"), n("smax"),          n("umax"),              whole),
    "minimum":      (c.extreme("min", "lt"), n("smin"),          n("umin"),              pair),
    "pow":          (m("pow"),           c.power(True),        c.power(False),         None),
    "equal":        (equal,              equal,                equal,                  equal),
    "not_equal":    (differ,             differ,               differ,                 differ),
    "less":         (less,               less,                 below,                  below),
    "less_equal":   (less_equal,         less_equal,           not_above,              not_above),
    "logical_and":  (None,               None,                 None,                   pair),
    "logical_or":   (None,               None,                 None,                   whole),
    "logical_xor":  (None,               None,                 None,                   i("xor")),
    "bitwise_and":  (None,               pair,                 pair,                   pair),
    "bitwise_or":   (None,               whole,                whole,                  whole),
    "bitwise_xor":  (None,               i("xor"),             i("xor"),               i("xor")),
    "shift_left":   (None,               c.shift("shl"),       c.shift("shl"),         None),
    "shift_right":  (None,               c.shift("ashr"),      c.shift("lshr"),        None),
    "fma":          (n("fma"),           c.multiply_add,       c.multiply_add,         None),
    "random_bits":  (None,               None,                 c.random_bits,          None),
}
MATH = (
    "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
    "tanh", "asinh", "acosh", "atanh", "erf", "atan2",
)
EXTREMES = ("maximum", "minimum")
COMBINE = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum"}
# fmt: on
EMIT |= {name: (_math(name), None, None, None) for name in MATH}
