"""Elementwise ops: one row per op. Each is a function of tensors, numbers and arrays.

Meanings are NumPy's. Under these names derivatives are in graphc/diff/elementwise.py, NumPy
meanings in backends/reference/elementwise.py, native code in backends/llvm_cpu/ir/scalar.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc import dtypes
from graphc.dtypes import DType
from graphc.errors import DTypeError, ShapeError
from graphc.ir.dim import Shape, may_equal
from graphc.ir.mode import build
from graphc.ir.node import Op, Tensor, TensorType

from . import convert
from .convert import TensorLike

BOOL = dtypes.bool_
SWAP = "commutative"
FLOAT, NUMBER, INTEGER, LOGIC, BITS, ANY = "f", "iuf", "iu", "b", "biu", "biuf"


@dataclass(frozen=True, slots=True)
class Domain:
    """Where an op may be tested: one interval per input, and kinks to stay away from."""

    intervals: tuple[tuple[float, float], ...] = ((-2.0, 2.0),)
    kinks: tuple[float, ...] = ()


REAL, POSITIVE, UNIT, ABOVE = (-2.0, 2.0), (0.4, 3.0), (-0.9, 0.9), (-0.6, 3.0)
WHOLE, HALF = (-1.0, 0.0, 1.0), (-1.5, -0.5, 0.5, 1.5)
DOMAINS: dict[Op, Domain] = {}
KINDS: dict[Op, str] = {}


def same_shape(*inputs: Tensor) -> Shape:
    """The one shape of all inputs, known sizes preferred; ShapeError if they differ."""
    shape = inputs[0].shape
    for x in inputs[1:]:
        if x.shape == shape:
            continue
        if len(x.shape) != len(shape) or not all(map(may_equal, x.shape, shape)):
            raise ShapeError(
                "elementwise inputs have different shapes",
                received=", ".join(str(t.shape) for t in inputs),
                expected="equal shapes",
                fix="use gx.broadcast_to, or check which axis is missing",
            )
        shape = tuple(a if isinstance(a, int) else b for a, b in zip(shape, x.shape))
    return shape


def _define(
    name: str, doc: str, kinds: str, domain: Domain, result: DType | None = None, traits: str = ""
) -> Op:
    def infer(*inputs: Tensor) -> TensorType:
        return TensorType(same_shape(*inputs), result or inputs[-1].dtype)

    found = frozenset({"elementwise", *traits.split()})
    op = Op(name, infer, doc, traits=found, call=_call)
    DOMAINS[op], KINDS[op] = domain, kinds
    return op


def _call(op: Op, *values: TensorLike) -> Tensor:
    """Promote, check the kind, broadcast, apply."""
    tensors = convert.promote(*values)
    kinds, kind = KINDS[op], tensors[0].dtype.kind
    if kind not in kinds:
        if kinds != FLOAT:
            raise DTypeError(
                f"{op.name} is not defined for {tensors[0].dtype}",
                received=", ".join(str(t.dtype) for t in tensors),
                expected=" or ".join(_KIND_NAMES[k] for k in kinds),
                fix="convert with gx.cast",
            )
        tensors = [convert.cast(t, dtypes.float32) for t in tensors]
    return build(op, tuple(convert.broadcast(*tensors)), {})[0]


_KIND_NAMES = {"b": "bool", "i": "signed integers", "u": "unsigned integers", "f": "floats"}


def _unary(name: str, doc: str, kinds: str = FLOAT, over: tuple[float, float] = REAL,
           kinks: tuple[float, ...] = (), result: DType | None = None) -> Op:  # fmt: skip
    return _define(name, doc, kinds, Domain((over,), kinks), result)


def _binary(name: str, doc: str, kinds: str = NUMBER, a: tuple[float, float] = REAL,
            b: tuple[float, float] = REAL, result: DType | None = None,
            traits: str = "") -> Op:  # fmt: skip
    return _define(name, doc, kinds, Domain((a, b)), result, traits)


# fmt: off
# ---------------------------------------------------------------------------- one input
neg         = _unary("neg",         "-x",                                  NUMBER)
abs         = _unary("abs",         "|x|",                                 NUMBER, kinks=(0.0,))
sign        = _unary("sign",        "-1, 0 or 1 by the sign of x",         NUMBER, kinks=(0.0,))
floor       = _unary("floor",       "the largest integer <= x",            NUMBER, kinks=WHOLE)
ceil        = _unary("ceil",        "the smallest integer >= x",           NUMBER, kinks=WHOLE)
round       = _unary("round",       "the nearest integer, halves to even", NUMBER, kinks=HALF)
trunc       = _unary("trunc",       "x without its fraction",              NUMBER, kinks=WHOLE)
exp         = _unary("exp",         "e**x")
expm1       = _unary("expm1",       "e**x - 1, accurate near 0")
log         = _unary("log",         "the natural logarithm",               over=POSITIVE)
log1p       = _unary("log1p",       "log(1 + x), accurate near 0",         over=ABOVE)
sqrt        = _unary("sqrt",        "the square root",                     over=POSITIVE)
rsqrt       = _unary("rsqrt",       "1 / sqrt(x)",                         over=POSITIVE)
sin         = _unary("sin",         "the sine of x in radians")
cos         = _unary("cos",         "the cosine of x in radians")
tan         = _unary("tan",         "the tangent of x in radians",         over=(-1.2, 1.2))
asin        = _unary("asin",        "the angle in [-pi/2, pi/2] with sine x", over=UNIT)
acos        = _unary("acos",        "the angle in [0, pi] with cosine x",  over=UNIT)
atan        = _unary("atan",        "the angle in (-pi/2, pi/2) with tangent x")
sinh        = _unary("sinh",        "(e**x - e**-x) / 2")
cosh        = _unary("cosh",        "(e**x + e**-x) / 2")
tanh        = _unary("tanh",        "(e**x - e**-x) / (e**x + e**-x), without overflow")
asinh       = _unary("asinh",       "the inverse of sinh")
acosh       = _unary("acosh",       "the inverse of cosh, x >= 1",         over=(1.3, 4.0))
atanh       = _unary("atanh",       "the inverse of tanh, |x| < 1",        over=UNIT)
erf         = _unary("erf",         "2/sqrt(pi) times the integral of e**(-t*t) from 0 to x")
sigmoid     = _unary("sigmoid",     "1 / (1 + e**-x), without overflow")
isnan       = _unary("isnan",       "whether x is NaN",                    ANY, result=BOOL)
isinf       = _unary("isinf",       "whether x is infinite",               ANY, result=BOOL)
isfinite    = _unary("isfinite",    "whether x is no NaN and not infinite", ANY, result=BOOL)
logical_not = _unary("logical_not", "not x",                               LOGIC)
bitwise_not = _unary("bitwise_not", "every bit of x inverted",             BITS)

# ---------------------------------------------------------------------------- two inputs
add           = _binary("add",           "a + b", traits=SWAP)
sub           = _binary("sub",           "a - b")
mul           = _binary("mul",           "a * b", traits=SWAP)
div           = _binary("div",           "a / b; integers become float32", FLOAT, b=POSITIVE)
floor_divide  = _binary("floor_divide",  "floor(a / b); integers by 0 give 0", b=POSITIVE)
remainder     = _binary("remainder",     "a - floor(a / b) * b; integers by 0: 0", b=POSITIVE)
pow           = _binary("pow",           "a ** b", a=POSITIVE)
maximum       = _binary("maximum",       "the larger; NaN if either is NaN", ANY, traits=SWAP)
minimum       = _binary("minimum",       "the smaller; NaN if either is NaN", ANY, traits=SWAP)
atan2         = _binary("atan2",         "the angle of the point (b, a)", FLOAT, b=POSITIVE)
equal         = _binary("equal",         "a == b", ANY, result=BOOL, traits=SWAP)
not_equal     = _binary("not_equal",     "a != b", ANY, result=BOOL, traits=SWAP)
less          = _binary("less",          "a < b",  ANY, result=BOOL)
less_equal    = _binary("less_equal",    "a <= b", ANY, result=BOOL)
logical_and   = _binary("logical_and",   "a and b", LOGIC, traits=SWAP)
logical_or    = _binary("logical_or",    "a or b", LOGIC, traits=SWAP)
logical_xor   = _binary("logical_xor",   "exactly one of a and b", LOGIC, traits=SWAP)
bitwise_and   = _binary("bitwise_and",   "bits that are set in both", BITS, traits=SWAP)
bitwise_or    = _binary("bitwise_or",    "bits that are set in either", BITS, traits=SWAP)
bitwise_xor   = _binary("bitwise_xor",   "bits that differ", BITS, traits=SWAP)
shift_left    = _binary("shift_left",    "a * 2**b, bits above the top are lost", INTEGER)
shift_right   = _binary("shift_right",   "floor(a / 2**b)", INTEGER)
# fmt: on

# ---------------------------------------------------------------------------- three inputs


def _infer_where(condition: Tensor, a: Tensor, b: Tensor) -> TensorType:
    if condition.dtype is not dtypes.bool_:
        raise DTypeError("the condition of where is bool", received=condition.dtype)
    return TensorType(same_shape(condition, a, b), a.dtype)


def _call_where(op: Op, condition: TensorLike, a: TensorLike, b: TensorLike) -> Tensor:
    test = convert.as_tensor(condition)
    test = test if test.dtype is dtypes.bool_ else not_equal(test, 0)
    return build(op, tuple(convert.broadcast(test, *convert.promote(a, b))), {})[0]


_ELEMENTWISE = frozenset({"elementwise"})
where = Op("where", _infer_where, "a where the condition holds, else b", traits=_ELEMENTWISE,
           call=_call_where)  # fmt: skip
DOMAINS[where], KINDS[where] = Domain((REAL, REAL, REAL)), ANY
fma = _define("fma", "a * b + c, rounded once", NUMBER, Domain((REAL, REAL, REAL)))

# ---------------------------------------------------------------------------- from these


def greater(a: TensorLike, b: TensorLike) -> Tensor:
    """a > b."""
    return less(b, a)


def greater_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """a >= b."""
    return less_equal(b, a)


def square(x: TensorLike) -> Tensor:
    """x * x."""
    tensor = convert.as_tensor(x)
    return mul(tensor, tensor)


def reciprocal(x: TensorLike) -> Tensor:
    """1 / x."""
    return div(1, x)


def clip(x: TensorLike, low: TensorLike | None = None, high: TensorLike | None = None) -> Tensor:
    """x limited to low .. high; None is no limit."""
    bounded = convert.as_tensor(x)
    bounded = bounded if low is None else maximum(bounded, low)
    return bounded if high is None else minimum(bounded, high)


def stop_gradient(x: TensorLike) -> Tensor:
    """x, taken as a constant by derivatives."""
    return build(stop_gradient_op, (convert.as_tensor(x),), {})[0]


stop_gradient_op = Op("stop_gradient", lambda x: TensorType(x.shape, x.dtype))
OPS: tuple[Op, ...] = (*DOMAINS, stop_gradient_op)
