"""Work counted: of the steps of a plan, and multiply-adds of a graph as model tables state them.

    multiply_adds(VGG16 at 224 x 224) = 15.47e9

The work of a single kernel is counted in graphc/kernels/cost.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from graphc.ir.dim import Size, product
from graphc.ir.graph import Graph, topological
from graphc.ir.node import Node, Op, Tensor
from graphc.ir.tree import Tree, leaves
from graphc.kernels import cost
from graphc.ops import control, conv, matmul
from graphc.schedule.plan import (
    CondStep,
    CopyStep,
    CumulativeStep,
    KernelStep,
    Plan,
    ScanStep,
    Step,
    Storage,
    WhileStep,
)
from graphc.schedule.touch import reads, writes

# ---------------------------------------------------------------------------- steps


@dataclass(frozen=True, slots=True)
class Work:
    """Operations, and bytes that are read and written."""

    flops: Size = 0
    read: Size = 0
    written: Size = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.flops + other.flops, self.read + other.read, self.written + other.written)

    def times(self, count: Size) -> Work:
        """The same work several times."""
        return Work(self.flops * count, self.read * count, self.written * count)


def work_of(step: Step) -> Work:
    """The work of one step. A `while` counts one turn, a branch its costlier side.

    Sorts count the bytes that go in and out, but not their comparisons.
    """
    match step:
        case KernelStep(kernel=kernel):
            return Work(cost.flops(kernel), cost.bytes_read(kernel), cost.bytes_written(kernel))
        case CumulativeStep(x=x, y=y):
            return Work(product(x.shape), x.nbytes, y.nbytes)
        case ScanStep(body=body, length=length):
            return work_of_plan(body).times(length)
        case WhileStep(condition=condition, body=body):
            return work_of_plan(condition) + work_of_plan(body)
        case CondStep(then_body=then_body, else_body=else_body):
            a, b = work_of_plan(then_body), work_of_plan(else_body)
            return b if cost.smaller(a.flops, b.flops) == a.flops else a
        case CopyStep(source=source, target=target):
            return Work(0, source.nbytes, target.nbytes)
        case _:
            return Work(0, _nbytes(reads(step)), _nbytes(writes(step)))


def work_of_plan(plan: Plan) -> Work:
    """The work of all steps of a plan."""
    total = Work()
    for step in plan.steps:
        total = total + work_of(step)
    return total


def _nbytes(storages: Iterable[Storage]) -> Size:
    total: Size = 0
    for s in storages:
        total = total + s.nbytes
    return total


# ---------------------------------------------------------------------------- graphs


Cost = Callable[[Node], Size]


def multiply_adds(what: Graph | Tree[Tensor]) -> Size:
    """The products in all contractions (matrix products and convolutions), each with its sum.

    Taps in the padding of a convolution count, zeros between dilated inputs do not. Loops count
    all their turns, a `while` one turn, a branch its costlier side.

    >>> from graphc.ops.leaf import zeros
    >>> multiply_adds(zeros((2, 3)) @ zeros((3, 5)))
    30
    """
    return total_of(
        topological(what.outputs if isinstance(what, Graph) else leaves(what)), PRODUCTS
    )


def total_of(nodes: Iterable[Node], table: Mapping[Op, Cost]) -> Size:
    """The sum of what a table says about each node, 0 for an op that it does not have.

    Loops and branches are counted here, as in `multiply_adds`.
    """
    total: Size = 0
    for node in nodes:
        if node.op in _TURNS:
            total = total + _TURNS[node.op](
                node, lambda name, node=node: _region(node, name, table)
            )
        elif node.op in table:
            total = total + table[node.op](node)
    return total


def _dot_general(node: Node) -> Size:
    contract = cast(tuple[tuple[int, ...], tuple[int, ...]], node.attrs["contract"])
    a = node.inputs[0]
    return product(node.types[0].shape) * product(a.shape[i] for i in contract[0])


def _conv(node: Node) -> Size:
    x, w = node.inputs
    taps = product(w.shape[:-2])
    if set(cast(tuple[int, ...], node.attrs["input_dilation"])) == {1}:
        return product(node.types[0].shape) * taps * w.shape[-2]
    groups = cast(int, node.attrs["groups"]) * cast(int, node.attrs["batch_groups"])
    return product(x.shape) * taps * (w.shape[-1] // groups)


def _region(node: Node, name: str, table: Mapping[Op, Cost]) -> Size:
    return total_of(cast(Graph, node.attrs[name]).nodes, table)


def _costlier(a: Size, b: Size) -> Size:
    return b if cost.smaller(a, b) == a else a


PRODUCTS: dict[Op, Cost] = {matmul.dot_general_op: _dot_general, conv.conv_op: _conv}

# How often each region of a node runs.
_TURNS: dict[Op, Callable[[Node, Callable[[str], Size]], Size]] = {
    control.scan_op: lambda node, region: region("body") * cast(Size, node.attrs["length"]),
    control.while_op: lambda node, region: region("condition") + region("body"),
    control.cond_op: lambda node, region: _costlier(region("then_body"), region("else_body")),
    control.call_op: lambda node, region: region("body"),
}
