"""Forms that overflow, cancel or round more than they must, and the better form of each.

No right side is less accurate than its left side, so these are applied without being asked for.
Where the left side overflows, the right side gives the value that was meant.
"""

# The operators of tensors are attached in ops/operators.py, where pyright does not see them.
# pyright: reportOperatorIssue=false, reportIndexIssue=false

from __future__ import annotations

from graphc.ir.mode import build
from graphc.ir.node import Node, Tensor
from graphc.ops import convert, index, leaf, movement, reduce
from graphc.ops.elementwise import (
    abs,
    div,
    exp,
    expm1,
    isfinite,
    log,
    log1p,
    maximum,
    minimum,
    neg,
    pow,
    rsqrt,
    sigmoid,
    sqrt,
    stop_gradient_op,
    sub,
    tanh,
    where,
)

from .rule import law, rule

POSITIVE = (0.1, 3.0)
ABOVE_MINUS_ONE = (-0.7, 3.0)


def _tail(x: Tensor) -> Tensor:
    """log(1 + exp(-|x|)), which never overflows."""
    return log1p(exp(-abs(x)))


def _is_tail(x: Tensor) -> bool:
    return x.node.op is neg and x.node.inputs[0].node.op is abs


# fmt: off
FUNCTIONS = (
    rule("log(1 + x) = log1p(x)",       lambda x:    (log(1 + x), log1p(x)), "real",
         over=ABOVE_MINUS_ONE),
    rule("log(1 - x) = log1p(-x)",      lambda x:    (log(1 - x), log1p(-x)), "real",
         over=(-3.0, 0.7)),
    rule("exp(x) - 1 = expm1(x)",       lambda x:    (exp(x) - 1, expm1(x)), "real"),
    rule("exp(x) + -1 = expm1(x)",      lambda x:    (exp(x) + -1, expm1(x)), "real"),
    rule("log(exp(x)) = x",             lambda x:    (log(exp(x)), x), "real"),
    rule("log(exp(x) / y) = x - log(y)", lambda x, y: (log(exp(x) / y), x - log(y)), "real",
         over=POSITIVE),
    rule("log(exp(x) + exp(y)) = max(x, y) + log1p(exp(-|x - y|))", lambda x, y:
         (log(exp(x) + exp(y)), maximum(x, y) + _tail(x - y)), "real"),
    rule("sqrt(x * x) = |x|",           lambda x:    (sqrt(x * x), abs(x)), "real"),
    rule("1 / sqrt(x) = rsqrt(x)",      lambda x:    (1 / sqrt(x), rsqrt(x)), "real",
         over=POSITIVE),
)

SIGMOIDS = (
    rule("exp(x) / (1 + exp(x)) = sigmoid(x)", lambda x:
         (exp(x) / (1 + exp(x)), sigmoid(x)), "real"),
    rule("y / (1 + exp(-x)) = y * sigmoid(x)", lambda x, y:
         (y / (1 + exp(-x)), y * sigmoid(x)), "real"),
    rule("y / (1 + exp(x)) = y * sigmoid(-x)", lambda x, y:
         (y / (1 + exp(x)), y * sigmoid(-x)), "real"),
    rule("1 - sigmoid(x) = sigmoid(-x)", lambda x:   (1 - sigmoid(x), sigmoid(-x)), "real"),
    rule("log(sigmoid(x)) = -softplus(-x)", lambda x:
         (log(sigmoid(x)), minimum(x, 0) - _tail(x)), "real"),
    rule("log1p(-sigmoid(x)) = -softplus(x)", lambda x:
         (log1p(-sigmoid(x)), -(maximum(x, 0) + _tail(x))), "real"),
    rule("log1p(exp(x)) = softplus(x)", lambda x:
         (log1p(exp(x)), maximum(x, 0) + _tail(x)), "real", when=lambda x: not _is_tail(x)),
    rule("2 * sigmoid(2 * x) - 1 = tanh(x)", lambda x:
         (2 * sigmoid(2 * x) - 1, tanh(x)), "real"),
    rule("expm1(x) / (exp(x) + 1) = tanh(x / 2)", lambda x:
         (expm1(x) / (exp(x) + 1), tanh(x * 0.5)), "real"),
    rule("(exp(x) - exp(-x)) / (exp(x) + exp(-x)) = tanh(x)", lambda x:
         ((exp(x) - exp(-x)) / (exp(x) + exp(-x)), tanh(x)), "real"),
)

# Where y is 0 these are 0 / 0; derivatives of logarithms and quotients are full of them.
QUOTIENTS = (
    rule("(x / y) * y = x",             lambda x, y: ((x / y) * y, x), "real", over=POSITIVE),
    rule("(z / y) * (y * x) = z * x",   lambda x, y, z: ((z / y) * (y * x), z * x), "real",
         over=POSITIVE),
    rule("-(x / y) * y = -x",           lambda x, y: (-(x / y) * y, -x), "real", over=POSITIVE),
    rule("x / (y / z) / z = x / y",     lambda x, y, z: (x / (y / z) / z, x / y), "real",
         over=POSITIVE),
)

