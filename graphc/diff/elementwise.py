"""Derivatives of the elementwise ops: one line is one op, one rule per input.

At a kink the value is: |x|' = 0 at 0; maximum and minimum give half to each of two equal inputs.
(relu is `where(x > 0, x, 0)`, so its derivative at 0 is 0.)
"""

from __future__ import annotations

import math

from graphc.ir.node import Tensor
from graphc.ops import elementwise as op
from graphc.ops.convert import cast, cast_op
from graphc.ops.leaf import full_op

from .rules import linear, pointwise, zero_derivative, zeros_like

where = op.where

# fmt: off
# ---------------------------------------------------------------------------- one input
pointwise(op.neg,     lambda ct, y, x: -ct)
pointwise(op.abs,     lambda ct, y, x: ct * op.sign(x))
pointwise(op.exp,     lambda ct, y, x: ct * y)
pointwise(op.expm1,   lambda ct, y, x: ct * (y + 1))
pointwise(op.log,     lambda ct, y, x: ct / x)
pointwise(op.log1p,   lambda ct, y, x: ct / (x + 1))
pointwise(op.sqrt,    lambda ct, y, x: ct * 0.5 / y)
pointwise(op.rsqrt,   lambda ct, y, x: ct * -0.5 * y / x)
pointwise(op.sin,     lambda ct, y, x: ct * op.cos(x))
pointwise(op.cos,     lambda ct, y, x: -ct * op.sin(x))
pointwise(op.tan,     lambda ct, y, x: ct * (1 + y * y))
pointwise(op.asin,    lambda ct, y, x: ct * op.rsqrt(1 - x * x))
pointwise(op.acos,    lambda ct, y, x: -ct * op.rsqrt(1 - x * x))
pointwise(op.atan,    lambda ct, y, x: ct / (1 + x * x))
pointwise(op.sinh,    lambda ct, y, x: ct * op.cosh(x))
pointwise(op.cosh,    lambda ct, y, x: ct * op.sinh(x))
pointwise(op.tanh,    lambda ct, y, x: ct * (1 - y * y))
pointwise(op.asinh,   lambda ct, y, x: ct * op.rsqrt(x * x + 1))
pointwise(op.acosh,   lambda ct, y, x: ct * op.rsqrt((x - 1) * (x + 1)))
pointwise(op.atanh,   lambda ct, y, x: ct / (1 - x * x))
pointwise(op.erf,     lambda ct, y, x: ct * (2 / math.sqrt(math.pi)) * op.exp(-x * x))
pointwise(op.sigmoid, lambda ct, y, x: ct * (y * (1 - y)))
linear(cast_op,       lambda ct, y, x, dtype: cast(ct, x.dtype))

# ---------------------------------------------------------------------------- two inputs
pointwise(op.add,       lambda ct, y, a, b: ct,
                        lambda ct, y, a, b: ct)
pointwise(op.sub,       lambda ct, y, a, b: ct,
                        lambda ct, y, a, b: -ct)
pointwise(op.mul,       lambda ct, y, a, b: ct * b,
                        lambda ct, y, a, b: ct * a)
pointwise(op.div,       lambda ct, y, a, b: ct / b,
                        lambda ct, y, a, b: -ct * y / b)
pointwise(op.remainder, lambda ct, y, a, b: ct,
                        lambda ct, y, a, b: -ct * op.floor_divide(a, b))
pointwise(op.maximum,   lambda ct, y, a, b: where(op.equal(a, b), ct * 0.5, where(a > b, ct, 0)),
                        lambda ct, y, a, b: where(op.equal(a, b), ct * 0.5, where(b > a, ct, 0)))
pointwise(op.minimum,   lambda ct, y, a, b: where(op.equal(a, b), ct * 0.5, where(a < b, ct, 0)),
                        lambda ct, y, a, b: where(op.equal(a, b), ct * 0.5, where(b < a, ct, 0)))
pointwise(op.atan2,     lambda ct, y, a, b: ct * b / (a * a + b * b),
                        lambda ct, y, a, b: -ct * a / (a * a + b * b))
pointwise(op.pow,       lambda ct, y, a, b: _power_base(ct, a, b),
                        lambda ct, y, a, b: ct * y * op.log(where(op.equal(a, 0), 1, a)))

# ---------------------------------------------------------------------------- three inputs
pointwise(op.where, None, lambda ct, y, c, a, b: where(c, ct, 0),
                          lambda ct, y, c, a, b: where(c, 0, ct))
pointwise(op.fma,         lambda ct, y, a, b, c: ct * b,
                          lambda ct, y, a, b, c: ct * a,
                          lambda ct, y, a, b, c: ct)

# ---------------------------------------------------------------------------- nothing flows
zero_derivative(op.sign, op.floor, op.ceil, op.round, op.trunc, op.floor_divide)
zero_derivative(op.isnan, op.isinf, op.isfinite, op.equal, op.not_equal, op.less, op.less_equal)
zero_derivative(op.logical_not, op.logical_and, op.logical_or, op.logical_xor)
zero_derivative(op.bitwise_not, op.bitwise_and, op.bitwise_or, op.bitwise_xor)
zero_derivative(op.shift_left, op.shift_right, op.stop_gradient_op)
# fmt: on


def _power_base(ct: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """d(a**b)/da = b * a**(b - 1), and 0 where b is 0.

    At a = 0 it is finite whenever the derivative exists: the exponent -1 that b = 0 would give is
    replaced, because 0 * 0**-1 is NaN. A known exponent needs no such care.
    """
    if b.node.op is not full_op:
        return op.mul(ct, op.mul(b, op.pow(a, where(op.equal(b, 0), 1, op.sub(b, 1)))))
    exponent = b.node.attrs["value"]
    assert isinstance(exponent, float), "the exponent of a float is a float"
    if exponent == 0:
        return zeros_like(a)
    if exponent == 1:
        return ct
    power = a if exponent == 2 else op.pow(a, exponent - 1)
    return op.mul(ct, op.mul(power, exponent))
