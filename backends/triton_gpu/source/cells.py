"""How a scalar operation is written in Triton: one row per op, one column per kind of dtype.

A cell takes the texts of the arguments. Meanings are those of the reference: nothing traps, and
division by zero, long shifts and casts out of range have its values. Words without a dot are
functions of `prelude.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from graphc.dtypes import DType, bool_
from graphc.kernels.kernel import Const, Op

Cell = Callable[..., str]
Row = tuple[Cell | None, Cell | None, Cell | None, Cell | None]


def type_text(dtype: DType) -> str:
    """The dtype in Triton's language."""
    return "tl.int1" if dtype is bool_ else f"tl.{dtype.name}"


def number_text(value: float | int | bool, dtype: DType) -> str:
    """A number as Python text, as the dtype holds it; it takes the type of what it meets."""
    if dtype is bool_:
        return str(bool(value))
    if not dtype.is_float:
        return str(int(np.array(value).astype(dtype.numpy)))
    if not math.isfinite(value):
        return f'float("{value}")'
    return repr(float(value))


def const_text(e: Const) -> str:
    """A number that has its type alone, too."""
    return f"tl.full((), {number_text(e.value, e.dtype)}, {type_text(e.dtype)})"


def between(sign: str) -> Cell:
    """An operator between two values."""
    return lambda a, b: f"({a} {sign} {b})"


def called(name: str, *rest: object) -> Cell:
    """A function of the arguments, and of what is known."""
    return lambda *args: f"{name}({', '.join([*args, *map(str, rest)])})"


def device(name: str) -> Cell:
    """A function of the library of elementary functions."""
    return called(f"libdevice.{name}")


def form(text: str) -> Cell:
    """A text with the arguments in their places: {0}, {1}, .."""
    return lambda *args: text.format(*args)


def _wide(name: str, *rest: object) -> Cell:
    """A cell that is told how many bits its dtype has: filled in by `text_of`."""
    return called(name, "BITS", *rest)


# fmt: off
same       = form("{0}")
negated    = form("(-{0})")
turned     = form("(~{0})")                               # every bit, or the other truth value
nan        = form("({0} != {0})")
infinite   = form('(tl.abs({0}) == float("inf"))')
finite     = form('(tl.abs({0}) < float("inf"))')
never      = form("({0} != {0})")                         # False everywhere
ever       = form("({0} == {0})")                         # True everywhere
above      = form("((~{0}) & {1})")                       # {0} < {1} of truth values
or_not     = form("((~{0}) | {1})")                       # {0} <= {1} of truth values
times_plus = form("({0} * {1} + {2})")
# fmt: on
c, o, d, w = called, between, device, _wide

# fmt: off
#                    float             signed                   unsigned                   bool
EMIT: dict[str, Row] = {
    "neg":          (negated,          negated,                 None,                      None),
    "abs":          (c("tl.abs"),      c("tl.abs"),             same,                      same),
    "sign":         (c("sign"),        c("sign"),               c("any_bit", "KIND"),      same),
    "floor":        (d("floor"),       same,                    same,                      same),
    "ceil":         (d("ceil"),        same,                    same,                      same),
    "round":        (d("rint"),        same,                    same,                      same),
    "trunc":        (d("trunc"),       same,                    same,                      same),
    "sqrt":         (d("sqrt_rn"),     None,                    None,                      None),
    "rsqrt":        (c("rsqrt"),       None,                    None,                      None),
    "sigmoid":      (c("sigmoid"),     None,                    None,                      None),
    "isnan":        (nan,              never,                   never,                     never),
    "isinf":        (infinite,         never,                   never,                     never),
    "isfinite":     (finite,           ever,                    ever,                      ever),
    "logical_not":  (None,             None,                    None,                      turned),
    "bitwise_not":  (None,             turned,                turned,                  turned),

    "add":          (o("+"),           o("+"),                  o("+"),                    o("|")),
    "sub":          (o("-"),           o("-"),                  o("-"),                    None),
    "mul":          (o("*"),           o("*"),                  o("*"),                    o("&")),
    "div":          (d("div_rn"),      None,                    None,                      None),
    "floor_divide": (c("floor_divide"),c("floor_divide_signed"),c("floor_divide_unsigned"),None),
    "remainder":    (c("remainder"),   c("remainder_signed"),   c("remainder_unsigned"),   None),
    "maximum":      (c("maximum"),     c("tl.maximum"),         c("tl.maximum"),           o("|")),
    "minimum":      (c("minimum"),     c("tl.minimum"),         c("tl.minimum"),           o("&")),
    "pow":          (d("pow"),         w("power", True),        w("power", False),         None),
    "atan2":        (d("atan2"),       None,                    None,                      None),
    "equal":        (o("=="),          o("=="),                 o("=="),                   o("==")),
    "not_equal":    (o("!="),          o("!="),                 o("!="),                   o("!=")),
    "less":         (o("<"),           o("<"),                  o("<"),                    above),
    "less_equal":   (o("<="),          o("<="),                 o("<="),                   or_not),
    "logical_and":  (None,             None,                    None,                      o("&")),
    "logical_or":   (None,             None,                    None,                      o("|")),
    "logical_xor":  (None,             None,                    None,                      o("^")),
    "bitwise_and":  (None,             o("&"),                  o("&"),                    o("&")),
    "bitwise_or":   (None,             o("|"),                  o("|"),                    o("|")),
    "bitwise_xor":  (None,             o("^"),                  o("^"),                    o("^")),
    "shift_left":   (None,             w("shift_left"),         w("shift_left"),           None),
    "shift_right":  (None,             w("shift_right"),        w("shift_right_unsigned"), None),
    "fma":          (c("tl.fma"),      times_plus,              times_plus,                None),
    "random_bits":  (None,             None,                    c("random_bits"),          None),
}
MATH = (
    "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
    "tanh", "asinh", "acosh", "atanh", "erf",
)
EMIT |= {f"round_{x}": (c(f"round_{x}"), None, None, None) for x in ("bfloat16", "float16")}
EMIT |= {name: (d(name), None, None, None) for name in MATH}
REDUCE = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum"}
# fmt: on

