"""After differentiation, what only derivatives look at can go."""

from __future__ import annotations

from graphc.ir.graph import Graph, graph, inline, rewrite
from graphc.ir.node import Node, Tensor
from graphc.ops.control import call_op, label_op
from graphc.ops.elementwise import stop_gradient_op

from .options import Options
from .regions import everywhere, region


def inline_calls(given: Graph, options: Options) -> Graph:
    """Calls with a derivative of their own, stops of gradients and labels are no longer needed.

    call(x, body={p -> sin(p)})  ->  sin(x)
    stop_gradient(x)             ->  x
    label(x, text="input")       ->  x
    """
    return everywhere(given, _inlined)


def _inlined(given: Graph) -> Graph:
    if not any(n.op in (call_op, stop_gradient_op, label_op) for n in given.nodes):
        return given
    return graph(given.inputs, rewrite(given.outputs, _replace))


def _replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    if node.op in (stop_gradient_op, label_op):
        return inputs
    if node.op is not call_op:
        return None
    return tuple(inline(region(node, "body"), inputs))
