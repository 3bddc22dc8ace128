"""Functions of the C library, called once per lane; float32 goes through double and back.

Slow and right: the fallback of `vector_math.py`, and the only form of the rarer functions. Vectors
are passed to one helper per function and type, written into the module on first use.
"""

from __future__ import annotations

from .text import Function
from .types import F32, F64, element_of, lanes_of, like, mangled

# fmt: off
FUNCTIONS = {
    # ours      C's, of doubles
    "exp":     "exp",     "expm1":  "expm1",   "log":    "log",     "log1p":  "log1p",
    "exp2":    "exp2",    "log2":   "log2",    "log10":  "log10",   "cbrt":   "cbrt",
    "sin":     "sin",     "cos":    "cos",     "tan":    "tan",
    "asin":    "asin",    "acos":   "acos",    "atan":   "atan",
    "sinh":    "sinh",    "cosh":   "cosh",    "tanh":   "tanh",
    "asinh":   "asinh",   "acosh":  "acosh",   "atanh":  "atanh",
    "erf":     "erf",     "erfc":   "erfc",
    "pow":     "pow",     "atan2":  "atan2",   "fmod":   "fmod",    "hypot":  "hypot",
}
BINARY = frozenset({"pow", "atan2", "fmod", "hypot"})
# fmt: on


def call(f: Function, name: str, type_: str, *arguments: str) -> str:
    """The function `name` of FUNCTIONS, lane by lane, of values of a float or double type."""
    symbol = FUNCTIONS[name]
    if element_of(type_) == F32:
        wide = like(type_, F64)
        widened = [f.cast("fpext", type_, x, wide) for x in arguments]
        return f.cast("fptrunc", wide, call(f, name, wide, *widened), type_)
    assert element_of(type_) == F64, "values are float or double"
    typed = [(type_, x) for x in arguments]
    if not lanes_of(type_):
        return f.call(type_, symbol, typed, name)
    return f.call_pointer(type_, f"@{_helper(f, symbol, type_, len(arguments))}", typed, name)


def _helper(f: Function, symbol: str, type_: str, count: int) -> str:
    """An internal function that calls `symbol` in a loop over the lanes."""
    name = f"each.{symbol}.{mangled(type_)}"
    if f.module.defines(name):
        return name
    lanes, scalar = lanes_of(type_), element_of(type_)
    names = [f"x{i}" for i in range(count)]
    helper = Function(
        f.module,
        name,
        [(type_, n) for n in names],
        result=type_,
        linkage="internal",
        attributes="noinline cold",
    )
    inputs = [helper.alloca(scalar, lanes) for _ in names]
    output = helper.alloca(scalar, lanes)
    for where, n in zip(inputs, names):
        helper.store(type_, f"%{n}", where, align=64)

    def one(i: int | str, _: list[str]) -> None:
        lane = [(scalar, helper.load(scalar, helper.gep(scalar, where, i))) for where in inputs]
        helper.store(scalar, helper.call(scalar, symbol, lane), helper.gep(scalar, output, i))

    helper.loop(0, lanes, 1, one)
    helper.give_back(helper.load(type_, output, align=64))
    return name
