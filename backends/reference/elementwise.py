"""NumPy meanings of the elementwise ops, and the table by name that kernels are tested with.

Inputs have one shape; float16 and bfloat16 come in widened to float32 and the result is rounded by
the evaluator. `MEANING` adds the few scalar operations that exist only inside kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import ml_dtypes
import numpy as np

from graphc.dtypes import DType
from graphc.ir.node import Op
from graphc.ops import convert
from graphc.ops import elementwise as ops

from .random import threefry

Rule = Callable[..., np.ndarray]

# ---------------------------------------------------------------------------- longer meanings

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    """With e**-|x| nothing overflows on either side of 0."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def _whole(function: np.ufunc) -> Rule:
    """A rounding to whole numbers leaves integers alone."""
    return lambda x: function(x) if x.dtype.kind == "f" else x


def _pow(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Integers: 1 / a**|b| without its fraction, so 0 except for the bases 1 and -1."""
    if a.dtype.kind != "i":
        return np.power(a, b)
    whole = np.power(a, np.maximum(b, 0))
    odd = np.where(b % 2 == 0, 1, a)
    inverse = np.where(a == 1, 1, np.where(a == -1, odd, 0))
    return np.where(b < 0, inverse, whole)


def _fma(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """float32 through float64 rounded to odd, which makes the second rounding the only one.

    (Boldo and Melquiond 2008, "Emulation of FMA and correctly rounded sums".) float64 keeps the
    errors of product and sum; it misses one rounding only at a tie.
    """
    if a.dtype.kind != "f":
        return a * b + c
    x, y, z = (np.asarray(v, np.float64) for v in (a, b, c))
    product = x * y
    total, rest = _two_sum(product, z)
    if a.dtype != np.float64:
        even = total.view(np.uint64) % 2 == 0
        toward = np.where(rest > 0, np.inf, -np.inf)
        inexact = (rest != 0) & np.isfinite(total) & even
        return np.where(inexact, np.nextafter(total, toward), total)
    exact = total + (rest + _product_error(x, y, product))
    return np.where(np.isfinite(exact), exact, total)


def _two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rounded sum and what the rounding lost (Knuth 1969)."""
    total = np.asarray(a + b)
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _product_error(a: np.ndarray, b: np.ndarray, product: np.ndarray) -> np.ndarray:
    """What the rounding of a product lost (Dekker 1971)."""
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return a2 * b2 - (((product - a1 * b1) - a2 * b1) - a1 * b2)


def _halves(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """High and low part of 26 bits each (Veltkamp 1968)."""
    scaled = a * _SPLIT
    high = scaled - (scaled - a)
    return high, a - high


_SPLIT = 2.0**27 + 1


def cast(x: np.ndarray, *, dtype: DType) -> np.ndarray:
    """Floats become integers by dropping the fraction; out of range the nearest end, NaN 0."""
    if not dtype.is_integer or x.dtype.kind != "f":
        return x.astype(dtype.numpy)
    limits = np.iinfo(dtype.numpy)
    # max + 1 is a power of two, so it is exact in every float; max itself may not be.
    low, above = float(limits.min), float(limits.max + 1)
    whole = np.trunc(x.astype(np.float64))
    inside = np.where((whole >= low) & (whole < above), whole, 0).astype(dtype.numpy)
    return np.where(whole >= above, limits.max, np.where(whole < low, limits.min, inside))


# ---------------------------------------------------------------------------- the table

# fmt: off
EVALUATE: dict[Op, Rule] = {
    ops.neg:               np.negative,
    ops.abs:               np.abs,
    ops.sign:              np.sign,
    ops.floor:             _whole(np.floor),
    ops.ceil:              _whole(np.ceil),
    ops.round:             _whole(np.rint),
    ops.trunc:             _whole(np.trunc),
    ops.exp:               np.exp,
    ops.expm1:             np.expm1,
    ops.log:               np.log,
    ops.log1p:             np.log1p,
    ops.sqrt:              np.sqrt,
    ops.rsqrt:             lambda x: 1 / np.sqrt(x),
    ops.sin:               np.sin,
    ops.cos:               np.cos,
    ops.tan:               np.tan,
    ops.asin:              np.arcsin,
    ops.acos:              np.arccos,
    ops.atan:              np.arctan,
    ops.sinh:              np.sinh,
    ops.cosh:              np.cosh,
    ops.tanh:              np.tanh,
    ops.asinh:             np.arcsinh,
    ops.acosh:             np.arccosh,
    ops.atanh:             np.arctanh,
    ops.erf:               _erf,
    ops.sigmoid:           _sigmoid,
    ops.isnan:             np.isnan,
    ops.isinf:             np.isinf,
    ops.isfinite:          np.isfinite,
    ops.logical_not:       np.logical_not,
    ops.bitwise_not:       np.invert,

    ops.add:               np.add,
    ops.sub:               np.subtract,
    ops.mul:               np.multiply,
    ops.div:               np.divide,
    ops.floor_divide:      np.floor_divide,
    ops.remainder:         np.remainder,
    ops.pow:               _pow,
    ops.maximum:           np.maximum,
    ops.minimum:           np.minimum,
    ops.atan2:             np.arctan2,
    ops.equal:             np.equal,
    ops.not_equal:         np.not_equal,
    ops.less:              np.less,
    ops.less_equal:        np.less_equal,
    ops.logical_and:       np.logical_and,
    ops.logical_or:        np.logical_or,
    ops.logical_xor:       np.logical_xor,
    ops.bitwise_and:       np.bitwise_and,
    ops.bitwise_or:        np.bitwise_or,
    ops.bitwise_xor:       np.bitwise_xor,
    ops.shift_left:        np.left_shift,
    ops.shift_right:       np.right_shift,

    ops.where:             np.where,
    ops.fma:               _fma,
    ops.stop_gradient_op:  lambda x: x,
    convert.cast_op:       cast,
}

IN_KERNELS: dict[str, Rule] = {
    "round_bfloat16": lambda x: x.astype(ml_dtypes.bfloat16).astype(np.float32),
    "round_float16":  lambda x: x.astype(np.float16).astype(np.float32),
    "random_bits":    lambda key0, key1, low, high: threefry(key0, key1, low, high)[0],
}
# fmt: on

MEANING: dict[str, Rule] = {op.name: rule for op, rule in EVALUATE.items()} | IN_KERNELS
