"""The instructions that need no state: casts, comparisons, calls, and i64 arithmetic that folds.

Integers known while building are Python ints; SSA values are strings. `text.Function` adds the
lines themselves, vectors, memory and control.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from .module import Module
from .types import I1, I64, VOID, Number, is_float, like, mangled

Condition = bool | str
"""A truth value: a bool is known at build time, a str is an i1."""

Typed = tuple[str, str | int]
"""(type, value)"""

# fmt: off
_RELATION = {
    #       int signed  unsigned  float (false on NaN, except ne)
    "eq":  ("eq",       "eq",     "oeq"),
    "ne":  ("ne",       "ne",     "une"),
    "lt":  ("slt",      "ult",    "olt"),
    "le":  ("sle",      "ule",    "ole"),
    "gt":  ("sgt",      "ugt",    "ogt"),
    "ge":  ("sge",      "uge",    "oge"),
}
_FOLD = {
    "eq": int.__eq__, "ne": int.__ne__, "lt": int.__lt__,
    "le": int.__le__, "gt": int.__gt__, "ge": int.__ge__,
}
# fmt: on


class AbstractWriter(ABC):
    """Every method answers the value it computes; the lines go where `emit` and `do` put them."""

    module: Module

    @abstractmethod
    def emit(self, instruction: str, hint: str = "v") -> str:
        """Write an instruction that has a result; answers its name."""

    @abstractmethod
    def do(self, instruction: str) -> None:
        """Write an instruction without a result."""

    def binary(self, operation: str, type_: str, a: Number, b: Number, hint: str = "v") -> str:
        """`operation type a, b`: fadd, and, shl, ..."""
        return self.emit(f"{operation} {type_} {a}, {b}", hint)

    def cast(self, operation: str, from_type: str, value: Number, to_type: str) -> str:
        """`operation from value to type`: sitofp, zext, bitcast, ..."""
        return self.emit(f"{operation} {from_type} {value} to {to_type}", "cast")

    def relate(
        self, relation: str, type_: str, a: Number, b: Number, unsigned: bool = False
    ) -> str:
        """`a relation b` per lane, relation one of eq ne lt le gt ge; NaN is only ever `ne`."""
        signed, without_sign, ordered = _RELATION[relation]
        if is_float(type_):
            return self.emit(f"fcmp {ordered} {type_} {a}, {b}", relation)
        return self.emit(f"icmp {without_sign if unsigned else signed} {type_} {a}, {b}", relation)

    def select(self, condition: Condition, type_: str, a: Number, b: Number) -> Number:
        """`a` if the condition holds, else `b`, as a whole; `blend` picks lane by lane."""
        if isinstance(condition, bool):
            return a if condition else b
        return self.emit(f"select i1 {condition}, {type_} {a}, {type_} {b}", "pick")

    def blend(self, mask: str, type_: str, a: Number, b: Number) -> str:
        """Lane by lane `a` where the mask is on, else `b`."""
        return self.emit(f"select {like(type_, I1)} {mask}, {type_} {a}, {type_} {b}", "blend")

    def call(self, result: str, name: str, arguments: Sequence[Typed], hint: str = "call") -> str:
        """Call a function by name, declaring it if this module does not define it."""
        self.module.declare(result, name, [t for t, _ in arguments])
        return self.call_pointer(result, f"@{name}", arguments, hint)

    def call_pointer(
        self, result: str, pointer: str, arguments: Sequence[Typed], hint: str = "call"
    ) -> str:
        """Call through a pointer; answers the empty text when there is no result."""
        text = f"call {result} {pointer}({', '.join(f'{t} {v}' for t, v in arguments)})"
        if result == VOID:
            self.do(text)
            return ""
        return self.emit(text, hint)

    def intrinsic(self, name: str, type_: str, *arguments: Number) -> str:
        """`llvm.<name>` of arguments and a result of one type."""
        typed = [(type_, a) for a in arguments]
        return self.call(type_, f"llvm.{name}.{mangled(type_)}", typed, name.rpartition(".")[2])

    def fma(self, type_: str, a: str, b: str, c: str) -> str:
        """`a * b + c`, rounded once."""
        return self.intrinsic("fma", type_, a, b, c)

    # ---- i64 arithmetic, folded where both operands are known

    def add(self, a: Number, b: Number) -> Number:
        """`a + b`"""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if a == 0:
            return b
        return a if b == 0 else self.binary("add", I64, a, b, "add")

    def sub(self, a: Number, b: Number) -> Number:
        """`a - b`"""
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        return a if b == 0 else self.binary("sub", I64, a, b, "sub")

    def mul(self, a: Number, b: Number) -> Number:
        """`a * b`"""
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if a == 0 or b == 0:
            return 0
        if a == 1:
            return b
        return a if b == 1 else self.binary("mul", I64, a, b, "mul")

    def div(self, a: Number, b: Number) -> Number:
        """`a // b` for a >= 0, b > 0."""
        if isinstance(a, int) and isinstance(b, int):
            return a // b
        return a if b == 1 else self.binary("udiv", I64, a, b, "div")

    def rem(self, a: Number, b: Number) -> Number:
        """`a % b` for a >= 0, b > 0."""
        if isinstance(a, int) and isinstance(b, int):
            return a % b
        return 0 if b == 1 else self.binary("urem", I64, a, b, "rem")

    def floordiv(self, a: Number, b: Number) -> Number:
        """`a // b` rounded down, for any a and b > 0."""
        if isinstance(a, int) and isinstance(b, int):
            return a // b
        if isinstance(b, int) and b & (b - 1) == 0:
            return a if b == 1 else self.binary("ashr", I64, a, b.bit_length() - 1, "div")
        quotient = self.binary("sdiv", I64, a, b, "div")
        below = self.relate("lt", I64, self.sub(a, self.mul(quotient, b)), 0)
        return self.add(quotient, self.cast("sext", I1, below, I64))

    def floormod(self, a: Number, b: Number) -> Number:
        """`a % b` with the sign of b, for any a and b > 0."""
        if isinstance(b, int) and b & (b - 1) == 0 and isinstance(a, str):
            return 0 if b == 1 else self.binary("and", I64, a, b - 1, "mod")
        return self.sub(a, self.mul(self.floordiv(a, b), b))

    def ceildiv(self, a: Number, b: Number) -> Number:
        """`a / b` rounded up, for a >= 0, b > 0."""
        return self.div(self.add(a, self.sub(b, 1)), b)

    def min(self, a: Number, b: Number) -> Number:
        """The smaller of two signed numbers."""
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        return a if a == b else self.intrinsic("smin", I64, a, b)

    def max(self, a: Number, b: Number) -> Number:
        """The larger of two signed numbers."""
        if isinstance(a, int) and isinstance(b, int):
            return max(a, b)
        return a if a == b else self.intrinsic("smax", I64, a, b)

    def compare(self, relation: str, a: Number, b: Number) -> Condition:
        """`a relation b` of two signed i64: a bool when both are known."""
        if isinstance(a, int) and isinstance(b, int):
            return bool(_FOLD[relation](a, b))
        return self.relate(relation, I64, a, b)

    def both(self, a: Condition, b: Condition) -> Condition:
        """Whether both conditions hold."""
        if isinstance(a, bool):
            return b if a else False
        if isinstance(b, bool):
            return a if b else False
        return self.binary("and", I1, a, b, "both")
