"""Common subexpressions. Interning makes equal nodes one, so only the order of inputs is left."""

from __future__ import annotations

from graphc.ir.graph import Graph, graph, rewrite
from graphc.ir.node import Node, Tensor, apply
from graphc.ops.leaf import full_op

from .options import Options
from .regions import everywhere


def eliminate_common(given: Graph, options: Options) -> Graph:
    """Inputs of commutative ops in the order in which the graph computes them, numbers last.

    x * y + y * x  ->  x * y + x * y, which is one product
    2 * x          ->  x * 2
    """
    return everywhere(given, _ordered)


def _ordered(given: Graph) -> Graph:
    rank: dict[Tensor, int] = {}

    def replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        for t in inputs:
            rank.setdefault(t, len(rank))
        if "commutative" not in node.op.traits:
            return None
        a, b = inputs
        if (a.node.op is full_op, rank[a]) <= (b.node.op is full_op, rank[b]):
            return None
        return apply(node.op, (b, a), node.attrs, node.source).outputs

    outputs = rewrite(given.outputs, replace)
    same = all(a is b for a, b in zip(outputs, given.outputs))
    return given if same else graph(given.inputs, outputs)
