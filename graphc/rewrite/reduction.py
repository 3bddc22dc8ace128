"""Laws of sums, extremes and products over axes: of repeated, moved or scaled elements.

Where a law changes the order in which a sum adds, that is order which the language leaves open.
"""

# The operators of tensors are attached in ops/operators.py, where pyright does not see them.
# pyright: reportOperatorIssue=false, reportIndexIssue=false

from __future__ import annotations

from graphc.dtypes import Number
from graphc.ir.dim import Size, product
from graphc.ir.mode import build
from graphc.ir.node import Node, Tensor
from graphc.ops import conv, leaf, pool
from graphc.ops.convert import broadcast_to, broadcast_to_op
from graphc.ops.elementwise import mul, neg
from graphc.ops.leaf import full_op, size_of
from graphc.ops.matmul import dot_general, dot_general_op, free_shape
from graphc.ops.movement import (
    expand_dims,
    pad,
    pad_op,
    reshape,
    reshape_op,
    transpose,
    transpose_op,
)
from graphc.ops.reduce import max_op, min_op, prod_op, sum_op
from graphc.ops.reduce import sum as sum_over

from .movement import axes_of
from .rule import law

REDUCE = (sum_op, prod_op, max_op, min_op)


def reduce_nothing(node: Node) -> Tensor | None:
    """A reduction over axes of size 1."""
    x, axes = node.inputs[0], axes_of(node)
    left = tuple(a for a in axes if x.shape[a] != 1)
    if len(left) == len(axes):
        return None
    shape = node.types[0].shape
    if not left:
        return reshape(x, shape)
    return reshape(build(node.op, (x,), {"axes": left})[0], shape)


def reduce_repeated(node: Node) -> Tensor | None:
    """The sum of n equal elements is n times one, the largest of them is one."""
    x, axes = node.inputs[0], axes_of(node)
    if x.node.op is not broadcast_to_op or node.op is prod_op:
        return None
    source = x.node.inputs[0]
    lead = x.ndim - source.ndim
    repeated = [a for a in axes if a < lead or source.shape[a - lead] == 1 != x.shape[a]]
    count = product(x.shape[a] for a in repeated)
    if not repeated or not _may_multiply(node, count):
        return None
    once = broadcast_to(source, [1 if a in repeated else s for a, s in enumerate(x.shape)])
    result = build(node.op, (once,), {"axes": axes})[0]
    return mul(result, size_of(count, x.dtype)) if node.op is sum_op else result


def _may_multiply(node: Node, count: Size) -> bool:
    """Narrow floats do not hold every count; the largest of no elements is no element."""
    if node.op is sum_op:
        return node.types[0].dtype.bits >= 32
    return isinstance(count, int) and count > 0


def reduce_transposed(node: Node) -> Tensor | None:
    """A reduction of transposed axes."""
    x, axes = node.inputs[0], axes_of(node)
    if x.node.op is not transpose_op:
        return None
    order = axes_of(x.node)
    inner = tuple(sorted(order[a] for a in axes))
    kept = [a for a in order if a not in inner]
    result = build(node.op, (x.node.inputs[0],), {"axes": inner})[0]
    return transpose(result, [sorted(kept).index(a) for a in kept])


def reduce_expanded(node: Node) -> Tensor | None:
    """A reduction after a reshape that only puts in or leaves out axes of size 1."""
    x, axes = node.inputs[0], axes_of(node)
    if x.node.op is not reshape_op:
        return None
    source = x.node.inputs[0]
    before = [a for a in range(source.ndim) if source.shape[a] != 1]
    after = [a for a in range(x.ndim) if x.shape[a] != 1]
    if [source.shape[a] for a in before] != [x.shape[a] for a in after]:
        return None
    inner = tuple(b for a, b in zip(after, before) if a in axes)
    result = build(node.op, (source,), {"axes": inner})[0] if inner else source
    return reshape(result, node.types[0].shape)


def sum_of_scaled(node: Node) -> Tensor | None:
    """sum(-x) = -sum(x), sum(x * c) = sum(x) * c."""
    inner = node.inputs[0].node
    if inner.op is neg:
        return neg(build(sum_op, inner.inputs, node.attrs)[0])
    if inner.op is not mul:
        return None
    for x, c in (inner.inputs, inner.inputs[::-1]):
        if c.node.op is full_op:
            return mul(build(sum_op, (x,), node.attrs)[0], _number(c))
    return None


def dot_of_transposed(node: Node) -> Tensor | None:
    """A product with a transposed factor, where the free axes keep their order."""
    contract, batch = _pairs(node)
    factors = list(node.inputs)
    for side, x in enumerate(node.inputs):
        if x.node.op is not transpose_op:
            continue
        order = axes_of(x.node)
        free = [order[a] for a in range(x.ndim) if a not in contract[side] + batch[side]]
        if free == sorted(free):
            factors[side] = x.node.inputs[0]
            contract[side] = tuple(order[a] for a in contract[side])
            batch[side] = tuple(order[a] for a in batch[side])
    if all(a is b for a, b in zip(factors, node.inputs)):
        return None
    a, b = factors
    return dot_general(a, b, (contract[0], contract[1]), (batch[0], batch[1]))


def sum_of_products(node: Node) -> Tensor | None:
    """The sum over batch axes of a product contracts them too."""
    inner, axes = node.inputs[0].node, axes_of(node)
    if inner.op is not dot_general_op:
        return None
    contract, batch = _pairs(inner)
    if any(a >= len(batch[0]) for a in axes):
        return None
    left, right = ([side[a] for a in axes] for side in batch)
    kept = tuple(tuple(x for i, x in enumerate(side) if i not in axes) for side in batch)
    both = ((*left, *contract[0]), (*right, *contract[1]))
    return dot_general(inner.inputs[0], inner.inputs[1], both, (kept[0], kept[1]))