POWERS = (
    rule("x ** 2 = x * x",              lambda x:    (pow(x, 2), x * x), "real"),
    rule("x ** -1 = 1 / x",             lambda x:    (pow(x, -1), 1 / x), "real", over=POSITIVE),
    rule("x ** 0.5 = sqrt(x)",          lambda x:    (pow(x, 0.5), sqrt(x)), "real", over=POSITIVE),
    rule("x ** -0.5 = rsqrt(x)",        lambda x:    (pow(x, -0.5), rsqrt(x)), "real",
         over=POSITIVE),
)
# fmt: on


# ---------------------------------------------------------------------------- over axes


def _log_of_sum_of_exp(node: Node) -> Tensor | None:
    """With m = max(x): log(sum(exp(x))) = m + log(sum(exp(x - m)))."""
    total = node.inputs[0].node
    if total.op is not reduce.sum_op or total.inputs[0].node.op is not exp:
        return None
    x, axes = total.inputs[0].node.inputs[0], _axes(total)
    if _is_shifted(x) or _may_be_empty(x, axes):
        return None
    shift = _largest(x, axes)
    total_shifted = reduce.sum(exp(sub(x, shift)), axes)
    return log(total_shifted) + movement.reshape(shift, total_shifted.shape)


def _softmax(node: Node) -> Tensor | None:
    """With m = max(x): exp(x) / sum(exp(x)) = exp(x - m) / sum(exp(x - m))."""
    top, total = node.inputs[0], _without_movement(node.inputs[1]).node
    if top.node.op is not exp or total.op is not reduce.sum_op or total.inputs[0] is not top:
        return None
    x, axes = top.node.inputs[0], _axes(total)
    below = convert.broadcast_to(reduce.sum(top, axes, keepdims=True), x.shape)
    if _is_shifted(x) or _may_be_empty(x, axes) or below is not node.inputs[1]:
        return None
    shifted = exp(sub(x, _largest(x, axes)))
    return div(shifted, reduce.sum(shifted, axes, keepdims=True))


def _largest(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """max(x) over axes, which are kept; 0 where it is infinite, because inf - inf is no number."""
    top = reduce.max(x, axes, keepdims=True)
    return where(isfinite(top), top, 0)


def _log_of_selected(node: Node) -> Tensor | None:
    """log(exp(x)[i] / y[i]) = (x - log(y))[i], for a gather, slice, reshape or transpose [i]."""
    path: list[Node] = []
    inner = node.inputs[0].node
    while inner.op in _SELECT:
        path.append(inner)
        inner = inner.inputs[0].node
    if not path or inner.op is not div or inner.inputs[0].node.op is not exp:
        return None
    x, y = inner.inputs[0].node.inputs[0], inner.inputs[1]
    result = sub(x, log(y))
    for step in reversed(path):
        result = build(step.op, (result, *step.inputs[1:]), step.attrs)[0]
    return result


_SELECT = (index.gather_op, movement.slice_op, movement.reshape_op, movement.transpose_op)
_MOVE = (convert.broadcast_to_op, movement.reshape_op)


def _without_movement(x: Tensor) -> Tensor:
    while x.node.op in _MOVE:
        x = x.node.inputs[0]
    return x


def _is_shifted(x: Tensor) -> bool:
    """Whether x is y - m with m made from a maximum, so that exp(x) does not overflow."""
    if x.node.op is not sub:
        return False
    m = x.node.inputs[1]
    while m.node.op in (*_MOVE, stop_gradient_op, where):
        m = m.node.inputs[1 if m.node.op is where else 0]
    return m.node.op is reduce.max_op


def _may_be_empty(x: Tensor, axes: tuple[int, ...]) -> bool:
    return any(isinstance(x.shape[a], int) and x.shape[a] == 0 for a in axes)


def _axes(node: Node) -> tuple[int, ...]:
    axes = node.attrs["axes"]
    assert isinstance(axes, tuple), "axes are a tuple"
    return axes  # pyright: ignore[reportReturnType]


def _example(*shape: int) -> Tensor:
    return leaf.placeholder(shape, name="x")


def _naive(keepdims_axis: int) -> Tensor:
    e = exp(_example(3, 4))
    return div(e, reduce.sum(e, keepdims_axis, keepdims=True))


SUMS = (
    law("log(sum(exp(x))) = m + log(sum(exp(x - m))), m = max(x)", log, _log_of_sum_of_exp,
        lambda: log(reduce.sum(exp(_example(3, 4)), 1)),
        lambda: log(reduce.sum(exp(_example(3, 4)))), holds="real"),
    law("exp(x) / sum(exp(x)) = exp(x - m) / sum(exp(x - m)), m = max(x)", div, _softmax,
        lambda: _naive(1), lambda: _naive(0), holds="real"),
    law("log((exp(x) / y)[i]) = (x - log(y))[i]", log, _log_of_selected,
        lambda: log(index.gather(_naive(1), leaf.constant([2, 0]), 1)),
        lambda: log(movement.transpose(_naive(1))[1:3]), holds="real"),
)  # fmt: skip

STABILIZE = (*FUNCTIONS, *SIGMOIDS, *QUOTIENTS, *POWERS, *SUMS)
