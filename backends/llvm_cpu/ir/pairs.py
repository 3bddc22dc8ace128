"""Pairs of bfloat16 in 32-bit lanes: how they are made, and the sum of their products.

Lane i of a dot is c[i] + a[2i+1] * b[2i+1] + a[2i] * b[2i] in float32; the instruction takes
denormal numbers for zeros.
"""

from __future__ import annotations

from .text import Function
from .types import I32, like, literal

_DOT = "llvm.x86.avx512bf16.dpbf16ps.512"
_FLOATS, _PAIRS, _WHOLE = "<16 x float>", "<32 x bfloat>", "<16 x i32>"


def packed(f: Function, type_: str, low: str, high: str) -> str:
    """float32 values that bfloat16 can hold: the halves of integers, the first one low."""
    whole = like(type_, I32)
    first, second = (f.cast("bitcast", type_, x, whole) for x in (low, high))
    first = f.binary("lshr", whole, first, literal(whole, 16))
    second = f.binary("and", whole, second, literal(whole, -(1 << 16)))
    return f.binary("or", whole, first, second)


def dot(f: Function, a: str, b: str, c: str) -> str:
    """c plus the products of pairs."""
    first, second = (f.cast("bitcast", _WHOLE, x, _PAIRS) for x in (a, b))
    return f.call(_FLOATS, _DOT, [(_FLOATS, c), (_PAIRS, first), (_PAIRS, second)], "dot")
