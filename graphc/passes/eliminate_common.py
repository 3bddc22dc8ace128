"""Common subexpressions. Interning makes equal nodes one, so only the order of inputs is left."""

from __future__ import annotations

from graphc.ir.graph import Graph, graph, rewrite
from graphc.ir.node import Node, Op, Tensor, apply

from .options import Options
from .regions import everywhere


def eliminate_common(given: Graph, options: Options) -> Graph:
    """Commutative ops on the same inputs in another order are one node.

    x * y - y * x  ->  z - z, where z = x * y
    """
    return everywhere(given, _merged)


def _merged(given: Graph) -> Graph:
    seen: dict[tuple[Op, Tensor, Tensor], tuple[Tensor, ...]] = {}

    def replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if "commutative" not in node.op.traits:
            return None
        a, b = inputs
        twin = seen.get((node.op, b, a))
        if twin is None:
            seen[node.op, a, b] = apply(node.op, inputs, node.attrs, node.source).outputs
        return twin

    outputs = rewrite(given.outputs, replace)
    same = all(a is b for a, b in zip(outputs, given.outputs))
    return given if same else graph(given.inputs, outputs)