def transposed_dot(node: Node) -> Tensor | None:
    """(a @ b) transposed = b @ a with the axes of both the other way round."""
    inner = node.inputs[0].node
    if inner.op is not dot_general_op:
        return None
    contract, batch = _pairs(inner)
    a, b = inner.inputs
    n = len(batch[0])
    rows = len(free_shape(a, contract[0] + batch[0]))
    columns = len(free_shape(b, contract[1] + batch[1]))
    turned = (*range(n), *range(n + rows, n + rows + columns), *range(n, n + rows))
    if axes_of(node) != turned or not rows or not columns:
        return None
    return dot_general(b, a, (contract[1], contract[0]), (batch[1], batch[0]))


def conv_of_padded(node: Node) -> Tensor | None:
    """Zeros around the input of a convolution, or of a window sum, become its own padding."""
    inner = node.inputs[0].node
    is_sum = node.attrs.get("kind", "sum") == "sum"
    if inner.op is not pad_op or inner.attrs["value"] != 0 or not is_sum:
        return None
    low, high, holes = (inner.attrs[name] for name in ("low", "high", "interior"))
    spatial = slice(1, -1) if node.op is conv.conv_op else slice(None)
    outside = [p for sizes in (low, high) for p in (*sizes[:1], *sizes[-1:])]  # pyright: ignore
    if any(h != 0 for h in holes) or any(d != 1 for d in node.attrs["input_dilation"]):  # pyright: ignore
        return None
    if node.op is conv.conv_op and any(p != 0 for p in outside):
        return None
    padding = tuple(
        (a + c, b + d)
        for a, b, (c, d) in zip(low[spatial], high[spatial], node.attrs["padding"])  # pyright: ignore
    )
    attrs = {**node.attrs, "padding": padding}
    return build(node.op, (inner.inputs[0], *node.inputs[1:]), attrs)[0]


def _pairs(node: Node) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """The axes of both factors of a product, contracted and batch."""
    return list(node.attrs["contract"]), list(node.attrs["batch"])  # pyright: ignore


def _number(x: Tensor) -> Number:
    return x.node.attrs["value"]  # pyright: ignore[reportReturnType]


# ---------------------------------------------------------------------------- the table


def _x(*shape: Size) -> Tensor:
    return leaf.placeholder(shape, name="x")


def _y(*shape: Size) -> Tensor:
    return leaf.placeholder(shape, name="y")


def _largest(x: Tensor, *axes: int) -> Tensor:
    return build(max_op, (x,), {"axes": axes})[0]


def _conv(x: Tensor, w: Tensor) -> Tensor:
    return conv.conv_general(x, w, strides=(2, 1), padding=((1, 0), (0, 0)))


def _window(x: Tensor) -> Tensor:
    return pool.window_reduce(x, "sum", window=(2, 1), strides=(1, 1), padding=((0, 0), (0, 1)))


# fmt: off
REDUCTION = (
    law("sum(x over an axis of size 1) = x", REDUCE, reduce_nothing,
        lambda: sum_over(_x(3, 1), 1),
        lambda: _largest(_x(3, 1, 4), 0, 1)),
    law("sum(broadcast(x)) = n * sum(x)", REDUCE, reduce_repeated,
        lambda: sum_over(broadcast_to(_x(3, 1), (2, 3, 4)), (0, 2)),
        lambda: sum_over(broadcast_to(_x(4), (3, 4))),
        lambda: _largest(broadcast_to(_x(4), (3, 4)), 0), holds="real"),
    law("sum(transpose(x)) = sum(x)", REDUCE, reduce_transposed,
        lambda: sum_over(transpose(_x(2, 3, 4), (2, 0, 1)), 1),
        lambda: _largest(transpose(_x(2, 3, 4, 5), (3, 1, 0, 2)), 1), holds="real"),
    law("sum(expand_dims(x)) = sum(x)", REDUCE, reduce_expanded,
        lambda: sum_over(expand_dims(_x(3, 4), (1, 3)), (1, 2)),
        lambda: _largest(reshape(_x(3, 1, 4), (3, 4)), 0), holds="real"),
    law("sum(x * c) = sum(x) * c", sum_op, sum_of_scaled,
        lambda: sum_over(_x(3, 4) * 2.5, 0),
        lambda: sum_over(-_x(3, 4)), holds="real"),
    law("transpose(x) @ y = x @ y", dot_general_op, dot_of_transposed,
        lambda: dot_general(transpose(_x(3, 4)), _y(3, 2), ([1], [0])),
        lambda: dot_general(_x(5, 3, 2), transpose(_y(2, 4, 5)), ([2], [2]), ([0], [0])),
        holds="real"),
    law("sum over batch axes of x @ y = x @ y over them too", sum_op, sum_of_products,
        lambda: sum_over(dot_general(_x(5, 3, 4), _y(5, 4, 2), ([2], [1]), ([0], [0])), 0),
        holds="real"),
    law("transpose(x @ y) = y @ x", transpose_op, transposed_dot,
        lambda: transpose(dot_general(_x(3, 4), _y(4, 2), ([1], [0]))),
        lambda: transpose(dot_general(_x(5, 3, 4), _y(5, 4, 2), ([2], [1]), ([0], [0])), (0, 2, 1)),
        holds="real"),
    law("conv(pad(x)) = conv(x)", (conv.conv_op, pool.window_reduce_op), conv_of_padded,
        lambda: _conv(pad(_x(1, 4, 4, 2), [(0, 0), (1, 2), (0, 1), (0, 0)]), _y(2, 2, 2, 3)),
        lambda: _window(pad(_x(3, 4), [(1, 2), (0, 1)])), holds="real"),
)
# fmt: on
