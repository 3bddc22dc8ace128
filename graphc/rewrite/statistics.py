"""Laws of means, as gradients of normalisations need them: with them batch norm's takes two passes.

sum over axes of x * c = c * sum of x, where c is the same along the axes
sum over axes of x - mean(x) = 0, and what the mean of such a sum brings about
"""

from __future__ import annotations

from graphc.ir.dim import product
from graphc.ir.mode import build
from graphc.ir.node import Node, Tensor
from graphc.ops import leaf
from graphc.ops.convert import broadcast_to, broadcast_to_op
from graphc.ops.elementwise import div, mul, sub
from graphc.ops.leaf import full_op, size_of_op
from graphc.ops.movement import reshape, reshape_op
from graphc.ops.reduce import mean, sum_op
from graphc.ops.reduce import sum as sum_over

from .movement import axes_of
from .rule import law


def factor_out(node: Node) -> Tensor | None:
    """sum(x * broadcast(c)) = sum(x) * c where c does not vary along the reduced axes."""
    inner, axes = node.inputs[0].node, axes_of(node)
    if inner.op is not mul:
        return None
    for x, c in (inner.inputs, inner.inputs[::-1]):
        source = _constant_along(c, axes)
        if source is not None and _constant_along(x, axes) is None:
            total = build(sum_op, (x,), node.attrs)[0]
            return mul(total, broadcast_to(source, total.shape))
    return None


def _constant_along(c: Tensor, axes: tuple[int, ...]) -> Tensor | None:
    """c without the axes, if it is the same along them."""
    if c.node.op is not broadcast_to_op:
        return None
    source = c.node.inputs[0]
    lead = c.ndim - source.ndim
    if any(a >= lead and source.shape[a - lead] != 1 for a in axes):
        return None
    kept = [a for a in range(lead, c.ndim) if a not in axes]
    return reshape(source, [source.shape[a - lead] for a in kept])


def sum_of_centred(node: Node) -> Tensor | None:
    """sum(x - mean(x)) = 0 over the axes of the mean."""
    inner, axes = node.inputs[0].node, axes_of(node)
    if inner.op is not sub:
        return None
    x, centre = inner.inputs
    if mean_beneath(centre, axes) is not x:
        return None
    return leaf.uniform(node.types[0].shape, 0, node.types[0].dtype)


def mean_beneath(t: Tensor, axes: tuple[int, ...]) -> Tensor | None:
    """x if the tensor is the mean of x over axes, broadcast back."""
    average = _beneath(t)
    if average.node.op is not div:
        return None
    total, count = (_beneath(x) for x in average.node.inputs)
    if total.node.op is not sum_op or axes_of(total.node) != axes:
        return None
    x = total.node.inputs[0]
    return x if _is_count(count, x, axes) else None


def _beneath(t: Tensor) -> Tensor:
    """The tensor under broadcasts and reshapes that only put axes of size 1 in or out."""
    while t.node.op in (broadcast_to_op, reshape_op):
        t = t.node.inputs[0]
    return t


def _is_count(count: Tensor, x: Tensor, axes: tuple[int, ...]) -> bool:
    wanted = product(x.shape[a] for a in axes)
    found = count.node.attrs.get("size" if count.node.op is size_of_op else "value")
    return count.node.op in (size_of_op, full_op) and found == wanted


def _x(*shape: int) -> Tensor:
    return leaf.placeholder(shape, name="x")


def _y(*shape: int) -> Tensor:
    return leaf.placeholder(shape, name="y")


# fmt: off
FACTORS = (
    law("sum(x * c) = sum(x) * c, c the same along the axes", sum_op, factor_out,
        lambda: sum_over(mul(_x(3, 4, 5), _y(5)), (0, 1)),
        lambda: sum_over(mul(_y(3, 1), _x(3, 4)), 1),
        lambda: sum_over(mul(_x(3, 4, 5), _y(1, 4, 1)), (0, 2)), holds="real"),
)
CENTRES = (
    law("sum(x - mean(x)) = 0", sum_op, sum_of_centred,
        lambda: sum_over(sub(_x(3, 4), mean(_x(3, 4), 0, keepdims=True)), 0),
        lambda: sum_over(sub(_x(3, 4, 5), mean(_x(3, 4, 5), (0, 1))), (0, 1)), holds="real"),
)
# fmt: on
