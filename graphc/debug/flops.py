"""Floating point operations of a graph, op by op: what a model costs before anything is compiled.

A product with its sum counts 2, every other operation on a number 1; moving numbers, changing their
dtype and drawing random bits count 0. kernels/cost.py counts what one kernel does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

from graphc.ir.dim import Size, product
from graphc.ir.graph import Graph, topological
from graphc.ir.node import Node, Op, Tensor
from graphc.ir.tree import Tree, leaves
from graphc.ops import control, convert, elementwise, index, leaf, movement, pool, random, reduce

from .count import PRODUCTS, Cost, total_of


def flops(what: Graph | Tree[Tensor]) -> Size:
    """The operations that the nodes of a graph need, in all; a polynomial of its named sizes.

    >>> from graphc.ops.leaf import zeros
    >>> flops(zeros((2, 3)) @ zeros((3, 5)) + 1.0)
    70
    """
    return flops_of(topological(what.outputs if isinstance(what, Graph) else leaves(what)))


def flops_of(nodes: Iterable[Node]) -> Size:
    """The operations that some nodes need: loops all their turns, branches their costlier side."""
    return total_of(nodes, FLOPS)


def _per_output(node: Node) -> Size:
    return product(node.types[0].shape)


def _per_input(node: Node) -> Size:
    return product(node.inputs[0].shape)


def _per_tap(node: Node) -> Size:
    return product(node.types[0].shape) * math.prod(cast(tuple[int, ...], node.attrs["window"]))


def _twice(count: Cost) -> Cost:
    return lambda node: 2 * count(node)


FREE: frozenset[Op] = frozenset({
    elementwise.stop_gradient_op, convert.cast_op, *movement.OPS, *random.OPS,
    leaf.full_op, leaf.iota_op, leaf.size_of_op,
    index.gather_op, index.scatter_set_op, index.sort_op, pool.window_gather_op,
    control.after_op, control.label_op,
})  # fmt: skip

FLOPS: dict[Op, Cost] = {
    **{op: _per_output for op in elementwise.OPS if op not in FREE},
    **dict.fromkeys(reduce.OPS, _per_input),
    **{op: _twice(count) for op, count in PRODUCTS.items()},
    elementwise.fma: _twice(_per_output),
    pool.window_reduce_op: _per_tap,
    pool.window_argmax_op: _per_tap,
    pool.window_scatter_op: _per_input,
    index.scatter_add_op: lambda node: product(node.inputs[-1].shape),
    control.all_reduce_op: _per_output,
}
