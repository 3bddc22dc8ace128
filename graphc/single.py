"""A program of one node: what eager mode asks backends to run."""

from __future__ import annotations

from graphc.ir.graph import graph
from graphc.ir.node import Node, apply
from graphc.ops.leaf import placeholder
from graphc.passes.inline_calls import inline_calls
from graphc.passes.options import Options
from graphc.program import Program


def program_of(node: Node) -> Program:
    """A program of one node, with placeholders for its inputs."""
    types = [t.type for t in node.inputs]
    inputs = tuple(placeholder(t.shape, t.dtype, name=f"x{i}") for i, t in enumerate(types))
    outputs = apply(node.op, inputs, node.attrs, node.source).outputs
    whole = inline_calls(graph(inputs, outputs), Options())
    return Program(node.op.name, whole, inputs, (), len(outputs), ())
