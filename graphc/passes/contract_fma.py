"""a * b + c with one rounding, decided here and not by backends."""

from __future__ import annotations

from collections import Counter
from typing import cast

from graphc.ir.graph import Graph, graph, rewrite
from graphc.ir.node import Node, Tensor, apply
from graphc.ops.elementwise import add, fma, mul, neg, sub
from graphc.ops.leaf import full_op, uniform

from .options import Options
from .regions import everywhere


def contract_fma(given: Graph, options: Options) -> Graph:
    """Products of floats that are only added to something are rounded together with the sum.

    add(mul(a, b), c)  ->  fma(a, b, c)
    sub(mul(a, b), c)  ->  fma(a, b, -c)
    sub(c, mul(a, b))  ->  fma(-a, b, c)
    """
    return everywhere(given, _contracted)


def _contracted(given: Graph) -> Graph:
    uses = Counter(t for node in given.nodes for t in node.inputs)
    uses.update(given.outputs)

    def replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if node.op not in (add, sub) or not node.types[0].dtype.is_float:
            return None
        for side in (0, 1):
            old, new, other = node.inputs[side], inputs[side], inputs[1 - side]
            # The product may itself have become something else, or be needed as it is.
            if new.node.op is mul and old.node.op is mul and uses[old] == 1:
                a, b = new.node.inputs
                return apply(fma, _terms(node, side, a, b, other), {}, node.source).outputs
        return None

    outputs = rewrite(given.outputs, replace)
    same = all(a is b for a, b in zip(outputs, given.outputs))
    return given if same else graph(given.inputs, outputs)


def _terms(node: Node, side: int, a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    if node.op is add:
        return a, b, c
    if side == 0:
        return a, b, _negated(c, node)
    return (a, _negated(b, node), c) if b.node.op is full_op else (_negated(a, node), b, c)


def _negated(x: Tensor, node: Node) -> Tensor:
    if x.node.op is full_op:
        return uniform(x.shape, -cast(float, x.node.attrs["value"]), x.dtype)
    return apply(neg, (x,), {}, node.source).output()
