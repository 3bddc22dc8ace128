"""The gradient of relu reads the output instead of the input, which then need not be kept."""

from __future__ import annotations

from graphc.ir.graph import Graph, graph, rewrite, users
from graphc.ir.node import Node, Tensor, apply
from graphc.ops import elementwise
from graphc.ops.leaf import full_op, uniform

from .options import Options


def masks_from_outputs(given: Graph, options: Options) -> Graph:
    """The sign of y = relu(x) says the same as that of x.

    y = where(x <= 0, 0, x); where(x <= 0, 0, g)  ->  y = ...; where(y <= 0, 0, g)
    """
    readers = users(given.nodes)
    outputs = set(given.outputs)
    masks: dict[Tensor, Node] = {}
    for node in given.nodes:
        found = _relu(node)
        if found is None or found[0] in outputs or found[1] in outputs:
            continue
        mask, x = found
        only = {mask.node, node}
        if len(readers[mask]) > 1 and all(reader in only for reader in readers[x]):
            masks[mask] = node
    if not masks:
        return given
    done: dict[Tensor, Tensor] = {}

    def replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        new = tuple(
            done.get(old, t) if masks.get(old) is not node else t
            for old, t in zip(node.inputs, inputs)
        )
        made = apply(node.op, new, node.attrs, node.source)
        mask = node.inputs[0] if node.inputs else None
        if mask is not None and masks.get(mask) is node:
            y = made.output()
            zero = uniform(y.shape, 0, y.dtype)
            done[mask] = apply(elementwise.less_equal, (y, zero), {}, node.source).output()
        return made.outputs

    changed = rewrite(given.outputs, replace)
    return graph(given.inputs, changed)


def _relu(node: Node) -> tuple[Tensor, Tensor] | None:
    """The mask and the input if the node is where(x <= 0, 0, x)."""
    if node.op is not elementwise.where:
        return None
    mask, zero, x = node.inputs
    if mask.node.op is not elementwise.less_equal or not _is_zero(zero):
        return None
    left, right = mask.node.inputs
    return (mask, x) if left is x and _is_zero(right) else None


def _is_zero(t: Tensor) -> bool:
    return t.node.op is full_op and t.node.attrs["value"] == 0
