"""Applying a change to a graph and to the bodies of its loops and branches; used by the passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.ir.graph import Graph, Replace, depends_on, graph, rewrite, topological
from graphc.ir.node import Node, Tensor, apply
from graphc.ops.control import scan_op
from graphc.ops.leaf import parameter, parameter_op
from graphc.ops.matmul import dot_general_op
from graphc.provenance import building_for

Change = Callable[[Graph], Graph]


def everywhere(given: Graph, change: Change, done: dict[Graph, Graph] | None = None) -> Graph:
    """The change applied to all regions, innermost first, then to the graph itself."""
    known = {} if done is None else done
    if given in known:
        return known[given]

    def replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if "control" not in node.op.traits:
            return None
        attrs = {
            name: everywhere(value, change, known) if isinstance(value, Graph) else value
            for name, value in node.attrs.items()
        }
        if all(value is node.attrs[name] for name, value in attrs.items()):
            return None
        return apply(node.op, inputs, attrs, node.source).outputs

    inner = given
    if any("control" in node.op.traits for node in given.nodes):
        inner = graph(given.inputs, rewrite(given.outputs, replace))
    known[given] = change(inner)
    return known[given]


def each_scan(given: Graph, change: Replace) -> Graph:
    """The graph and its regions with each scan replaced by what `change` makes of it."""

    def replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if node.op is not scan_op:
            return None
        with building_for(node.source):
            return change(node, inputs)

    def change_all(part: Graph) -> Graph:
        if not any(node.op is scan_op for node in part.nodes):
            return part
        return graph(part.inputs, rewrite(part.outputs, replace))

    return everywhere(given, change_all)


def region(node: Node, name: str) -> Graph:
    """A region of a control op."""
    found = node.attrs[name]
    assert isinstance(found, Graph), "a region is a graph"
    return found


def count(node: Node, name: str) -> int:
    """A number among the attributes of a control op."""
    found = node.attrs[name]
    assert isinstance(found, int), f"{name} is a number"
    return found


def is_region(given: Graph) -> bool:
    """Whether a graph is the body of a loop or branch."""
    return any(t.node.op is parameter_op for t in given.inputs)


def used_inputs(given: Graph, outputs: Sequence[Tensor]) -> set[int]:
    """The positions of the inputs that some outputs of a region need."""
    needed = set(topological(outputs))
    return {i for i, t in enumerate(given.inputs) if t.node in needed}


def reordered(given: Graph, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Graph:
    """A region of these tensors, its parameters numbered by their new positions."""
    depth = next((count(t.node, "depth") for t in given.inputs), 0)
    fresh = [parameter(depth, i, t.type) for i, t in enumerate(inputs)]
    known = dict(zip(inputs, fresh))
    return graph(fresh, rewrite(outputs, lambda node, new: None, known))


def is_recurrent(body: Graph, carry: Sequence[Tensor]) -> bool:
    """Whether products in a loop need the step before, as in a recurrent layer.

    A loop without them, such as one that adds up gradients of small batches, was written to need
    little memory, so it is left as it is.
    """
    return any(node.op is dot_general_op for node in depends_on(body.outputs, carry))
