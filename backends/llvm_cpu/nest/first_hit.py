"""The maximum of a short window and the place of its first maximum, found in one pass.

    top = max x over p q,  first = min where(x == top or isnan x, code, none) over p q
The second reduction needs the first one, so on its own it would walk the window again.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.backends.llvm_cpu.ir.text import Function
from graphc.kernels.kernel import Affine, Coord, Expr, Op, Reduce


def code_of(first: Expr, top: Reduce, order: Sequence[str]) -> Expr | None:
    """The number of a place if `first` is the least number of a place that holds `top`.

    Numbers must start from 0 and grow in the order in which the axes are walked.
    """
    match first:
        case Reduce(kind="min", arg=Op(name="where", args=(hit, code, _)), axes=axes):
            alike = top.kind == "max" and set(axes) == set(top.axes) and _is_hit(hit, top)
            return code if alike and _grows(code, order) else None
        case _:
            return None


def _is_hit(hit: Expr, top: Reduce) -> bool:
    x = top.arg
    match hit:
        case Op(
            name="logical_or", args=(Op(name="equal", args=(a, b)), Op(name="isnan", args=(c,)))
        ):
            return a is x and b is top and c is x
        case Op(name="equal", args=(a, b)):
            return a is x and b is top and not x.dtype.is_float
        case _:
            return False


def _grows(code: Expr, order: Sequence[str]) -> bool:
    while isinstance(code, Op) and code.name == "cast":
        (code,) = code.args
    index = code.index if isinstance(code, Coord) else None
    if not isinstance(index, Affine) or not index.is_plain or index.const != 0:
        return False
    steps = [index.coef(n) for n in order]
    known = [x for x in steps if isinstance(x, int) and x > 0]
    return len(known) == len(steps) == len(index.terms) and known == sorted(known, reverse=True)


def is_better(f: Function, type_: str, x: str, best: str, is_float: bool, signed: bool) -> str:
    """Whether x is greater than the best so far, or the first NaN."""
    if not is_float:
        return f.relate("gt", type_, x, best, unsigned=not signed)
    number = f.emit(f"fcmp ord {type_} {best}, {best}", "number")
    above = f.emit(f"fcmp ugt {type_} {x}, {best}", "above")
    mask = type_.replace("double", "i1").replace("float", "i1")
    return f.binary("and", mask, number, above)
