"""Elementwise ops against Python's own arithmetic on single numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from graphc import dtypes
from graphc.dtypes import DType
from graphc.errors import DTypeError, ShapeError
from graphc.ir.node import Op
from graphc.ops import elementwise as op
from graphc.ops import leaf

from .values import SIZES, numbers, value

INF, NAN = math.inf, math.nan


def by_zero(function):
    return lambda a, b: function(a, b) if b else 0


def power(a, b):
    return a**b if isinstance(a, float) or b >= 0 else int(a in (1, -1)) * a**-b


# fmt: off
SCALAR = {
    op.neg:          lambda a: -a,
    op.abs:          abs,
    op.sign:         lambda a: (a > 0) - (a < 0),
    op.floor:        math.floor,
    op.ceil:         math.ceil,
    op.round:        round,
    op.trunc:        math.trunc,
    op.exp:          math.exp,
    op.expm1:        math.expm1,
    op.log:          math.log,
    op.log1p:        math.log1p,
    op.sqrt:         math.sqrt,
    op.rsqrt:        lambda a: 1 / math.sqrt(a),
    op.sin:          math.sin,
    op.cos:          math.cos,
    op.tan:          math.tan,
    op.asin:         math.asin,
    op.acos:         math.acos,
    op.atan:         math.atan,
    op.sinh:         math.sinh,
    op.cosh:         math.cosh,
    op.tanh:         math.tanh,
    op.asinh:        math.asinh,
    op.acosh:        math.acosh,
    op.atanh:        math.atanh,
    op.erf:          math.erf,
    op.sigmoid:      lambda a: 1 / (1 + math.exp(-a)),
    op.isnan:        math.isnan,
    op.isinf:        math.isinf,
    op.isfinite:     math.isfinite,
    op.logical_not:  lambda a: not a,
    op.bitwise_not:  lambda a: not a if isinstance(a, bool) else ~a,
    op.add:          lambda a, b: a + b,
    op.sub:          lambda a, b: a - b,
    op.mul:          lambda a, b: a * b,
    op.div:          lambda a, b: a / b,
    op.floor_divide: by_zero(lambda a, b: a // b),
    op.remainder:    by_zero(lambda a, b: a % b),
    op.pow:          power,
    op.maximum:      max,
    op.minimum:      min,
    op.atan2:        math.atan2,
    op.equal:        lambda a, b: a == b,
    op.not_equal:    lambda a, b: a != b,
    op.less:         lambda a, b: a < b,
    op.less_equal:   lambda a, b: a <= b,
    op.logical_and:  lambda a, b: a and b,
    op.logical_or:   lambda a, b: a or b,
    op.logical_xor:  lambda a, b: a != b,
    op.bitwise_and:  lambda a, b: a & b,
    op.bitwise_or:   lambda a, b: a | b,
    op.bitwise_xor:  lambda a, b: a ^ b,
    op.shift_left:   lambda a, b: a << b,
    op.shift_right:  lambda a, b: a >> b,
    op.where:        lambda c, a, b: a if c else b,
    op.fma:          lambda a, b, c: a * b + c,
}
TOLERANCE = {"float64": 1e-14, "float32": 4e-7, "float16": 1e-3, "bfloat16": 8e-3}
# fmt: on
SHIFTS = (op.shift_left, op.shift_right)
CASES = [(o, d) for o in SCALAR for d in dtypes.ALL if d.kind in op.KINDS[o]]


def test_every_elementwise_op_is_checked():
    assert set(SCALAR) == set(op.DOMAINS)


def inputs_of(o: Op, dtype: DType, shape: tuple[int, ...]) -> list[np.ndarray]:
    if not dtype.is_float:
        arrays = [
            numbers(shape, dtype, f"{o.name}{i}") for i in range(len(op.DOMAINS[o].intervals))
        ]
        arrays[1:] = [np.abs(a) if o in SHIFTS else a for a in arrays[1:]]
    else:
        rng = np.random.default_rng(1)
        pairs = op.DOMAINS[o].intervals
        arrays = [np.asarray(rng.uniform(*p, shape)).astype(dtype.numpy) for p in pairs]
    if o is op.where:
        arrays[0] = numbers(shape, "bool")
    return arrays


def wrapped(number: int, dtype: DType) -> int:
    """An integer as the machine keeps it."""
    bits = number & (1 << dtype.bits) - 1
    return bits - (1 << dtype.bits) if dtype.kind == "i" and bits >> dtype.bits - 1 else bits


@pytest.mark.parametrize(("o", "dtype"), CASES, ids=lambda c: getattr(c, "name", str(c)))
def test_equals_python(o: Op, dtype: DType):
    for shape in SIZES:
        arrays = inputs_of(o, dtype, shape)
        found = value(o(*map(leaf.constant, arrays)))
        flat = zip(
            *(a.astype(float if dtype.is_float else a.dtype).ravel().tolist() for a in arrays)
        )
        wanted = [SCALAR[o](*numbers) for numbers in flat]
        if found.dtype.kind in "iu":
            wanted = [wrapped(int(w), dtype) for w in wanted]
        tolerance = TOLERANCE.get(str(found.dtype), 0)
        np.testing.assert_allclose(
            found.astype(float if tolerance else found.dtype).ravel(), wanted, tolerance, tolerance
        )


# fmt: off
SPECIAL_VALUES = [
    (op.maximum,      "float32", (NAN, 1),       NAN),
    (op.minimum,      "float32", (1, NAN),       NAN),
    (op.sign,         "float32", (NAN,),         NAN),
    (op.tanh,         "float32", (1000,),        1),
    (op.sigmoid,      "float32", (1000,),        1),
    (op.sigmoid,      "float32", (-1000,),       0),
    (op.sigmoid,      "float64", (-700,),        math.exp(-700)),
    (op.expm1,        "float32", (1e-10,),       1e-10),
    (op.log1p,        "float32", (1e-10,),       1e-10),
    (op.log,          "float32", (0,),           -INF),
    (op.log,          "float32", (-1,),          NAN),
    (op.sqrt,         "float32", (-1,),          NAN),
    (op.rsqrt,        "float32", (0,),           INF),
    (op.round,        "float32", (0.5,),         0),
    (op.round,        "float32", (1.5,),         2),
    (op.round,        "float32", (-2.5,),        -2),
    (op.div,          "float32", (1, 0),         INF),
    (op.floor_divide, "float32", (-7, 2),        -4),
    (op.remainder,    "float32", (-7, 2),        1),
    (op.remainder,    "float32", (7, -2),        -1),
    (op.remainder,    "int32",   (-7, 2),        1),
    (op.floor_divide, "int32",   (5, 0),         0),
    (op.remainder,    "int32",   (5, 0),         0),
    (op.floor_divide, "int32",   (-2**31, -1),   -2**31),
    (op.remainder,    "int32",   (-2**31, -1),   0),
    (op.neg,          "int32",   (-2**31,),      -2**31),
    (op.abs,          "int8",    (-128,),        -128),
    (op.neg,          "uint8",   (1,),           255),
    (op.add,          "int32",   (2**31 - 1, 1), -2**31),
    (op.floor,        "int64",   (2**53 + 1,),   2**53 + 1),
    (op.pow,          "int32",   (2, -1),        0),
    (op.pow,          "int32",   (1, -5),        1),
    (op.pow,          "int32",   (-1, -5),       -1),
    (op.pow,          "int32",   (-1, -4),       1),
    (op.pow,          "int32",   (0, -1),        0),
    (op.pow,          "float32", (0, 0),         1),
    (op.pow,          "float32", (-8, 3),        -512),
    (op.shift_left,   "int32",   (1, 32),        0),
    (op.shift_left,   "uint8",   (255, 1),       254),
    (op.shift_right,  "int32",   (-8, 40),       -1),
    (op.shift_right,  "uint32",  (8, 40),        0),
    (op.isnan,        "int32",   (3,),           False),
    (op.isfinite,     "float32", (INF,),         False),
    (op.atan2,        "float32", (0, -1),        math.pi),
]
# fmt: on


@pytest.mark.parametrize(("o", "dtype", "inputs", "wanted"), SPECIAL_VALUES)
def test_special_values(o, dtype, inputs, wanted):
    found = value(o(*(leaf.constant(i, dtype) for i in inputs)))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_fma_rounds_once():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        a, b = rng.normal(size=(2, 500)).astype(dtype)
        c = (-a * b).astype(dtype)  # nearly all digits cancel
        found = value(op.fma(*map(leaf.constant, (a, b, c))))
        for x, y, z, f in zip(a, b, c, found):
            exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
            best = min(
                (dtype(exact), f, np.nextafter(f, dtype(INF)), np.nextafter(f, dtype(-INF))),
                key=lambda v: abs(Fraction(float(v)) - exact),
            )
            assert f == best


def test_integers_become_floats_where_the_op_needs_them():
    assert op.exp(leaf.constant([1, 2])).dtype is dtypes.float32
    assert op.div(leaf.constant([1]), leaf.constant([2])).dtype is dtypes.float32
    assert op.sqrt(leaf.constant([4], "int8")).dtype is dtypes.float32


def test_where_takes_any_condition():
    found = value(op.where(leaf.constant([0, 2, 0]), 1.0, leaf.constant([5, 6, 7])))
    assert found.tolist() == [5, 1, 7]


def test_clip_square_reciprocal_and_comparisons():
    x = np.array([-2.0, 0.5, 3.0], np.float32)
    assert value(op.clip(x, -1, 1)).tolist() == [-1, 0.5, 1]
    assert value(op.clip(x, None, 1)).tolist() == [-2, 0.5, 1]
    assert value(op.square(x)).tolist() == [4, 0.25, 9]
    assert value(op.reciprocal(x)).tolist() == pytest.approx((1 / x).tolist())
    assert value(op.greater(x, 0.5)).tolist() == [False, False, True]
    assert value(op.greater_equal(x, 0.5)).tolist() == [False, True, True]
    assert value(op.stop_gradient(x)).tolist() == x.tolist()


@pytest.mark.parametrize(
    ("o", "dtype"),
    [
        (op.logical_and, "float32"),
        (op.bitwise_or, "float32"),
        (op.add, "bool"),
        (op.shift_left, "bool"),
    ],
    ids=str,
)
def test_kinds_that_an_op_does_not_take(o, dtype):
    with pytest.raises(DTypeError, match=f"{o.name} is not defined for {dtype}"):
        o(leaf.constant([1], dtype), leaf.constant([1], dtype))


def test_an_error_names_the_line_of_the_user():
    a, b = leaf.zeros((2, 3)), leaf.zeros((4,))
    with pytest.raises(ShapeError) as caught:
        a + b  # the line that is wrong
    assert "a + b  # the line that is wrong" in str(caught.value)
    assert "(2, 3), (4,)" in str(caught.value)