LOGICAL = frozenset({"logical_and", "logical_or", "logical_xor", "logical_not"})
NARROW = ("add", "sub", "mul", "neg", "fma", "bitwise_not", "sign", "abs")
"""Operations whose results Triton may give in a wider type than short integers have."""


def text_of(e: Op, args: list[str]) -> str:
    """An operation of argument texts."""
    dtype = e.args[0].dtype
    match e.name:
        case "where":
            return f"tl.where({truth(dtype, args[0])}, {args[1]}, {args[2]})"
        case "cast":
            return cast_text(dtype, e.dtype, args[0])
    if e.name in LOGICAL:
        args = [truth(a.dtype, x) for a, x in zip(e.args, args, strict=True)]
        dtype = bool_
    return operation(e.name, dtype, *args)


def operation(name: str, dtype: DType, *args: str) -> str:
    """An operation of the table on arguments of a dtype."""
    assert name in EMIT, f"{name} is not a scalar operation of this backend"
    cell = EMIT[name]["fiub".index(dtype.kind)]
    assert cell, f"{name} has no meaning on {dtype}; cast its arguments in the graph"
    if dtype.kind == "u" and name == "neg":
        return f"(0 - {args[0]}).to({type_text(dtype)})"
    text = cell(*args).replace("BITS", str(dtype.bits)).replace("KIND", type_text(dtype))
    return f"{text}.to({type_text(dtype)})" if _may_widen(name, dtype) else text


def _may_widen(name: str, dtype: DType) -> bool:
    return dtype.is_integer and dtype.bits < 32 and name in NARROW


def truth(dtype: DType, text: str) -> str:
    """Whether values differ from zero."""
    return text if dtype is bool_ else f"({text} != 0)"


def cast_text(old: DType, new: DType, text: str) -> str:
    """Values of another dtype; floats become integers by truncation, saturated, NaN is 0."""
    if old is new:
        return text
    if new is bool_:
        return truth(old, text)
    if old.is_float and new.is_integer:
        limits = np.iinfo(new.numpy)
        ends = f"{limits.min}, {limits.max}, {float(limits.max + 1)!r}"
        return f"to_integer({text}, {ends}, {type_text(new)})"
    return f"{text}.to({type_text(new)})"


def along_text(kind: str, dtype: DType, text: str, side: int, keep: bool) -> str:
    """A value reduced along a side of its tile, which is kept with length 1 or dropped."""
    rest = f"{side}, keep_dims=True" if keep else str(side)
    if dtype is bool_:
        name = "max" if kind in ("max", "sum") else "min"
        return f"(tl.{name}({text}.to(tl.int32), {rest}) != 0)"
    if kind == "sum":
        return _narrowed(f"tl.sum({text}, {rest})", dtype)
    if kind == "prod":
        return f"tl.reduce({text}, {side}, product{', keep_dims=True' if keep else ''})"
    if dtype.is_float:
        name = {"max": "maximum", "min": "minimum"}[kind]
        return f"tl.reduce({text}, {side}, {name}{', keep_dims=True' if keep else ''})"
    return _narrowed(f"tl.{kind}({text}, {rest})", dtype)


def _narrowed(text: str, dtype: DType) -> str:
    """Triton reduces short integers as int32."""
    return f"{text}.to({type_text(dtype)})" if dtype.is_integer and dtype.bits < 32 else text
