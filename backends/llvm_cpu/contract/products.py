"""One product of the register tile: of numbers, or of pairs of bfloat16."""

from __future__ import annotations

from graphc.backends.llvm_cpu.ir import pairs
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import value_type

from .plan import Plan


def element_type(plan: Plan) -> str:
    """The type of a vector of elements of an operand."""
    return value_type(plan.a.dtype, plan.lanes)


def add_product(plan: Plan, f: Function, x: str, y: str, total: str) -> str:
    """The total with x * y added."""
    if plan.of_pairs:
        return pairs.dot(f, x, y, total)
    return f.fma(value_type(plan.dtype, plan.lanes), x, y, total)
