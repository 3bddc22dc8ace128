"""dot_general: the sum over the contracted axes of the product of two elements."""

from __future__ import annotations

from typing import cast

from graphc.ir.node import Node, Tensor
from graphc.kernels import build
from graphc.kernels.kernel import Expr, Index
from graphc.ops import matmul

from .context import At, Context, axis_index, lower

Pair = tuple[tuple[int, ...], tuple[int, ...]]


def _dot_general(context: Context, node: Node, at: At) -> Expr:
    a, b = node.inputs
    contract, batch = cast(Pair, node.attrs["contract"]), cast(Pair, node.attrs["batch"])
    names = context.axes_for(node, tuple(a.shape[i] for i in contract[0]), at)
    over: list[Index] = [axis_index(n) for n in names]
    together, free = at[: len(batch[0])], at[len(batch[0]) :]
    count = a.ndim - len(contract[0]) - len(batch[0])
    left = _operand(a, contract[0], over, batch[0], together, free[:count])
    right = _operand(b, contract[1], over, batch[1], together, free[count:])
    product = build.op("mul", context.value(a, left), context.value(b, right))
    return build.reduce("sum", product, names)


def _operand(
    x: Tensor, contracted: tuple[int, ...], over: list[Index], batch: tuple[int, ...],
    together: At, free: At,
) -> At:  # fmt: skip
    known = dict(zip((*contracted, *batch), (*over, *together)))
    rest = iter(free)
    return tuple(known[d] if d in known else next(rest) for d in range(x.ndim))


lower(matmul.dot_general_op, _dot_general)
