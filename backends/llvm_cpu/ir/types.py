"""LLVM types and constants as text: one small table from dtypes, exact literals, mangled names.

A *value* lives in registers, a *memory* type is what a buffer holds: bool is i1 and i8, the two
16-bit floats compute as float. Nothing here emits instructions; that is `text.py`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable

from graphc.dtypes import DType

Number = int | str
"""An i64: a Python int is known at build time, a str is the name of an SSA value."""

I1, I8, I16, I32, I64 = "i1", "i8", "i16", "i32", "i64"
F16, F32, F64, POINTER, VOID = "half", "float", "double", "ptr", "void"

# fmt: off
#            dtype       value  memory
_TYPES = {
             "bool":     (I1,   I8),
             "uint8":    (I8,   I8),    "int8":    (I8,  I8),
             "uint16":   (I16,  I16),   "int16":   (I16, I16),
             "uint32":   (I32,  I32),   "int32":   (I32, I32),
             "uint64":   (I64,  I64),   "int64":   (I64, I64),
             "float16":  (F32,  F16),   "bfloat16": (F32, I16),
             "float32":  (F32,  F32),   "float64": (F64, F64),
}
_MANGLED = {F16: "f16", F32: "f32", F64: "f64", POINTER: "p0"}
_BYTES = {F16: 2, F32: 4, F64: 8, POINTER: 8, I1: 1, I8: 1, I16: 2, I32: 4, I64: 8}
# fmt: on
_VECTOR = re.compile(r"<(\d+) x (.+)>")


def vector(element: str, lanes: int) -> str:
    """`<lanes x element>`; 0 lanes mean the scalar itself.

    >>> vector("float", 8), vector("i32", 0)
    ('<8 x float>', 'i32')
    """
    return f"<{lanes} x {element}>" if lanes else element


def value_type(dtype: DType, lanes: int = 0) -> str:
    """The type of such values in registers."""
    return vector(_TYPES[dtype.name][0], lanes)


def memory_type(dtype: DType, lanes: int = 0) -> str:
    """The type of such elements in a buffer."""
    return vector(_TYPES[dtype.name][1], lanes)


def element_of(type_: str) -> str:
    """The scalar type of a vector type (a scalar is its own element)."""
    found = _VECTOR.fullmatch(type_)
    return found[2] if found else type_


def lanes_of(type_: str) -> int:
    """How many lanes a type has; 0 for a scalar."""
    found = _VECTOR.fullmatch(type_)
    return int(found[1]) if found else 0


def like(type_: str, element: str) -> str:
    """The type with the lanes of `type_` and another element: `like("<4 x float>", I1)`."""
    return vector(element, lanes_of(type_))


def bytes_of(type_: str) -> int:
    """Bytes of one value in memory."""
    return _BYTES[element_of(type_)] * max(1, lanes_of(type_))


def is_float(type_: str) -> bool:
    """Whether the elements are floating-point numbers."""
    return element_of(type_) in (F16, F32, F64)


def mangled(type_: str) -> str:
    """The suffix of an intrinsic's name.

    >>> mangled("<16 x float>"), mangled("i64"), mangled("<4 x ptr>")
    ('v16f32', 'i64', 'v4p0')
    """
    lanes, element = lanes_of(type_), element_of(type_)
    return (f"v{lanes}" if lanes else "") + _MANGLED.get(element, element)


def literal(type_: str, value: float) -> str:
    """The exact constant `value` of a scalar type, or all lanes of a vector type.

    >>> literal("float", 0.1), literal("<4 x i32>", -1)
    ('0x3FB99999A0000000', 'splat (i32 -1)')
    """
    lanes, element = lanes_of(type_), element_of(type_)
    text = _scalar(element, value)
    return f"splat ({element} {text})" if lanes else text


def literal_lanes(element: str, values: Iterable[float]) -> str:
    """A vector constant with one value per lane."""
    return "<" + ", ".join(f"{element} {_scalar(element, x)}" for x in values) + ">"


def constant(dtype: DType, value: float, lanes: int = 0) -> str:
    """`value` rounded to `dtype`, as a constant of its value type."""
    rounded = dtype.numpy.type(value)
    number = float(rounded) if dtype.is_float else int(rounded)
    return literal(value_type(dtype, lanes), number)


def iota(element: str, lanes: int) -> str:
    """The vector constant 0, 1, 2, ..."""
    return literal_lanes(element, range(lanes))


def prefix_mask(lanes: int, count: int) -> str:
    """The mask constant whose first `count` lanes are on."""
    return literal_lanes(I1, [i < count for i in range(lanes)])


def _scalar(element: str, value: float) -> str:
    if element == F64:
        return _bits(value)
    if element == F32:
        return _bits(_rounded("f", value))
    if element == F16:
        return "0xH" + struct.pack(">e", value).hex().upper()
    if element == I1:
        return "true" if value else "false"
    number, width = int(value), int(element[1:])
    return str((number + (1 << width - 1)) % (1 << width) - (1 << width - 1))


def _bits(value: float) -> str:
    """LLVM writes float and double alike, as the 16 hexadecimal digits of the double."""
    return "0x" + struct.pack(">d", value).hex().upper()


def _rounded(code: str, value: float) -> float:
    try:
        return struct.unpack(code, struct.pack(code, value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
