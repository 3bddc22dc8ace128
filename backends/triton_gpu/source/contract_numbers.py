"""As which numbers the operands of a contraction are multiplied.

Values that a 16-bit float can hold are multiplied as such and summed in float32, which changes no
bit of a product; all others are float32. float64 is multiplied as it is.
"""

from __future__ import annotations

from graphc import dtypes
from graphc.dtypes import DType
from graphc.kernels.kernel import Const, Expr, Load, Op
from graphc.kernels.roles import Contraction

ROUNDED = {"round_bfloat16": dtypes.bfloat16, "round_float16": dtypes.float16}
ORDERED = frozenset({"maximum", "minimum", "neg", "abs"})
"""Operations whose result is one of their arguments but for its sign."""


def dtype_of(c: Contraction) -> DType | None:
    """The dtype of both operands in products; None where Triton has no product for them."""
    found = {e.dtype for e in (c.a, *c.b, *c.sums)}
    if found == {dtypes.float64}:
        return dtypes.float64
    if found != {dtypes.float32}:
        return None
    narrow = (d for d in ROUNDED.values() if all(_holds(d, e) for e in (c.a, *c.b)))
    return next(narrow, dtypes.float32)


def _holds(dtype: DType, e: Expr) -> bool:
    """Whether every value of an expression is one of a narrower dtype."""
    match e:
        case Load():
            return e.buffer.dtype is dtype and float(dtype.numpy.type(e.fill)) == e.fill
        case Const():
            return e.value == 0
        case Op(name="where"):
            return all(_holds(dtype, a) for a in e.args[1:])
        case Op(name=name) if name in ROUNDED:
            return ROUNDED[name] is dtype
        case Op():
            return e.name in ORDERED and all(_holds(dtype, a) for a in e.args)
        case _:
            return False
