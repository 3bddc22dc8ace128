"""Where many values are divided by the same one, they are multiplied by its inverse."""

from __future__ import annotations

from graphc.ir.graph import Graph, graph, rewrite
from graphc.ir.node import Node, Tensor
from graphc.ops.convert import broadcast_to, broadcast_to_op
from graphc.ops.elementwise import div, mul
from graphc.provenance import building_for

from .options import Options
from .regions import everywhere

LEAST_BITS = 32
"""Inverses in narrower dtypes lose too much."""


def share_quotients(given: Graph, options: Options) -> Graph:
    """A product costs a fraction of a quotient, and the inverse is computed once per row.

    x / sum(x, axis=-1, keepdims=True)  ->  x * (1 / sum(x, axis=-1, keepdims=True))   (fast_math)
    """
    return everywhere(given, _shared) if options.fast_math else given


def _shared(given: Graph) -> Graph:
    if not any(map(_divides_rows, given.nodes)):
        return given

    def replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if not _divides_rows(node):
            return None
        x, y = inputs
        with building_for(node.source):
            inverse = div(1.0, y.node.inputs[0])
            return (mul(x, broadcast_to(inverse, y.shape)),)

    return graph(given.inputs, rewrite(given.outputs, replace))


def _divides_rows(node: Node) -> bool:
    """Whether the divisor is the same along the last axis, and what is divided is not."""
    if node.op is not div or node.types[0].dtype.bits < LEAST_BITS:
        return False
    x, y = node.inputs
    return y.node.op is broadcast_to_op and x.node.op is not broadcast_to_op and _fills_rows(y)


def _fills_rows(y: Tensor) -> bool:
    """Whether all elements that lie side by side are the same."""
    source = y.node.inputs[0]
    return source.ndim > 0 and source.shape[-1] == 1 != y.shape[-1]
